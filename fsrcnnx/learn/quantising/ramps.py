"""Ramps through a network: where they step back, and what a change would make of it.

May import numpy, exact.network and quantising.lines.

    ramps = Ramps(network)
    ramps.back                                     # 1: no pixel steps down to the next by more
    ramps.trial(2, [step])                         # how hard that limit presses after a change

A ramp along columns is one along rows of the network with its windows turned.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fsrcnnx.exact.network import Network
from fsrcnnx.learn.quantising.lines import Line, Step


def _turned(network: Network) -> Network:
    """The network that does to columns what this one does to rows."""
    layers = [replace(layer, weight=layer.weight.swapaxes(2, 3)) for layer in network.layers]
    if (last := layers[-1]).kind == "shuffle":  # whose phases are turned too
        turn = np.arange(last.stride**2).reshape(last.stride, -1).T.reshape(-1)
        layers[-1] = replace(last, weight=last.weight[turn], bias=last.bias[turn])
    return replace(network, layers=tuple(layers))


class Near:
    """What moves in the last layer do where ramps step back too far, or nearly.

    Args:
        parts: Lines, and what their `risks` gave.
    """

    def __init__(self, parts: list[tuple[Line, np.ndarray, np.ndarray]]):
        self.parts = parts

    def gain(self, *moves: np.ndarray) -> np.ndarray:
        """Change of the excess there by each of some moves, or of some pairs; all if none, (n,)."""
        total = 0.0
        for line, pixels, added in self.parts:
            own = sum(added[:, at] for at in moves) if moves else added
            total = total + (line.judged(*(pixels[:, None] + own)).sum(1)
                             - line.judged(*pixels).sum())
        return total


class Ramps:
    """Ramps over all levels, along rows and along columns.

    Args:
        network: As of `Ground`.
    """

    def __init__(self, network: Network):
        self.scale = network.scale
        self.last = len(network.layers) - 1
        self.lines = [Line(network), Line(_turned(network))]

    def _along(self, index: int, step: Step) -> list[Step]:
        """A step as each of the lines sees it."""
        channel = step.channel
        if index == self.last and channel >= 0:
            channel = channel % self.scale * self.scale + channel // self.scale
        return [step, Step(channel, step.source, step.dx, step.dy, step.raw)]

    @property
    def excess(self) -> float:
        """By how much pixels step back too far, over all of them, in levels."""
        return sum(line.total for line in self.lines)

    @property
    def back(self) -> int:
        """Greatest step back, in whole levels."""
        return max(line.back for line in self.lines)

    def trial(self, index: int, steps: list[Step]) -> float:
        """Try some steps in one layer, all at once.

        Args:
            index: Of the layer.
            steps: Of its weights and biases.

        Returns:
            The excess after them.
        """
        both = zip(*(self._along(index, step) for step in steps), strict=True)
        return sum(line.trial(index, list(own))
                   for line, own in zip(self.lines, both, strict=True))

    def move(self, index: int, step: Step) -> None:
        """Make a step.

        Args:
            index: Of the layer.
            step: Of one of its weights or biases.
        """
        for line, own in zip(self.lines, self._along(index, step), strict=True):
            line.move(index, own)

    def near(self, channel: np.ndarray, source: np.ndarray, dy: np.ndarray, dx: np.ndarray,
             raw: np.ndarray) -> Near:
        """Look at moves of the last layer where ramps step back too far, or nearly.

        Args:
            channel: int (n,), as of `Step`.
            source: int (n,).
            dy: int (n,).
            dx: int (n,).
            raw: int (n,).

        Returns:
            What they do there.
        """
        s = self.scale
        turned = np.where(channel < 0, -1, channel % s * s + channel // s)
        along = ((channel, dx), (turned, dy))
        return Near([(line, *line.risks(own, source, off, raw))
                     for line, (own, off) in zip(self.lines, along, strict=True)])
