"""Skips past layers, made part of them: what skips is carried beside the maps, channel by channel.

May import numpy, learn.linear, learn.rows, the limits and the errors.

    row, choice = carry(row, choice)               # layers in a chain, each sees the one before

A chain of layers has no place for a map that waits. So each layer on the way has as many channels
more, which pass it on: a 1 in the middle of their kernels, a slope of 1 behind them. The function
is the same, to the last bit of a float. What it costs is said: the lines that those layers keep of
these channels, and the products by 1, which an engine of adders does not have.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import ModelError, shown
from fsrcnnx.learn.linear import identity, widen
from fsrcnnx.learn.rows import Choice, Layer, Row

WIDE = 1920  # LR pixels a line that costs are said for
BITS = 8     # of a map there


def lines(kernel: int, channels: int) -> float:
    """Line memory that a layer needs for some channels.

    Args:
        kernel: Side of its kernel.
        channels: How many.

    Returns:
        kbit, at `WIDE` pixels a line and `BITS` bits.
    """
    return (kernel - 1) * channels * WIDE * BITS / 1000


def _places(row: Row) -> list[dict[int, slice]]:
    """Where each source lies in what the input and each layer give: the layer's own first."""
    ends = {source: number for number, skips in enumerate(row.skips, 1) for source in skips}
    own = [1, *(len(layer.weight) for layer in row.layers)]
    found = []
    for number, width in enumerate(own):
        places = {number: slice(0, width)}
        for source, end in ends.items():
            if source < number < end:
                places[source] = slice(width, width + own[source])
                width += own[source]
        found.append(places)
    return found


def _kernel(row: Row, number: int) -> int:
    """Side of a layer's kernel, of all that it adds up."""
    return max(weight.shape[2] for weight in (row.layers[number - 1].weight,
                                              *row.skips[number - 1].values()))


def _width(places: dict[int, slice]) -> int:
    return max(place.stop for place in places.values())


def _check(row: Row, widths: list[int]) -> int:
    """Refuse chains beyond the limits before any of them is made; their weights."""
    weights = sum(before * after * _kernel(row, number) ** 2 for number, (before, after)
                  in enumerate(itertools.pairwise(widths), 1))
    for what, found, most in (("channels of a layer", max(widths), limits.CHANNELS),
                              ("weights", weights, limits.WEIGHTS)):
        if found > most:
            raise ModelError(f"{found} {what}, with all that skips past layers", where=row.file,
                             allowed=f"up to {most}", fix="train a network with fewer skips")
    return weights


def _costs(row: Row, places: list[dict[int, slice]], weights: int) -> list[str]:
    """What each source costs on its way, a line each."""
    found = []
    for source in sorted({source for skips in row.skips for source in skips}):
        past = [number for number, there in enumerate(places) if source in there
                and number != source]
        name = shown(row.layers[source - 1].name, limits.NAME) if source else "the LR pixel"
        width = places[source][source].stop
        kbit = sum(lines(_kernel(row, number + 1), width) for number in past)
        found.append(
            f"what skips from {name}: its {width} map{'s' * (width > 1)} carried past {len(past)} "
            f"layer{'s' * (len(past) != 1)}, {kbit:,.1f} kbit of line memory more at {WIDE} "
            f"pixels a line and {BITS} bits")
    before = sum(layer.weight.size for layer in row.layers)
    return [*found, f"multiplications a pixel: {weights:,}, of {before:,} without what skips"]


def carry(row: Row, choice: Choice) -> tuple[Row, Choice]:
    """Make a row with skips one without.

    Args:
        row: Its layers; those that activate have slopes, or the user says them.
        choice: What the user says.

    Returns:
        A row of the same function, and what is left to be said of it; both as they were where
        nothing skips, or where a slope is neither in the file nor said.

    Raises:
        ModelError: If the chain would be beyond the limits.
    """
    *inner, last = row.layers
    unsaid = [layer for layer in inner if layer.slope is None]
    if not any(row.skips) or (unsaid and choice.slope is None):
        return row, choice
    notes = [f"no slopes in the file behind {len(unsaid)} of {len(inner)} layers: taken as "
             f"{choice.slope:g}, as --slope says"] if unsaid else []
    places = _places(row)
    notes += _costs(row, places, _check(row, [_width(there) for there in places]))
    layers: list[Layer] = []
    for number, (layer, skips) in enumerate(zip(row.layers, row.skips, strict=True), 1):
        before, after = places[number - 1], places[number]
        kernel = _kernel(row, number)
        weight = np.zeros((_width(after), _width(before), kernel, kernel))
        bias, slope = np.zeros(len(weight)), np.ones(len(weight))
        own = after[number]
        weight[own, before[number - 1]] = widen(layer.weight, kernel)
        for source, more in skips.items():
            weight[own, before[source]] += widen(more, kernel)
        for source in set(after) - {number}:
            weight[after[source], before[source]] = widen(
                identity(after[source].stop - after[source].start), kernel)
        bias[own] = 0 if layer.bias is None else layer.bias
        if layer is not last:
            slope[own] = choice.slope if layer.slope is None else layer.slope
        layers.append(replace(layer, weight=weight, bias=bias,
                              slope=None if layer is last else slope))
    return replace(row, layers=tuple(layers), skips=(), notes=(*row.notes, *notes)), \
        (replace(choice, slope=None) if unsaid else choice)
