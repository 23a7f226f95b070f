"""Writers of files with stock ONNX operators only: the exact uint8 network and the plain float one.

May import numpy, the network, the range proof and the ONNX builder. The uint8 file computes in
float32, which is exact for every network that ranges.float32_exact accepts; others are refused.
Round is half to even by the ONNX standard.

    data = encode_uint8(network)   # any onnxruntime gives the integer network's bits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.errors import ModelError
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.onnx_graph import FLOAT, UINT8, GraphBuilder, exact_float32
from fsrcnnx.exact.onnx_write import (
    add_anchor,
    check_names,
    geometry,
    luma_shapes,
    metadata,
    onnx_weight,
)


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """Float values of one layer.

    Args:
        weight: float (out, in, k, k), for conv and deconv alike.
        bias: float (out,).
        slope: float (out,) PReLU slopes, or None without activation.
    """

    weight: np.ndarray
    bias: np.ndarray
    slope: np.ndarray | None = None


def dequantise(network: Network) -> dict[str, FloatLayer]:
    """Read off what a network's integers are worth.

    Args:
        network: An integer network.

    Returns:
        Layer name -> float64 values, raw * 2^-frac.
    """
    values = {}
    for index, layer in enumerate(network.layers):
        values[layer.name] = FloatLayer(
            layer.weight * layer.weight_format.step,
            layer.bias * 2.0**-network.acc_frac(index),
            None if layer.slope is None else layer.slope * layer.slope_format.step)
    return values


def _layer(graph: GraphBuilder, x: str, pixel: str, layer: Layer, anchor: bool,
           weight: np.ndarray, bias: np.ndarray, slope: np.ndarray | None) -> str:
    """Add one layer up to its activation, from float32 arrays; returns the tensor's name."""
    name = layer.name
    acc = graph.node(
        {"conv": "Conv", "deconv": "ConvTranspose"}[layer.kind],
        [x, graph.constant(f"{name}_weight", onnx_weight(weight, layer.kind)),
         graph.constant(f"{name}_bias", bias)],
        name, **geometry(layer))
    if anchor:
        acc = add_anchor(graph, acc, pixel, layer)
    if slope is None:
        return acc
    slopes = graph.constant(f"{name}_slope", slope.reshape(-1, 1, 1))
    return graph.node("PRelu", [acc, slopes], f"{name}_prelu")


def encode_uint8(network: Network) -> bytes:
    """Write a network with stock operators, uint8 luma in and out.

    Args:
        network: An integer network with 8-bit luma on which float32 is exact.

    Returns:
        The file's bytes; the same network gives the same bytes.

    Raises:
        ModelError: If float32 is not exact, naming the layer; if luma is not 8 bits; or if the
            network breaks the number contract.
    """
    network.check()
    check_names(network)
    for where, to in (("the input", network.in_format), ("the output", network.out_format)):
        if to.signed or to.width != 8:
            raise ModelError(f"luma in {to}", where=where, allowed="8 unsigned bits")
    violations = ranges.float32_exact(network)
    if violations:
        raise ModelError(f"float32 is not exact: {violations[0]}", where=network.name,
                         allowed="sums and unsaturated products up to 2^24",
                         fix="use fewer weight, activation or slope bits")
    graph = GraphBuilder(f"{network.name}_uint8")
    lr_shape, hr_shape = luma_shapes(network.scale)

    def scaled(source: str, frac: int, name: str) -> str:
        """Multiply by 2^-frac, exactly."""
        factor = graph.constant(f"{name}_factor", exact_float32(1, frac, f"node {name}"))
        return graph.node("Mul", [source, factor], name)

    def rounded(source: str, to: Format, name: str) -> str:
        """Requantise to raw integers in float32."""
        raw = graph.node("Round", [scaled(source, -to.frac, f"{name}_scaled")], f"{name}_round")
        bounds = [graph.constant(f"{name}_{side}", exact_float32(bound, 0, f"node {name}"))
                  for side, bound in (("lo", to.lo), ("hi", to.hi))]
        return graph.node("Clip", [raw, *bounds], f"{name}_clip", doc=str(to))

    lr = graph.node("Cast", [graph.input("lr", UINT8, lr_shape)], "lr_cast", to=FLOAT)
    x = pixel = scaled(lr, network.in_format.frac, "lr_value")
    for index, layer in enumerate(network.layers):
        where, last = f"layer {layer.name}", index == len(network.layers) - 1
        acc = _layer(
            graph, x, pixel, layer, network.anchor and last,
            exact_float32(layer.weight, layer.weight_format.frac, f"{where} weight"),
            exact_float32(layer.bias, network.acc_frac(index), f"{where} bias"),
            None if layer.slope is None else
            exact_float32(layer.slope, layer.slope_format.frac, f"{where} slope"))
        raw = rounded(acc, layer.out_format, f"{layer.name}_quant")
        if not last:
            x = scaled(raw, layer.out_format.frac, f"{layer.name}_quant")
    graph.node("Cast", [raw], f"{layer.name}_cast", output="hr", to=UINT8)
    graph.output("hr", UINT8, hr_shape)
    return graph.model(metadata(network), "Integer network in exact float32; uint8 luma.",
                       __version__)


def encode_float(network: Network, weights: Mapping[str, FloatLayer] | None = None) -> bytes:
    """Write a network without quantisation, float luma (pixel/256) in and out.

    Args:
        network: Gives layer names, kinds, strides, paddings, the anchor and the metadata.
        weights: Layer name -> float values; by default what the network's integers are worth.

    Returns:
        The file's bytes; the same values give the same bytes.

    Raises:
        ModelError: If a layer is missing or unknown, or a value has another shape than the
            network's or is not finite.
    """
    network.check()
    check_names(network)
    weights = dequantise(network) if weights is None else weights
    wanted = {layer.name for layer in network.layers}
    if set(weights) != wanted:
        raise ModelError(f"float values for layers {', '.join(sorted(weights))}",
                         where=network.name, allowed=", ".join(sorted(wanted)))
    graph = GraphBuilder(f"{network.name}_float")
    lr_shape, hr_shape = luma_shapes(network.scale)
    x = pixel = graph.input("lr", FLOAT, lr_shape)
    for layer in network.layers:
        last = layer is network.layers[-1]
        values = [_checked(getattr(weights[layer.name], role), getattr(layer, role),
                           f"layer {layer.name} {role}") for role in ("weight", "bias", "slope")]
        x = _layer(graph, x, pixel, layer, network.anchor and last, *values)
    graph.node("Identity", [x], "luma", output="hr")
    graph.output("hr", FLOAT, hr_shape)
    # the float values are not what was hashed: say whose hash it is
    properties = {"integer_content_hash" if key == "content_hash" else key: value
                  for key, value in metadata(network).items()}
    return graph.model(properties, "Float network; lr and hr = pixel/256.", __version__)


def _checked(value: np.ndarray | None, like: np.ndarray | None, where: str) -> np.ndarray | None:
    """Bring a layer's float values to float32, holding their shape against the network's."""
    if value is None and like is None:
        return None
    if value is None or like is None or np.shape(value) != like.shape:
        found = "none" if value is None else f"shape {np.shape(value)}"
        raise ModelError(f"float values: {found}", where=where,
                         allowed="none" if like is None else f"shape {like.shape}")
    value = np.asarray(value, np.float32)
    if not np.isfinite(value).all():
        raise ModelError("a value that is not finite", where=where, allowed="finite values")
    return value
