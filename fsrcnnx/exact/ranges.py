"""Accumulator widths, proved: interval arithmetic over the actual weights and formats.

May import numpy, the formats, the network and TDC. The interval of a layer covers every partial
sum in every order (each term's interval contains 0, since padding is 0), so hardware sized from
it cannot wrap, not even for a moment.

    for r in prove(network): print(r)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import tdc
from fsrcnnx.exact.formats import MAX_WIDTH, requantise
from fsrcnnx.exact.golden import activate
from fsrcnnx.exact.network import Layer, Network

FLOAT32_EXACT, FLOAT64_EXACT = 1 << 24, 1 << 53  # IEEE 754: all integers up to there are exact


@dataclass(frozen=True, eq=False)
class LayerRange:
    """Proved bounds of one layer.

    Args:
        name: Layer name.
        acc_lo: int64 (out,), least accumulator per channel, partial sums included.
        acc_hi: int64 (out,), greatest accumulator per channel.
        acc_width: Bits of a signed accumulator that holds them all.
        act_width: Bits of the signed value after the activation.
        out_lo: int64 (out,), least output per channel, raw.
        out_hi: int64 (out,), greatest output per channel, raw.
    """

    name: str
    acc_lo: np.ndarray
    acc_hi: np.ndarray
    acc_width: int
    act_width: int
    out_lo: np.ndarray
    out_hi: np.ndarray

    def __str__(self) -> str:
        return (f"{self.name:<10} acc {self.acc_lo.min():>10}..{self.acc_hi.max():<10} "
                f"{self.acc_width:>2} bits, after activation {self.act_width:>2} bits, "
                f"out {self.out_lo.min()}..{self.out_hi.max()}")


def signed_width(lo: int, hi: int) -> int:
    """Count the bits of the smallest signed format that holds lo..hi.

    Args:
        lo: Least value.
        hi: Greatest value.

    Returns:
        Bits, at least 1.
    """
    return max(int(max(hi, 0)).bit_length(), int(max(-lo - 1, 0)).bit_length()) + 1


def _sums(layer: Layer) -> list[np.ndarray]:
    """Weights (out, in, rows, cols) of each sum that the layer forms: one, or one per phase."""
    return [p.weight for p in tdc.phases(layer)] if layer.kind == "deconv" else [layer.weight]


def acc_bounds(layer: Layer, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bound a layer's sums and every partial sum, with or without the bias.

    Args:
        layer: A conv or deconv layer.
        lo: int64 (in,), least input per channel.
        hi: int64 (in,), greatest input per channel.

    Returns:
        int64 (out,) each: least and greatest accumulator.
    """
    lo, hi = np.minimum(lo, 0)[:, None, None], np.maximum(hi, 0)[:, None, None]
    least, most = np.zeros(layer.out_channels, np.int64), np.zeros(layer.out_channels, np.int64)
    for weight in _sums(layer):
        products = np.stack([weight * lo, weight * hi])
        least = np.minimum(least, products.min(0).sum((1, 2, 3)))
        most = np.maximum(most, products.max(0).sum((1, 2, 3)))
    return least + np.minimum(layer.bias, 0), most + np.maximum(layer.bias, 0)


def prove(network: Network) -> tuple[LayerRange, ...]:
    """Bound every accumulator and output of a network.

    Args:
        network: A checked integer network.

    Returns:
        One range per layer, in order.
    """
    lo = np.array([network.in_format.lo], np.int64)
    hi = np.array([network.in_format.hi], np.int64)
    ranges = []
    for index, layer in enumerate(network.layers):
        acc_lo, acc_hi = acc_bounds(layer, lo, hi)
        if network.anchor and index == len(network.layers) - 1:
            up = network.acc_frac(index) - network.in_format.frac
            acc_hi = acc_hi + (network.in_format.hi << up)
        # PReLU is linear on each side of 0, and 0 lies within, so its extremes are at three points
        acted = np.stack([activate(c, layer) for c in (acc_lo, acc_hi, np.zeros_like(acc_lo))])
        bounds = requantise(np.stack([acted.min(0), acted.max(0)]), network.shift(index),
                            layer.out_format)
        ranges.append(LayerRange(
            layer.name, acc_lo, acc_hi, signed_width(acc_lo.min(), acc_hi.max()),
            signed_width(acted.min(), acted.max()), bounds[0], bounds[1]))
        lo, hi = bounds
    return tuple(ranges)


@dataclass(frozen=True)
class Peak:
    """The greatest magnitudes of one layer that a float type must hold as exact integers.

    Args:
        acc: Of the accumulator, partial sums included.
        product: Of accumulator times slope, where the output does not saturate anyway, whichever
            way a larger product is rounded; 0 without slopes.
    """

    acc: int
    product: int

    @property
    def most(self) -> int:
        """The greater of the two."""
        return max(self.acc, self.product)


def peaks(network: Network) -> tuple[Peak, ...]:
    """Find what a floating-point runtime must hold exactly, layer by layer.

    Args:
        network: A checked integer network.

    Returns:
        One peak per layer, in order.
    """
    found = []
    for index, (layer, bound) in enumerate(zip(network.layers, prove(network), strict=True)):
        product = 0
        if layer.slope is not None:
            products = np.minimum(bound.acc_lo, 0) * layer.slope
            product = max(min(int(most), (end + 1) << network.shift(index)) for most, end in (
                (products.max(), layer.out_format.hi), (-products.min(), -layer.out_format.lo)))
        found.append(Peak(int(max(-bound.acc_lo.min(), bound.acc_hi.max())), product))
    return tuple(found)


def float32_exact(network: Network) -> list[str]:
    """Find what keeps a float32 runtime from computing the network's exact bits.

    Args:
        network: A checked integer network.

    Returns:
        One sentence per violation, naming the layer; empty if every float32 runtime is exact.
    """
    found = []
    for layer, peak in zip(network.layers, peaks(network), strict=True):
        if peak.acc > FLOAT32_EXACT:
            found.append(f"layer {layer.name}: accumulator reaches {peak.acc}, above 2^24")
        if peak.product > FLOAT32_EXACT:
            found.append(f"layer {layer.name}: slope products reach {peak.product}, above 2^24, "
                         "before the output saturates")
    return found
