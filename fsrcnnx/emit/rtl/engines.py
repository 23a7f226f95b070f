"""The engines: each decides how the sums of a network's layers are formed.

May import the integer network, the ranges and what an engine is made of. An engine is one function
that gives each layer its work; what it decided, the plan carries and the writers print.

    mac = ENGINES["mac"]
    mac.works(network, [lanes(layer) for layer in network.layers], prove(network), Pace(16), None)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fsrcnnx import limits
from fsrcnnx.emit.rtl.adders import whole
from fsrcnnx.emit.rtl.fold import Fold, fold, per_multiplier
from fsrcnnx.emit.rtl.graphs import STAGE, Keep, LayerGraph, layer_graphs
from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.emit.rtl.memories import Memory, memories, placed
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.ranges import LayerRange

LANE = 6  # latency of fsrcnnx_mac_lane, its adder tree aside

@dataclass(frozen=True)
class Pace:
    """What is asked of an engine.

    Args:
        cycles: Most clocks per LR pixel.
        multiplier_bits: Bits of a multiplier's wide factor.
        adders_per_stage: Adders between registers.
    """

    cycles: int
    multiplier_bits: int = 25
    adders_per_stage: int = 1


@dataclass(frozen=True, eq=False)
class Work:
    """How an engine forms the sums of one layer.

    Args:
        fold: The layer's turns.
        latency: Clocks from a window's newest column to its last slice of sums.
        sum_bits: Bits of a sum, without the anchor.
        memories: What it reads, in its place.
        graph: Its constant products, or None.
    """

    fold: Fold
    latency: int
    sum_bits: int
    memories: tuple[Memory, ...] = ()
    graph: LayerGraph | None = None

    @property
    def stored(self) -> tuple[int, ...]:
        """Bits of the sums that its line memory keeps, where it keeps no lines."""
        return self.graph.stored if self.graph else ()


def mac(network: Network, parts: Sequence[tuple[Lane, ...]], proved: Sequence[LayerRange],
        pace: Pace, keep: Keep | None) -> tuple[Work, ...]:
    """Fold every layer to the same rate: multipliers that read weights out of memories.

    Args:
        network: A checked network.
        parts: The lanes of each layer.
        proved: The ranges of each layer.
        pace: The rate, and what multiplies.
        keep: Not looked at: nothing takes long.

    Returns:
        The work of each layer.
    """
    folds = [fold(layer, own, pace.cycles, per_multiplier(
        layer, network.in_format_of(index), pace.multiplier_bits))
        for index, (layer, own) in enumerate(zip(network.layers, parts, strict=True))]
    found = placed(
        memory for index, layer in enumerate(network.layers)
        for memory in memories(index, layer, parts[index], folds[index], proved[index].acc_width))
    return tuple(Work(turns, turns.cycles + turns.stages + LANE, proved[index].acc_width,
                      tuple(memory for memory in found if memory.layer == index))
                 for index, turns in enumerate(folds))


def adders(network: Network, parts: Sequence[tuple[Lane, ...]], proved: Sequence[LayerRange],
           pace: Pace, keep: Keep | None) -> tuple[Work, ...]:
    """Turn every layer into a graph of shifts and adders: one LR pixel a clock.

    Args:
        network: A checked network.
        parts: The lanes of each layer.
        proved: The ranges of each layer: what enters its graph.
        pace: 1 clock, which is all that there is, and the adders of a stage.
        keep: Keeps solved graphs, or None.

    Returns:
        The work of each layer.

    Raises:
        Unrepresentable: If a layer is too large for a graph.
        ImportError: If the solver is missing.
    """
    folds = [whole(own) for own in parts]
    graphs = layer_graphs(network, pace.adders_per_stage, keep, proved, rows=True)
    return tuple(Work(turns, graph.latency + bool(graph.stored), graph.sum_bits, graph=graph)
                 for turns, graph in zip(folds, graphs, strict=True))


@dataclass(frozen=True)
class Engine:
    """One way to form sums.

    Args:
        works: Gives each layer its work.
        cycles: Most clocks per LR pixel where nobody asks for others.
        paces: Which may be asked for.
        stages: Adders between registers that may be asked for.
    """

    works: Callable[[Network, Sequence[tuple[Lane, ...]], Sequence[LayerRange], Pace, Keep | None],
                    tuple[Work, ...]]
    cycles: int
    paces: range
    stages: range


ENGINES = {"mac": Engine(mac, 16, range(1, limits.CYCLES + 1), range(1, 2)),
           "adders": Engine(adders, 1, range(1, 2), STAGE)}
