"""Float ONNX files of others, as torch exports them: read as a row of layers.

May import numpy, onnx, exact.onnx, learn.float_graph, learn.rows and the ground.

    row, data = read_row(Path("net.onnx"))

What changes no value goes as `fsrcnnx import` takes it out of QONNX files (onnx.simplify). What is
left is learn.float_graph's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from fsrcnnx import limits
from fsrcnnx.errors import shown
from fsrcnnx.exact.onnx.bytes import parse, read_bytes
from fsrcnnx.exact.onnx.check import FOREIGN, LONGEST_NAME, Dialect, is_quant, refuse_structure
from fsrcnnx.exact.onnx.external import SUFFIX, embed
from fsrcnnx.exact.onnx.simplify import simplify
from fsrcnnx.exact.onnx.view import OnnxView
from fsrcnnx.learn.float_graph import Reader
from fsrcnnx.learn.pixelshuffle import restore
from fsrcnnx.learn.rows import Row

QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
# what may stand beside layers where nothing is rounded yet
FLOATS = Dialect(FOREIGN.operators | {"Sub": (2, 2), "Mul": (2, 2), "Div": (2, 2),
                                      "Concat": (1, 64)}, FOREIGN.opsets, FOREIGN.fix)


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
    view = OnnxView(model, file, FLOATS)
    if restore(view):
        notes.append("Reshape, Transpose and Reshape are a PixelShuffle: taken as one")
        view = OnnxView(model, file, FLOATS, rewritten=True)
    whole = of_any_size(model)
    view, done = simplify(view)
    with np.errstate(all="ignore"):  # what is not finite is refused where a layer is made of it
        return Reader(view).row([*notes, *done]), whole
