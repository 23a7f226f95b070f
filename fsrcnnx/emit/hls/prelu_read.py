"""The ways into our PReLU for hls4ml models of your own: torch's and ONNX's (through qonnx).

May import hls4ml, qonnx, our layers and the errors. hls4ml 1.3 reads a slope for each element of a
map where torch has one for each channel, and so beyond its slopes (its issue 1328); from ONNX it
drops them. Importing `emit.hls.folder` registers both readers, once.

    import fsrcnnx.emit.hls.folder
    hls4ml.converters.convert_from_pytorch_model(net, backend="Vitis", io_type="io_stream", ...)
"""

from __future__ import annotations

import numpy as np
from hls4ml.converters.onnx_to_hls import layer_handlers as onnx_handlers
from hls4ml.converters.pytorch_to_hls import layer_handlers as torch_handlers
from hls4ml.model.flow import update_flow
from hls4ml.model.layers import Constant, Layer, layer_map, register_layer
from hls4ml.model.optimizer import OptimizerPass, register_pass
from qonnx.custom_op.channels_last.base_wrapped_op import ChannelsLastWrappedOp
from qonnx.custom_op.registry import add_op_to_domain
from qonnx.transformation import channels_last as _channels_last  # noqa: F401  see transpose_read

from fsrcnnx.emit.hls.layers import FsrcnnxPReLU
from fsrcnnx.emit.hls.transpose_read import DOMAIN, need_channels_last
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


class PRelu(Layer):
    """An ONNX PRelu, channels last, before its constant slopes are moved into it."""

    def initialize(self):
        """Make the output."""
        self.add_output_variable(self.get_input_variable(self.inputs[0]).shape)


def read_onnx(node, input_names, input_shapes, graph):
    """Read an ONNX PRelu: hls4ml's layer handler; its own drops the slopes."""
    need_channels_last(node, "shuffle_read.StreamsToChannelsLast", graph)
    return {"name": node.name, "class_name": "PRelu", "inputs": input_names,
            "outputs": list(node.output)}


class ConstantsIntoPRelu(OptimizerPass):
    """Turn PRelu with constant slopes into our PReLU."""

    def match(self, node):
        """Match every PRelu: none may be left."""
        return isinstance(node, PRelu)

    def transform(self, model, node):
        """Replace it and its slopes by one node."""
        constant, where = node.get_input_node(node.inputs[1]), f"layer {node.name}"
        channels = node.get_output_variable().shape[-1]
        if not isinstance(constant, Constant):
            raise ModelError("slopes that are no constant to hls4ml", where=where,
                             allowed="an initializer, or a Quant of one with one power of two as "
                                     "scale")
        slope = np.asarray(constant.get_attr("value"), np.float64).ravel()
        if slope.size not in (1, channels):
            raise ModelError(f"{slope.size} slopes", where=where, allowed=f"1, or {channels}")
        slope = np.ascontiguousarray(np.broadcast_to(slope, channels))
        name, config = f"{FsrcnnxPReLU.__name__}_{node.name}", model.config
        config.set_name_config(name, config.get_layer_config(node))
        config.parse_name_config(name, config.get_layer_config(node))
        new = model.make_node(FsrcnnxPReLU, name, {"slope_data": slope}, [node.inputs[0]],
                              list(node.outputs))
        model.remove_node(constant)
        del node.inputs[1]
        model.replace_node(node, new)
        return True


class PRelu_v1(ChannelsLastWrappedOp):  # qonnx reads name and version off it
    """PRelu on channels-last data; slopes stay as ONNX has them."""

    def get_nodeattr_types(self):
        """None."""
        return {}

    def make_shape_compatible_op(self, model):
        """Give a node of the output's shape, for shape inference."""
        return super().make_const_shape_op(model.get_tensor_shape(self.onnx_node.input[0]))

    def verify_node(self):
        """Check nothing: reading it does."""
        return []


def register() -> None:
    """Put our readers in the place of hls4ml's; again does nothing."""
    torch_handlers["PReLU"], onnx_handlers["PRelu"] = read_torch, read_onnx
    if "PRelu" in layer_map:
        return
    register_layer("PRelu", PRelu)
    register_pass("constants_into_prelu", ConstantsIntoPRelu)
    update_flow("parse_qonnx", add_optimizers=["constants_into_prelu"])
    add_op_to_domain(DOMAIN, PRelu_v1)
