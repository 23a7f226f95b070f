"""Our streaming layers, registered with hls4ml: PReLU per channel, anchor, depth-to-space.

May import hls4ml and the ground. A layer here is hls4ml's description of a call into a C++
header of `hls/`; importing `emit.hls.folder` registers all of them, once.
Source: https://fastmachinelearning.org/hls4ml/advanced/extension.html

    register()      # once per process; again does nothing
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
from hls4ml.model.layers import Layer, layer_map, register_layer

from fsrcnnx.errors import ModelError
from fsrcnnx.files import carried

BACKEND = "Vitis"
PRELU_HEADER = "fsrcnnx_prelu_stream.h"
SUBPIXEL_HEADER = "fsrcnnx_depth_to_space_stream.h"
TEST_BENCH = "fsrcnnx_test.cpp"


def source_dir() -> Path:
    """Find the C++ sources.

    Returns:
        The folder `hls` of the package.

    Raises:
        InputError: If it is missing.
    """
    return carried("hls", PRELU_HEADER)


def check_flow(node: Layer) -> None:
    """Refuse a layer where its C++ is not: elsewhere than in streams of the Vitis back end.

    Args:
        node: The layer.

    Raises:
        ModelError: Naming it, what was found, and how to convert.
    """
    where, config = f"layer {node.name.removeprefix(f'{node.class_name}_')}", node.model.config
    if config.backend is None or config.backend.name != BACKEND:
        raise ModelError(f"back end {config.backend and config.backend.name}", where=where,
                         allowed=BACKEND, fix=f"convert with backend='{BACKEND}'")
    if config.get_config_value("IOType") != "io_stream":
        raise ModelError(f"io_type {config.get_config_value('IOType')}", where=where,
                         allowed="io_stream", fix="convert with io_type='io_stream'")


class FsrcnnxPReLU(Layer):
    """y = x < 0 ? x * slope[channel] : x. Slopes: `slope_data`, float64 (channels,)."""

    _expected_attributes: ClassVar = [WeightAttribute("slope"), TypeAttribute("slope")]

    def initialize(self):
        """Take the input's shape; keep the slopes as a weight variable."""
        check_flow(self)
        self.set_attr("n_chan", len(self.get_attr("slope_data")))
        self.add_output_variable(self.get_input_variable().shape)
        self.add_weights_variable(name="slope", var_name="a{index}")


class FsrcnnxAnchor(Layer):
    """Add the one channel of the second input to every channel of the first."""

    _expected_attributes: ClassVar = [Attribute("n_chan")]

    def initialize(self):
        """Take the first input's shape."""
        self.add_output_variable(self.get_input_variable(self.inputs[0]).shape)


class FsrcnnxDepthToSpace(Layer):
    """Turn (H, W, b*b*C) into (b*H, b*W, C); `crd` says which of ONNX's two channel orders.

    `block` is b: hls4ml's pass to channels last takes a `scale` for a tensor.
    """

    _expected_attributes: ClassVar = [
        Attribute("block"), Attribute("crd", value_type=bool, default=False)]

    def initialize(self):
        """Work the output's shape out of the input's; from torch channels come first as yet."""
        check_flow(self)
        first = self.get_attr("data_format") == "channels_first"
        shape, block = list(self.get_input_variable().shape), self.get_attr("block")
        channels = shape.pop(0 if first else -1) // block**2
        self.set_attr("n_chan", channels)
        shape = [block * size for size in shape]
        self.add_output_variable([channels, *shape] if first else [*shape, channels])


CONFIG = """struct config{index} {{
    static const unsigned n_pixels = {n_pixels};
    static const unsigned n_chan = {n_chan};
{more}}};\n"""
SHAPE = """    static const unsigned height = {height};
    static const unsigned width = {width};
    static const unsigned scale = {block};
    static const bool crd = {crd};
"""


class _Config(LayerConfigTemplate):
    """The configuration struct of each of our layers."""

    def __init__(self):
        super().__init__((FsrcnnxPReLU, FsrcnnxAnchor, FsrcnnxDepthToSpace))

    def format(self, node):
        """Write the struct: sizes, and what the layer alone needs."""
        params = self._default_config_params(node)
        height, width = node.get_input_variable().shape[:2]
        more = ""
        if isinstance(node, FsrcnnxPReLU):
            more = f"    typedef {node.get_weights('slope').type.name} slope_t;\n"
        elif isinstance(node, FsrcnnxDepthToSpace):
            more = SHAPE.format(**{**params, "height": height, "width": width})
        return CONFIG.format(**{**params, "n_pixels": height * width, "more": more})


class _PReLUCall(FunctionCallTemplate):
    def __init__(self):
        super().__init__(FsrcnnxPReLU, include_header=[f"nnet_utils/{PRELU_HEADER}"])

    def format(self, node):
        """Write the call with its slopes."""
        params = self._default_function_params(node)
        return ("fsrcnnx::prelu<{input_t}, {output_t}, {config}>"
                "({input}, {output}, {slopes});").format(
            **params, slopes=node.get_weights("slope").name)


class _AnchorCall(FunctionCallTemplate):
    def __init__(self):
        super().__init__(FsrcnnxAnchor, include_header=[f"nnet_utils/{PRELU_HEADER}"])

    def format(self, node):
        """Write the call with its two inputs."""
        params = self._default_function_params(node)
        pixel = node.get_input_variable(node.inputs[1])
        return ("fsrcnnx::anchor<{input_t}, {pixel_t}, {output_t}, {config}>"
                "({input}, {pixel}, {output});").format(
            **params, pixel_t=pixel.type.name, pixel=pixel.name)


class _SubpixelCall(FunctionCallTemplate):
    def __init__(self):
        super().__init__(FsrcnnxDepthToSpace, include_header=[f"nnet_utils/{SUBPIXEL_HEADER}"])

    def format(self, node):
        """Write the call."""
        return ("fsrcnnx::depth_to_space<{input_t}, {output_t}, {config}>"
                "({input}, {output});").format(**self._default_function_params(node))


def register() -> None:
    """Make our layers known to hls4ml; a second call does nothing."""
    if FsrcnnxPReLU.__name__ in layer_map:
        return
    backend = get_backend(BACKEND)
    for layer in (FsrcnnxPReLU, FsrcnnxAnchor, FsrcnnxDepthToSpace):
        register_layer(layer.__name__, layer)
    for template in (_Config, _PReLUCall, _AnchorCall, _SubpixelCall):
        backend.register_template(template)
    for header in (PRELU_HEADER, SUBPIXEL_HEADER):
        backend.register_source(source_dir() / header)
