"""Writers of files with stock ONNX operators only: the exact uint8 network and the plain float one.

May import numpy, the network, the range proof and the ONNX builder. The uint8 file computes in
float32 where the range proof says that it is exact (sums up to 2^24). A wider layer's weights are
cut into digits: one exact float32 convolution each, added and activated in float64, since runtimes
have no convolution in float64. Round is half to even by the ONNX standard.

    data = encode_uint8(network)   # any onnxruntime gives the integer network's bits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.errors import ModelError, Unrepresentable
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.onnx.graph import (
    DOUBLE,
    FLOAT,
    UINT8,
    GraphBuilder,
    activation_format_fits,
    exact_float32,
)
from fsrcnnx.exact.onnx.write import (
    OPERATOR,
    add_nearest,
    enlarged,
    geometry,
    lay_out,
    luma_shapes,
    metadata,
    onnx_weight,
)


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """Float values of one layer.

    Args:
        weight: float (out, in, k, k), as in Layer.
        bias: float, one per kernel.
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


MOST_DIGITS = 8


def _layer(graph: GraphBuilder, x: str, pixel: str, layer: Layer, anchor: bool,
           weight: np.ndarray, bias: np.ndarray, slope: np.ndarray | None) -> str:
    """Add one layer up to its activation, from float32 arrays; returns the tensor's name."""
    name = layer.name
    acc = graph.node(
        OPERATOR[layer.kind],
        [x, graph.constant(f"{name}_weight", onnx_weight(weight, layer.kind)),
         graph.constant(f"{name}_bias", bias)],
        name, **geometry(layer))
    acc = lay_out(graph, acc, layer)
    if anchor:
        acc = graph.node("Add", [acc, add_nearest(graph, pixel, layer.stride)], f"{name}_anchor")
    if slope is None:
        return acc
    slopes = graph.constant(f"{name}_slope", slope.reshape(-1, 1, 1))
    return graph.node("PRelu", [acc, slopes], f"{name}_prelu")


def digits(layer: Layer, lo: np.ndarray, hi: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Cut a layer's weights into signed digits whose sums are exact in float32, as few as will do.

    Args:
        layer: A conv or deconv layer.
        lo: int64 (in,), least input per channel.
        hi: int64 (in,), greatest input per channel.

    Returns:
        (digit, bits): int64 of the weights' shape; the weights are the sum of digit << bits.

    Raises:
        Unrepresentable: If single bits of weights still sum up to more than 2^24.
    """
    for count in range(1, MOST_DIGITS + 1):
        width = -(-layer.weight_format.width // count)
        found, rest = [], layer.weight
        for place in range(count - 1):
            digit = (rest + (1 << (width - 1)) & ((1 << width) - 1)) - (1 << (width - 1))
            found.append((digit, place * width))
            rest = (rest - digit) >> width
        found.append((rest, (count - 1) * width))
        bounds = [ranges.acc_bounds(replace(layer, weight=digit, bias=layer.bias * 0), lo, hi)
                  for digit, _ in found]
        if max(int(np.abs(bound).max()) for bound in bounds) <= ranges.FLOAT32_EXACT:
            return found
    raise Unrepresentable("sums beyond float32, even digit by digit", where=f"layer {layer.name}",
                          allowed=f"2^24 for weights cut into {MOST_DIGITS} digits",
                          fix="use fewer activation bits")


def _wide_layer(graph: GraphBuilder, x: str, pixel: str, network: Network, index: int,
                parts: list[tuple[np.ndarray, int]]) -> str:
    """Add one layer up to its activation, summing digits in float64; returns the tensor's name."""
    layer, frac = network.layers[index], network.acc_frac(index)
    name, where = layer.name, f"layer {layer.name} weight"

    def double(source: str) -> str:
        return graph.node("Cast", [source], f"{source}_double", to=DOUBLE)

    terms = []
    for place, (digit, bits) in enumerate(parts):
        weight = exact_float32(digit, layer.weight_format.frac - bits, where)
        term = f"{name}_digit{place}"
        terms.append(double(graph.node(
            OPERATOR[layer.kind],
            [x, graph.constant(f"{term}_weight", onnx_weight(weight, layer.kind))],
            term, **geometry(layer))))
    terms.append(graph.constant(f"{name}_bias", layer.bias.reshape(-1, 1, 1) * 2.0**-frac))
    if network.anchor and index == len(network.layers) - 1:
        # sums that are not laid out yet take the pixel as it is, one for all phases
        terms.append(double(pixel if layer.kind == "shuffle"
                            else add_nearest(graph, pixel, layer.stride)))
    acc = terms[0]
    for place, term in enumerate(terms[1:], 1):
        acc = graph.node("Add", [acc, term], name if term is terms[-1] else f"{name}_sum{place}")
    acc = lay_out(graph, acc, layer)
    if layer.slope is None:
        return acc
    zero = graph.constant(f"{name}_zero", np.float64(0))
    slope = graph.constant(f"{name}_slope",
                           layer.slope.reshape(-1, 1, 1) * layer.slope_format.step)
    negative = graph.node("Mul", [graph.node("Min", [acc, zero], f"{name}_negative"), slope],
                          f"{name}_sloped")
    positive = graph.node("Max", [acc, zero], f"{name}_positive")
    return graph.node("Add", [positive, negative], f"{name}_prelu")


def encode_uint8(network: Network) -> bytes:
    """Write a network with stock operators, uint8 luma in and out.

    Args:
        network: An integer network with 8-bit luma.

    Returns:
        The file's bytes; the same network gives the same bytes.

    Raises:
        Unrepresentable: If luma is not 8 bits; if a layer is beyond float64, or a feature map or a
            weight's digit beyond float32.
        ModelError: If the network breaks the number contract, or its layers' names meet.
        RuntimeError: If onnx.checker refuses what was written.
    """
    network.check()
    network.check_pixels()
    graph = GraphBuilder(f"{network.name}_uint8")
    lr_shape, hr_shape = luma_shapes(network.scale)

    def scaled(source: str, frac: int, name: str, double: bool = False) -> str:
        """Multiply by 2^-frac, exactly."""
        factor = exact_float32(1, frac, f"node {name}")
        factor = graph.constant(f"{name}_factor", np.float64(factor) if double else factor)
        return graph.node("Mul", [source, factor], name)

    def rounded(source: str, to: Format, name: str, double: bool) -> str:
        """Requantise to raw integers in float32."""
        raw = graph.node("Round", [scaled(source, -to.frac, f"{name}_scaled", double)],
                         f"{name}_round")
        bounds = [graph.constant(f"{name}_{side}", (np.float64 if double else np.float32)(bound))
                  for side, bound in (("lo", to.lo), ("hi", to.hi))]
        raw = graph.node("Clip", [raw, *bounds], f"{name}_clip", doc=str(to))
        return graph.node("Cast", [raw], f"{name}_float", to=FLOAT) if double else raw

    lr = graph.node("Cast", [graph.input("lr", UINT8, lr_shape)], "lr_cast", to=FLOAT)
    x = pixel = scaled(lr, network.in_format.frac, "lr_value")
    lo, hi = (np.array([end]) for end in (network.in_format.lo, network.in_format.hi))
    for index, (layer, bound) in enumerate(zip(network.layers, ranges.prove(network), strict=True)):
        where, last = f"layer {layer.name}", index == len(network.layers) - 1
        wide = bound.peak > ranges.FLOAT32_EXACT
        if bound.peak > ranges.FLOAT64_EXACT or not activation_format_fits(layer.out_format):
            raise Unrepresentable(f"values up to {bound.peak}, feature map in {layer.out_format}",
                                  where=where, fix="use fewer bits",
                                  allowed="2^53; 1..24 bits unsigned, 2..25 bits signed")
        if wide:
            acc = _wide_layer(graph, x, pixel, network, index, digits(layer, lo, hi))
        else:
            acc = _layer(
                graph, x, pixel, layer, network.anchor and last,
                exact_float32(layer.weight, layer.weight_format.frac, f"{where} weight"),
                exact_float32(layer.bias, network.acc_frac(index), f"{where} bias"),
                None if layer.slope is None else
                exact_float32(layer.slope, layer.slope_format.frac, f"{where} slope"))
        raw = rounded(acc, layer.out_format, f"{layer.name}_quant", wide)
        if not last:
            x = scaled(raw, layer.out_format.frac, f"{layer.name}_quant")
        lo, hi = bound.out_lo, bound.out_hi
    graph.node("Cast", [raw], f"{layer.name}_cast", output="hr", to=UINT8)
    graph.output("hr", UINT8, hr_shape)
    return graph.model(
        metadata(network), f"Integer network in exact float32; uint8 luma.{enlarged(network)}",
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
    return graph.model(properties, f"Float network; lr and hr = pixel/256.{enlarged(network)}",
                       __version__)


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
