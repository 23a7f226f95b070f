"""Files that onnxruntime may be given: a row of layers of our operators, which cannot run away.

May import onnx, the limits and the errors. onnxruntime runs what a file says: loops, tensors of
any size, data from other files. The files that we write beside model.onnx need none of it.

    check_runnable(parse(data, "model_uint8.onnx"), "model_uint8.onnx")
"""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from fsrcnnx import limits
from fsrcnnx.errors import ModelError

LAYERS = ("Conv", "ConvTranspose")
SMALL = ("Add", "Mul", "Min", "Max", "PRelu", "Relu", "Clip", "Round", "Cast", "Identity")
OPERATORS = (*LAYERS, *SMALL, "Resize", "DepthToSpace", "Constant")
CONVS = 8 * limits.LAYERS  # a layer's weights may be cut into eight digits
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
            need(attribute.name != "auto_pad" or attribute.s == b"NOTSET",
                 f"{where}: attribute auto_pad", "pads")
            if attribute.type == AttributeProto.TENSOR:
                held += [(name, attribute.t) for name in node.output]
            need(not attribute.name.startswith(("stride", "output_shape", "blocksize"))
                 or max(numbers) <= limits.SCALE,
                 f"{where}: attribute {attribute.name} of {max(numbers)}", f"up to {limits.SCALE}")
            need(not attribute.name.startswith(("pads", "output_padding", "dilations", "kernel"))
                 or max(numbers) <= limits.KERNEL,
                 f"{where}: attribute {attribute.name} of {max(numbers)}", f"up to {limits.KERNEL}")
    for name, tensor in held:
        count = math.prod(tensor.dims)
        need(tensor.data_location != TensorProto.EXTERNAL and not tensor.external_data,
             f"the data of {name} lies in another file", "data inside the file")
        need(len(tensor.dims) <= 4 and min(tensor.dims, default=0) >= 0 and count <= limits.WEIGHTS,
             f"{name} has shape {tuple(tensor.dims)}",
             f"up to 4 axes, {limits.WEIGHTS} values")
        constants[name] = tensor
    convs = sum(node.op_type in LAYERS for node in graph.node)
    need(convs <= CONVS, f"{convs} nodes of {' or '.join(LAYERS)}", f"up to {CONVS}")
    grown = dict.fromkeys([*constants, *(value.name for value in graph.input)], 1.0)
    for node in graph.node:
        where = f"node {node.name or node.output[:1]} ({node.op_type})"
        for place, name in enumerate(node.input):
            need(not name or name in grown, f"{where}: {name} comes later, or from nowhere",
                 "what an earlier node gives")
            if name in constants:
                _check_constant(need, node.op_type, f"{where}: {name}", constants[name])
            else:  # weights and scales could be as large as a picture
                need(not name or not place or node.op_type not in (*LAYERS, "Resize"),
                     f"{where}: {name} is computed", "a constant")
        if node.op_type in LAYERS:
            need((beyond := _beyond(node, constants)) <= 0,
                 f"{where}: adds {beyond} lines or columns", "padding of a kernel's half")
        most = _factor(node, constants) * max((grown[name] for name in node.input if name),
                                              default=1.0)
        need(most <= limits.SCALE, f"{where}: enlarges to {most:g} times the picture",
             f"up to {limits.SCALE}")
        grown.update(dict.fromkeys(node.output, most))


def _check_constant(need: Callable[[bool, str, str], None], operator: str, where: str,
                    tensor: TensorProto) -> None:
    """Refuse a constant with which an operator multiplies the picture."""
    shape = tuple(tensor.dims)
    if operator in SMALL:  # more axes would multiply the picture
        channels = shape[-3] if len(shape) >= 3 else 1
        need(math.prod(shape) == channels <= limits.CHANNELS, f"{where} has shape {shape}",
             "a single value, or (channels, 1, 1)")
    elif operator in LAYERS:
        need(max(shape[:2], default=0) <= limits.CHANNELS
             and max(shape[2:], default=0) <= limits.KERNEL, f"{where} has shape {shape}",
             f"up to {limits.CHANNELS} channels, {limits.KERNEL} lines and columns")
    elif operator == "Resize":
        values = _values(tensor)
        need(len(values) <= 4 and all(0 <= value <= limits.SCALE for value in values),
             f"{where} holds {values[:4]}", f"scales of up to {limits.SCALE}")


def _values(tensor: TensorProto) -> list[float]:
    """The numbers of a tensor; infinity where it does not hold what it says."""
    try:
        return numpy_helper.to_array(tensor).ravel().tolist()
    except (ValueError, TypeError):
        return [math.inf]


def _beyond(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> int:
    """How many lines or columns a layer gives beyond its stride times what it is given, at most."""
    given = {attribute.name: attribute.ints for attribute in node.attribute if attribute.ints}
    kernel = max([1, *[side for name in node.input[1:2] for side in constants[name].dims[2:]]])
    span = (kernel - 1) * max(given.get("dilations", [1]))
    pads = given.get("pads", [0])
    if node.op_type == "Conv":
        return 2 * max(pads) - span
    return max(given.get("output_padding", [0])) + span + 1 - min(given.get("strides", [1])) \
        - 2 * min(pads)


def _factor(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> float:
    """How many times a node enlarges a side of what it is given."""
    numbers = [1.0]
    if node.op_type == "Resize":
        numbers += [value for name in node.input[1:] if name for value in _values(constants[name])]
    elif node.op_type in ("ConvTranspose", "DepthToSpace"):
        numbers += [number for attribute in node.attribute
                    if attribute.name in ("strides", "blocksize")
                    for number in (attribute.i, *attribute.ints)]
    return max(numbers)
