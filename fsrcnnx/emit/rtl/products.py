"""What a layer multiplies, as one matrix: over its whole window, or over the newest row of it.

May import numpy, the integer side, the lanes and what a tap is.

    products(layer, lo, hi).matrix
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.emit.rtl.lanes import lanes, window
from fsrcnnx.emit.rtl.shift_add import Tap
from fsrcnnx.exact.network import Layer
from fsrcnnx.exact.ranges import signed_width


@dataclass(frozen=True, eq=False)
class Products:
    """What a layer multiplies.

    Args:
        matrix: int64 (taps, lanes * outputs).
        bias: int64 (lanes * outputs,).
        taps: Taps in the matrix's order.
        lows: Least value of each sample of a column.
        highs: Greatest value of each.
    """

    matrix: np.ndarray
    bias: np.ndarray
    taps: tuple[Tap, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]


def products(layer: Layer, lo: np.ndarray, hi: np.ndarray) -> Products:
    """Lay a layer out as one matrix over its window.

    Args:
        layer: A checked layer.
        lo: int64 (in,), least input per channel.
        hi: int64 (in,), greatest input per channel.

    Returns:
        Its products: columns of the window, each row after row, channel after channel.
    """
    side, _ = window(layer)
    channels = layer.in_channels
    parts = []
    for lane in lanes(layer):
        out, rows, cols, _ = lane.weight.shape
        whole = np.zeros((side, side, channels, out), np.int64)
        whole[lane.row:lane.row + rows, lane.col:lane.col + cols] = lane.weight.transpose(
            1, 2, 3, 0)
        parts.append(whole.reshape(-1, out))
    taps = tuple(Tap(row * channels + channel, side - 1 - col) for row in range(side)
                 for col in range(side) for channel in range(channels))
    return Products(
        np.concatenate(parts, 1), np.concatenate([lane.bias for lane in lanes(layer)]), taps,
        tuple(int(min(low, 0)) for low in lo) * side,  # what lies beyond the frame is 0
        tuple(int(max(high, 0)) for high in hi) * side)


def row_products(layer: Layer, lo: np.ndarray, hi: np.ndarray,
                 anchor: tuple[int, int] | None) -> Products:
    """Lay a layer out over the newest row: what that adds to the sums as each row of the window.

    Args:
        layer: A checked layer.
        lo: int64 (in,), least input per channel.
        hi: int64 (in,), greatest input per channel.
        anchor: Greatest value of the LR pixel that every sum takes at the window's centre, and the
            bits that it is shifted up; None for none. It is one more sample of the row.

    Returns:
        Its products, row after row of the window from the lowest on, whose sums hold the bias.
    """
    side, before = window(layer)
    parts, channels = lanes(layer), layer.in_channels
    wires, outputs = channels + (anchor is not None), parts[0].outputs
    rows = np.zeros((side, side, wires, len(parts), outputs), np.int64)  # lowest first, columns
    for at, lane in enumerate(parts):
        _, high, wide, _ = lane.weight.shape
        for row in range(high):
            rows[side - 1 - lane.row - row, lane.col:lane.col + wide, :channels, at] = \
                lane.weight[:, row].transpose(1, 2, 0)
    if anchor:
        rows[side - 1 - before, before, channels] = 1 << anchor[1]
    bias = np.zeros((side, len(parts) * outputs), np.int64)
    bias[0] = np.concatenate([lane.bias for lane in parts])
    taps = tuple(Tap(wire, side - 1 - col) for col in range(side) for wire in range(wires))
    matrix = rows.transpose(1, 2, 0, 3, 4).reshape(len(taps), -1)
    extra = [anchor[0]] if anchor else []
    return Products(matrix, bias.ravel(), taps,
                    (*(int(min(low, 0)) for low in lo), *(0 for _ in extra)),
                    (*(int(max(high, 0)) for high in hi), *extra))


def stored_bits(found: Products, side: int) -> tuple[int, ...]:
    """Size what waits for lines below, so that it cannot wrap.

    Args:
        found: Products of `row_products`.
        side: Rows of the window.

    Returns:
        Bits of each sum over rows 1 and up, 2 and up, ...; 0 where it is nothing.
    """
    wires = [tap.wire for tap in found.taps]
    ends = np.stack([found.matrix * np.array(bound)[wires][:, None]
                     for bound in (found.lows, found.highs)])
    lows, highs = (end.sum(0).reshape(side, -1)[::-1].cumsum(0)[::-1][1:].ravel()
                   for end in (ends.min(0), ends.max(0)))
    return tuple(signed_width(int(low), int(high)) if low or high else 0
                 for low, high in zip(lows, highs, strict=True))
