"""A ramp along rows through a network: its pixels, and what a change would make of them.

May import numpy, exact.even, exact.network, exact.tdc and quantising.ground.

    line = Line(network)
    line.back                                      # 2: levels from some pixel down to the next
    line.trial(2, [Step(0, 3, 0, 1, -1)])

Such a ramp is the same in every row, so that windows become lines: their taps add up across.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.exact import even, tdc
from fsrcnnx.exact.network import Network
from fsrcnnx.learn.quantising.ground import mapped, pressed

MARGIN = 0.1   # levels before a step back of one from which it presses
RISK = 0.25    # levels short of that margin from which a pair of pixels is looked at
RISKED = 256   # pairs that are looked at


@dataclass(frozen=True)
class Step:
    """A change of one weight, or of one bias.

    Args:
        channel: Of the sums; of the last layer the phase, -1 for all.
        source: Channel that the weight reads, -1 of a bias.
        dy: LR rows that the weight looks down.
        dx: LR columns that it looks right.
        raw: By how much.
    """

    channel: int
    source: int
    dy: int
    dx: int
    raw: int


class Line:
    """Ramps over all levels along rows, of all of even.PERIODS; float64 holds all sums exactly.

    Args:
        network: As of `Ground`.

    Attributes:
        pixels: What comes out before it is rounded, (s rows, s * positions), in levels.
        seen: Whether a pixel and the next lie on the same ramp, (s * positions - 1,).
        total: How hard the limit presses all of them that step back.
    """

    def __init__(self, network: Network):
        self.network, self.layers, s = network, network.layers, network.scale
        self.shifts = [network.shift(index) for index in range(len(self.layers))]
        reach = sum(even.reach(network))
        parts = [np.pad(even.levels(network).repeat(period), 2 * reach, mode="edge")
                 for period in even.PERIODS]
        level = np.concatenate(parts).astype(float)
        # between two ramps all falls at once
        ends = np.cumsum([len(part) for part in parts])[:-1] * s
        self.seen = np.ones(len(level) * s - 1, bool)
        for end in ends:
            self.seen[end - s * reach : end + s * reach] = False
        self.anchor = level * 2.0 ** self.shifts[-1] if network.anchor else 0.0
        self.at = np.arange(len(level))
        self.weights, self.first, self.biases = [], [], []
        for layer in self.layers:
            side, before = tdc.window(layer)
            weight = np.zeros((0, layer.in_channels, side))
            for phase in tdc.phases(layer):
                own = np.zeros((len(phase.weight), layer.in_channels, side))
                start = before + phase.col.first
                own[:, :, start : start + len(phase.col.taps)] = phase.weight.sum(2)
                weight = np.concatenate([weight, own])
            self.weights.append(weight)
            self.first.append(-before)
            self.biases.append(np.broadcast_to(
                layer.bias.astype(float), (len(weight) // len(layer.bias), len(layer.bias))
            ).reshape(-1, 1).copy())
        self.maps, self.sums = [level[None]], []
        self.run(0)

    def reads(self, x: np.ndarray, off: int) -> np.ndarray:
        """What lies `off` pixels on, (..., positions); beyond the ends all stays as it is."""
        return x[..., np.clip(self.at + off, 0, len(self.at) - 1)]

    def accumulate(self, index: int, x: np.ndarray) -> np.ndarray:
        """A layer's sums (..., out, positions) of its input, without biases."""
        weight, first = self.weights[index], self.first[index]
        return sum(weight[:, :, tap] @ self.reads(x, first + tap)
                   for tap in range(weight.shape[2]))

    def map(self, index: int, sums: np.ndarray, channel: int | slice = slice(None)) -> np.ndarray:
        """A layer's output of sums (..., out, positions)."""
        layer = self.layers[index]
        slope = None if layer.slope is None else layer.slope[channel, None]
        return mapped(layer, self.shifts[index], sums, slope)

    def run(self, index: int) -> None:
        """Compute sums and maps from a layer on, and what is wrong with them."""
        del self.maps[index + 1 :], self.sums[index:]
        for later in range(index, len(self.layers)):
            sums = self.accumulate(later, self.maps[later]) + self.biases[later]
            if later < len(self.layers) - 1:
                self.maps.append(self.map(later, sums))
            else:
                sums += self.anchor
            self.sums.append(sums)
        self.pixels = self.laid(self.sums[-1])
        self.excess = self.wrong(self.pixels)
        self.total = self.excess.sum()

    def laid(self, sums: np.ndarray) -> np.ndarray:
        """Sums (..., phases, positions) as rows of pixels (..., s, s * positions), in levels."""
        s = self.network.scale
        sums = sums.reshape(*sums.shape[:-2], s, s, -1).swapaxes(-1, -2)
        return sums.reshape(*sums.shape[:-2], -1) * 2.0 ** -self.shifts[-1]

    def wrong(self, pixels: np.ndarray) -> np.ndarray:
        """How hard the limit presses neighbours, (..., rows, pixels - 1)."""
        return np.where(self.seen, self.judged(pixels[..., :-1], pixels[..., 1:]), 0)

    def judged(self, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        """How hard the limit of one level presses pixels that step back to the next.

        What counts is where they round to: a fall of 1.8 levels, from 7.4 to 5.6, is one level.
        """
        to = self.network.out_format
        one, two = (np.clip(part, to.lo - 0.5, to.hi + 0.5) for part in (one, two))
        # by how much one is too high, and two too low: both or neither
        ways = one - np.rint(two) - 1.5, np.rint(one) - two - 1.5
        over = np.where(ways[0] > 0, np.minimum(*ways), np.maximum(*ways))
        return pressed(np.minimum(over, one - two - 1), MARGIN)

    @property
    def back(self) -> int:
        """Greatest step back, in whole levels."""
        to = self.network.out_format
        whole = np.clip(np.rint(self.pixels), to.lo, to.hi)
        return int((whole[:, :-1] - whole[:, 1:])[:, self.seen].max())

    def delta(self, index: int, step: Step) -> np.ndarray:
        """What a step adds to its sums, (positions,)."""
        if step.source < 0:
            return np.full(len(self.at), float(step.raw))
        return step.raw * self.reads(self.maps[index][step.source], step.dx)

    def trial(self, index: int, steps: list[Step]) -> float:
        """Excess after some steps in one layer."""
        sums, last = self.sums[index].copy(), index == len(self.sums) - 1
        for step in steps:
            sums[slice(None) if last and step.channel < 0 else step.channel] += self.delta(
                index, step)
        if last:
            rows = sorted({step.channel // self.network.scale for step in steps})
            rows = slice(None) if rows[0] < 0 else rows
            return self.total + self.wrong(self.laid(sums)[rows]).sum() - self.excess[rows].sum()
        for later in range(index, len(self.sums) - 1):
            moved = self.map(later, sums) - self.maps[later + 1]
            live = np.flatnonzero(moved.any(1))
            if not len(live):
                return self.total
            weight, first = self.weights[later + 1][:, live], self.first[later + 1]
            sums = self.sums[later + 1] + sum(
                weight[:, :, tap] @ self.reads(moved[live], first + tap)
                for tap in range(weight.shape[2]))
        return self.wrong(self.laid(sums)).sum()

    def move(self, index: int, step: Step) -> None:
        """Make a step."""
        last = index == len(self.sums) - 1
        at = slice(None) if last and step.channel < 0 else step.channel
        if step.source < 0:
            self.biases[index][at] += step.raw
        else:
            self.weights[index][at, step.source, step.dx - self.first[index]] += step.raw
        self.run(index)

    def risks(self, channel: np.ndarray, source: np.ndarray, off: np.ndarray, raw: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
        """Find what steps in the last layer do where ramps step back too far, or nearly.

        Returns:
            The two pixels of each pair, (2, pairs), and what steps add to them, (2, n, pairs).
        """
        s = self.network.scale
        falls = np.where(self.seen, self.pixels[:, :-1] - self.pixels[:, 1:], -np.inf)
        row, one = np.nonzero(falls > 1 - MARGIN - RISK)
        worst = np.argsort(-falls[row, one], kind="stable")[:RISKED]
        row, one = row[worst], one[worst]
        added = []
        for pixel in (one, one + 1):
            reads = np.clip(pixel // s + off[:, None], 0, len(self.at) - 1)
            value = np.where(source[:, None] < 0, 1.0, self.maps[-1][source[:, None], reads])
            own = (row * s + pixel % s == channel[:, None]) | (channel[:, None] < 0)
            added.append(value * own * raw[:, None] * 2.0 ** -self.shifts[-1])
        return np.stack([self.pixels[row, one], self.pixels[row, one + 1]]), np.stack(added)
