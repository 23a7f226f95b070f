"""The QONNX writer: an integer network as Quant, Conv, ConvTranspose, DepthToSpace, PRelu nodes.

May import numpy, the network, the formats and the ONNX builder. Values in the file are raw *
2^-frac in float32; names are the layer names, so that the graph reads well in a viewer:

    lr -> lr_quant -> feature -> feature_prelu -> feature_quant -> ... -> deconv -> hr

Source: QONNX operator Quant, https://github.com/fastmachinelearning/qonnx, docs/qonnx-custom-ops.

    data = encode(network)
"""

from __future__ import annotations

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.errors import ModelError, Unrepresentable
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.onnx.graph import FLOAT, GraphBuilder, activation_format_fits, exact_float32

OPERATOR = {"conv": "Conv", "deconv": "ConvTranspose", "shuffle": "Conv"}
RESERVED = ("architecture", "scale", "content_hash", "fsrcnnx_version", "prescale")


def bias_format(layer: Layer, frac: int) -> Format:
    """Choose the narrowest signed format that holds a layer's bias.

    Args:
        layer: The layer.
        frac: Fraction bits of its accumulator.

    Returns:
        A signed format of 2 bits or more.
    """
    lo, hi = int(layer.bias.min()), int(layer.bias.max())
    return Format(True, max(2, 1 + max(hi, ~lo).bit_length()), frac)  # ~lo = -lo - 1


def metadata(network: Network) -> dict[str, str]:
    """Collect a file's text properties.

    Args:
        network: The network.

    Returns:
        Architecture, scale, content hash and writer version, the prescale if it is above 1, then
        network.meta by key.

    Raises:
        ModelError: If network.meta uses one of our own keys, or is not text.
    """
    for key, value in network.meta.items():
        if key in RESERVED or not key or not isinstance(key, str) or not isinstance(value, str):
            raise ModelError(f"metadata {key!r}: {value!r}", where=network.name,
                             allowed=f"text under keys other than {', '.join(RESERVED)}")
    own = [network.name, str(network.scale), network.content_hash(), __version__]
    if network.prescale > 1:
        own.append(str(network.prescale))
    return dict(zip(RESERVED, own, strict=False)) | dict(sorted(network.meta.items()))


def enlarged(network: Network) -> str:
    """Say in words what a network's user has to do before.

    Args:
        network: The network.

    Returns:
        A sentence with a space before it; empty where there is nothing to do.
    """
    if network.prescale == 1:
        return ""
    return f" The input is luma that bicubic has enlarged {network.prescale} times."


def geometry(layer: Layer) -> dict[str, object]:
    """Say a layer's shape in ONNX attributes.

    Args:
        layer: A layer of any kind.

    Returns:
        Attributes of Conv or ConvTranspose; a deconv's output is stride times the input.
    """
    stride = layer.stride if layer.kind == "deconv" else 1
    attributes = {"kernel_shape": [layer.kernel] * 2, "strides": [stride] * 2,
                  "pads": [layer.padding] * 4, "dilations": [1, 1], "group": 1}
    if layer.kind == "deconv":
        # ONNX: out = s*(H-1) + output_padding + k - 2p, to be s*H
        attributes["output_padding"] = [layer.stride - layer.kernel + 2 * layer.padding] * 2
    return attributes


def onnx_weight(weight: np.ndarray, kind: str) -> np.ndarray:
    """Reorder weights between ours and ONNX's; its own inverse.

    Args:
        weight: (out, in, k, k), or ONNX's shape.
        kind: Layer kind: ConvTranspose wants (in, out, k, k).

    Returns:
        The other order, same dtype.
    """
    return weight.transpose(1, 0, 2, 3) if kind == "deconv" else weight


def lay_out(graph: GraphBuilder, acc: str, layer: Layer) -> str:
    """Lay the sums of a shuffle out as pixels; those of other kinds are so already.

    Args:
        graph: The graph so far.
        acc: What the layer's convolution gives.
        layer: The layer.

    Returns:
        Name of the tensor (N, out, s*H, s*W).
    """
    if layer.kind != "shuffle":
        return acc
    return graph.node("DepthToSpace", [acc], f"{layer.name}_shuffle", mode="CRD",
                      blocksize=layer.stride)


def add_nearest(graph: GraphBuilder, pixel: str, stride: int) -> str:
    """Repeat each LR pixel over its phases, as the anchor wants it.

    Args:
        graph: The graph so far.
        pixel: Input luma tensor, (N, 1, H, W).
        stride: Of the last layer, s.

    Returns:
        Name of the tensor (N, 1, s*H, s*W).
    """
    if stride == 1:
        return pixel
    scales = graph.constant("lr_nearest_scales", np.float32([1, 1, stride, stride]))
    return graph.node("Resize", [pixel, "", scales], "lr_nearest", mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def luma_shapes(scale: int) -> tuple[tuple, tuple]:
    """Shapes of the graph's input and output, batch, height and width open.

    Args:
        scale: Output size over input size.

    Returns:
        Input shape, output shape.
    """
    times = f"{scale}*" if scale > 1 else ""
    return ("N", 1, "H", "W"), ("N", 1, f"{times}H", f"{times}W")


def encode(network: Network) -> bytes:
    """Write a network as QONNX.

    Args:
        network: An integer network.

    Returns:
        The file's bytes; the same network gives the same bytes.

    Raises:
        ModelError: If the network breaks the number contract, or a value, format or name does not
            fit into such a file.
    """
    network.check()
    for where, to in [("the input", network.in_format)] + [
            (f"layer {layer.name}", layer.out_format) for layer in network.layers]:
        if not activation_format_fits(to):
            raise Unrepresentable(f"a feature map in {to}", where=where,
                                  allowed="1..24 bits unsigned, 2..25 bits signed")
    graph = GraphBuilder(network.name)
    lr_shape, hr_shape = luma_shapes(network.scale)
    x = pixel = graph.quant(graph.input("lr", FLOAT, lr_shape), network.in_format, "lr_quant")
    for index, layer in enumerate(network.layers):
        name, frac = layer.name, network.acc_frac(index)

        def quantised(role: str, raw: np.ndarray, to: Format, name: str = name) -> str:
            full = f"{name}_{role}"
            constant = graph.constant(full, exact_float32(raw, to.frac, f"layer {name} {role}"))
            return graph.quant(constant, to, f"{full}_quant")

        weight = quantised("weight", onnx_weight(layer.weight, layer.kind), layer.weight_format)
        bias = quantised("bias", layer.bias, bias_format(layer, frac))
        acc = graph.node(OPERATOR[layer.kind], [x, weight, bias], name, **geometry(layer))
        acc = lay_out(graph, acc, layer)
        last = index == len(network.layers) - 1
        if network.anchor and last:
            nearest = add_nearest(graph, pixel, layer.stride)
            acc = graph.node("Add", [acc, nearest], f"{name}_anchor")
        if layer.slope is not None:
            slope = quantised("slope", layer.slope.reshape(-1, 1, 1), layer.slope_format)
            acc = graph.node("PRelu", [acc, slope], f"{name}_prelu")
        x = graph.quant(acc, layer.out_format, f"{name}_quant", output="hr" if last else "")
    graph.output("hr", FLOAT, hr_shape)
    return graph.model(
        metadata(network),
        f"Integer network; value = raw * 2^-frac, lr = pixel/256.{enlarged(network)}", __version__)
