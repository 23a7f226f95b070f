"""Where two maps part: the first pixel and channel that differ.

May import numpy.

    first_difference("map1", want, got)     # Divergence(layer="map1", y=0, x=3, channel=5, ...)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNKNOWN = np.iinfo(np.int64).min  # a value that the simulator never gave, or gave as x


@dataclass(frozen=True)
class Divergence:
    """The first value that differs.

    Args:
        layer: Layer name; `input` before the first; `output` if layers were not watched.
        y: Row.
        x: Column.
        channel: Channel.
        want: The golden value, raw.
        got: The other value, raw; None if it is missing or undefined.
    """

    layer: str
    y: int
    x: int
    channel: int
    want: int
    got: int | None

    def __str__(self) -> str:
        got = "nothing" if self.got is None else self.got
        return (f"{self.layer} y={self.y} x={self.x} channel={self.channel}: "
                f"want {self.want}, got {got}")


def first_difference(layer: str, want: np.ndarray, got: np.ndarray) -> Divergence | None:
    """Compare two maps in raster order.

    Args:
        layer: Name to report.
        want: Integers (H, W) or (H, W, C).
        got: The same shape, or another one: then the first pixel differs.

    Returns:
        The first difference, or None.
    """
    if want.shape != got.shape:
        return Divergence(layer, 0, 0, 0, int(want.flat[0]), None)
    wrong = np.argwhere(want != got)
    if not wrong.size:
        return None
    at = tuple(int(i) for i in wrong[0])
    value = int(got[at])
    y, x, channel = (*at, 0)[:3]
    return Divergence(layer, y, x, channel, int(want[at]), None if value == UNKNOWN else value)
