"""Each layer of a network as a pipelined shift-add graph, solved once and checked before its use.

May import the integer side and what else makes RTL. All lanes of a layer share one graph over its
whole window. Of a few graphs the one that takes the fewest registers and adders is kept. What comes
from the solver or from a cache is a stranger's until it is checked.

    for graph in layer_graphs(network): print(graph.name, graph.cost)
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.emit.rtl import graph_file
from fsrcnnx.emit.rtl.graph_check import check
from fsrcnnx.emit.rtl.graph_text import adder_bits, module
from fsrcnnx.emit.rtl.lanes import lanes, window
from fsrcnnx.emit.rtl.schedule import Pipeline, schedule
from fsrcnnx.emit.rtl.shift_add import Graph, Tap
from fsrcnnx.emit.rtl.solve import solve
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import ranges
from fsrcnnx.exact.network import Layer, Network

TRIES = (("mc-pdc", 1), ("wmc", 0))  # rule of choice, adders beyond the fewest on a path
WEIGHTS = 12_000  # of a graph that are not 0: about a device of 84 K LUT sites at 4 to 8 bits
STAGE = range(1, 9)  # adders between registers
Keep = Callable[[str, Callable[[Path], None]], Path]


@dataclass(frozen=True)
class Cost:
    """What a graph takes, without tools.

    Args:
        adders: Adders.
        carries: Carry cells of two bits, as in an ECP5.
        registers: Register bits, the window's columns among them.
        latency: Clocks from a window's newest column to its sums.
        weights: Weights that are not 0.
    """

    adders: int
    carries: int
    registers: int
    latency: int
    weights: int

    @property
    def lut(self) -> int:
        """LUT sites of an ECP5: a carry cell takes two."""
        return 2 * self.carries


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """A layer's constant products.

    Args:
        name: The layer's.
        pipeline: Its graph with clocks, checked.
        sample_bits: Bits of a sample of the column.
        sum_bits: Bits of each sum.
        cost: What it takes.
        content_hash: The network's.
    """

    name: str
    pipeline: Pipeline
    sample_bits: int
    sum_bits: int
    cost: Cost
    content_hash: str

    @property
    def latency(self) -> int:
        """Clocks from a window's newest column to its sums."""
        return self.pipeline.latency

    def text(self, module_name: str) -> str:
        """Write the module.

        Args:
            module_name: Its name.

        Returns:
            SystemVerilog.
        """
        title = (f"Products of layer {self.name}: {self.cost.adders} adders for "
                 f"{self.cost.weights} weights.")
        return module(self.pipeline, module_name, title, self.sample_bits, self.sum_bits,
                      f"Made by fsrcnnx {__version__} of network {self.content_hash}")


@dataclass(frozen=True, eq=False)
class Products:
    """What a layer multiplies.

    Args:
        matrix: int64 (taps, lanes * outputs).
        bias: int64 (lanes * outputs,).
        taps: Taps in the matrix's order.
        lows: Least value of each sample of a column.
        highs: Greatest value of each.
    """

    matrix: np.ndarray
    bias: np.ndarray
    taps: tuple[Tap, ...]
    lows: tuple[int, ...]
    highs: tuple[int, ...]


def products(layer: Layer, lo: np.ndarray, hi: np.ndarray) -> Products:
    """Lay a layer out as one matrix over its window.

    Args:
        layer: A checked layer.
        lo: int64 (in,), least input per channel.
        hi: int64 (in,), greatest input per channel.

    Returns:
        Its products: columns of the window, each row after row, channel after channel.
    """
    side, _ = window(layer)
    channels = layer.in_channels
    parts = []
    for lane in lanes(layer):
        out, rows, cols, _ = lane.weight.shape
        whole = np.zeros((side, side, channels, out), np.int64)
        whole[lane.row:lane.row + rows, lane.col:lane.col + cols] = lane.weight.transpose(
            1, 2, 3, 0)
        parts.append(whole.reshape(-1, out))
    taps = tuple(Tap(row * channels + channel, side - 1 - col) for row in range(side)
                 for col in range(side) for channel in range(channels))
    return Products(
        np.concatenate(parts, 1), np.concatenate([lane.bias for lane in lanes(layer)]), taps,
        tuple(int(min(low, 0)) for low in lo) * side,  # what lies beyond the frame is 0
        tuple(int(max(high, 0)) for high in hi) * side)


def cost(pipeline: Pipeline, weights: int) -> Cost:
    """Count what a pipeline takes.

    Args:
        pipeline: A pipeline.
        weights: Weights that are not 0.

    Returns:
        The cost.
    """
    graph = pipeline.graph
    samples, sums = pipeline.lines()
    registers = sum(sum(sizes[1:]) for sizes in (*samples.values(), *sums))
    carries = sum(-(-adder_bits(pipeline, at) // 2) for at in range(len(graph.sums)))
    return Cost(len(graph.sums), carries, registers, pipeline.latency, weights)


def _solved(found: Products, rule: str, deeper: int, where: str, keep: Keep | None) -> Graph:
    """A graph from the cache, if it is there and one, else from the solver."""
    def fresh() -> Graph:
        return solve(found.matrix, found.bias, found.taps, found.lows, found.highs, rule,
                     deeper)

    if keep is None:
        return fresh()
    key = hashlib.sha256("|".join(map(str, (
        "graph 1", importlib.metadata.version("da4ml"), rule, deeper, found.taps, found.lows,
        found.highs, found.matrix.shape))).encode() + found.matrix.tobytes() + found.bias.tobytes())
    folder = keep(f"graph-{key.hexdigest()[:24]}",
                  lambda scratch: graph_file.write(scratch, fresh()))
    return graph_file.read(folder, where)


def _graph(found: Products, adders_per_stage: int, where: str, keep: Keep | None) -> Pipeline:
    """The cheapest checked pipeline of a layer's products."""
    weights = int(np.count_nonzero(found.matrix))
    if weights > WEIGHTS:
        raise Unrepresentable(f"{weights} weights in one shift-add graph", where=where,
                              allowed=f"up to {WEIGHTS}, about what the largest ECP5 holds",
                              fix="use --engine mac")
    best = None
    for rule, deeper in TRIES:
        pipeline = schedule(_solved(found, rule, deeper, where, keep), adders_per_stage)
        took = cost(pipeline, weights)
        if best is None or took.registers + took.lut < best[0]:
            best = took.registers + took.lut, pipeline
    check(best[1], found.matrix, found.bias, found.taps, where)
    return best[1]


def layer_graphs(network: Network, adders_per_stage: int = 1, keep: Keep | None = None,
                 proved: Sequence[ranges.LayerRange] | None = None) -> tuple[LayerGraph, ...]:
    """Find the shift-add graph of every layer.

    Args:
        network: A checked network.
        adders_per_stage: Adders between registers.
        keep: Gives the folder of a key, filled by a function if it is not there.
        proved: The ranges of each layer, where they are known; else they are proved here.

    Returns:
        One graph per layer, each checked against its matrix.

    Raises:
        InputError: If adders_per_stage is out of range.
        Unrepresentable: If a layer has too many weights, or too large ones.
        CheckError: If a graph does not compute its layer.
        ToolError: If da4ml gives what no adder is.
        ImportError: If da4ml is missing.
    """
    if adders_per_stage not in STAGE:
        raise InputError(f"{adders_per_stage} adders per stage", where="--adders-per-stage",
                         allowed=f"{STAGE[0]}..{STAGE[-1]}")
    lo, hi = (np.array([end], np.int64) for end in (network.in_format.lo, network.in_format.hi))
    made = []
    proved = ranges.prove(network) if proved is None else proved
    for index, (layer, bound) in enumerate(zip(network.layers, proved, strict=True)):
        found, where = products(layer, lo, hi), f"layer {layer.name}"
        pipeline = _graph(found, adders_per_stage, where, keep)
        widest = max(pipeline.widths[out.signal] + out.up + (not pipeline.signed[out.signal])
                     for out in pipeline.graph.outputs)
        made.append(LayerGraph(
            layer.name, pipeline, network.in_format_of(index).width, widest,
            cost(pipeline, int(np.count_nonzero(found.matrix))), network.content_hash()))
        lo, hi = bound.out_lo, bound.out_hi
    return tuple(made)
