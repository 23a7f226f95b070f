"""Constants of a foreign graph as quantised ones: weights, bias and slopes, by one rule each.

May import numpy, onnx and the other ONNX parts. What it makes has names that the file does not use.

- bias: rounded half to even to the accumulator's grid, 2^-(F_x + F_w), within 32 bits;
- PReLU slopes: rounded half to even to one signed format of `slope_bits`, as fine as holds all of
  them and keeps float32 runtimes exact;
- weights with a power-of-two scale per channel: one format with the finest scale, without any
  rounding, if `weight_bits` hold it;
- a BatchNormalization is folded into weights and bias, as onnx.batchnorm says.

    rewriter = Rewriter(draft, slope_bits=8, slope_caps={}, weight_bits=16); rewriter.run()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto, helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format, quantise
from fsrcnnx.exact.onnx.batchnorm import ADVICE, read_batchnorm
from fsrcnnx.exact.onnx.check import called
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.graph import ROUNDING, exact_float32
from fsrcnnx.exact.onnx.quant import constant_value, evaluate, read_quant
from fsrcnnx.exact.onnx.stock import FloatLayer
from fsrcnnx.exact.onnx.view import is_quant
from fsrcnnx.exact.onnx.write import onnx_weight

BIAS_BITS = 32
FINEST_SLOPE = 15  # fraction bits; finer slopes than 2^-15 move no 8-bit map
ROLES = {"Conv": "conv", "ConvTranspose": "deconv"}


@dataclass(frozen=True)
class Change:
    """One constant that was rewritten.

    Args:
        layer: Layer name.
        role: weight, bias or slope.
        to: Its format now.
        greatest: Greatest change of a value, 0 if the rewriting is exact.
    """

    layer: str
    role: str
    to: Format
    greatest: float


class Rewriter:
    """One pass over a file that replaces constants by quantised ones.

    Args:
        draft: The file, simplified; its graph is changed.
        slope_bits: Width of the slopes.
        slope_caps: Layer number -> most fraction bits of its slopes.
        weight_bits: Greatest width of weights that had a scale per channel.
    """

    def __init__(self, draft: Draft, slope_bits: int, slope_caps: Mapping[int, int],
                 weight_bits: int):
        self.draft, self.view = draft, draft.view
        self.slope_bits, self.weight_bits = slope_bits, weight_bits
        self.slope_caps = slope_caps
        self.domain = next((n.domain for n in draft.graph.node if is_quant(n)), "")
        self.users = draft.users()
        self.nodes: list[NodeProto] = []  # those that stay, in order
        self.values: list[FloatLayer] = []
        self.changes: list[tuple[int, Change]] = []
        self.folded: set[str] = set()  # what the BatchNormalizations gave that are folded

    def run(self) -> None:
        """Rewrite every layer.

        Raises:
            ModelError: If a constant cannot be brought to the number contract.
        """
        for node in self.draft.graph.node:
            if node.op_type in ROLES:
                self._layer(node)
            elif node.op_type == "PRelu" and self.values:
                self._slopes(node)
            elif node.op_type == "Relu" and self.values:
                last = self.values[-1]
                self.values[-1] = replace(last, slope=np.zeros(len(last.bias)))
            elif node.op_type == "BatchNormalization":
                if node.output[0] not in self.folded:
                    self.view.refuse(
                        "stands elsewhere than behind a convolution", node, fix=ADVICE,
                        allowed="alone behind a Conv or ConvTranspose with quantised weights")
                continue
            self.nodes.append(node)
        used = {name for node in self.nodes for name in node.input}
        used |= {value.name for value in self.draft.graph.output}
        self.draft.keep(node for node in self.nodes  # without the Quants of replaced constants
                        if not (is_quant(node) and node.input[0] in self.view.constants)
                        or node.output[0] in used)

    def _layer(self, node: NodeProto) -> None:
        """Fold what normalises a layer into its weights, quantise its bias, name it."""
        kind = ROLES[node.op_type]
        source = self.view.producer(node.input[0], "a feature map through a Quant node", node)
        quant = self.view.producer(node.input[1], "weight through a Quant node", node) \
            if node.input[1] not in self.view.constants else None
        following = self.users.get(node.output[0], [])
        norm = following[0] if [n.op_type for n in following] == ["BatchNormalization"] else None
        if not (is_quant(source) and quant is not None and is_quant(quant)):
            if norm is not None and is_quant(source):
                name = called(node.name or node.output[0])
                self.view.refuse(f"the weights of {name} before it are not quantised", norm,
                                 allowed="weights through a Quant node", fix=ADVICE)
            self.values.append(FloatLayer(np.zeros(0), np.zeros(0)))
            return  # the strict reader says what is wrong
        node.name = self._name(node, quant)
        weight = self.view.constant(quant, 0, "weight")
        if weight.ndim != 4 or not weight.size:
            self.view.refuse(f"weight of shape {weight.shape}", node, allowed="four axes")
        self.view.spend(weight.size, node)
        weight = onnx_weight(weight, kind)
        factor, offset = np.ones(len(weight)), np.zeros(len(weight))
        if norm is not None:
            factor, offset = read_batchnorm(self.view, norm, len(weight))
            self.draft.note(norm, f"folded into {called(node.name)}")
            self.folded.add(norm.output[0])
            node.output[0] = norm.output[0]
        factor = factor.reshape(-1, 1, 1, 1)
        weight_format = self._weights(node, quant, onnx_weight(factor, kind))
        frac = read_quant(self.view, source, narrow=False).frac + weight_format.frac
        bias = self._bias(node, factor.reshape(-1), offset, frac, norm is not None)
        self.values.append(FloatLayer(np.ascontiguousarray(weight * factor), bias))

    def _bias(self, node: NodeProto, factor: np.ndarray, offset: np.ndarray, frac: int,
              folded: bool) -> np.ndarray:
        """Round a bias to the accumulator's grid; returns its float values."""
        given = len(node.input) > 2 and node.input[2]
        bias = constant_value(self.view, node, 2, "bias") if given else np.zeros(len(factor))
        if bias.shape != factor.shape:
            self.view.refuse(f"bias of shape {bias.shape}", node, allowed=f"{factor.shape}")
        bias = bias * factor + offset
        to = Format(True, BIAS_BITS, frac)
        with np.errstate(over="ignore"):
            raw = np.rint(np.ldexp(bias, frac))
        if not to.holds(raw):
            at = int(np.argmax(np.abs(raw)))
            self.view.refuse(
                f"bias {bias[at]:.9g} of channel {at} is {raw[at]:.9g} steps of 2^-{frac}", node,
                allowed=f"{to.lo}..{to.hi} steps", fix="train with finer input or weight scales")
        exact = (np.ldexp(raw, -frac) == bias).all() and (not given or self._is_exact(node, 2))
        if folded or not exact:
            self._replace(node, 2, "bias", bias, raw.astype(np.int64), to)
        return bias

    def _weights(self, node: NodeProto, quant: NodeProto, factor: np.ndarray) -> Format:
        """Bring weights of one scale per channel to the finest of them; exact, or refused."""
        scale = self.view.constant(quant, 1, "scale")
        uniform = scale.size <= 1 or (scale == scale.flat[0]).all()
        if uniform and (factor == 1).all():
            return read_quant(self.view, quant, narrow=True)
        mantissa, _ = np.frexp(scale)
        if (mantissa != 0.5).any():
            bad = scale[mantissa != 0.5].flat[0]
            self.view.refuse(f"scale {bad:.9g}", quant, allowed="positive powers of two",
                             fix="train with power-of-two scales")
        zero = self.view.constant(quant, 2, "zero point")
        if zero.any():
            self.view.refuse(f"zero point {zero[zero != 0].flat[0]:g}", quant, allowed="0")
        value = evaluate(self.view, quant, "weight") * factor
        scale = scale * np.abs(factor)
        frac = 1 - int(np.frexp(scale.min())[1])
        raw = np.ldexp(value, frac)  # whole: every scale is a multiple of the finest
        width = max(ranges.signed_width(int(raw.min()), int(raw.max())), 2)
        declared = int(self.view.constant(quant, 3, "bit width").flat[0])
        if width > self.weight_bits:
            self.view.refuse(
                f"scales from {scale.min():.9g} to {scale.max():.9g} per channel need {width} bits "
                "as one format", quant, allowed=f"up to {self.weight_bits} bits",
                fix="train with one scale per tensor, or allow more with --weight-bits")
        to = Format(True, max(width, declared), frac)
        self._replace(node, 1, "weight", value, raw.astype(np.int64), to)
        return to

    def _slopes(self, node: NodeProto) -> None:
        """Quantise the slopes of the layer before."""
        index = len(self.values) - 1
        slope = constant_value(self.view, node, 1, "slope")
        channels = len(self.values[index].bias)
        shaped = slope.size == 1 or slope.shape in ((channels, 1, 1), (1, channels, 1, 1))
        if not shaped:
            return  # the strict reader says what is wrong
        each = np.broadcast_to(slope.reshape(-1), channels)
        self.values[index] = replace(self.values[index], slope=each)
        if self._is_exact(node, 1):
            return
        top = Format(True, self.slope_bits, 0)
        fracs = range(self.slope_caps.get(index, FINEST_SLOPE), -self.slope_bits, -1)
        frac = next((f for f in fracs if top.holds(np.rint(np.ldexp(slope, f)))), None)
        if frac is None:
            self.view.refuse(f"slope {np.abs(slope).max():.9g}", node,
                             allowed=f"magnitudes up to 2^{2 * self.slope_bits - 2}")
        if not slope.any():
            frac = self.slope_bits - 1
        to = Format(True, self.slope_bits, frac)
        self._replace(node, 1, "slope", slope, quantise(slope, to), to)

    def _is_exact(self, node: NodeProto, index: int) -> bool:
        """Tell whether the strict reader takes a constant as it is."""
        try:
            return node.input[index] not in self.view.constants and bool(
                read_quant(self.view, self.view.producer(node.input[index], "", node), narrow=True))
        except ModelError:
            return False

    def _name(self, node: NodeProto, quant: NodeProto) -> str:
        """Name of the module whose parameters a layer uses, else the node's."""
        bias = node.input[2] if len(node.input) > 2 else ""
        if bias and bias not in self.view.constants:
            bias = self.view.producer(bias, "", node).input[0]
        for source, end in ((quant.input[0], ".weight"), (bias, ".bias")):
            if source.endswith(end):
                return source.removesuffix(end)
        return node.name

    def _replace(self, node: NodeProto, index: int, role: str, value: np.ndarray, raw: np.ndarray,
                 to: Format) -> None:
        """Put a quantised constant and its Quant where a constant was."""
        name = f"{node.name or node.output[0]}_{role}_adopted"
        where = f"{self.view.file}: node {called(node.name)} {role}"
        held = [self.draft.constant(f"{name}{end}", np.asarray(value)) for end, value in (
            ("", exact_float32(raw, to.frac, where)),
            ("_scale", exact_float32(1, to.frac, where)),
            ("_zero_point", np.float32(0)), ("_bits", np.float32(to.width)))]
        made = self.draft.fresh(f"{name}_quant")
        self.nodes.append(helper.make_node("Quant", held, [made], name=made, domain=self.domain,
                                           signed=1, narrow=0, rounding_mode=ROUNDING))
        node.input.extend([""] * (index + 1 - len(node.input)))
        node.input[index] = made
        greatest = float(np.abs(np.ldexp(raw.astype(np.float64), -to.frac) - value).max())
        layer = len(self.values) - (role == "slope")
        self.changes.append((layer, Change("", role, to, greatest)))
