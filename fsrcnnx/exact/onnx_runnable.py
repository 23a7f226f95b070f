"""Files that onnxruntime may be given: a row of layers of our operators, which cannot run away.

May import onnx, the limits and the errors. onnxruntime runs what a file says: loops, tensors of
any size, data from other files. The files that we write beside model.onnx need none of it.

    check_runnable(parse(data, "model_uint8.onnx"), "model_uint8.onnx")
"""

from __future__ import annotations

import math

import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from fsrcnnx import limits
from fsrcnnx.errors import ModelError

LAYERS = ("Conv", "ConvTranspose")
SMALL = ("Add", "Mul", "Min", "Max", "PRelu", "Relu", "Clip", "Round", "Cast", "Identity")
OPERATORS = (*LAYERS, *SMALL, "Resize", "DepthToSpace", "Constant")
KINDS = (AttributeProto.INT, AttributeProto.INTS, AttributeProto.STRING, AttributeProto.FLOAT,
         AttributeProto.TENSOR)


def check_runnable(model: onnx.ModelProto, file: str) -> None:
    """Refuse a file that takes more than a picture's share of memory and time, or other files.

    Args:
        model: The file.
        file: Its name, for errors.

    Raises:
        ModelError: Naming what it holds that files of `fsrcnnx export` do not.
    """
    def need(ok: bool, what: str, allowed: str) -> None:
        if not ok:
            raise ModelError(what, where=file, allowed=allowed, fix="export the model again")

    graph, constants = model.graph, {}
    need(not model.functions and not graph.sparse_initializer, "functions or sparse tensors",
         "none")
    held = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        where = f"node {node.name or node.output[:1]} ({node.op_type})"
        need(node.op_type in OPERATORS and node.domain in ("", "ai.onnx"),
             f"operator {node.op_type} {node.domain}".rstrip(), ", ".join(OPERATORS))
        for attribute in node.attribute:
            need(attribute.type in KINDS, f"{where}: attribute {attribute.name}",
                 "numbers, text or a tensor")
            numbers = (attribute.i, *attribute.ints)
            need(min(numbers) >= -1 and max(numbers) <= limits.CHANNELS,
                 f"{where}: attribute {attribute.name} of {max(numbers, key=abs)}",
                 f"0..{limits.CHANNELS}")
            if attribute.type == AttributeProto.TENSOR:
                held += [(name, attribute.t) for name in node.output]
            need(not attribute.name.startswith(("stride", "output_shape", "blocksize"))
                 or max(numbers) <= limits.SCALE,
                 f"{where}: attribute {attribute.name} of {max(numbers)}", f"up to {limits.SCALE}")
    for name, tensor in held:
        count = math.prod(tensor.dims)
        need(tensor.data_location != TensorProto.EXTERNAL and not tensor.external_data,
             f"the data of {name} lies in another file", "data inside the file")
        need(len(tensor.dims) <= 4 and min(tensor.dims, default=0) >= 0 and count <= limits.WEIGHTS,
             f"{name} has shape {tuple(tensor.dims)}",
             f"up to 4 axes, {limits.WEIGHTS} values")
        constants[name] = tensor
    for node in graph.node:
        where = f"node {node.name or node.output[:1]} ({node.op_type})"
        for name in node.input:
            if name not in constants:
                continue
            tensor = constants[name]
            if node.op_type in SMALL:  # more axes would multiply the picture
                shape = tuple(tensor.dims)
                channels = shape[-3] if len(shape) >= 3 else 1
                need(math.prod(shape) == channels <= limits.CHANNELS,
                     f"{where}: {name} has shape {shape}", "a single value, or (channels, 1, 1)")
            elif node.op_type == "Resize":
                try:
                    values = numpy_helper.to_array(tensor).ravel().tolist()
                except (ValueError, TypeError):
                    values = [math.inf]
                need(len(values) <= 4 and all(0 <= value <= limits.SCALE for value in values),
                     f"{where}: {name} holds {values[:4]}", f"scales of up to {limits.SCALE}")
