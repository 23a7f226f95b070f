"""Scales of Quant nodes that are no powers of two: refused with the nearest, or rounded to them.

May import numpy, onnx, the errors, the formats and the other ONNX parts.

    rounded = settle_scales(Draft(view), rounding=True)

Of a map the nearest power of two is taken, by ratio; of constants the one of the two around the
scale that makes their squared error least.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.formats import MAX_WIDTH
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.view import OnnxView, is_quant

LEAST = float(np.finfo(np.float32).tiny)


class ScaleError(ModelError):
    """A file whose scales are no powers of two; rounded to them it would be another network."""


def _best(view: OnnxView, quant: NodeProto, scale: np.ndarray) -> np.ndarray:
    """The power of two for each of a Quant's scales."""
    near = 2.0 ** np.rint(np.log2(scale))
    if quant.input[0] not in view.constants:
        return near
    value, bits = view.constant(quant, 0, "weight"), view.constant(quant, 3, "bit width")
    sides = zip(scale.shape[::-1], value.shape[::-1], strict=False)
    if bits.size != 1 or not 1 <= bits.flat[0] <= MAX_WIDTH or scale.ndim > value.ndim \
            or any(side not in (1, whole) for side, whole in sides):
        return near  # the reader says what is wrong
    given = view.attributes(quant, signed=1, narrow=0, rounding_mode="ROUND")
    top = 2.0 ** (bits.reshape(-1)[0] - bool(given["signed"]))
    lo = given["narrow"] - top if given["signed"] else 0.0
    each = scale.reshape((1,) * (value.ndim - scale.ndim) + scale.shape)
    same = tuple(axis for axis in range(value.ndim) if each.shape[axis] == 1)
    tried = [2.0 ** np.floor(np.log2(each)) * side for side in (1, 2)]
    lost = [((np.clip(np.rint(value / one), lo, top - 1) * one - value) ** 2).sum(
        same, keepdims=True) for one in tried]
    return np.where(lost[0] < lost[1], *tried).reshape(scale.shape)


def settle_scales(draft: Draft, rounding: bool) -> int:
    """Hold every scale against the powers of two.

    Args:
        draft: The graph, its quantisers Quant nodes; its scales are changed.
        rounding: Whether they are rounded to powers of two instead of refused.

    Returns:
        How many Quant nodes got other scales.

    Raises:
        ScaleError: If there are any, and they are not to be rounded: the one that is farthest off,
            with the nearest power of two.
    """
    view, rounded, worst = draft.view, 0, None
    for node in draft.graph.node:
        if not is_quant(node):
            continue
        scale = view.constant(node, 1, "scale")
        if not scale.size or scale.min() < LEAST or scale.ndim > 4 \
                or (np.frexp(scale)[0] == 0.5).all():
            continue  # the reader says what is wrong, if anything is
        rounded += 1
        off = np.abs(np.log2(scale) - np.rint(np.log2(scale)))
        at = np.unravel_index(int(off.argmax()), off.shape)
        if worst is None or off[at] > worst[0]:
            worst = off[at], float(scale[at]), node
        if rounding:
            best = _best(view, node, scale)
            node.input[1] = draft.constant(f"{node.output[0]}_power", best.astype(np.float32))
            draft.note(node, f"scale {_span(scale)} rounded to {_span(best)}")
    if worst and not rounding:
        _, scale, node = worst
        power = int(np.rint(np.log2(scale)))
        try:
            view.refuse(f"scale {scale:.9g}", node, fix="train with power-of-two scales",
                        allowed=f"a positive power of two; the nearest is 2^{power} = "
                        f"{2.0**power:.9g}, {abs(scale / 2.0**power - 1):.1%} away, and of "
                        f"{rounded} Quants with others the farthest")
        except ModelError as error:
            raise ScaleError(error.what, where=error.where, allowed=error.allowed,
                             fix=error.fix) from None
    return rounded


def _span(scale: np.ndarray) -> str:
    """Scales in a few characters."""
    ends = sorted({float(scale.min()), float(scale.max())})
    return "..".join(f"{end:.6g}" for end in ends)
