"""Pipeline a shift-add graph: the clock of every adder, so that registers are fewest.

May import numpy, scipy, the ranges and the graphs. A window slides by one column a clock, so that a
tap of age a was there a clocks before: sums of old columns are formed early, and one delay line of
each sample serves all columns. Registers in all are a linear function of the clocks, and its
constraints are differences, so that linear programming finds whole numbers and the least.
Source: C. Leiserson, J. Saxe, "Retiming Synchronous Circuitry", Algorithmica 6, 1991.

    schedule(graph, 1).registers
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from fsrcnnx.emit.rtl.shift_add import WIDEST, Graph
from fsrcnnx.errors import CheckError
from fsrcnnx.exact.ranges import signed_width

# clocks that a column has for the way from the line memory into the graph, before any adder: that
# way was the longest of the routed core (6.0 of 7.3 ns)
CROSSING = 1


@dataclass(frozen=True)
class Pipeline:
    """A graph with clocks.

    Args:
        graph: The graph.
        clocks: Clock in which each sum is formed, 1 for the one after the newest column came; it
            is in a register from then on if anything needs it later.
        latency: Clocks from the newest column to the results.
        widths: Bits of every signal.
        signed: Whether every signal has a sign bit.
    """

    graph: Graph
    clocks: tuple[int, ...]
    latency: int
    widths: tuple[int, ...]
    signed: tuple[bool, ...]

    def clock(self, signal: int) -> int:
        """Clock in which a signal is formed; what comes with the newest column is a register."""
        if signal >= self.graph.first_sum:
            return self.clocks[signal - self.graph.first_sum]
        return 1 - self.graph.taps[signal].age

    def delay(self, signal: int, at: int) -> int:
        """Registers from a signal to where it is used in a clock; 0 for constants."""
        return 0 if self.graph.is_constant(signal) else at - self.clock(signal)

    def uses(self) -> list[tuple[int, int, int]]:
        """Every use of a signal: (signal, registers before it, bits that it takes)."""
        graph, found = self.graph, []
        for number, one in enumerate(graph.sums):
            width, clock = self.widths[graph.first_sum + number], self.clocks[number]
            found += [(one.left, clock, width - one.left_up), (one.right, clock,
                                                               width - one.right_up)]
        found += [(out.signal, self.latency + 1, WIDEST) for out in graph.outputs]
        return [(signal, self.delay(signal, clock), max(min(self.widths[signal], bits), 0))
                for signal, clock, bits in found if not graph.is_constant(signal)]

    def lines(self) -> tuple[dict[int, list[int]], list[list[int]]]:
        """Give the delay lines.

        Returns:
            Of every sample of a column that is used, and of every sum: the bits that are needed
            behind 0, 1, 2 and more registers.
        """
        graph = self.graph
        samples: dict[int, list[int]] = {}
        sums: list[list[int]] = [[0] for _ in graph.sums]
        for signal, delay, bits in self.uses():
            line = sums[signal - graph.first_sum] if signal >= graph.first_sum else \
                samples.setdefault(graph.taps[signal].wire, [0])
            line += [0] * (delay + 1 - len(line))
            line[:delay + 1] = [max(bits, size) for size in line[:delay + 1]]
        return samples, sums


def widths(graph: Graph) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Size every signal by its bounds, so that it cannot wrap, and by what is looked at.

    Args:
        graph: A graph.

    Returns:
        Bits, and whether there is a sign among them. Where terms cancel, a sum is narrower than
        what it is made of: then high bits of that, which nobody else needs, are left out.
    """
    lows, highs = graph.bounds()
    signed = tuple(bool(low < 0) for low in lows)
    sizes = [signed_width(int(low), int(high)) - int(low >= 0)
             for low, high in zip(lows, highs, strict=True)]
    needed = [0] * graph.signals
    for out in graph.outputs:
        needed[out.signal] = WIDEST
    for signal in reversed(range(graph.signals)):
        sizes[signal] = max(min(sizes[signal], needed[signal]), 1)
        if signal >= graph.first_sum:
            one = graph.sums[signal - graph.first_sum]
            for operand, up in ((one.left, one.left_up), (one.right, one.right_up)):
                needed[operand] = max(needed[operand], sizes[signal] - up)
    return tuple(sizes), signed


def schedule(graph: Graph, adders_per_stage: int = 1, fewest: int = 1) -> Pipeline:
    """Find the clocks that take the fewest registers.

    Args:
        graph: A graph.
        adders_per_stage: Adders between registers.
        fewest: Least latency.

    Returns:
        The pipeline.

    Raises:
        CheckError: If what the solver found does not hold.
    """
    sizes, signed = widths(graph)
    levels = _levels(graph, adders_per_stage)
    first, sums, wires = graph.first_sum, len(graph.sums), len(graph.lows)
    # variables: clocks of the sums, the latency, lengths of the samples' and the sums' lines
    end, samples = sums, sums + 1
    lines = samples + wires
    rows: list[tuple[int, int, float]] = []  # x[one] - x[other] <= most; -1: nothing
    least = np.full(lines + sums, -np.inf)
    least[samples:], least[end] = 0, fewest

    def use(signal: int, user: int, later: int, offset: int = 0) -> None:
        """User is formed `later` clocks after a signal at least; its line reaches it."""
        if signal >= first:
            at = signal - first
            rows.append((at, user, -1, offset - later))  # clock + later <= user + offset
            rows.append((user, at, lines + at, -offset))
        elif signal < len(graph.taps):
            tap = graph.taps[signal]
            least[user] = max(least[user], 1 - tap.age - offset + CROSSING)
            rows.append((user, -1, samples + tap.wire, 1 - tap.age - offset))

    for at, one in enumerate(graph.sums):
        for signal in (one.left, one.right):
            apart = signal < first or levels[signal] != levels[first + at]
            use(signal, at, int(apart))
    for out in graph.outputs:
        use(out.signal, end, 1, 1)
    costs = np.concatenate([np.zeros(sums), [1e-3], _wire_bits(graph, sizes), sizes[first:]])
    clocks = _solve(rows, costs, least)
    return Pipeline(graph, tuple(clocks[:sums]), clocks[end], sizes, signed)


def _wire_bits(graph: Graph, sizes: tuple[int, ...]) -> np.ndarray:
    """Bits of every sample of a column that any tap looks at."""
    bits = np.zeros(len(graph.lows))
    for tap, size in zip(graph.taps, sizes, strict=False):
        bits[tap.wire] = size
    return bits


def _levels(graph: Graph, adders_per_stage: int) -> list[int]:
    """Stage of every signal where each is formed as early as can be."""
    adders = [-tap.age * adders_per_stage for tap in graph.taps]
    adders += [-1 << 30] * len(graph.constants)
    for one in graph.sums:
        adders.append(max(adders[one.left], adders[one.right]) + 1)
    return [-(-level // adders_per_stage) for level in adders]


def _solve(rows: list[tuple], costs: np.ndarray, least: np.ndarray) -> list[int]:
    """Minimise costs @ x over x[one] - x[other] - x[third] <= most and x >= least."""
    entries = [(at, which, sign) for at, (one, other, third, _) in enumerate(rows)
               for which, sign in ((one, 1.0), (other, -1.0), (third, -1.0)) if which >= 0]
    at, which, sign = (np.array(part) for part in zip(*entries, strict=True)) if entries else \
        (np.zeros(0, int),) * 3
    matrix = coo_array((sign, (at, which)), shape=(len(rows), len(costs))).tocsr()
    most = np.array([row[3] for row in rows], float)
    found = linprog(costs, matrix, most, bounds=np.stack([least, np.full_like(least, np.inf)], 1),
                    method="highs-ds")
    if found.x is None:
        raise CheckError(f"no clocks found ({found.message})", where="shift-add graph",
                         allowed="a graph whose sums are used")
    whole = np.rint(found.x)
    if (matrix @ whole > most).any() or (whole < least).any():
        raise CheckError("clocks that are no whole numbers", where="shift-add graph",
                         allowed="clocks in order")
    return [int(value) for value in whole]
