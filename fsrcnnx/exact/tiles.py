"""Tiles of a frame: where to cut, and what of the frame a tile's output depends on.

May import nothing of the package. A tile takes real pixels wherever the frame has them; zeros
stand only beyond the frame, for each layer's own window, as in the untiled frame.

    needed([(1, 1), (0, 1)], range(8, 16), 16)   # range(7, 16), zeros [(0, 1), (0, 1)]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def cuts(size: int, most: int) -> list[range]:
    """Cut an axis into ranges of nearly equal length.

    Args:
        size: Length, 1 or more.
        most: Greatest length of a range, 1 or more.

    Returns:
        Ranges that cover 0..size-1 in order.
    """
    count = -(-size // most)
    return [range(a, b) for a, b in pairwise(size * i // count for i in range(count + 1))]


def needed(reaches: Sequence[tuple[int, int]], span: range, size: int
           ) -> tuple[range, list[tuple[int, int]]]:
    """Follow an output range back to the input that it depends on, along one axis.

    Args:
        reaches: How far each layer's window reaches before and after its pixel, first layer first.
        span: LR rows (or columns) whose output is wanted.
        size: Rows (or columns) of the frame.

    Returns:
        Input rows to take, and the zeros that each layer's input wants before and after it: what
        its window has beyond the frame.
    """
    start, stop, zeros = span.start, span.stop, []
    for before, after in reversed(reaches):
        start, stop = start - before, stop + after
        zeros.append((max(0, -start), max(0, stop - size)))
        start, stop = max(0, start), min(size, stop)
    return range(start, stop), zeros[::-1]
