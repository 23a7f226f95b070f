"""The ways into our PReLU for hls4ml models of your own: torch's, and a refusal of ONNX's.

May import hls4ml, our layers and the errors. hls4ml 1.3 reads a slope for each element of a map
where torch has one for each channel, and so beyond its slopes (its issue 1328); from ONNX it drops
them. Importing `emit.hls.folder` registers both readers, once.

    import fsrcnnx.emit.hls.folder
    hls4ml.converters.convert_from_pytorch_model(net, backend="Vitis", io_type="io_stream", ...)
"""

from __future__ import annotations

import numpy as np
from hls4ml.converters.onnx_to_hls import layer_handlers as onnx_handlers
from hls4ml.converters.pytorch_to_hls import layer_handlers as torch_handlers

from fsrcnnx.emit.hls.layers import FsrcnnxPReLU
from fsrcnnx.errors import ModelError

MAP, VECTOR = 4, 2  # axes with the batch: (N, C, H, W), (N, F)


def read_torch(operation, layer_name, input_names, input_shapes, node, module, reader, config):
    """Read a torch PReLU: hls4ml's layer handler."""
    where, shape = f"module {layer_name}", list(input_shapes[0])
    if len(shape) not in (MAP, VECTOR):
        raise ModelError(f"PReLU of {len(shape)} axes", where=where,
                         allowed="(N, C, H, W), or (N, features)")
    slope = module.weight.detach().double().numpy()
    if slope.size not in (1, shape[1]):
        raise ModelError(f"{slope.size} slopes", where=where, allowed=f"1, or {shape[1]}")
    slope = np.ascontiguousarray(np.broadcast_to(slope, shape[1]))
    layer = {"name": layer_name, "inputs": input_names}
    if len(shape) == VECTOR:  # a slope for each element is what hls4ml's own takes
        return {**layer, "class_name": "PReLU", "activation": "prelu", "param_data": slope}, shape
    return {**layer, "class_name": FsrcnnxPReLU.__name__, "slope_data": slope}, shape


def refuse_onnx(node, input_names, input_shapes, graph):
    """Refuse an ONNX PRelu, whose slopes hls4ml would drop."""
    raise ModelError("PRelu, and hls4ml drops its slopes", where=f"node {node.name}",
                     allowed="PReLU through hls4ml's torch converter; LeakyRelu and Relu",
                     fix="convert the torch module, or `fsrcnnx import` the file and `fsrcnnx hls`")


def register() -> None:
    """Put our readers in the place of hls4ml's; again does nothing."""
    torch_handlers["PReLU"] = read_torch
    onnx_handlers["PRelu"] = refuse_onnx
