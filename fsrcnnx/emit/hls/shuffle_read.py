"""The ways into our depth-to-space for hls4ml models of your own: torch's and ONNX's (by qonnx).

May import hls4ml, qonnx, our layers and the errors. hls4ml has none. `StreamsToChannelsLast`
comes before qonnx's own pass to channels last, for PRelu, DepthToSpace and ConvTranspose.

    model = model.transform(StreamsToChannelsLast())
    model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    model = model.transform(GiveUniqueNodeNames()).transform(GiveReadableTensorNames())
"""

from __future__ import annotations

from hls4ml.converters.onnx_to_hls import get_onnx_attribute, register_onnx_layer_handler
from hls4ml.converters.onnx_to_hls import layer_handlers as onnx_handlers
from hls4ml.converters.pytorch_to_hls import register_pytorch_layer_handler
from qonnx.custom_op.channels_last.base_wrapped_op import ChannelsLastWrappedOp
from qonnx.custom_op.registry import add_op_to_domain

from fsrcnnx.emit.hls.layers import FsrcnnxDepthToSpace
from fsrcnnx.emit.hls.prelu_read import MAP
from fsrcnnx.emit.hls.transpose_read import (
    DOMAIN,
    ConvTransposeToChannelsLast,
    need_channels_last,
)
from fsrcnnx.errors import ModelError


class StreamsToChannelsLast(ConvTransposeToChannelsLast):
    """Put each operator of our streaming layers between Transposes."""

    operators = ("ConvTranspose", "DepthToSpace", "PRelu")


def _layer(name: str, inputs: list, where: str, block: int, crd: bool, channels: int) -> dict:
    """A depth-to-space as hls4ml's description of a layer."""
    if block < 1 or channels % block**2:
        raise ModelError(f"{channels} channels in blocks of {block}", where=where,
                         allowed="a multiple of the block's pixels")
    return {"name": name, "class_name": FsrcnnxDepthToSpace.__name__, "inputs": inputs,
            "block": block, "crd": crd}


def read_torch(operation, layer_name, input_names, input_shapes, node, module, reader, config):
    """Read a torch PixelShuffle: hls4ml's layer handler."""
    where, shape = f"module {layer_name}", list(input_shapes[0])
    if len(shape) != MAP:
        raise ModelError(f"PixelShuffle of {len(shape)} axes", where=where, allowed="(N, C, H, W)")
    asked = config.get("HLSConfig", config)["Model"]  # hls4ml reads once to make a configuration
    if asked.get("ChannelsLastConversion", "off") == "off":
        raise ModelError("channels come first", where=where, allowed="channels last",
                         fix="make the configuration with channels_last_conversion='internal'")
    batch, channels, height, width = shape
    block = module.upscale_factor
    layer = _layer(layer_name, input_names, where, block, True, channels)
    return ({**layer, "data_format": "channels_first"},
            [batch, channels // block**2, block * height, block * width])


def read_onnx(node, input_names, input_shapes, graph):
    """Read an ONNX DepthToSpace: hls4ml's layer handler."""
    where = f"node {node.name}"
    need_channels_last(node, "StreamsToChannelsLast", graph)
    mode = get_onnx_attribute(node, "mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise ModelError(f"mode {mode!r}", where=where, allowed="DCR or CRD")
    return _layer(node.name, input_names, where, get_onnx_attribute(node, "blocksize", 0),
                  mode == "CRD", input_shapes[0][-1]) | {"outputs": list(node.output)}


class DepthToSpace_v1(ChannelsLastWrappedOp):  # qonnx reads name and version off it
    """DepthToSpace on channels-last data."""

    def get_nodeattr_types(self):
        """Attributes as in ONNX: (type, required, default)."""
        return {"blocksize": ("i", True, 0), "mode": ("s", False, "DCR")}

    def make_shape_compatible_op(self, model):
        """Give a node of the output's shape, for shape inference."""
        batch, height, width, channels = model.get_tensor_shape(self.onnx_node.input[0])
        block = self.get_nodeattr("blocksize")
        return super().make_const_shape_op(
            (batch, height * block, width * block, channels // block**2))

    def verify_node(self):
        """Check nothing: reading it does."""
        return []


def register() -> None:
    """Make hls4ml and qonnx read depth-to-space, and torch's; once, however often it is called."""
    if "DepthToSpace" in onnx_handlers:
        return
    register_onnx_layer_handler("DepthToSpace", read_onnx)
    register_pytorch_layer_handler("PixelShuffle", read_torch)
    add_op_to_domain(DOMAIN, DepthToSpace_v1)
