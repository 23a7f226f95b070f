"""Weights that come to their grid by a staircase, from a ramp to steps, all of them together.

May import torch, exact.formats, training.fit and quantising.quantnet.

    soften(module, steps)                          # then train for so many steps
    settle(module)                                 # each weight is on its grid

Between two values of the grid a weight runs through a stretch of tanh, which is nearly straight at
first, so that training begins near the weights as they are, and a step at the end. Rounding
straight through, weights of few bits swing between two values to the last; here every gradient is
that of the function that is computed, a weight may still change its mind and its neighbours, and
those that are undecided make up for those that have been decided.

Source: differentiable soft quantisation (Gong et al. 2019, arXiv:1908.05033), which learns its
steepness; here a schedule sets it, as weights that would rather stay between two values must not.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import parametrize

from fsrcnnx.exact.formats import Format
from fsrcnnx.learn.quantising.quantnet import QuantNet, grid, on_grid
from fsrcnnx.learn.training.fit import WARM_UP

# twice the argument of tanh at the ends of a stretch: at the start 0.15 of a step off the straight
# line at most; at the end a hundredth off the middle is decided
FLAT, STEEP = 4.0, 400.0
GROWTH = 2  # power of the rate: stairs get steeper as steps get shorter, not before
FEW = 5  # bits up to which they pay: finer steps are narrower than those of the optimiser


def steepness(count: torch.Tensor, steps: int) -> torch.Tensor:
    """How steep the stairs are: the flattest while the rate rises, then as it falls, inversely.

    Args:
        count: Steps done, a scalar.
        steps: Steps of the cycle.

    Returns:
        Scalar, FLAT to STEEP.
    """
    fall = ((count / steps - WARM_UP) / (1 - WARM_UP)).clamp(0.0, 1.0)
    rate = (1 + torch.cos(math.pi * fall)) / 2  # relative to the peak; 1 before it
    return (FLAT / rate ** GROWTH).clamp(max=STEEP)


class Staircase(nn.Module):
    """A weight on its way to the grid.

    Args:
        to: The grid.
        digits: Most signed digits of its values; 0: any number.
        steps: Training steps until it is there.
    """

    def __init__(self, to: Format, digits: int, steps: int):
        super().__init__()
        self.to, self.digits, self.steps = to, digits, steps
        self.register_buffer("values", grid(to, digits).float(), persistent=False)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight: in training between two values of the grid, in evaluation the nearer."""
        if not self.training:
            return on_grid(weight, self.to, digits=self.digits)
        raw = (weight * 2.0**self.to.frac).clamp(self.to.lo, self.to.hi)
        index = torch.bucketize(raw.detach(), self.values, right=True)
        index = (index - 1).clamp(0, len(self.values) - 2)
        below, above = self.values[index], self.values[index + 1]
        slope = steepness(self.count, self.steps)
        self.count += 1
        share = (raw - below) / (above - below)
        share = (torch.tanh(slope * (share - 0.5)) / torch.tanh(slope / 2) + 1) / 2
        return (below + share * (above - below)) * self.to.step

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight itself: the start."""
        return weight


def soften(module: QuantNet, steps: int) -> None:
    """Put the weights of layers with few bits, or few signed digits, on staircases.

    Args:
        module: Changed in place.
        steps: Training steps that follow.
    """
    for name, formats in module.formats.items():
        if formats.weight.width > FEW and not formats.digits:
            continue
        layer = getattr(module.model, name)
        stairs = Staircase(formats.weight, formats.digits, steps)
        parametrize.register_parametrization(layer, "weight", stairs)
        stairs.count.zero_()  # registering evaluates it
        module.stairs.add(name)


def settle(module: QuantNet) -> None:
    """Round the weights to where their staircases led.

    Args:
        module: After `soften` and training; its weights are plain again.
    """
    module.eval()
    for name in module.stairs:
        layer = getattr(module.model, name)
        others = [one for one in layer.parametrizations.weight if not isinstance(one, Staircase)]
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        for other in others:  # what is held stays held
            parametrize.register_parametrization(layer, "weight", other)
    module.stairs.clear()
