"""Float ONNX files of others, as torch exports them: read as a row of layers.

May import numpy, onnx, exact.onnx, learn.rows and the ground.

    row, data = read_row(Path("net.onnx"))

What changes no value goes as `fsrcnnx import` takes it out of QONNX files (onnx.simplify);
BatchNormalization is folded into the layer before it. Then the graph is walked from its end:
[Clip | Relu] <- [Add of the LR pixel] <- ConvTranspose | Conv <- PRelu | Relu <- ...
One DepthToSpace may stand anywhere behind the last Conv, or what older exporters write for it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from fsrcnnx import limits
from fsrcnnx.errors import shown
from fsrcnnx.exact.onnx.batchnorm import read_factors
from fsrcnnx.exact.onnx.bytes import parse, read_bytes
from fsrcnnx.exact.onnx.check import FOREIGN, LONGEST_NAME, called, is_quant, refuse_structure
from fsrcnnx.exact.onnx.external import SUFFIX, embed
from fsrcnnx.exact.onnx.layer import read_block, read_geometry
from fsrcnnx.exact.onnx.own import PRODUCER
from fsrcnnx.exact.onnx.read import check_anchor, read_add
from fsrcnnx.exact.onnx.simplify import simplify
from fsrcnnx.exact.onnx.view import OnnxView
from fsrcnnx.learn.pixelshuffle import restore
from fsrcnnx.learn.rows import Layer, Row

LAYERS = ("Conv", "ConvTranspose")
QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
SHUFFLE = "DepthToSpace"


def quantised(model: onnx.ModelProto) -> bool:
    """Tell whether a file's numbers are quantised: then it is none for this door.

    Args:
        model: The parsed file.

    Returns:
        True if any node quantises.
    """
    return any(is_quant(node) or node.op_type in QUANTISERS for node in model.graph.node)


def widen(model: onnx.ModelProto, file: str) -> bool:
    """Make float32 of float16, exactly: constants, inputs, outputs and casts.

    Args:
        model: The file; it is changed.
        file: Its name, for errors.

    Returns:
        Whether there was any.

    Raises:
        ModelError: If its structure is none that is read.
    """
    refuse_structure(model, file)
    graph, half = model.graph, False
    tensors = list(graph.initializer)
    for node in graph.node:
        for given in node.attribute:
            if node.op_type == "Constant" and given.name == "value":
                tensors.append(given.t)
            elif node.op_type == "Cast" and given.name == "to" and given.i == TensorProto.FLOAT16:
                given.i, half = TensorProto.FLOAT, True
    for value in (*graph.input, *graph.output, *graph.value_info):
        kind = value.type.tensor_type
        if kind.elem_type == TensorProto.FLOAT16:
            kind.elem_type, half = TensorProto.FLOAT, True
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT16 and len(tensor.dims) <= 4 \
                and 0 <= np.prod(tensor.dims, dtype=float) <= limits.WEIGHTS:
            try:
                value = numpy_helper.to_array(tensor).astype(np.float32)
            except (ValueError, TypeError):  # corrupt: the reader of constants says so
                continue
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
            half = True
    return half


class Reader:
    """One walk over a graph, from its output to its input.

    Args:
        view: The file, simplified.
    """

    def __init__(self, view: OnnxView):
        self.view = view
        self.blocks: list[int] = []  # of a DepthToSpace that was stepped over
        self.inside = False  # whether the last layer has been read

    def before(self, tensor: str, wanted: str, user: NodeProto | None) -> NodeProto:
        """Find what makes a tensor, a DepthToSpace at the end stepped over."""
        node = self.view.producer(tensor, wanted, user)
        if node.op_type == SHUFFLE:
            if self.blocks or self.inside:
                self.view.refuse("a DepthToSpace before the last layer, or a second one", node,
                                 allowed="one, behind the last Conv")
            self.blocks.append(read_block(self.view, node))
            node = self.view.producer(node.input[0], wanted, node)
        return node

    def end(self, node: NodeProto) -> tuple[NodeProto, tuple[float, float]]:
        """Step over what clips the output; the node before, and the bounds."""
        view, low, high = self.view, -np.inf, np.inf
        while node.op_type in ("Clip", "Relu"):
            view.attributes(node)
            low = max(low, 0.0 if node.op_type == "Relu" else self.bound(node, 1, "min", -np.inf))
            high = min(high, self.bound(node, 2, "max", np.inf))
            node = self.before(node.input[0], "a layer", node)
        return node, (low, high)

    def bound(self, node: NodeProto, at: int, role: str, without: float) -> float:
        """One bound of a Clip."""
        if at >= len(node.input) or not node.input[at]:
            return without
        value = self.view.constant(node, at, role)
        if value.size != 1:
            self.view.refuse(f"{role} of shape {value.shape}", node, allowed="a single value")
        return float(value.reshape(-1)[0])

    def activation(self, node: NodeProto, channels: int) -> np.ndarray:
        """Slopes of a PRelu or Relu, one or one per channel."""
        view = self.view
        view.attributes(node)
        if node.op_type == "Relu":
            return np.zeros(1)
        slope = view.constant(node, 1, "slope")
        if slope.size != 1 and slope.shape not in ((channels, 1, 1), (1, channels, 1, 1)):
            view.refuse(f"slope of shape {slope.shape}", node,
                        allowed=f"({channels}, 1, 1) or a single one")
        return slope.reshape(-1)

    def layer(self, node: NodeProto) -> Layer:
        """A Conv or ConvTranspose, without what follows it."""
        view, deconv = self.view, node.op_type == "ConvTranspose"
        weight = view.constant(node, 1, "weight")
        if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or not weight.size:
            view.refuse(f"weight of shape {weight.shape}", node,
                        allowed="four axes, square kernel")
        view.spend(weight.size, node)
        stride, padding = read_geometry(view, node, "deconv" if deconv else "conv",
                                        weight.shape[2])
        bias = view.constant(node, 2, "bias") if len(node.input) > 2 and node.input[2] else None
        return Layer(called(node.name or node.output[0]), weight, bias, None, deconv, stride,
                     padding)

    def step(self, node: NodeProto) -> tuple[Layer, str]:
        """Read a layer and what stands behind it; the layer, and the tensor that enters it."""
        view, activation, norm = self.view, None, None
        if node.op_type in ("PRelu", "Relu"):
            activation, node = node, self.before(node.input[0], "a layer", node)
        if node.op_type == "BatchNormalization":
            norm, node = node, self.before(node.input[0], "Conv or ConvTranspose", node)
        if node.op_type == "Add":
            view.refuse("adds feature maps", node, allowed="an Add of the LR pixel, at the end",
                        fix="collapse the blocks of an ECBSR or SESR where it was trained, and "
                            "export the plain network; other skips have no place")
        if node.op_type not in LAYERS:
            view.refuse("found where a layer should be", node, allowed="Conv or ConvTranspose, "
                        "then BatchNormalization, PRelu or Relu")
        layer = self.layer(node)
        channels = layer.weight.shape[1 if layer.deconv else 0]
        if norm is not None:
            layer = fold(layer, *read_factors(view, norm, channels))
        slope = np.ones(1) if activation is None else self.activation(activation, channels)
        return replace(layer, slope=slope), node.input[0]

    def row(self, notes: list[str]) -> Row:
        """Read the whole graph."""
        view = self.view
        node, bounds = self.end(self.before(view.output, "a layer", None))
        anchor = ""
        in_lr = bool(self.blocks)
        if node.op_type == "Add":
            anchor, node = read_add(view, node, self.before)
        last, tensor = self.step(node)
        block, self.inside = self.blocks[0] if self.blocks else 1, True
        if block > 1 and last.deconv:
            view.refuse("a DepthToSpace behind it", node, allowed="behind the last Conv")
        if anchor:
            check_anchor(view, anchor, view.input, node,
                         last.stride * (1 if in_lr else block))
        if (last.slope != 1).any():
            view.refuse("an activation behind the last layer", node, allowed="none, or a Clip")
        layers = [replace(last, slope=None, block=block)]
        while tensor != view.input:
            if len(layers) == limits.LAYERS:
                view.refuse(f"more than {limits.LAYERS} layers", node,
                            allowed=f"up to {limits.LAYERS}")
            node = self.before(tensor, "a layer or the graph's input", node)
            layer, tensor = self.step(node)
            layers.insert(0, layer)
        view.refuse_unvisited()
        if np.isfinite(bounds).any():
            notes = [*notes, f"the output's clip to {bounds[0]:g}..{bounds[1]:g} left out: pixels "
                     "saturate"]
        return Row(view.file, tuple(layers), bool(anchor), bounds,
                   view.model.producer_name == PRODUCER, tuple(notes))


def fold(layer: Layer, factor: np.ndarray, offset: np.ndarray) -> Layer:
    """Fold what multiplies and shifts a layer's channels into its weights and bias.

    Args:
        layer: The layer.
        factor: (out,).
        offset: (out,).

    Returns:
        The same function, in float64, as one layer.
    """
    by = factor.reshape((1, -1, 1, 1) if layer.deconv else (-1, 1, 1, 1))
    bias = np.zeros(len(factor)) if layer.bias is None else layer.bias
    return replace(layer, weight=layer.weight * by, bias=bias * factor + offset)


def of_any_size(model: onnx.ModelProto) -> bytes:
    """Copy a fully convolutional file without the sizes of pictures, which it may have fixed.

    Args:
        model: The file.

    Returns:
        The copy's bytes.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    for value in (*copy.graph.input, *copy.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name not in {tensor.name for tensor in copy.graph.initializer}:
            for at in {0, 2, 3} & set(range(len(dims))):
                dims[at].Clear()
    return copy.SerializeToString()


def read_row(path: Path) -> tuple[Row, bytes]:
    """Read a float ONNX file.

    Args:
        path: The file; the weights may be in a second one beside it.

    Returns:
        Its layers, and the file itself, in float32 and for pictures of any size, for a runtime.

    Raises:
        ModelError: Naming the node that has no place in such a network, and what is allowed.
    """
    file = str(path)
    model = parse(read_bytes(path), file)
    notes = [f"weights out of {shown(path.name, LONGEST_NAME)}{SUFFIX}"] * embed(model, path)
    notes += ["float16 made float32"] * widen(model, file)
    view = OnnxView(model, file, FOREIGN)
    if restore(view):
        notes.append("Reshape, Transpose and Reshape are a PixelShuffle: taken as one")
        view = OnnxView(model, file, FOREIGN, rewritten=True)
    whole = of_any_size(model)
    view, done = simplify(view)
    return Reader(view).row([*notes, *done]), whole
