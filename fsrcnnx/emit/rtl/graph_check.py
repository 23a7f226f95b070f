"""Hold a pipelined shift-add graph against the integer matrix product that it stands for.

May import numpy, the ground and the pipeline. Three ways, before anything is written: the graph's
algebra against the matrix, coefficient by coefficient; then the pipeline, register by register and
with every width, on columns that drive each signal to its least and greatest value, and on noise.

    check(pipeline, matrix, bias, taps, "layer map1")
"""

from __future__ import annotations

import numpy as np

from fsrcnnx.emit.rtl.schedule import Pipeline
from fsrcnnx.emit.rtl.shift_add import Graph, Tap
from fsrcnnx.errors import CheckError

NOISE = 256  # windows of noise
ROOM = 1 << 25  # values held at once


def wrap(values: np.ndarray, width: int, signed: bool) -> np.ndarray:
    """Keep the low bits, as a register does.

    Args:
        values: int64.
        width: Bits.
        signed: Whether the highest counts negative.

    Returns:
        int64 of the same shape.
    """
    low = values & ((1 << width) - 1)
    return low - ((low >> (width - 1)) << width) if signed else low


def run(pipeline: Pipeline, columns: np.ndarray) -> np.ndarray:
    """Clock columns through a pipeline.

    Args:
        pipeline: A pipeline; its registers start at 0.
        columns: int64 (clocks, samples), one column a clock.

    Returns:
        int64 (clocks, outputs): row t belongs to the window whose newest column is t.
    """
    graph = pipeline.graph
    padded = np.concatenate([columns, np.zeros((pipeline.latency, columns.shape[1]), np.int64)])
    formed: list[np.ndarray] = []

    def at(signal: int, clock: int) -> np.ndarray:
        """A signal behind its registers."""
        if graph.is_constant(signal):
            return np.full(len(padded), graph.constant(signal))
        delay = pipeline.delay(signal, clock)
        held = np.zeros(len(padded), np.int64)
        held[delay:] = formed[signal][: len(padded) - delay]
        return held

    for signal, (width, signed) in enumerate(zip(pipeline.widths, pipeline.signed, strict=True)):
        if signal < len(graph.taps):
            value = padded[:, graph.taps[signal].wire]
        elif signal < graph.first_sum:
            value = np.full(len(padded), graph.constant(signal))
        else:
            one = graph.sums[signal - graph.first_sum]
            clock = pipeline.clock(signal)
            left, right = (at(which, clock) << up for which, up in (
                (one.left, one.left_up), (one.right, one.right_up)))
            value = left - right if one.minus else left + right
        formed.append(wrap(value, width, signed))
    results = [at(out.signal, pipeline.latency + 1) << out.up for out in graph.outputs]
    return np.stack(results, 1)[pipeline.latency:]


def _stimuli(graph: Graph, forms: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Windows of columns (windows, side, samples), the newest column last: extremes, then noise."""
    lows, highs = (np.array(ends, np.int64) for ends in (graph.lows, graph.highs))
    least, most = graph.tap_bounds()
    room = max(ROOM // (max(graph.signals, 1) * side), 64)
    chosen = forms if 2 * len(forms) <= room else forms[
        np.sort(rng.choice(len(forms), room // 2, replace=False))]
    up = np.where(chosen[:, :-1] > 0, most, least)
    down = np.where(chosen[:, :-1] > 0, least, most)
    extremes = np.zeros((2 * len(chosen), side, len(lows)), np.int64)
    wires, ages = ([getattr(tap, name) for tap in graph.taps] for name in ("wire", "age"))
    extremes[:, side - 1 - np.array(ages, int), np.array(wires, int)] = np.concatenate([up, down])
    noise = rng.integers(lows, highs + 1, (NOISE, side, len(lows)))
    flat = np.stack([np.broadcast_to(ends, (side, len(lows))) for ends in (lows, highs)])
    return np.concatenate([extremes, flat, noise])


def check(pipeline: Pipeline, matrix: np.ndarray, bias: np.ndarray, taps: tuple[Tap, ...],
          where: str, seed: int = 1) -> None:
    """Prove a pipeline's algebra, and try its registers and widths.

    Args:
        pipeline: A pipeline.
        matrix: int64 (taps, outputs).
        bias: int64 (outputs,).
        taps: Taps of the window, in the matrix's order.
        where: Its name, for errors.
        seed: Seed of the noise.

    Raises:
        CheckError: Naming the output, and what differs.
    """
    graph = pipeline.graph
    graph.check_shape()
    place = {tap: at for at, tap in enumerate(taps)}
    if len(graph.outputs) != matrix.shape[1] or not set(graph.taps) <= set(place):
        raise CheckError("other taps or outputs than the layer's", where=where,
                         allowed=f"{len(taps)} taps, {matrix.shape[1]} outputs")
    if any(delay < 0 for _, delay, _ in pipeline.uses()):
        raise CheckError("a signal is used before it is there", where=where,
                         allowed="clocks in order", fix="report it")
    forms = graph.forms()
    got = np.zeros((len(taps) + 1, matrix.shape[1]), np.int64)
    rows = np.array([*(place[tap] for tap in graph.taps), len(taps)], int)
    for number, out in enumerate(graph.outputs):
        got[rows, number] = forms[out.signal] << out.up
    # a sample that is always 0 needs no adder
    moves = np.array([graph.lows[tap.wire] < graph.highs[tap.wire] for tap in taps], bool)
    want = np.concatenate([np.where(moves[:, None], matrix, 0), bias[None]])
    _compare(got.T, want.T, where, "coefficients")
    side = 1 + max(tap.age for tap in taps)
    columns = _stimuli(graph, forms, side, np.random.default_rng(seed)).reshape(
        -1, len(graph.lows))
    result = run(pipeline, columns)[side - 1:]
    window = np.stack([columns[side - 1 - tap.age: len(columns) - tap.age, tap.wire]
                       for tap in taps], 1)
    _compare(result.T, (window @ matrix + bias).T, where, "sums")


def _compare(got: np.ndarray, want: np.ndarray, where: str, what: str) -> None:
    """Refuse any difference of (outputs, ...)."""
    wrong = np.argwhere(got != want)
    if len(wrong):
        output, at = wrong[0]
        raise CheckError(f"{len(wrong)} of {want.size} {what} differ, first at output {output}, "
                         f"place {at}: {got[output, at]} instead of {want[output, at]}",
                         where=where, allowed="exactly the layer's",
                         fix="delete the folder of builds; if it stays, report it")
