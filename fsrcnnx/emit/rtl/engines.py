"""The engines: each decides how the sums of a network's layers are formed.

May import the integer network, the ranges and what an engine is made of. An engine is one function
that gives each layer its work; what it decided, the plan carries and the writers print.

    mac = ENGINES["mac"]
    mac.works(network, [lanes(layer) for layer in network.layers], prove(network), 16, None)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fsrcnnx import limits
from fsrcnnx.emit.rtl.adders import whole
from fsrcnnx.emit.rtl.fold import Fold, fold
from fsrcnnx.emit.rtl.graphs import Keep, LayerGraph, layer_graphs
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
        graph: Its constant products, or None.
    """

    fold: Fold
    memories: tuple[Memory, ...]
    graph: LayerGraph | None = None


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
        cycles_per_pixel: int, keep: Keep | None) -> tuple[Work, ...]:
    """Fold every layer to the same rate: multipliers that read weights out of memories.

    Args:
        network: A checked network.
        parts: The lanes of each layer.
        proved: The ranges of each layer.
        cycles_per_pixel: Most cycles per LR pixel.
        keep: Not looked at: nothing takes long.

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


def adders(network: Network, parts: Sequence[tuple[Lane, ...]], proved: Sequence[LayerRange],
           cycles_per_pixel: int, keep: Keep | None) -> tuple[Work, ...]:
    """Turn every layer into a graph of shifts and adders: one LR pixel a clock.

    Args:
        network: A checked network.
        parts: The lanes of each layer.
        proved: The ranges of each layer: what enters its graph.
        cycles_per_pixel: 1, which is all that there is.
        keep: Keeps solved graphs, or None.

    Returns:
        The work of each layer.

    Raises:
        Unrepresentable: If a layer is too large for a graph, or a slope too wide.
        ImportError: If the solver is missing.
    """
    folds = [whole(layer, own) for layer, own in zip(network.layers, parts, strict=True)]
    return tuple(Work(steps, (), graph) for steps, graph in
                 zip(folds, layer_graphs(network, keep=keep, proved=proved), strict=True))


@dataclass(frozen=True)
class Engine:
    """One way to form sums.

    Args:
        works: Gives each layer its work.
        cycles: Most cycles per LR pixel where nobody asks for others.
        paces: Which may be asked for.
        whole_beats: Whether it gives all HR pixels of an LR pixel in a clock, and so in a beat
            where nobody asks for others.
    """

    works: Callable[[Network, Sequence[tuple[Lane, ...]], Sequence[LayerRange], int, Keep | None],
                    tuple[Work, ...]]
    cycles: int
    paces: range
    whole_beats: bool


ENGINES = {"mac": Engine(mac, 16, range(1, limits.CYCLES + 1), False),
           "adders": Engine(adders, 1, range(1, 2), True)}
