"""Quant nodes as formats, and the constants behind them as raw integers: exact, or refused.

May import numpy, the formats and the ONNX view. Accepted is what the number contract has: one
power-of-two scale, zero point 0, rounding half to even.

    raw, to = read_constant(view, conv, 1, "weight")
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto

from fsrcnnx.exact.formats import MAX_WIDTH, Format
from fsrcnnx.exact.onnx.view import OnnxView, is_quant

ROUND_HALF_EVEN = ("ROUND", "HALF_EVEN")  # QONNX has two names for the rule


def read_quant(view: OnnxView, node: NodeProto, *, narrow: bool) -> Format:
    """Read a Quant node's format.

    Args:
        view: The file.
        node: The Quant node.
        narrow: Whether a narrow range is harmless, as for constants, whose range is checked.

    Returns:
        The format.

    Raises:
        ModelError: If the node is not exactly a format of the number contract.
    """
    given = _attributes(view, node)
    if given["narrow"] and not narrow:
        view.refuse("attribute narrow is 1", node, allowed="0 for feature maps, 0 or 1 for "
                    "constants")
    scale, zero, bits = (_uniform(view, node, index, role, of_map=not narrow) for index, role in
                         ((1, "scale"), (2, "zero point"), (3, "bit width")))
    if zero != 0:
        view.refuse(f"zero point {zero:g}", node, allowed="0",
                    fix="quantise symmetrically, or where 0 is the least value: behind a ReLU, or "
                        "a clip at 0 for the output")
    mantissa, exponent = np.frexp(scale)
    if mantissa != 0.5 or scale < np.finfo(np.float32).tiny:
        view.refuse(f"scale {scale:.9g}", node, allowed="a positive power of two",
                    fix="train with power-of-two scales")
    least = 1 + given["signed"]  # QONNX reads 1 signed bit as {-1, +1}
    if bits != int(bits) or not least <= bits <= MAX_WIDTH:
        view.refuse(f"bit width {bits:g}", node, allowed=f"{least}..{MAX_WIDTH}, whole")
    return Format(bool(given["signed"]), int(bits), 1 - int(exponent))


def _uniform(view: OnnxView, node: NodeProto, index: int, role: str, *, of_map: bool) -> float:
    """Read a constant that must be the same for the whole tensor."""
    value = view.constant(node, index, role)
    if of_map and (value.ndim > 4 or (value.size > 1 and not (
            value.ndim > 2 and value.size == value.shape[-3]))):
        view.refuse(f"{role} of shape {value.shape}", node, allowed="one value, or (1, C, 1, 1)")
    if value.size == 0 or (value != value.flat[0]).any():
        view.refuse(f"{role} differs between channels", node, allowed="one for the whole tensor",
                    fix="train with one scale per tensor; where weights have power-of-two scales, "
                        "`fsrcnnx import` makes them one")
    return float(value.flat[0])


def read_constant(view: OnnxView, user: NodeProto, index: int,
                  role: str) -> tuple[np.ndarray, Format]:
    """Read a quantised constant input of a node: initializer -> Quant -> node.

    Args:
        view: The file.
        user: The node that uses it.
        index: Which input.
        role: weight, bias or slope.

    Returns:
        int64 raw values of the constant's shape, and their format.

    Raises:
        ModelError: If the Quant is missing; in a file of ours also if a value is off the grid or
            out of range, which the Quant would hide.
    """
    wanted = f"{role} through a Quant node"
    if user.input[index] in view.constants:
        adopted = "" if role == "weight" else ", or with `fsrcnnx import`"
        view.refuse(f"{role} {user.input[index]!r} has no Quant", user, allowed=wanted,
                    fix=f"quantise the {role} before exporting{adopted}")
    quant = view.producer(user.input[index], wanted, user)
    if not is_quant(quant):
        view.refuse(f"{role} comes from {quant.op_type}", user, allowed=wanted)
    to = read_quant(view, quant, narrow=True)
    value = view.constant(quant, 0, role)
    _need_shape(view, quant, role, value, [
        view.constant(quant, at, what)
        for at, what in enumerate(("scale", "zero point", "bit width"), 1)])
    scaled = np.ldexp(value, to.frac)
    lo, hi = _ends(to, _attributes(view, quant)["narrow"])
    # a Quant rounds and saturates its constant, and exporters such as Brevitas rely on it; a file
    # with a content hash is one of ours, where the stored value is the quantised one
    raw = np.clip(np.rint(scaled), lo, hi)
    bad = raw != scaled
    if "content_hash" in view.metadata and bad.any():
        off = bad & (scaled != np.rint(scaled))
        what = "not on the grid" if off.any() else "out of range"
        first = value[off if off.any() else bad].flat[0]
        view.refuse(f"{role} {first:.9g} is {what}", quant,
                    allowed=f"{lo}..{hi} times 2^{-to.frac}")
    return raw.astype(np.int64), to


def evaluate(view: OnnxView, quant: NodeProto, role: str) -> np.ndarray:
    """Compute what a Quant of any scale and zero point makes of a constant.

    Args:
        view: The file.
        quant: The Quant node.
        role: What the constant is, for errors.

    Returns:
        float64 values of the constant's shape.

    Raises:
        ModelError: If an input is not a constant, or it does not round half to even.
    """
    given = _attributes(view, quant)
    value, scale, zero, bits = (
        view.constant(quant, at, what)
        for at, what in enumerate((role, "scale", "zero point", "bit width")))
    least = 1 + given["signed"]
    if (scale <= 0).any() or bits.size != 1 or bits != np.rint(bits) or not (
            least <= bits.flat[0] <= MAX_WIDTH):
        view.refuse("scale or bit width out of range", quant,
                    allowed=f"positive scales, {least}..{MAX_WIDTH} bits, whole")
    _need_shape(view, quant, role, value, (scale, zero, bits))
    to = Format(bool(given["signed"]), int(bits.flat[0]), 0)
    lo, hi = _ends(to, given["narrow"])
    return (np.clip(np.rint(value / scale + zero), lo, hi) - zero) * scale


def constant_value(view: OnnxView, node: NodeProto, index: int, role: str) -> np.ndarray:
    """Read a constant input of a node, through its Quant if it has one.

    Args:
        view: The file.
        node: The node that uses it.
        index: Which input.
        role: weight, bias or slope.

    Returns:
        float64 values of the constant's shape.

    Raises:
        ModelError: If it is neither a constant nor a quantised one.
    """
    if node.input[index] in view.constants:
        return view.constant(node, index, role)
    quant = view.producer(node.input[index], f"a constant {role}", node)
    if not is_quant(quant):
        view.refuse(f"{role} comes from {quant.op_type}", node,
                    allowed=f"a constant {role}, with or without a Quant node")
    return evaluate(view, quant, role)


def _attributes(view: OnnxView, quant: NodeProto) -> dict:
    """Read a Quant's attributes, within what QONNX defines."""
    given = view.attributes(quant, signed=1, narrow=0, rounding_mode="ROUND")
    if given["rounding_mode"].upper() not in ROUND_HALF_EVEN:
        view.refuse(f"attribute rounding_mode is {given['rounding_mode']}", quant, allowed="ROUND",
                    fix="round half to even")
    for name in ("signed", "narrow"):
        if given[name] not in (0, 1):
            view.refuse(f"attribute {name} is {given[name]}", quant, allowed="0, 1")
    return given


def _ends(to: Format, narrow: int) -> tuple[int, int]:
    """Least and greatest raw value that a Quant gives; narrow ones leave one out."""
    return (to.lo + narrow, to.hi) if to.signed else (to.lo, to.hi - narrow)


def _need_shape(view: OnnxView, quant: NodeProto, role: str, value: np.ndarray,
                parameters: Sequence[np.ndarray]) -> None:
    """Refuse parameters that would give a constant another shape, or one without end."""
    for parameter, what in zip(parameters, ("scale", "zero point", "bit width"), strict=True):
        if parameter.ndim > value.ndim:
            view.refuse(f"{what} has more axes than the {role}", quant,
                        allowed=f"{value.ndim} or fewer")
        sides = zip(parameter.shape[::-1], value.shape[::-1], strict=False)
        if any(side not in (1, whole) for side, whole in sides):
            view.refuse(f"{what} of shape {parameter.shape}", quant,
                        allowed=f"one that suits {value.shape}")
