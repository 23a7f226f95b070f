"""Accumulator widths, proved over the actual weights and formats.

May import numpy, the formats, the network, TDC and the affine bounds. Two intervals per layer:

- `acc_lo..acc_hi` covers every partial sum in every order (each term's interval contains 0, since
  padding is 0), so hardware sized from it cannot wrap, not even for a moment;
- `sum_lo..sum_hi` covers complete sums only, each output phase by itself, and knows that the
  channels of a window come from the same pixels (see affine.py). What the layer puts out, and so
  what enters the next one, follows from it.

    for r in prove(network): print(r)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import affine
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
        sum_lo: int64 (phases, out), least complete sum; a conv has one phase.
        sum_hi: int64 (phases, out), greatest complete sum.
        acc_width: Bits of a signed accumulator that holds every partial sum.
        sum_width: Bits of a signed value that holds every complete sum.
        act_width: Bits of the signed value after the activation.
        out_lo: int64 (out,), least output per channel, raw.
        out_hi: int64 (out,), greatest output per channel, raw.
        product: Greatest magnitude of a sum times its slope, as far as the output does not saturate
            anyway, whichever way a larger product is rounded; 0 without slopes.
    """

    name: str
    acc_lo: np.ndarray
    acc_hi: np.ndarray
    sum_lo: np.ndarray
    sum_hi: np.ndarray
    acc_width: int
    sum_width: int
    act_width: int
    out_lo: np.ndarray
    out_hi: np.ndarray
    product: int

    @property
    def acc_peak(self) -> int:
        """Greatest magnitude of an accumulator."""
        return int(max(-self.acc_lo.min(), self.acc_hi.max()))

    @property
    def peak(self) -> int:
        """Greatest integer that a floating-point runtime must hold exactly."""
        return max(self.acc_peak, self.product)

    def __str__(self) -> str:
        return (f"{self.name:<10} acc {self.acc_lo.min():>10}..{self.acc_hi.max():<10} "
                f"{self.acc_width:>2} bits, sum {self.sum_lo.min():>10}..{self.sum_hi.max():<10} "
                f"{self.sum_width:>2} bits, after activation {self.act_width:>2} bits, "
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


def acc_bounds(layer: Layer, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bound a layer's sums and every partial sum, with or without the bias.

    Args:
        layer: A layer of any kind.
        lo: int64 (in,), least input per channel.
        hi: int64 (in,), greatest input per channel.

    Returns:
        int64 (out,) each: least and greatest accumulator.

    Raises:
        ModelError: If int64 does not hold them.
    """
    lo, hi = np.minimum(lo, 0)[:, None, None], np.maximum(hi, 0)[:, None, None]
    least, most = np.zeros(layer.out_channels, np.int64), np.zeros(layer.out_channels, np.int64)
    for window in affine.windows(layer):
        size = np.abs(window.weight.astype(float)) * np.maximum(-lo, hi)
        if (size.sum((1, 2, 3)) + np.abs(window.bias) >= 2.0**MAX_WIDTH).any():
            raise ModelError("sums beyond 62 bits", where=f"layer {layer.name}",
                             allowed=f"{MAX_WIDTH} bits", fix="use fewer bits")
        products = np.stack([window.weight * lo, window.weight * hi])
        below, above = np.minimum(window.bias, 0), np.maximum(window.bias, 0)
        least = np.minimum(least, products.min(0).sum((1, 2, 3)) + below)
        most = np.maximum(most, products.max(0).sum((1, 2, 3)) + above)
    return least, most


def _interval(layer: Layer, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bound complete sums from each input's interval: int64 (phases, out) each.

    Only the pixel's own tap cannot lie beyond the frame; every other one may be 0.
    """
    found = []
    for window in affine.windows(layer):
        least, most = (np.broadcast_to(end[:, None, None], window.weight.shape[1:]).copy()
                       for end in (lo, hi))
        beyond = np.ones(window.weight.shape[2:], bool)
        if 0 <= -window.row < beyond.shape[0] and 0 <= -window.col < beyond.shape[1]:
            beyond[-window.row, -window.col] = False
        least[:, beyond] = np.minimum(least[:, beyond], 0)
        most[:, beyond] = np.maximum(most[:, beyond], 0)
        products = np.stack([window.weight * least, window.weight * most])
        found.append((products.min(0).sum((1, 2, 3)) + window.bias,
                      products.max(0).sum((1, 2, 3)) + window.bias))
    return np.stack([low for low, _ in found]), np.stack([high for _, high in found])


def _product(layer: Layer, least: np.ndarray, shift: int) -> int:
    """Bound the product with a slope, as far as it does not saturate."""
    if layer.slope is None:
        return 0
    products, to = np.minimum(least, 0) * layer.slope, layer.out_format
    return max(min(int(products.max()), (to.hi + 1) << shift),
               min(int(-products.min()), (1 - to.lo) << shift))


def prove(network: Network) -> tuple[LayerRange, ...]:
    """Bound every accumulator and output of a network.

    Args:
        network: A checked integer network.

    Returns:
        One range per layer, in order.

    Raises:
        ModelError: If int64 does not hold an accumulator.
    """
    lo = np.array([network.in_format.lo], np.int64)
    hi = np.array([network.in_format.hi], np.int64)
    ranges, lines, outputs = [], [], []
    for index, layer in enumerate(network.layers):
        acc_lo, acc_hi = acc_bounds(layer, lo, hi)
        traced, (sum_lo, sum_hi) = affine.sum_bounds(network, index, lines, outputs), _interval(
            layer, lo, hi)
        if network.anchor and index == len(network.layers) - 1:
            up = network.acc_frac(index) - network.in_format.frac
            acc_lo, sum_lo = (end + (network.in_format.lo << up) for end in (acc_lo, sum_lo))
            acc_hi, sum_hi = (end + (network.in_format.hi << up) for end in (acc_hi, sum_hi))
        sum_lo, sum_hi = np.maximum(sum_lo, traced[0]), np.minimum(sum_hi, traced[1])
        least, most = sum_lo.min(0), sum_hi.max(0)
        # PReLU is linear on each side of 0: its extremes are at the ends, and at 0 if it is within
        ends = np.stack([least, most, np.clip(0, least, most)])
        acted = np.stack([activate(end, layer) for end in ends])
        lo, hi = requantise(np.stack([acted.min(0), acted.max(0)]), network.shift(index),
                            layer.out_format)
        ranges.append(LayerRange(
            layer.name, acc_lo, acc_hi, sum_lo, sum_hi, signed_width(acc_lo.min(), acc_hi.max()),
            signed_width(least.min(), most.max()), signed_width(acted.min(), acted.max()), lo, hi,
            _product(layer, least, network.shift(index))))
        lines.append(affine.relax(layer, network.shift(index), least, most, acc_hi - acc_lo))
        outputs.append((lo, hi))
    return tuple(ranges)


def float32_exact(network: Network) -> list[str]:
    """Find what keeps a float32 runtime from computing the network's exact bits.

    Args:
        network: A checked integer network.

    Returns:
        One sentence per violation, naming the layer; empty if every float32 runtime is exact.
    """
    found = []
    for bound in prove(network):
        if bound.acc_peak > FLOAT32_EXACT:
            found.append(f"layer {bound.name}: accumulator reaches {bound.acc_peak}, above 2^24")
        if bound.product > FLOAT32_EXACT:
            found.append(f"layer {bound.name}: slope products reach {bound.product}, above 2^24, "
                         "before the output saturates")
    return found
