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
from fsrcnnx.emit.rtl.lanes import window
from fsrcnnx.emit.rtl.products import Products, products, row_products, stored_bits
from fsrcnnx.emit.rtl.schedule import Pipeline, schedule
from fsrcnnx.emit.rtl.shift_add import Graph
from fsrcnnx.emit.rtl.solve import solve
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import ranges
from fsrcnnx.exact.network import Network

TRIES = (("mc-pdc", 1), ("wmc", 0))  # rule of choice, adders beyond the fewest on a path
WEIGHTS = 12_000  # of a graph that are not 0: about a device of 84 K LUT sites at 4 to 8 bits
READ = 5  # latency of the line memory, within that of a graph whose sums wait in it
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
        column_bits: Bits of the column.
        sum_bits: Bits of each sum.
        cost: What it takes.
        content_hash: The network's.
        stored: Where its sums are those of one row: bits of each that waits for lines below, row by
            row of the window from the second lowest on; else nothing.
    """

    name: str
    pipeline: Pipeline
    sample_bits: int
    column_bits: int
    sum_bits: int
    cost: Cost
    content_hash: str
    stored: tuple[int, ...] = ()

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
        return module(self.pipeline, module_name, title, self.sample_bits, self.column_bits,
                      self.sum_bits,
                      f"Made by fsrcnnx {__version__} of network {self.content_hash}")


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


def _graph(found: Products, adders_per_stage: int, where: str, keep: Keep | None,
           least: int = 1) -> Pipeline:
    """The cheapest checked pipeline of a layer's products."""
    weights = int(np.count_nonzero(found.matrix))
    if weights > WEIGHTS:
        raise Unrepresentable(f"{weights} weights in one shift-add graph", where=where,
                              allowed=f"up to {WEIGHTS}, about what the largest ECP5 holds",
                              fix="use --engine mac")
    best = None
    for rule, deeper in TRIES:
        pipeline = schedule(_solved(found, rule, deeper, where, keep), adders_per_stage, least)
        took = cost(pipeline, weights)
        if best is None or took.registers + took.lut < best[0]:
            best = took.registers + took.lut, pipeline
    check(best[1], found.matrix, found.bias, found.taps, where)
    return best[1]


def layer_graphs(network: Network, adders_per_stage: int = 1, keep: Keep | None = None,
                 proved: Sequence[ranges.LayerRange] | None = None,
                 rows: bool = False) -> tuple[LayerGraph, ...]:
    """Find the shift-add graph of every layer.

    Args:
        network: A checked network.
        adders_per_stage: Adders between registers.
        keep: Gives the folder of a key, filled by a function if it is not there.
        proved: The ranges of each layer, where they are known; else they are proved here.
        rows: Whether the last layer's graph may be of one row, where its sums take less line memory
            than its inputs.

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
        sample = network.in_format_of(index).width
        column, stored = len(found.lows) * sample, ()
        if rows and index == len(network.layers) - 1:
            found, column, stored = _rows(network, found, column, lo, hi)
        pipeline = _graph(found, adders_per_stage, where, keep, READ if stored else 1)
        widest = max(pipeline.widths[out.signal] + out.up + (not pipeline.signed[out.signal])
                     for out in pipeline.graph.outputs)
        made.append(LayerGraph(
            layer.name, pipeline, sample, column, widest,
            cost(pipeline, int(np.count_nonzero(found.matrix))), network.content_hash(), stored))
        lo, hi = bound.out_lo, bound.out_hi
    return tuple(made)


def _rows(network: Network, found: Products, column: int, lo: np.ndarray, hi: np.ndarray
          ) -> tuple[Products, int, tuple[int, ...]]:
    """The last layer over one row, where its sums take less line memory than what they are of."""
    layer, index = network.layers[-1], len(network.layers) - 1
    side, before = window(layer)
    if side == 1 or (network.anchor and not index):
        return found, column, ()
    pixel = network.in_format.width if network.anchor else 0
    anchor = (network.in_format.hi, network.acc_frac(index) - network.in_format.frac) if pixel \
        else None
    row = row_products(layer, lo, hi, anchor)
    stored, one = stored_bits(row, side), column // side
    if sum(stored) >= (side - 1) * one + (side - 1 - before) * pixel:
        return found, column, ()
    return row, one + pixel, stored
