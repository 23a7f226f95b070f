"""Folding: how each layer shares its multipliers over the cycles of one LR pixel.

May import the integer network and TDC. A layer that may take N cycles per pixel runs
fold_out * fold_in <= N steps; a step forms ceil(inputs / fold_in) products for each of
ceil(outputs / fold_out) sums, in every lane. Fewest multipliers win, then fewest steps.

    balance(network, cycles_per_pixel=16)[0].multipliers
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.exact import tdc
from fsrcnnx.exact.network import Layer, Network


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
    def inputs(self) -> int:
        """Samples per sum."""
        return int(np.prod(self.weight.shape[1:]))


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


def lanes(layer: Layer) -> tuple[Lane, ...]:
    """Split a layer into lanes: one for a conv, one per output phase of the other kinds.

    Args:
        layer: A checked layer.

    Returns:
        Lanes in phase order. A phase without taps gets one zero weight at the centre.
    """
    _, before = tdc.window(layer)
    found = []
    for phase in tdc.phases(layer):
        if phase.weight.size:
            found.append(Lane(before + phase.row.first, before + phase.col.first,
                              phase.weight.transpose(0, 2, 3, 1), phase.bias))
        else:
            zero = np.zeros((layer.out_channels, 1, 1, layer.in_channels), np.int64)
            found.append(Lane(before, before, zero, phase.bias))
    return tuple(found)


def fold(layer: Layer, cycles: int) -> Fold:
    """Find the cheapest fold of a layer within a number of cycles.

    Args:
        layer: A checked layer.
        cycles: Most cycles per LR pixel, 1 or more.

    Returns:
        The fold with the fewest multipliers, then the fewest steps.
    """
    parts, outputs = lanes(layer), layer.out_channels
    best = None
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


def balance(network: Network, cycles_per_pixel: int) -> tuple[Fold, ...]:
    """Fold every layer to the same rate.

    Args:
        network: A checked network.
        cycles_per_pixel: Most cycles per LR pixel.

    Returns:
        One fold per layer.

    Raises:
        InputError: If cycles_per_pixel is out of range.
    """
    if not 1 <= cycles_per_pixel <= limits.CYCLES:
        raise InputError(f"{cycles_per_pixel} cycles per pixel", where="--cycles-per-pixel",
                         allowed=f"1..{limits.CYCLES}")
    return tuple(fold(layer, cycles_per_pixel) for layer in network.layers)
