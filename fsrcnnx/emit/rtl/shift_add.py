"""Shift-add graphs: a constant matrix product as adders that share their sums.

May import numpy and the ground. Signals are numbered: the taps of a window, then constants, then
sums, each of two signals before it. A tap is a sample of the window's column that came `age`
columns before the newest. All is linear: bounds and exactness are proved, not sampled.

    graph.forms() @ window      # every signal's value
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.errors import CheckError

WIDEST = 62  # bits of a signal: int64 holds it and its shifts


@dataclass(frozen=True)
class Tap:
    """A sample of the window.

    Args:
        wire: Which sample of a column, row * channels + channel.
        age: Columns since it came, 0 for the newest.
    """

    wire: int
    age: int


@dataclass(frozen=True)
class Sum:
    """One adder: left * 2^left_up, plus or minus right * 2^right_up.

    Args:
        left: Signal.
        right: Signal.
        left_up: Bits that the left one is shifted up.
        right_up: Bits that the right one is shifted up; one of both is 0.
        minus: Whether the right one is subtracted.
    """

    left: int
    right: int
    left_up: int = 0
    right_up: int = 0
    minus: bool = False


@dataclass(frozen=True)
class Output:
    """A result: signal * 2^up.

    Args:
        signal: Signal.
        up: Bits that it is shifted up.
    """

    signal: int
    up: int = 0


@dataclass(frozen=True)
class Graph:
    """Constant products of a window.

    Args:
        lows: Least value of each sample of a column, 0 or less.
        highs: Greatest value of each, 0 or more.
        taps: Taps, signals from 0 on.
        constants: Constants, the signals after them.
        sums: Sums, the signals after those.
        outputs: Results.
    """

    lows: tuple[int, ...]
    highs: tuple[int, ...]
    taps: tuple[Tap, ...]
    constants: tuple[int, ...]
    sums: tuple[Sum, ...]
    outputs: tuple[Output, ...]

    @property
    def first_sum(self) -> int:
        """Signal of the first sum."""
        return len(self.taps) + len(self.constants)

    @property
    def signals(self) -> int:
        """Number of signals."""
        return self.first_sum + len(self.sums)

    def is_constant(self, signal: int) -> bool:
        """Tell whether a signal is a constant."""
        return len(self.taps) <= signal < self.first_sum

    def constant(self, signal: int) -> int:
        """Value of a constant."""
        return self.constants[signal - len(self.taps)]

    def tap_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the taps: int64 (taps,) each."""
        wires = [tap.wire for tap in self.taps]
        return np.array(self.lows, np.int64)[wires], np.array(self.highs, np.int64)[wires]

    def forms(self) -> np.ndarray:
        """Write every signal as a sum over the taps and 1.

        Returns:
            int64 (signals, taps + 1): coefficients, the constant term last.
        """
        taps = len(self.taps)
        forms = np.zeros((self.signals, taps + 1), np.int64)
        forms[np.arange(taps), np.arange(taps)] = 1
        forms[taps:self.first_sum, -1] = self.constants
        for at, one in enumerate(self.sums, self.first_sum):
            right = forms[one.right] << one.right_up
            forms[at] = (forms[one.left] << one.left_up) + (-right if one.minus else right)
        return forms

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Bound every signal: reached, since the taps are bounded each by itself.

        Returns:
            int64 (signals,) each: least and greatest value.
        """
        forms = self.forms()
        products = forms[:, :-1, None] * np.stack(self.tap_bounds(), 1)
        return (products.min(2).sum(1) + forms[:, -1], products.max(2).sum(1) + forms[:, -1])

    def check_shape(self) -> None:
        """Hold the graph against what a graph is; it may come from a file.

        Raises:
            CheckError: Naming what is wrong.
        """
        def need(ok: bool, what: str) -> None:
            if not ok:
                raise CheckError(what, where="shift-add graph", allowed="signals before it, shifts "
                                 f"up to {WIDEST} bits", fix="solve it again")

        need(len(self.lows) == len(self.highs)
             and all(-1 << 31 <= low <= 0 <= high < 1 << 31
                     for low, high in zip(self.lows, self.highs, strict=True)), "odd bounds")
        need(all(0 <= tap.wire < len(self.lows) and tap.age >= 0 for tap in self.taps), "odd taps")
        need(all(abs(value) < 1 << WIDEST for value in self.constants), "odd constants")
        need(all(0 <= one.left < at and 0 <= one.right < at and min(one.left_up, one.right_up) == 0
                 and max(one.left_up, one.right_up) <= WIDEST
                 for at, one in enumerate(self.sums, self.first_sum)), "odd sums")
        need(all(0 <= out.signal < self.signals and 0 <= out.up <= WIDEST
                 for out in self.outputs), "odd outputs")
        self._check_size()

    def _check_size(self) -> None:
        """Bound all signals in floating point, where nothing wraps."""
        size = [float(max(-self.lows[tap.wire], self.highs[tap.wire])) for tap in self.taps]
        size += [abs(float(value)) for value in self.constants]
        for one in self.sums:
            size.append(size[one.left] * 2.0**one.left_up + size[one.right] * 2.0**one.right_up)
        if max([0.0, *size, *(size[out.signal] * 2.0**out.up for out in self.outputs)]
               ) >= 2.0**WIDEST:
            raise CheckError(f"sums beyond {WIDEST} bits", where="shift-add graph",
                             allowed=f"{WIDEST} bits", fix="solve it again")
