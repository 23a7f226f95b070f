"""A transposed convolution for hls4ml: layer, types, templates and C++ source (Vitis, io_stream).

May import hls4ml and the integer side. hls4ml 1.3 has none (its issue 896). `register` makes it
known; the ways in from ONNX and torch are in transpose_read.py, which imports this file and not the
other way round; the hardware is hls/fsrcnnx_conv_transpose_stream.h.

    import fsrcnnx.emit.hls.folder           # registers it
    hls4ml.converters.convert_from_onnx_model(model, backend="Vitis", io_type="io_stream", ...)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.model.attributes import (
    Attribute,
    ConfigurableAttribute,
    TypeAttribute,
    WeightAttribute,
)
from hls4ml.model.flow import update_flow
from hls4ml.model.layers import Layer, layer_map, register_layer
from hls4ml.model.optimizer import register_pass
from hls4ml.model.optimizer.passes.infer_precision import InferPrecisionTypes
from hls4ml.model.optimizer.passes.linear import MergeLinearActivation
from hls4ml.model.types import UnspecifiedPrecisionType

from fsrcnnx.emit.hls.layers import BACKEND, check_flow, source_dir
from fsrcnnx.errors import ModelError
from fsrcnnx.exact.tdc import reach

HEADER = "fsrcnnx_conv_transpose_stream.h"
STRATEGIES = ("latency", "resource")  # one implementation: the reuse factor shares multipliers


@dataclass(frozen=True)
class Shape:
    """Sizes of a transposed convolution, named as in the C++ configuration.

    Args:
        in_height: Lines of LR.
        in_width: Columns of LR.
        n_chan: Channels of LR.
        n_filt: Channels of HR.
        filt_height: Kernel lines.
        filt_width: Kernel columns.
        stride_height: Upscaling factor of lines.
        stride_width: Upscaling factor of columns.
        pad_top: HR lines cropped above, ONNX's first pad.
        pad_left: HR columns cropped at the left.
        out_height: Lines of HR.
        out_width: Columns of HR.
    """

    in_height: int
    in_width: int
    n_chan: int
    n_filt: int
    filt_height: int
    filt_width: int
    stride_height: int
    stride_width: int
    pad_top: int
    pad_left: int
    out_height: int
    out_width: int

    def check(self, where: str) -> Shape:
        """Refuse sizes that the C++ does not take.

        Args:
            where: The layer, for the error.

        Returns:
            Itself.

        Raises:
            ModelError: If a size is less than 1 or a pad is negative.
        """
        for name, value in asdict(self).items():
            least = 0 if name.startswith("pad") else 1
            if value < least:
                raise ModelError(f"{name} is {value}", where=where, allowed=f"{least} or more",
                                 fix="check pads, output_padding and the input's size")
        return self

    @property
    def products(self) -> int:
        """Products per LR pixel: every weight once."""
        return self.filt_height * self.filt_width * self.n_chan * self.n_filt

    @property
    def most_terms(self) -> int:
        """Products in the longest sum of a phase."""
        return (-(-self.filt_height // self.stride_height)
                * -(-self.filt_width // self.stride_width) * self.n_chan)


def tdc_order(weight: np.ndarray, shape: Shape) -> np.ndarray:
    """Put weights in the order in which the hardware walks them.

    Args:
        weight: (in, out, kernel lines, kernel columns), as ONNX and torch have it.
        shape: Sizes.

    Returns:
        1-D, [phase][LR line][LR column][in][out] of the taps that land on each phase.
    """
    rows = [reach(shape.filt_height, shape.stride_height, shape.pad_top, p).taps
            for p in range(shape.stride_height)]
    cols = [reach(shape.filt_width, shape.stride_width, shape.pad_left, p).taps
            for p in range(shape.stride_width)]
    return np.concatenate([weight[:, :, ky, kx].ravel()
                           for row in rows for col in cols for ky in row for kx in col])


class ConvTranspose2D(Layer):
    """Transposed convolution with constant weights; attribute weight_data as ONNX has it."""

    _expected_attributes = (
        *(Attribute(name) for name in Shape.__annotations__),
        ConfigurableAttribute("reuse_factor", default=1),
        WeightAttribute("weight"),
        WeightAttribute("bias"),
        TypeAttribute("weight"),
        TypeAttribute("bias"),
        TypeAttribute("accum"),
    )

    def shape(self) -> Shape:
        """Sizes, as the attributes say."""
        return Shape(**{name: int(self.get_attr(name)) for name in Shape.__annotations__})

    def initialize(self):
        """Make the output, the weights in TDC order and the biases."""
        name = self.name.removeprefix(f"{ConvTranspose2D.__name__}_")  # as in the configuration
        where = f"layer {name}"
        config, shape = self.model.config, self.shape().check(where)
        check_flow(self)
        strategy = config.get_strategy(self)
        if strategy.lower() not in STRATEGIES:
            raise ModelError(f"strategy {strategy}", where=where, allowed=", ".join(STRATEGIES),
                             fix=f"set Strategy of {name} in the configuration")
        reuse = config.get_reuse_factor(self)
        if not 1 <= reuse <= shape.products:
            raise ModelError(f"reuse factor {reuse}", where=where, allowed=f"1..{shape.products}",
                             fix=f"set ReuseFactor of {name} in the configuration")
        size = [shape.out_height, shape.out_width, shape.n_filt]
        if self.get_attr("data_format") == "channels_first":
            size = [size[2], *size[:2]]
        self.add_output_variable(size)
        weight = np.asarray(self.get_attr("weight_data"))
        want = (shape.n_chan, shape.n_filt, shape.filt_height, shape.filt_width)
        if weight.shape != want:
            raise ModelError(f"weights of shape {weight.shape}", where=where, allowed=str(want))
        self.add_weights_variable(name="weight", var_name="w{index}",
                                  data=tdc_order(weight, shape),
                                  quantizer=self.get_attr("weight_quantizer"))
        self.add_bias(quantizer=self.get_attr("bias_quantizer"))


class MergeQuantIntoTranspose(MergeLinearActivation):
    """Let a Quant behind the layer set its result type, as hls4ml does for its own layers."""

    def match(self, node):
        """Match a linear activation behind a transposed convolution of open result type."""
        if node.class_name != "Activation" or node.get_attr("activation") != "linear":
            return False
        parent = node.get_input_node(node.inputs[0])
        return (isinstance(parent, ConvTranspose2D) and isinstance(
            parent.get_output_variable().type.precision, UnspecifiedPrecisionType))


class InferTransposePrecision(InferPrecisionTypes):
    """Give 'auto' types that hold every sum; hls4ml would fall back to the default type."""

    def match(self, node):
        """Match a transposed convolution whose input type is known."""
        return isinstance(node, ConvTranspose2D) and super().match(node)

    def _infer_precision(self, node, types_to_infer):
        return self._infer_common_precision(node, types_to_infer, node.shape().most_terms)


CONFIG = """struct config{index} : nnet::conv_transpose_config {{
{sizes}
    static const unsigned reuse_factor = {reuse};
    static const unsigned multiplier_limit = {multipliers};
    typedef {accum_t} accum_t;
    typedef {bias_t} bias_t;
    typedef {weight_t} weight_t;
    template <class x_T, class y_T> using product = nnet::product::{product}<x_T, y_T>;
}};\n"""


def config_cpp(index: int | str, shape: Shape, accum_t: str, bias_t: str, weight_t: str,
               reuse: int = 1, product: str = "mult") -> str:
    """Write the C++ configuration of one layer.

    Args:
        index: Suffix of the struct's name.
        shape: Sizes.
        accum_t: Type of sums.
        bias_t: Type of biases.
        weight_t: Type of weights.
        reuse: Clocks per LR pixel.
        product: A class of nnet::product.

    Returns:
        The struct.
    """
    sizes = "\n".join(f"    static const unsigned {name} = {value};"
                      for name, value in asdict(shape).items())
    return CONFIG.format(index=index, sizes=sizes, reuse=reuse, accum_t=accum_t, bias_t=bias_t,
                         weight_t=weight_t, product=product,
                         multipliers=-(-shape.products // reuse))


class ConvTransposeConfig(LayerConfigTemplate):
    """The layer's C++ configuration."""

    def __init__(self):
        super().__init__(ConvTranspose2D)

    def format(self, node):
        """Write it for a layer."""
        types = {name: node.get_attr(name).name for name in ("accum_t", "bias_t", "weight_t")}
        product = get_backend("vitis").product_type(node.get_input_variable().type.precision,
                                                    node.get_weights("weight").type.precision)
        return config_cpp(node.index, node.shape(), reuse=node.get_attr("reuse_factor"),
                          product=product, **types)


class ConvTransposeCall(FunctionCallTemplate):
    """The layer's call in the top function."""

    def __init__(self):
        super().__init__(ConvTranspose2D, include_header=[f"nnet_utils/{HEADER}"])

    def format(self, node):
        """Write it for a layer."""
        names = self._default_function_params(node)
        return ("nnet::conv_transpose_2d_cl<{input_t}, {output_t}, {config}>"
                "({input}, {output}, {w}, {b});").format(
                    **{**names, "w": node.get_weights("weight").name,
                       "b": node.get_weights("bias").name})


def register() -> None:
    """Make the layer known to hls4ml; once, however often it is called."""
    if "ConvTranspose2D" in layer_map:
        return
    register_layer("ConvTranspose2D", ConvTranspose2D)
    backend = get_backend(BACKEND)
    backend.register_template(ConvTransposeConfig)
    backend.register_template(ConvTransposeCall)
    backend.register_source(source_dir() / HEADER)
    register_pass("merge_quant_into_transpose", MergeQuantIntoTranspose)
    register_pass("infer_transpose_precision", InferTransposePrecision)
    # hls4ml's own inference comes last and would give the layer default types
    update_flow("convert", remove_optimizers=["infer_precision_types"])
    update_flow("convert", add_optimizers=["merge_quant_into_transpose",
                                           "infer_transpose_precision", "infer_precision_types"])
