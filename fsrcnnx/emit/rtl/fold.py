"""Folding: how each layer shares its multipliers over the cycles of one LR pixel.

May import the integer network and the lanes. A layer that may take N cycles per pixel runs
fold_out * fold_in <= N steps; a step forms ceil(inputs / fold_in) products for each of
ceil(outputs / fold_out) sums, in every lane. Fewest multipliers win, then fewest steps.

    fold(layer, lanes(layer), cycles=16).multipliers
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.exact.network import Layer


@dataclass(frozen=True)
class Fold:
    """The steps of one layer.

    Args:
        fold_in: Steps over the inputs of a sum.
        fold_out: Steps over the sums of a lane.
        outs: Sums formed side by side in each lane.
        ins: Products formed side by side per sum, for each lane.
        multipliers: Multipliers of the products and of the PReLU cells.
    """

    fold_in: int
    fold_out: int
    outs: int
    ins: tuple[int, ...]
    multipliers: int

    @property
    def cycles(self) -> int:
        """Cycles per LR pixel."""
        return self.fold_in * self.fold_out

    @property
    def stages(self) -> int:
        """Levels of the deepest adder tree."""
        return (max(self.ins) - 1).bit_length()


def fold(layer: Layer, parts: tuple[Lane, ...], cycles: int) -> Fold:
    """Find the cheapest fold of a layer within a number of cycles.

    Args:
        layer: A checked layer.
        parts: Its lanes.
        cycles: Most cycles per LR pixel, 1 or more.

    Returns:
        The fold with the fewest multipliers, then the fewest steps.
    """
    outputs, best = layer.out_channels, None
    for fold_out in range(1, min(cycles, outputs) + 1):
        outs = -(-outputs // fold_out)
        if (fold_out - 1) * outs >= outputs:
            continue  # the last step would be empty
        for fold_in in range(1, min(cycles // fold_out, max(p.inputs for p in parts)) + 1):
            ins = tuple(-(-part.inputs // fold_in) for part in parts)
            cells = outs * len(parts) if layer.slope is not None else 0
            found = Fold(fold_in, fold_out, outs, ins, outs * sum(ins) + cells)
            if best is None or (found.multipliers, found.cycles) < (best.multipliers, best.cycles):
                best = found
    return best
