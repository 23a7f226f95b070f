"""Bounds of complete sums that see how channels hang together: affine relaxation, traced back.

May import numpy, the formats, the network and TDC. A layer's output lies between two parallel
lines over its accumulator, since PReLU, rounding and saturation bend it only so far. With them a
sum becomes a sum over the layer before, and over the one before that, down to the pixels; on the
way what the channels of one window have in common cancels. Each step gives a bound; the least
counts. A tap beyond the frame is 0, so that each position of the window in a small frame is a case
of its own; where those become too many, tracing stops.
Source: Singh et al., "An Abstract Domain for Certifying Neural Networks", POPL 2019; Singh et al.,
"Fast and Effective Robustness Certification", NeurIPS 2018 (parallel lines).

    lo, hi = sum_bounds(network, 1, [line_of_layer_0], [bounds_of_layer_0])    # (phases, out)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsrcnnx.exact import tdc
from fsrcnnx.exact.network import Layer, Network

CASES = 81      # positions of a window in a frame, rows times columns, that are told apart
SLACK = 1e-11   # of the sum of magnitudes: above what float64 loses in 90,000 operations on them
Bounds = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Line:
    """Two parallel lines around a layer's output: a * acc + low <= out <= a * acc + high.

    Args:
        a: float64 (out,).
        low: float64 (out,).
        high: float64 (out,).
        size: float64 (out,), greatest sum of the magnitudes of an accumulator's terms.
    """

    a: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: np.ndarray


@dataclass(frozen=True, eq=False)
class Window:
    """A sum over a window.

    Args:
        weight: (out, in, rows, cols).
        bias: (out,).
        row: Offset of the first row from the pixel.
        col: Offset of the first column.
    """

    weight: np.ndarray
    bias: np.ndarray
    row: int
    col: int


def windows(layer: Layer) -> list[Window]:
    """List the sums that a layer forms: one, or one per phase of a deconv or a shuffle.

    Args:
        layer: A layer of any kind.

    Returns:
        The windows; a phase without taps has a single weight 0.
    """
    found = []
    for phase in tdc.phases(layer):
        if phase.weight.size:
            found.append(Window(phase.weight, phase.bias, phase.row.first, phase.col.first))
        else:
            zero = np.zeros((*phase.weight.shape[:2], 1, 1), np.int64)
            found.append(Window(zero, phase.bias, 0, 0))
    return found


def relax(layer: Layer, shift: int, lo: np.ndarray, hi: np.ndarray, size: np.ndarray) -> Line:
    """Lay two parallel lines around activation, rounding and saturation.

    Args:
        layer: The layer.
        shift: Bits that its requantisation drops.
        lo: int64 (out,), least complete sum.
        hi: int64 (out,), greatest complete sum.
        size: (out,), greatest sum of the magnitudes of its terms.

    Returns:
        Lines with the slope of the chord from lo to hi.
    """
    to, lo, hi = layer.out_format, lo.astype(float), hi.astype(float)
    extra = layer.slope_format.frac if layer.slope_format else 0
    up = np.full(lo.shape, 2.0 ** (extra - shift))
    down = up if layer.slope is None else layer.slope * 2.0**-shift

    def output(acc: np.ndarray) -> np.ndarray:
        return np.clip(np.where(acc >= 0, acc * up, acc * down), to.lo, to.hi)

    # the output is linear between these points: the ends, 0, and where a branch saturates
    steep = np.where(down == 0, 1, down)
    points = np.stack([lo, hi, 0 * lo, to.lo / up, to.hi / up, to.lo / steep, to.hi / steep])
    points = np.clip(points, lo, hi)
    wide = np.where(hi > lo, hi - lo, 1)
    a = (output(hi) - output(lo)) / wide
    off = output(points) - a * points
    # rounding moves a value by half a step at most; float64 loses less than the slack
    half = (0.5 if shift else 0.0) + SLACK * (np.abs(a * points) + np.abs(off)).max(0)
    return Line(a, off.min(0) - half, off.max(0) + half, size.astype(float))


def _inside(first: int, count: int, before: int, after: int) -> np.ndarray:
    """Which of `count` offsets from `first` on a frame holds, for each case: bool (cases, count).

    A case is how many rows the frame has above the pixel and below it; more than the window
    reaches makes no difference.
    """
    offsets = np.arange(first, first + count)
    return np.array([(offsets >= -a) & (offsets <= b)
                     for a in range(before + 1) for b in range(after + 1)])


def _compose(coef: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Write a sum over a conv's accumulators as one over its inputs.

    Args:
        coef: (cases, out, mid, rows, cols), factors of the accumulators.
        weight: (mid, in, k, k).

    Returns:
        (cases, out, in, rows + k - 1, cols + k - 1).
    """
    cases, out, mid, rows, cols = coef.shape
    k = weight.shape[2]
    flat = coef.reshape(cases * out, mid, rows * cols)
    found = np.zeros((cases * out, weight.shape[1], rows + k - 1, cols + k - 1))
    for ky in range(k):
        for kx in range(k):
            found[:, :, ky : ky + rows, kx : kx + cols] += (
                weight[:, :, ky, kx].T @ flat).reshape(cases * out, -1, rows, cols)
    return found.reshape(cases, out, *found.shape[1:])


def _depth(layers: Sequence[Layer], window: Window) -> tuple[int, int, int, int, int]:
    """How far back to trace: the first layer whose outputs are still told apart by case.

    Returns:
        (layer, rows above, rows below, columns left, columns right); layer len(layers) if none.
    """
    rows, cols = window.weight.shape[2:]
    reach = [-window.row, window.row + rows - 1, -window.col, window.col + cols - 1]
    found = (len(layers), 0, 0, 0, 0)
    for index in reversed(range(len(layers))):
        sides = [max(0, side) for side in reach]
        if np.prod([side + 1 for side in sides]) > CASES:
            break
        found = (index, *sides)
        reach = [side + layers[index].padding for side in reach]
    return found


def _trace(network: Network, index: int, window: Window, lines: Sequence[Line],
           bounds: Sequence[Bounds]) -> Bounds:
    """Bound one window's complete sums, with bias and anchor: int64 (out,) each."""
    layer, before = network.layers[index], network.layers[:index]
    stop, above, below, left, right = _depth(before, window)
    coef, row, col = window.weight[None].astype(float), window.row, window.col
    low = high = window.bias.astype(float)[None]
    size = np.abs(low)
    up = 1 << (network.acc_frac(index) - network.in_format.frac) if (
        network.anchor and index == len(network.layers) - 1) else 0
    best = None

    def settle(lo: np.ndarray, hi: np.ndarray, anchor: int) -> None:
        """Put an interval in the place of each input; keep the better bound of each case."""
        nonlocal best
        at = np.stack([coef * lo[:, None, None], coef * hi[:, None, None]])
        slack = SLACK * (size + np.abs(at).max(0).sum((2, 3, 4)) + 1)
        least = low + at.min(0).sum((2, 3, 4)) - slack + network.in_format.lo * anchor
        most = high + at.max(0).sum((2, 3, 4)) + slack + network.in_format.hi * anchor
        best = (least, most) if best is None else (
            np.maximum(best[0], least), np.minimum(best[1], most))

    for at in reversed(range(stop, index)):
        rows, cols = coef.shape[3:]
        inside = (_inside(row, rows, above, below)[:, None, :, None]
                  & _inside(col, cols, left, right)[None, :, None, :])
        coef = coef * inside.reshape(-1, 1, 1, rows, cols)
        settle(*bounds[at], up)
        if at == stop and stop > 0:
            break  # further back, taps within and beyond the frame are not told apart
        line, source = lines[at], before[at]
        edge = np.stack([coef * side[:, None, None] for side in (line.low, line.high)])
        coef = coef * line.a[:, None, None]
        bias = (coef * source.bias[:, None, None]).sum((2, 3, 4))
        low = low + edge.min(0).sum((2, 3, 4)) + bias
        high = high + edge.max(0).sum((2, 3, 4)) + bias
        # what cancels below has been rounded at its full size
        size = size + (np.abs(edge).max(0) + np.abs(coef) * line.size[:, None, None]).sum((2, 3, 4))
        coef = _compose(coef, source.weight)
        row, col = row - source.padding, col - source.padding
    if stop == 0:  # pixels at last: beyond the frame they are 0, which is a pixel too
        ends = (network.in_format.lo, network.in_format.hi)
        y, x = -row, -col
        if up and 0 <= y < coef.shape[3] and 0 <= x < coef.shape[4]:
            coef[:, :, 0, y, x] += up  # the anchor is the pixel of the window's own centre
            up = 0
        settle(*(np.array([end]) for end in ends), up)
    if best is None:
        return (np.full(layer.out_channels, np.iinfo(np.int64).min),
                np.full(layer.out_channels, np.iinfo(np.int64).max))
    return (np.ceil(best[0].min(0)).astype(np.int64), np.floor(best[1].max(0)).astype(np.int64))


def sum_bounds(network: Network, index: int, lines: Sequence[Line], bounds: Sequence[Bounds]
               ) -> Bounds:
    """Bound the complete accumulators of a layer, each phase by itself.

    Args:
        network: A checked integer network.
        index: The layer.
        lines: Lines of the layers before it.
        bounds: Least and greatest output of the layers before it, int64 (out,) each.

    Returns:
        int64 (phases, out) each; the ends of int64 where a window has too many cases.
    """
    found = [_trace(network, index, window, lines, bounds)
             for window in windows(network.layers[index])]
    return np.stack([lo for lo, _ in found]), np.stack([hi for _, hi in found])
