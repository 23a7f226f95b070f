"""Bring another tool's QONNX file to the number contract: bias and slopes quantised, by one rule.

May import numpy, onnx and the other ONNX parts. The strict reader refuses what is not exact; this
rewrites such a file first, says what it changed, and then the strict reader reads the result:

- bias: rounded half to even to the accumulator's grid, 2^-(F_x + F_w), within 32 bits;
- PReLU slopes: rounded half to even to one signed format of `slope_bits`, as fine as holds all of
  them and keeps float32 runtimes exact;
- weights with a power-of-two scale per channel: one format with the finest scale, without any
  rounding, if `weight_bits` hold it.

    adopted = adopt(Path("brevitas.onnx").read_bytes(), "brevitas.onnx")
    adopted.network, adopted.changes
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format, quantise
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx_graph import ROUNDING, exact_float32
from fsrcnnx.exact.onnx_quant import evaluate, read_quant
from fsrcnnx.exact.onnx_read import decode
from fsrcnnx.exact.onnx_stock import FloatLayer
from fsrcnnx.exact.onnx_view import OnnxView, is_quant
from fsrcnnx.exact.onnx_write import onnx_weight

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


@dataclass(frozen=True, eq=False)
class Adopted:
    """A file brought to the number contract.

    Args:
        network: The integer network.
        values: Layer name -> the file's float values, before any quantisation.
        changes: What was rewritten, in the order of the layers.
    """

    network: Network
    values: dict[str, FloatLayer]
    changes: tuple[Change, ...]


class Rewriter:
    """One pass over a file that replaces constants by quantised ones.

    Args:
        view: The file; its graph is changed.
        slope_bits: Width of the slopes.
        slope_caps: Layer number -> most fraction bits of its slopes.
        weight_bits: Greatest width of weights that had a scale per channel.
    """

    def __init__(self, view: OnnxView, slope_bits: int, slope_caps: Mapping[int, int],
                 weight_bits: int):
        self.view, self.slope_bits, self.weight_bits = view, slope_bits, weight_bits
        self.slope_caps = slope_caps
        self.domain = next((n.domain for n in view.graph.node if is_quant(n)), "")
        self.values: list[FloatLayer] = []
        self.changes: list[tuple[int, Change]] = []

    def run(self) -> None:
        """Rewrite every layer.

        Raises:
            ModelError: If a constant cannot be brought to the number contract.
        """
        for node in list(self.view.graph.node):
            if node.op_type in ROLES:
                self._layer(node)
            elif node.op_type == "PRelu" and self.values:
                self._slopes(node)
            elif node.op_type == "Relu" and self.values:
                last = self.values[-1]
                self.values[-1] = replace(last, slope=np.zeros(len(last.bias)))
        used = {name for node in self.view.graph.node for name in node.input}
        for node in list(self.view.graph.node):  # the Quants of constants that were replaced
            if is_quant(node) and node.output[0] not in {*used, self.view.output}:
                self.view.graph.node.remove(node)

    def _layer(self, node: NodeProto) -> None:
        """Fold a layer's weights, quantise its bias and name it after its parameters."""
        kind = ROLES[node.op_type]
        source = self.view.producer(node.input[0], "a feature map through a Quant node", node)
        quant = self.view.producer(node.input[1], "weight through a Quant node", node) \
            if node.input[1] not in self.view.constants else None
        if not (is_quant(source) and quant is not None and is_quant(quant)):
            self.values.append(FloatLayer(np.zeros(0), np.zeros(0)))
            return  # the strict reader says what is wrong
        node.name = self._name(node, quant)
        weight = self.view.constant(quant, 0, "weight")
        weight_format = self._weights(node, quant)
        frac = read_quant(self.view, source, narrow=False).frac + weight_format.frac
        weight = onnx_weight(weight, kind)
        bias = np.zeros(len(weight))
        if len(node.input) > 2 and node.input[2]:
            bias = self._constant(node, 2, "bias")
            to = Format(True, BIAS_BITS, frac)
            raw = np.rint(np.ldexp(bias, frac))
            exact = self._is_exact(node, 2) and (np.ldexp(raw, -frac) == bias).all()
            if not to.holds(raw):
                at = int(np.argmax(np.abs(raw)))
                self.view.refuse(
                    f"bias {bias.flat[at]:.9g} of channel {at} is {raw.flat[at]:.9g} steps of "
                    f"2^-{frac}", node, allowed=f"{to.lo}..{to.hi} steps",
                    fix="train with finer input or weight scales")
            if not exact:
                self._replace(node, 2, "bias", bias, raw.astype(np.int64), to)
        self.values.append(FloatLayer(np.ascontiguousarray(weight), bias))

    def _weights(self, node: NodeProto, quant: NodeProto) -> Format:
        """Bring weights of one scale per channel to the finest of them; exact, or refused."""
        scale = self.view.constant(quant, 1, "scale")
        if scale.size <= 1 or (scale == scale.flat[0]).all():
            return read_quant(self.view, quant, narrow=True)
        mantissa, _ = np.frexp(scale)
        if (mantissa != 0.5).any():
            bad = scale[mantissa != 0.5].flat[0]
            self.view.refuse(f"scale {bad:.9g}", quant, allowed="positive powers of two",
                             fix="train with power-of-two scales")
        zero = self.view.constant(quant, 2, "zero point")
        if zero.any():
            self.view.refuse(f"zero point {zero[zero != 0].flat[0]:g}", quant, allowed="0")
        value = evaluate(self.view, quant, "weight")
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
        slope = self._constant(node, 1, "slope")
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

    def _constant(self, node: NodeProto, index: int, role: str) -> np.ndarray:
        """Value of a constant input, through its Quant if it has one."""
        if node.input[index] in self.view.constants:
            return self.view.constant(node, index, role)
        quant = self.view.producer(node.input[index], f"a constant {role}", node)
        if not is_quant(quant):
            self.view.refuse(f"{role} comes from {quant.op_type}", node,
                             allowed=f"a constant {role}, with or without a Quant node")
        return evaluate(self.view, quant, role)

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
        stem = f"{node.name or node.output[0]}_{role}_adopted"
        graph = self.view.graph
        stored = exact_float32(raw, to.frac, f"{self.view.file}: node {node.name} {role}")
        held = {stem: stored, f"{stem}_scale": np.float32(to.step),
                f"{stem}_zero_point": np.float32(0), f"{stem}_bits": np.float32(to.width)}
        graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name)
                                 for name, array in held.items())
        quant = helper.make_node("Quant", list(held), [f"{stem}_quant"], name=f"{stem}_quant",
                                 domain=self.domain, signed=1, narrow=0, rounding_mode=ROUNDING)
        graph.node.insert(list(graph.node).index(node), quant)
        node.input[index] = quant.output[0]
        greatest = float(np.abs(np.ldexp(raw.astype(np.float64), -to.frac) - value).max())
        layer = len(self.values) - (role == "slope")
        self.changes.append((layer, Change("", role, to, greatest)))


def adopt(data: bytes, file: str, *, slope_bits: int = 8, weight_bits: int = 16) -> Adopted:
    """Read a QONNX file of another tool, quantising what it left in float.

    Args:
        data: The file's bytes.
        file: Its name, for errors.
        slope_bits: Width of PReLU slopes that have no exact Quant.
        weight_bits: Greatest width of weights whose scales per channel become one format.

    Returns:
        The checked network, the file's float values and what was changed.

    Raises:
        ModelError: If the file cannot be brought to the number contract; names node and attribute,
            what was found and what is allowed.
    """
    caps: dict[int, int] = {}
    while True:
        view = OnnxView.parse(data, file)
        rewriter = Rewriter(view, slope_bits, caps, weight_bits)
        rewriter.run()
        network = decode(view.model.SerializeToString(), file)
        slopes = {index: change.to for index, change in rewriter.changes if change.role == "slope"}
        wide = [index for index in slopes if any(
            problem.startswith(f"layer {network.layers[index].name}: slope")
            for problem in ranges.float32_exact(network))]
        if not any(slopes[index].frac > 1 for index in wide):
            break
        caps |= {index: max(slopes[index].frac - 1, 1) for index in wide}
    origin = {"imported_from": file, "imported_sha256": hashlib.sha256(data).hexdigest()}
    if view.model.producer_name:
        origin["imported_producer"] = f"{view.model.producer_name} {view.model.producer_version}"
    network = replace(network, meta={**network.meta, **origin})
    names = [layer.name for layer in network.layers]
    return Adopted(network, dict(zip(names, rewriter.values, strict=True)),
                   tuple(replace(change, layer=names[at]) for at, change in rewriter.changes))
