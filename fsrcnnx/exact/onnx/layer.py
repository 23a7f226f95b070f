"""Conv, ConvTranspose, PRelu and Relu nodes as layers of the integer network: exact, or refused.

May import numpy, the limits, the network, the formats and the ONNX view.

    layer = read_layer(view, conv, prelu, "feature", 8, Format(True, 8, 5))
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from fsrcnnx import limits
from fsrcnnx.exact.formats import MAX_WIDTH, Format
from fsrcnnx.exact.network import Layer
from fsrcnnx.exact.onnx.quant import read_constant
from fsrcnnx.exact.onnx.view import OnnxView
from fsrcnnx.exact.onnx.write import onnx_weight

RELU_FORMAT = Format(False, 1, 0)  # holds the slope 0


def read_layer(view: OnnxView, node: NodeProto, activation: NodeProto | None, name: str,
               in_frac: int, out_format: Format, block: int = 1) -> Layer:
    """Read a layer's weights and shape.

    Args:
        view: The file.
        node: The Conv or ConvTranspose.
        activation: The PRelu or Relu after it, or None.
        name: Its name.
        in_frac: Fraction bits of the feature map that enters it.
        out_format: Format of the feature map that leaves it.
        block: Side of the blocks of pixels that a DepthToSpace lays its sums out to, 1 without.

    Returns:
        The layer.

    Raises:
        ModelError: If it is not a convolution of the number contract.
    """
    kind = "deconv" if node.op_type == "ConvTranspose" else "shuffle" if block > 1 else "conv"
    weight, weight_format = read_constant(view, node, 1, "weight")
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or not weight.size:
        view.refuse(f"weight of shape {weight.shape}", node, allowed="four axes, square kernel")
    if not weight_format.signed:
        view.refuse("attribute signed is 0 for the weight", view.producer(
            node.input[1], "", node), allowed="1")
    view.spend(weight.size, node)
    weight = np.ascontiguousarray(onnx_weight(weight, kind))
    stride, padding = read_geometry(view, node, kind, weight.shape[2])
    bias = np.zeros(weight.shape[0], np.int64)
    if len(node.input) > 2 and node.input[2]:
        bias, given = read_constant(view, node, 2, "bias")
        bias = _to_accumulator(view, node, bias, given, in_frac + weight_format.frac)
        if bias.shape != weight.shape[:1]:
            view.refuse(f"bias of shape {bias.shape}", node, allowed=f"{weight.shape[:1]}")
    if kind == "shuffle":
        stride = block
        if len(weight) != block**2:
            view.refuse(f"{len(weight)} output channels in front of a DepthToSpace of {block}",
                        node, allowed=f"{block**2}, one per pixel of a block of luma")
    slope = slope_format = None
    if activation is not None:
        slope, slope_format = read_slope(view, activation, 1 if block > 1 else len(weight))
    return Layer(name, kind, weight, weight_format, bias, out_format, slope, slope_format,
                 stride, padding)


def _to_accumulator(view: OnnxView, node: NodeProto, raw: np.ndarray, given: Format,
                    frac: int) -> np.ndarray:
    """Bring a bias of any scale to the accumulator's, exactly."""
    scaled = np.ldexp(raw.astype(np.float64), frac - given.frac)  # exact: raw came from float32
    if (scaled != np.rint(scaled)).any() or (np.abs(scaled) >= 2.0**MAX_WIDTH).any():
        view.refuse("bias is not on the accumulator's grid", view.producer(node.input[2], "", node),
                    allowed=f"multiples of 2^{-frac} within {MAX_WIDTH} bits",
                    fix="scale the bias by input scale times weight scale, or round it with "
                        "`fsrcnnx import`")
    return scaled.astype(np.int64)


def read_slope(view: OnnxView, node: NodeProto, channels: int) -> tuple[np.ndarray, Format]:
    """Read an activation's slopes.

    Args:
        view: The file.
        node: The PRelu or Relu.
        channels: Channels of the layer.

    Returns:
        int64 (channels,) raw slopes and their format; zeros for Relu.

    Raises:
        ModelError: If the slopes are not one, or one per channel.
    """
    if node.op_type == "Relu":
        return np.zeros(channels, np.int64), RELU_FORMAT
    slope, to = read_constant(view, node, 1, "slope")
    if slope.size == 1:
        slope = np.full(channels, slope.flat[0])
    elif slope.shape not in ((channels, 1, 1), (1, channels, 1, 1)):
        view.refuse(f"slope of shape {slope.shape}", node,
                    allowed=f"({channels}, 1, 1) or a single one")
    return slope.reshape(channels), to


def read_block(view: OnnxView, node: NodeProto) -> int:
    """Read how far a DepthToSpace lays sums out.

    Args:
        view: The file.
        node: The DepthToSpace; its modes DCR and CRD agree where it gives one channel.

    Returns:
        Side of its blocks, 2..limits.SCALE.

    Raises:
        ModelError: If an attribute is out of range.
    """
    given = view.attributes(node, blocksize=0, mode="DCR")
    if given["mode"] not in ("DCR", "CRD"):
        view.refuse(f"attribute mode is {given['mode']}", node, allowed="DCR or CRD")
    if not 2 <= given["blocksize"] <= limits.SCALE:
        view.refuse(f"attribute blocksize is {given['blocksize']}", node,
                    allowed=f"2..{limits.SCALE}")
    return given["blocksize"]


def read_geometry(view: OnnxView, node: NodeProto, kind: str, kernel: int) -> tuple[int, int]:
    """Read stride and padding.

    Args:
        view: The file.
        node: The Conv or ConvTranspose.
        kind: conv, deconv or shuffle.
        kernel: Kernel side.

    Returns:
        Stride and padding.

    Raises:
        ModelError: If an attribute makes it another operation than the number contract's.
    """
    defaults = {"auto_pad": "NOTSET", "dilations": [1, 1], "group": 1, "strides": [1, 1],
                "kernel_shape": [kernel] * 2, "pads": [0] * 4}
    if kind == "deconv":
        defaults["output_padding"] = [0, 0]
    given = view.attributes(node, **defaults)

    def need(name: str, allowed: list) -> None:
        if given[name] not in allowed:
            view.refuse(f"attribute {name} is {given[name]}", node,
                        allowed=" or ".join(map(str, allowed)))

    for name in ("auto_pad", "dilations", "group", "kernel_shape"):
        need(name, [defaults[name]])
    stride = given["strides"][0] if given["strides"] else 0
    if kind != "deconv":
        need("strides", [[1, 1]])
        if kernel % 2 == 0:
            view.refuse(f"kernel_shape {[kernel] * 2}", node, allowed="odd kernels")
        need("pads", [[(kernel - 1) // 2] * 4])
    else:
        need("strides", [[max(stride, 1)] * 2])
        # out = s*(H-1) + output_padding + k - 2p must be s*H, with 0 <= output_padding < s
        need("pads", [[p] * 4 for p in range(kernel) if 0 <= stride - kernel + 2 * p < stride]
             or ["none for this kernel and stride"])
        need("output_padding", [[stride - kernel + 2 * given["pads"][0]] * 2])
    return stride, given["pads"][0]
