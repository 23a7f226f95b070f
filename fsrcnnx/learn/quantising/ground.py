"""The inside of constant frames, of all gray levels at once, and what a change would make of it.

May import numpy, exact.even, exact.golden and exact.network.

    ground = Ground(network)
    ground.exact                                   # 256: every gray stays itself in every phase
    ground.trial(2, channels, deltas)              # the same after each of many changes

Inside a constant frame every window sees one vector, so that a network is one of 1x1 windows
(exact.even). A change of a sum then costs 256 levels times the layers behind it, which makes
evenness something that a search can ask about at every step.
"""

from __future__ import annotations

import numpy as np

from fsrcnnx.exact import even
from fsrcnnx.exact.network import Layer, Network

CHUNK = 256    # changes that are tried at once
MARGIN = 0.25  # levels before a limit from which it presses, so that other moves have room


def pressed(over: np.ndarray, margin: float) -> np.ndarray:
    """Tell how hard limits press: as the square of how far values are within a margin, or over.

    Args:
        over: By how much values are over their limits, in levels.
        margin: In levels.

    Returns:
        0 until the margin before a limit, and the margin at it.
    """
    inside = np.maximum(over + margin, 0)
    return inside * inside / margin


def mapped(layer: Layer, shift: int, sums: np.ndarray, slope: np.ndarray | None) -> np.ndarray:
    """Activate and requantise sums, in float64, which holds them exactly.

    Args:
        layer: Whose sums they are.
        shift: Of its requantisation.
        sums: Any shape, raw.
        slope: Its slopes, shaped like the sums; None if it has none.

    Returns:
        Raw, in its output format.
    """
    if slope is not None:
        sums = np.where(sums >= 0, sums * 2.0 ** layer.slope_format.frac, sums * slope)
    return np.clip(np.rint(sums * 2.0**-shift), layer.out_format.lo, layer.out_format.hi)


class Ground:
    """Sums and maps of a network inside constant frames; float64, which holds them exactly.

    Args:
        network: A checked integer network whose input and output count the same levels, without
            slopes in its last layer.
        margin: Levels before a limit from which it presses.

    Attributes:
        maps: What enters each layer, (levels, in).
        sums: Accumulators of each layer, (levels, out); of the last: (levels, phases), the LR pixel
            of an anchor included.
    """

    def __init__(self, network: Network, margin: float = MARGIN):
        self.network, self.margin = network, margin
        self.flat = even.flat(network)
        self.levels = even.levels(network)
        self.shifts = [network.shift(index) for index in range(len(network.layers))]
        # a tie goes to the even level; those at the ends saturate
        room = 2.0 ** self.shifts[-1] / 2
        self.room = np.where(self.levels % 2 == 0, room, np.ceil(room) - 1)
        self.weights = [layer.weight[:, :, 0, 0].T.astype(float) for layer in self.flat.layers[:-1]]
        last = self.flat.layers[-1]
        self.weights.append(last.weight.swapaxes(0, 1).reshape(last.in_channels, -1).astype(float))
        self.biases = [layer.bias.astype(float) for layer in self.flat.layers]
        self.maps, self.sums = [self.levels[:, None].astype(float)], []
        self._run(0)

    def _run(self, index: int) -> None:
        """Compute sums and maps from a layer on."""
        del self.maps[index + 1 :], self.sums[index:]
        for later, weight in list(enumerate(self.weights))[index:]:
            self.sums.append(self.maps[later] @ weight + self.biases[later])
            if later < len(self.weights) - 1:
                self.maps.append(self._map(later, self.sums[later], slice(None)))
        if self.network.anchor:
            self.sums[-1] += self.levels[:, None] * 2.0 ** self.shifts[-1]
        self.excess = self._excess(self.sums[-1])

    def move(self, index: int, channel: int, source: int, raw: int) -> None:
        """Change a weight or a bias.

        Args:
            index: Of the layer.
            channel: Whose sums change; of the last layer the phase, or -1 for all.
            source: Channel that the weight reads, -1 of a bias.
            raw: By how much.
        """
        if source >= 0:
            self.weights[index][source, channel] += raw
        else:
            self.biases[index][max(channel, 0)] += raw
        self._run(index)

    def _over(self, sums: np.ndarray) -> np.ndarray:
        """How far sums (..., levels, phases) lie outside what becomes their level, in levels."""
        off = sums - self.levels[:, None] * 2.0 ** self.shifts[-1]
        over = np.abs(off) - self.room[:, None]
        over[..., 0, :] = off[..., 0, :] - self.room[0]
        over[..., -1, :] = -off[..., -1, :] - self.room[-1]
        return over / 2.0 ** self.shifts[-1]

    def _excess(self, sums: np.ndarray) -> np.ndarray:
        """How hard limits press sums (..., levels, phases)."""
        return pressed(self._over(sums), self.margin)

    def _map(self, index: int, sums: np.ndarray, channels: np.ndarray | slice) -> np.ndarray:
        """Activate and requantise; the last axis of sums are the channels."""
        layer = self.flat.layers[index]
        return mapped(layer, self.shifts[index], sums,
                      None if layer.slope is None else layer.slope[channels])

    def trial(self, index: int, channels: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        """Try many changes, each of one channel's sums in one layer.

        Args:
            index: Of the layer.
            channels: int (n,), whose sums change; of the last layer the phase, or -1 for all.
            deltas: float (n, levels), by how much, raw.

        Returns:
            (n,), the excess over all levels and phases after each.
        """
        return np.concatenate([self._trial(index, channels[at : at + CHUNK],
                                           deltas[at : at + CHUNK])
                               for at in range(0, len(channels), CHUNK)] or [np.empty(0)])

    def _trial(self, index: int, channels: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        if index == len(self.sums) - 1:
            got = np.full(len(channels), self.excess.sum())
            for phase in np.unique(channels):
                at, own = channels == phase, slice(None) if phase < 0 else slice(phase, phase + 1)
                after = self._excess(self.sums[-1][:, own] + deltas[at][:, :, None])
                got[at] += after.sum((1, 2)) - self.excess[:, own].sum()
            return got
        sums = self.sums[index][:, channels] + deltas.T           # (levels, n)
        moved = (self._map(index, sums, channels) - self.maps[index + 1][:, channels]).T
        got = np.full(len(channels), self.excess.sum())
        live = np.flatnonzero(moved.any(1))
        behind = self.weights[index + 1][channels[live]]           # (n, out)
        sums = self.sums[index + 1] + moved[live][:, :, None] * behind[:, None]
        for later in range(index + 1, len(self.sums) - 1):
            x = self._map(later, sums, slice(None))
            sums = self.sums[later + 1] + (x - self.maps[later + 1]) @ self.weights[later + 1]
        got[live] = self._excess(sums).sum((1, 2))
        return got

    @property
    def outside(self) -> np.ndarray:
        """Whether each level comes out as another one in each phase, (levels, phases)."""
        return self._over(self.sums[-1]) > 0

    @property
    def exact(self) -> int:
        """Levels that stay themselves in every phase."""
        return int((~self.outside).all(1).sum())
