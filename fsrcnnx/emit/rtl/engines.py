"""The engines: each decides how the sums of a network's layers are formed.

May import the integer network, the ranges and what an engine is made of. An engine is one function
that gives each layer its work; what it decided, the plan carries and the writers print.

    ENGINES["mac"](network, [lanes(layer) for layer in network.layers], prove(network), 16)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fsrcnnx.emit.rtl.fold import Fold, fold
from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.emit.rtl.memories import Memory, memories, placed
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.ranges import LayerRange


@dataclass(frozen=True, eq=False)
class Work:
    """How an engine forms the sums of one layer.

    Args:
        fold: The layer's steps.
        memories: What it reads, in its place.
    """

    fold: Fold
    memories: tuple[Memory, ...]


def slope_bits(layer: Layer) -> int:
    """Bits of a layer's slopes as signed numbers.

    Args:
        layer: A layer with or without slopes.

    Returns:
        Bits; 1 without slopes.
    """
    fmt = layer.slope_format
    return fmt.width + (not fmt.signed) if fmt else 1


def mac(network: Network, parts: Sequence[tuple[Lane, ...]], proved: Sequence[LayerRange],
        cycles_per_pixel: int) -> tuple[Work, ...]:
    """Fold every layer to the same rate: multipliers that read weights out of memories.

    Args:
        network: A checked network.
        parts: The lanes of each layer.
        proved: The ranges of each layer.
        cycles_per_pixel: Most cycles per LR pixel.

    Returns:
        The work of each layer.
    """
    folds = [fold(layer, own, cycles_per_pixel)
             for layer, own in zip(network.layers, parts, strict=True)]
    found = placed(
        memory for index, layer in enumerate(network.layers)
        for memory in memories(index, layer, parts[index], folds[index], proved[index].acc_width,
                               slope_bits(layer)))
    return tuple(Work(steps, tuple(memory for memory in found if memory.layer == index))
                 for index, steps in enumerate(folds))


Engine = Callable[[Network, Sequence[tuple[Lane, ...]], Sequence[LayerRange], int],
                  tuple[Work, ...]]
ENGINES: dict[str, Engine] = {"mac": mac}
