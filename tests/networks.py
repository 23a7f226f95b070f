"""Random integer networks of the family, for property tests.

    random_network(np.random.default_rng(1), kernels=(3, 1, 3), channels=(5, 4))
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format, requantise
from fsrcnnx.exact.network import PIXEL, Layer, Network


def random_layer(
    rng: np.random.Generator,
    name: str,
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    kind: str = "conv",
    padding: int | None = None,
    weight_bits: int = 8,
    out_format: Format | None = None,
    slope_bits: int = 8,
    prelu: bool = True,
) -> Layer:
    """One layer with weights over their whole range, without bias."""
    weight_format = Format(True, weight_bits, weight_bits - 1)
    kernels = stride**2 if kind == "shuffle" else out_channels
    weight = rng.integers(weight_format.lo, weight_format.hi + 1,
                          (kernels, in_channels, kernel, kernel), dtype=np.int64)
    slope_format = Format(True, slope_bits, slope_bits - 1) if prelu else None
    slope = (rng.integers(slope_format.lo // 4, slope_format.hi + 1, out_channels, dtype=np.int64)
             if prelu else None)
    if padding is None:
        padding = (kernel - stride + 1) // 2 if kind == "deconv" else (kernel - 1) // 2
    return Layer(
        name, kind, weight, weight_format, np.zeros(kernels, np.int64),
        out_format or Format(True, 8, 4), slope, slope_format, stride, padding)


def _fit(rng: np.random.Generator, layer: Layer, x: np.ndarray, in_format: Format):
    """Choose the binary point of the weights, and biases, so that a few outputs saturate."""
    acc = golden.accumulate(x, layer)
    out = layer.out_format
    # a standard deviation of half the positive range saturates a few per cent
    want = out.hi / (2 if out.signed else 4)
    lower = int(np.round(np.log2(max(acc.std(), 1) / want)))
    shift = max(lower, 0)
    frac = out.frac + shift - in_format.frac
    middle = 0 if out.signed else out.hi << shift >> 1
    spread = max(1, out.hi >> 2) << shift
    bias = middle - np.rint(acc.mean((0, 1))).astype(np.int64) + rng.integers(
        -spread, spread + 1, layer.bias.size)
    layer = replace(layer, weight_format=replace(layer.weight_format, frac=frac), bias=bias)
    extra = layer.slope_format.frac if layer.slope_format else 0
    acted = golden.activate(golden.accumulate(x, layer), layer)
    y = requantise(acted, shift + extra, out)
    return layer, y


def random_network(
    rng: np.random.Generator,
    *,
    channels: tuple[int, ...] = (5, 3, 3, 5),
    kernels: tuple[int, ...] = (3, 1, 3, 1, 3),
    scale: int = 2,
    weight_bits: int = 8,
    activation_bits: int = 8,
    anchor: bool = False,
    prelu: bool = True,
    signed: bool = True,
    last: str = "deconv",
    in_format: Format = PIXEL,
    out_format: Format = PIXEL,
) -> Network:
    """A checked network: convs between `channels`, then a layer of kind `last` and the last kernel.

    The maps between are signed or not; a last conv wants scale 1. With anchor the last layer gives
    what the LR pixel lacks, so that few outputs saturate.
    """
    assert len(kernels) == len(channels) + 1
    layers, fmt, previous = [], in_format, 1
    x = rng.integers(fmt.lo, fmt.hi + 1, (16, 16, 1), dtype=np.int64)
    for index, (out, kernel) in enumerate(zip(channels, kernels[:-1], strict=True)):
        layer = random_layer(rng, f"conv{index}", previous, out, kernel, weight_bits=weight_bits,
                             out_format=Format(signed, activation_bits, activation_bits - 4),
                             prelu=prelu)
        layer, x = _fit(rng, layer, x, fmt)
        layers.append(layer)
        fmt, previous = layer.out_format, out
    end = random_layer(rng, "last" if last == "conv" else last, previous, 1, kernels[-1],
                       stride=scale, kind=last, weight_bits=weight_bits, out_format=out_format,
                       prelu=False)
    end, _ = _fit(rng, end, x, fmt)
    if anchor:
        up = fmt.frac + end.weight_format.frac - in_format.frac
        end = replace(end, bias=end.bias - (in_format.hi + 1 >> 1 << up))
    layers.append(end)
    return Network(f"random_x{scale}", tuple(layers), in_format, anchor).check()


def sloped(network: Network) -> Network:
    """The same network with a slope on its last layer too."""
    last = replace(network.layers[-1], slope=np.array([-3]), slope_format=Format(True, 4, 2))
    return replace(network, layers=(*network.layers[:-1], last)).check()


def random_picture(rng: np.random.Generator, height: int, width: int, to: Format = PIXEL
                   ) -> np.ndarray:
    """Noise (height, width) over a format, uint8 for pixels."""
    return rng.integers(to.lo, to.hi, (height, width), to.dtype, endpoint=True)


def extreme_pictures(height: int, width: int) -> dict[str, np.ndarray]:
    """All 0, all 255, checkerboard, impulse: uint8 (height, width) each."""
    yx = np.add.outer(np.arange(height), np.arange(width))
    impulse = np.zeros((height, width), np.uint8)
    impulse[height // 2, width // 2] = 255
    return {
        "black": np.zeros((height, width), np.uint8),
        "white": np.full((height, width), 255, np.uint8),
        "checkerboard": (yx % 2 * 255).astype(np.uint8),
        "impulse": impulse,
    }
