"""The ways into hls4ml's ConvTranspose2D: ONNX's ConvTranspose (through qonnx) and torch's.

May import hls4ml, qonnx and the layer. hls4ml reads ONNX channels last, and qonnx's own pass to it
does not know ConvTranspose: `ConvTransposeToChannelsLast` comes before it.

    model = model.transform(ConvTransposeToChannelsLast())
    model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    model = model.transform(GiveUniqueNodeNames()).transform(GiveReadableTensorNames())
"""

from __future__ import annotations

from collections.abc import Sequence

from hls4ml.converters.onnx_to_hls import get_onnx_attribute, register_onnx_layer_handler
from hls4ml.converters.pytorch_to_hls import register_pytorch_layer_handler
from hls4ml.model.attributes import ConfigurableAttribute, TypeAttribute
from hls4ml.model.flow import update_flow
from hls4ml.model.layers import Constant, Layer, layer_map, register_layer
from hls4ml.model.optimizer import OptimizerPass, register_pass
from onnx import GraphProto, NodeProto, TensorProto, helper
from qonnx.custom_op.channels_last.base_wrapped_op import (
    ChannelsLastWrappedOp,
    to_channels_first_args,
    to_channels_last_args,
)
from qonnx.custom_op.registry import add_op_to_domain
from qonnx.transformation import channels_last as _channels_last  # noqa: F401  see register
from qonnx.transformation.base import Transformation

from fsrcnnx.emit.hls.transpose import ConvTranspose2D, Shape
from fsrcnnx.errors import ModelError

DOMAIN = "qonnx.custom_op.channels_last"


def out_size(size: int, kernel: int, stride: int, pads: Sequence[int], extra: int) -> int:
    """Give the output size along one axis.

    Args:
        size: Input size.
        kernel: Kernel size.
        stride: Stride.
        pads: Cropped at the beginning and at the end.
        extra: output_padding.

    Returns:
        The size, which may be less than 1 for pads that crop everything.

    Source: ONNX's ConvTranspose and torch's ConvTranspose2d, which agree, at dilation 1.
    """
    return stride * (size - 1) + extra + kernel - sum(pads)


def read_shape(node: NodeProto, height: int, width: int, weight: Sequence[int]) -> Shape:
    """Read the sizes of an ONNX ConvTranspose.

    Args:
        node: The node.
        height: Lines of its input.
        width: Columns of its input.
        weight: Shape of its weights, (in, out, kernel lines, kernel columns).

    Returns:
        The sizes.

    Raises:
        ModelError: If the node has what the layer cannot do, naming node and attribute.
    """
    where = f"node {node.name or node.output[0]}"

    def need(attribute: str, found: object, allowed: object, fix: str) -> None:
        if found != allowed:
            raise ModelError(f"ConvTranspose with {attribute} {found}", where=where,
                             allowed=f"{attribute} {allowed}", fix=fix)

    if len(weight) != 4:
        raise ModelError(f"ConvTranspose with weights of {len(weight)} dimensions", where=where,
                         allowed="4 (two-dimensional)")
    n_chan, n_filt, *kernel = weight
    fix = "express it otherwise before the conversion"
    need("auto_pad", get_onnx_attribute(node, "auto_pad", "NOTSET"), "NOTSET", "give pads instead")
    need("group", int(get_onnx_attribute(node, "group", 1)), 1, fix)
    need("dilations", list(get_onnx_attribute(node, "dilations", [1, 1])), [1, 1], fix)
    need("output_shape", get_onnx_attribute(node, "output_shape"), None,
         "give pads and output_padding instead")
    need("kernel_shape", list(get_onnx_attribute(node, "kernel_shape", kernel)), list(kernel),
         "give the weights' own")
    strides = get_onnx_attribute(node, "strides", [1, 1])
    pads = get_onnx_attribute(node, "pads", [0, 0, 0, 0])
    extra = get_onnx_attribute(node, "output_padding", [0, 0])
    for name, values, least in (("strides", strides, 1), ("pads", pads, 0),
                                ("output_padding", extra, 0)):
        if min(values) < least:
            raise ModelError(f"ConvTranspose with {name} {list(values)}", where=where,
                             allowed=f"{least} or more")
    return Shape(
        in_height=height, in_width=width, n_chan=n_chan, n_filt=n_filt,
        filt_height=kernel[0], filt_width=kernel[1],
        stride_height=strides[0], stride_width=strides[1], pad_top=pads[0], pad_left=pads[1],
        out_height=out_size(height, kernel[0], strides[0], pads[0::2], extra[0]),
        out_width=out_size(width, kernel[1], strides[1], pads[1::2], extra[1])).check(where)


class ConvTranspose(Layer):
    """An ONNX ConvTranspose, channels last, before its constant weights are moved into it."""

    # what a configuration made from the ONNX graph may set; handed on to ConvTranspose2D
    _expected_attributes = (ConfigurableAttribute("reuse_factor", default=1),
                            TypeAttribute("accum"))

    def initialize(self):
        """Make the output."""
        self.add_output_variable([self.get_attr(name)
                                  for name in ("out_height", "out_width", "n_filt")])


def need_channels_last(node, transform: str, graph: GraphProto | None) -> None:
    """Refuse a node that qonnx's pass to channels last has not wrapped, or that it named badly.

    Args:
        node: Of ONNX.
        transform: The transformation that comes before that pass.
        graph: It is in; None: a node by itself.

    Raises:
        ModelError: If it is not channels last, or a constant's name begins with a digit: hls4ml
            1.3 renames such a constant, but not where it is read, and loses it. One random name
            in six that qonnx's pass gives is of these.
    """
    if node.domain != DOMAIN:
        raise ModelError(f"{node.op_type} is not channels last", where=f"node {node.name}",
                         allowed=f"domain {DOMAIN}",
                         fix=f"transform with {transform}, then with ConvertToChannelsLastAndClean")
    for constant in graph.initializer if graph is not None else ():
        if constant.name[:1].isdigit():
            raise ModelError("hls4ml loses constants whose name begins with a digit",
                             where=f"tensor {constant.name}", allowed="a letter or _ first",
                             fix="transform with GiveUniqueNodeNames, GiveReadableTensorNames")


def read_onnx(node, input_names, input_shapes, graph):
    """Read an ONNX ConvTranspose node: hls4ml's layer handler."""
    need_channels_last(node, "ConvTransposeToChannelsLast", graph)
    shape = read_shape(node, *input_shapes[0][1:3], input_shapes[1])
    return {"name": node.name, "class_name": "ConvTranspose", "data_format": "channels_last",
            "inputs": input_names, "outputs": node.output, **vars(shape)}


class ConstantsIntoTranspose(OptimizerPass):
    """Turn ConvTranspose with constant weights into ConvTranspose2D."""

    def match(self, node):
        """Match every ConvTranspose: none may be left."""
        return isinstance(node, ConvTranspose)

    def transform(self, model, node):
        """Replace it, its weights and its bias by one node."""
        constants = [node.get_input_node(name) for name in node.inputs[1:]]
        for what, constant in zip(("weights", "bias"), constants, strict=False):
            if not isinstance(constant, Constant):
                raise ModelError(
                    f"{what} that are no constant to hls4ml", where=f"layer {node.name}",
                    allowed="an initializer, or a Quant of one with one power of two as scale")
        weight, bias = (*constants, None)[:2]
        attributes = {name: node.get_attr(name) for name in Shape.__annotations__}
        attributes |= {
            "data_format": "channels_last",
            "weight_data": weight.get_attr("value"),
            "weight_quantizer": weight.get_attr("quantizer"),
            "bias_data": bias.get_attr("value").ravel() if bias else None,
            "bias_quantizer": bias.get_attr("quantizer") if bias else None,
        }
        # the configuration was written for the ONNX name
        name, config = f"{ConvTranspose2D.__name__}_{node.name}", model.config
        config.set_name_config(name, config.get_layer_config(node))
        config.parse_name_config(name, config.get_layer_config(node))
        new = model.make_node(ConvTranspose2D, name, attributes, [node.inputs[0]],
                              list(node.outputs))
        for at in range(len(constants), 0, -1):
            model.remove_node(constants[at - 1])
            del node.inputs[at]
        model.replace_node(node, new)
        return True


def read_torch(operation, layer_name, input_names, input_shapes, node, module, reader, config):
    """Read a torch ConvTranspose2d: hls4ml's layer handler."""
    _, n_chan, height, width = input_shapes[0]
    where = f"module {layer_name}"
    if tuple(module.dilation) != (1, 1):
        raise ModelError(f"dilation {tuple(module.dilation)}", where=where, allowed="(1, 1)")
    pads, extra = module.padding, module.output_padding
    size = [out_size(length, kernel, stride, (pad, pad), more) for length, kernel, stride, pad, more
            in zip((height, width), module.kernel_size, module.stride, pads, extra, strict=True)]
    shape = Shape(height, width, n_chan, module.out_channels, *module.kernel_size, *module.stride,
                  *pads, *size).check(where)
    bias = module.bias
    layer = {"name": layer_name, "class_name": "ConvTranspose2D", "inputs": input_names,
             "data_format": "channels_first", "weight_data": module.weight.detach().numpy(),
             "bias_data": bias.detach().numpy() if bias is not None else None, **vars(shape)}
    return layer, [input_shapes[0][0], shape.n_filt, *size]


class ConvTranspose_v1(ChannelsLastWrappedOp):  # qonnx reads name and version off it
    """ConvTranspose on channels-last data; weights stay as ONNX has them."""

    def get_nodeattr_types(self):
        """Attributes as in ONNX: (type, required, default)."""
        return {"kernel_shape": ("ints", False, []), "strides": ("ints", False, [1, 1]),
                "pads": ("ints", False, [0, 0, 0, 0]), "dilations": ("ints", False, [1, 1]),
                "output_padding": ("ints", False, [0, 0]), "group": ("i", False, 1)}

    def make_shape_compatible_op(self, model):
        """Give a node of the output's shape, for shape inference."""
        node = self.onnx_node
        _, height, width, _ = model.get_tensor_shape(node.input[0])
        shape = read_shape(node, height, width, model.get_tensor_shape(node.input[1]))
        return super().make_const_shape_op((1, shape.out_height, shape.out_width, shape.n_filt))

    def verify_node(self):
        """Check nothing: reading it does."""
        return []


class ConvTransposeToChannelsLast(Transformation):
    """Put each ConvTranspose between Transposes, as qonnx does for Conv; its cleaning pass, which
    comes after, removes those that meet."""

    operators = ("ConvTranspose",)

    def apply(self, model):
        """Transform the model; once."""
        changed = False
        for node in [n for n in model.graph.node if n.op_type in self.operators and not n.domain]:
            at = list(model.graph.node).index(node)
            inside = []
            for name in (node.input[0], node.output[0]):
                size = model.get_tensor_shape(name)
                inside.append(model.make_new_valueinfo_name())
                model.graph.value_info.append(helper.make_tensor_value_info(
                    inside[-1], TensorProto.FLOAT, [size[i] for i in to_channels_last_args(4)]))
            before = helper.make_node("Transpose", [node.input[0]], [inside[0]],
                                      perm=to_channels_last_args(4))
            after = helper.make_node("Transpose", [inside[1]], [node.output[0]],
                                     perm=to_channels_first_args(4))
            node.input[0], node.output[0], node.domain = *inside, DOMAIN
            model.graph.node.insert(at, before)
            model.graph.node.insert(at + 2, after)
            changed = True
        imports = model.get_opset_imports()
        if changed and DOMAIN not in imports:
            model.model.opset_import.append(helper.make_opsetid(DOMAIN, imports[""]))
        return model, False


def register() -> None:
    """Make hls4ml and qonnx read transposed convolutions; once, however often it is called."""
    if "ConvTranspose" in layer_map:
        return
    register_layer("ConvTranspose", ConvTranspose)
    register_onnx_layer_handler("ConvTranspose", read_onnx)
    register_pytorch_layer_handler("ConvTranspose2d", read_torch)
    register_pass("constants_into_transpose", ConstantsIntoTranspose)
    update_flow("parse_qonnx", add_optimizers=["constants_into_transpose"])
    # after qonnx's pass has listed the operators it moves: it would transpose the weights
    add_op_to_domain(DOMAIN, ConvTranspose_v1)
