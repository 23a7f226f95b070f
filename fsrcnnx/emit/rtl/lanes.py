"""How a layer lies over its input: the window that the hardware keeps, and the lanes over it.

May import the integer network and TDC.

    side, before = window(layer); lanes(layer)[0].inputs
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.exact import tdc
from fsrcnnx.exact.network import Layer


@dataclass(frozen=True, eq=False)
class Lane:
    """A set of sums over one rectangle of the window.

    Args:
        row: First window row.
        col: First window column.
        weight: int64 (out, rows, cols, in), in window order.
        bias: int64 (out,).
    """

    row: int
    col: int
    weight: np.ndarray
    bias: np.ndarray

    @property
    def outputs(self) -> int:
        """Sums."""
        return self.weight.shape[0]

    @property
    def inputs(self) -> int:
        """Samples per sum."""
        return int(np.prod(self.weight.shape[1:]))


def window(layer: Layer) -> tuple[int, int]:
    """Find the window that the hardware keeps for a layer.

    Args:
        layer: A checked layer.

    Returns:
        Its side, and the rows before its centre; there is a row after the centre.
    """
    side, before = tdc.window(layer)
    # without that row the window is widened, at no tap's cost
    return side + (side > 1 and before == side - 1), before


def lanes(layer: Layer) -> tuple[Lane, ...]:
    """Split a layer into lanes: one per output phase for a deconv, one for the other kinds.

    Args:
        layer: A checked layer.

    Returns:
        Lanes in phase order; all give as many sums. A phase without taps gets one zero weight at
        the centre. The phases of a shuffle see the same window: they are one lane, phase by phase.
    """
    _, before = window(layer)
    found = []
    for phase in tdc.phases(layer):
        if phase.weight.size:
            found.append(Lane(before + phase.row.first, before + phase.col.first,
                              phase.weight.transpose(0, 2, 3, 1), phase.bias))
        else:
            zero = np.zeros((layer.out_channels, 1, 1, layer.in_channels), np.int64)
            found.append(Lane(before, before, zero, phase.bias))
    if layer.kind == "shuffle":
        found = [Lane(found[0].row, found[0].col,
                      np.concatenate([lane.weight for lane in found]),
                      np.concatenate([lane.bias for lane in found]))]
    return tuple(found)
