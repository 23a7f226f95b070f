"""Find a shift-add graph for a constant matrix, by da4ml.

May import numpy, the ground and the graphs, and lazily da4ml. The solver's weights are float32:
integers below 2^24 are exact, and what comes back is checked elsewhere as if it were a stranger's.
Source: C. Sun et al., "da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs", 2025.

    solve(matrix, bias, taps, lows, highs, "wmc", deeper=2)
"""

from __future__ import annotations

import numpy as np

from fsrcnnx.emit.rtl.shift_add import Graph, Output, Sum, Tap
from fsrcnnx.errors import ToolError, Unrepresentable
from fsrcnnx.install import advice

EXACT = 1 << 24  # float32
INPUT, ADD, SUBTRACT, CONSTANT = -1, 0, 1, 5  # da4ml's opcodes


def solve(matrix: np.ndarray, bias: np.ndarray, taps: tuple[Tap, ...], lows: tuple[int, ...],
          highs: tuple[int, ...], rule: str, deeper: int) -> Graph:
    """Find a graph of few adders.

    Args:
        matrix: int64 (taps, outputs).
        bias: int64 (outputs,).
        taps: Taps of the window, in the matrix's order.
        lows: Least value of each sample of a column, 0 or less.
        highs: Greatest value of each, 0 or more.
        rule: How da4ml chooses the sum to share next.
        deeper: Adders that a path may have beyond the fewest possible; negative: any number.

    Returns:
        The graph, unchecked.

    Raises:
        Unrepresentable: If a weight is beyond the solver.
        ToolError: If da4ml gives what no adder is.
        ImportError: If da4ml is missing.
    """
    if np.abs(matrix).max(initial=0) >= EXACT:
        raise Unrepresentable(f"a weight of {np.abs(matrix).max()}", where="shift-add graph",
                              allowed=f"less than {EXACT}", fix="use --engine mac")
    used = [at for at, tap in enumerate(taps) if matrix[at].any() and lows[tap.wire] <
            highs[tap.wire]]
    comb = _trace(matrix[used].astype(float), [float(lows[taps[at].wire]) for at in used],
                  [float(highs[taps[at].wire]) for at in used], rule, deeper) if used else None
    return _graph(comb, bias, tuple(taps[at] for at in used), lows, highs)


def _trace(matrix: np.ndarray, lows: list[float], highs: list[float], rule: str, deeper: int):
    """The solver's list of operations."""
    from da4ml.trace import FixedVariableArray, HWConfig, comb_trace

    window = FixedVariableArray.from_lhs(
        np.array(lows), np.array(highs), np.ones(len(lows)), HWConfig(1, -1, -1),
        solver_options={"method0": rule, "hard_dc": deeper, "search_all_decompose_dc": True})
    return comb_trace(window, window @ matrix)


def _graph(comb, bias: np.ndarray, taps: tuple[Tap, ...], lows: tuple[int, ...],
           highs: tuple[int, ...]) -> Graph:
    """The solver's operations as a graph, with the biases added behind them."""
    constants = (0, *sorted({int(value) for value in bias} - {0}))
    first = len(taps) + len(constants)
    zero = len(taps)
    signal: list[int] = []  # of each operation
    up: list[int] = []  # bits that its value is shifted up
    sums: list[Sum] = []
    for op in comb.ops if comb else ():
        if op.opcode == INPUT:
            signal.append(int(op.id0))
            up.append(0)
        elif op.opcode in (ADD, SUBTRACT):
            ups = up[op.id0], up[op.id1] + int(op.data)
            sums.append(Sum(signal[op.id0], signal[op.id1], ups[0] - min(ups), ups[1] - min(ups),
                            op.opcode == SUBTRACT))
            signal.append(first + len(sums) - 1)
            up.append(min(ups))
        elif op.opcode == CONSTANT and op.data == 0:
            signal.append(zero)
            up.append(0)
        else:
            raise ToolError(f"an operation {op.opcode} that is no adder", where="da4ml",
                            allowed="da4ml 0.6", fix=advice("da4ml"))
    outputs = []
    for at, value in enumerate(int(value) for value in bias):
        op = int(comb.out_idxs[at]) if comb else -1
        root, shift = (signal[op], up[op] + int(comb.out_shifts[at])) if op >= 0 else (zero, 0)
        constant = zero + constants.index(value)
        if root == zero:
            outputs.append(Output(constant))
        elif shift < 0:
            raise ToolError(f"a result shifted by {shift}", where="da4ml", allowed="0 or more",
                            fix=advice("da4ml"))
        elif value or comb.out_negs[at]:
            sums.append(Sum(constant, root, 0, shift, bool(comb.out_negs[at])))
            outputs.append(Output(first + len(sums) - 1))
        else:
            outputs.append(Output(root, shift))
    return Graph(lows, highs, taps, constants, tuple(sums), tuple(outputs))
