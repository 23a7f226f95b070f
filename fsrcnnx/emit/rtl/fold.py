"""Folding: how each layer shares its multipliers over the clocks of one LR pixel.

May import the integer network and the lanes. A layer that may take N clocks per pixel takes
fold_out * fold_in <= N turns; a turn forms ceil(inputs / fold_in) products for each of
ceil(outputs / fold_out) sums, in every lane. Fewest multipliers win, then fewest turns.

    fold(layer, lanes(layer), cycles=16, per_multiplier=2).multipliers
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer

NARROW = 18  # bits of a multiplier's other factor, in every FPGA family at hand


@dataclass(frozen=True)
class Fold:
    """The turns of one layer.

    Args:
        fold_in: Turns over the inputs of a sum.
        fold_out: Turns over the sums of a lane: slices.
        outs: Sums formed side by side in each lane.
        ins: Products formed side by side per sum, for each lane.
        multipliers: Multipliers of the products and of the PReLU cells.
        per_multiplier: Products that a multiplier forms at once.
    """

    fold_in: int
    fold_out: int
    outs: int
    ins: tuple[int, ...]
    multipliers: int
    per_multiplier: int = 1

    @property
    def cycles(self) -> int:
        """Clocks per LR pixel."""
        return self.fold_in * self.fold_out

    @property
    def stages(self) -> int:
        """Levels of the deepest adder tree."""
        return (max(self.ins) - 1).bit_length()


def per_multiplier(layer: Layer, given: Format, bits: int) -> int:
    """Count the products that fsrcnnx_product forms with one multiplier.

    Args:
        layer: A layer.
        given: Format of its inputs.
        bits: Of the multiplier's wide factor.

    Returns:
        2 if the packed weights fit, else 1.
    """
    packed = given.width + 2 * layer.weight_format.width + 1
    return 2 if packed <= bits and given.width + (not given.signed) <= NARROW else 1


def fold(layer: Layer, parts: tuple[Lane, ...], cycles: int, per_multiplier: int = 1) -> Fold:
    """Find the cheapest fold of a layer within a number of clocks.

    Args:
        layer: A checked layer.
        parts: Its lanes.
        cycles: Most clocks per LR pixel, 1 or more.
        per_multiplier: Products that a multiplier forms at once, of one sample.

    Returns:
        The fold with the fewest multipliers, then the fewest turns.
    """
    outputs, best = parts[0].outputs, None
    for fold_out in range(1, min(cycles, outputs) + 1):
        outs = -(-outputs // fold_out)
        if (fold_out - 1) * outs >= outputs:
            continue  # the last slice would be empty
        # the slopes of one slice are constants
        cells = outs * len(parts) if layer.slope is not None and fold_out > 1 else 0
        for fold_in in range(1, min(cycles // fold_out, max(p.inputs for p in parts)) + 1):
            ins = tuple(-(-part.inputs // fold_in) for part in parts)
            cost = -(-outs // per_multiplier) * sum(ins) + cells, fold_in * fold_out
            if best is None or cost < best[0]:
                best = cost, fold_in, fold_out, outs, ins
    (multipliers, _), *found = best
    return Fold(*found, multipliers, per_multiplier)
