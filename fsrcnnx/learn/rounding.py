"""Weights that learn which way to round: up or down, decided slowly and all together.

May import torch, exact.formats and learn.quantnet.

    choose_rounding(module, steps)                 # then train for so many steps
    settle(module)                                 # each weight is on its grid

A weight is the grid's value below it plus a share of a step, a sigmoid that gets steeper from one
training step to the next until it is 0 or 1. Rounding straight through, weights of few bits swing
between two values to the end; here the undecided ones make up for those that have been decided.

Source: learned rounding (Nagel et al. 2020, AdaRound, arXiv:2004.10568); steeper instead of a
penalty as in differentiable soft quantisation (Gong et al. 2019, arXiv:1908.05033).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize

from fsrcnnx.exact.formats import Format
from fsrcnnx.learn.quantnet import QuantNet, on_grid

STEEP = 2000.0  # how many times steeper at the end: a thousandth off the middle is decided
DECIDED = 10.0  # argument of the sigmoid for weights that are on the grid


class Choice(nn.Module):
    """A weight as a choice between two neighbours of its grid.

    Args:
        weight: Where it starts.
        to: The grid.
        steps: Training steps until it is decided.
    """

    def __init__(self, weight: torch.Tensor, to: Format, steps: int):
        super().__init__()
        self.to, self.steps = to, steps
        raw = (weight.detach() * 2.0**to.frac).clamp(to.lo, to.hi)
        self.register_buffer("below", raw.floor().clamp(to.lo, to.hi - 1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, choice: torch.Tensor) -> torch.Tensor:
        """The weight: in training between the two, in evaluation one of them."""
        if self.training:
            steepness = STEEP ** (self.count / self.steps).clamp(max=1.0)
            self.count += 1
            share = torch.sigmoid(choice * steepness)
        else:
            share = (choice > 0).to(choice.dtype)
        return (self.below + share) * self.to.step

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """The choice that gives a weight."""
        share = (weight * 2.0**self.to.frac).clamp(self.to.lo, self.to.hi) - self.below
        return torch.logit(share.double()).clamp(-DECIDED, DECIDED).to(weight.dtype)


def choose_rounding(module: QuantNet, steps: int) -> None:
    """Let the weights learn their rounding.

    Args:
        module: Trained with weights rounded straight through; changed in place.
        steps: Training steps that follow.
    """
    for name, formats in module.formats.items():
        layer = getattr(module.model, name)
        choice = Choice(layer.weight, formats.weight, steps)
        parametrize.register_parametrization(layer, "weight", choice)
        choice.count.zero_()  # registering evaluates it


def settle(module: QuantNet) -> None:
    """Round the weights as they have chosen.

    Args:
        module: After `choose_rounding` and training; its weights are plain again.
    """
    module.eval()
    for name, formats in module.formats.items():
        layer = getattr(module.model, name)
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        with torch.no_grad():  # a share of 1 is on the grid to the last bit
            layer.weight.copy_(on_grid(layer.weight, formats.weight))
