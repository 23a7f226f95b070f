"""The steps that even grays are made of: of a weight, or of a bias, and what each costs.

May import numpy, torch, learn.models, quantising.neighbours, quantising.quadratic,
quantising.quantnet and quantising.lines.

    walk = Walk(module, variables, curvature)
    moves = walk.moves(2)                          # all single moves of the third layer
    walk.make(moves, 7)
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from fsrcnnx.learn.models import SubPixel
from fsrcnnx.learn.quantising.lines import Step
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quadratic import DAMPING
from fsrcnnx.learn.quantising.quantnet import QuantNet, grid, to_network

STRIDES = range(4)  # steps of a bias: halves of a map's step, so many times halved


@dataclass(frozen=True)
class Moves:
    """Moves of one layer: of which variables, by how much, and what each adds to which sums."""

    index: np.ndarray     # (n,) of the variable
    way: np.ndarray       # (n,) its change, in its own unit
    channel: np.ndarray   # (n,) of the sums; of the last layer the phase, -1 for all
    source: np.ndarray    # (n,) channel that the weight reads, -1 of a bias
    dy: np.ndarray        # (n,) LR rows that the weight looks down
    dx: np.ndarray        # (n,) LR columns that it looks right
    raw: np.ndarray       # (n,) its change in steps

    def __len__(self) -> int:
        """How many."""
        return len(self.index)

    def take(self, at: np.ndarray) -> Moves:
        """Some of them."""
        return Moves(*(getattr(self, field.name)[at] for field in fields(self)))

    def step(self, at: int) -> Step:
        """One of them."""
        return Step(*(int(part[at])
                      for part in (self.channel, self.source, self.dy, self.dx, self.raw)))

    def kinds(self) -> np.ndarray:
        """Number those that do the same to constant frames alike, (n,)."""
        return np.unique(np.stack([self.channel, self.source, self.raw]), axis=1,
                         return_inverse=True)[1].reshape(-1)


def _places(layer: torch.nn.Module, free: np.ndarray, last: bool) -> tuple[np.ndarray, ...]:
    """Channel or phase of each free weight, its source, and how far it looks down and right."""
    out, into, ky, kx = np.indices(layer.weight.shape).reshape(4, -1)[:, free]
    p = layer.padding[0]
    if isinstance(layer, torch.nn.ConvTranspose2d):
        s = layer.stride[0]
        py, px = (ky - p) % s, (kx - p) % s
        return py * s + px, out, (py + p - ky) // s, (px + p - kx) // s
    phases = isinstance(layer, SubPixel)
    return out if phases or not last else np.zeros_like(out), into, ky - p, kx - p


class Walk:
    """The values of a network on its grids, step by step, and what steps cost by the curvature.

    Args:
        module: The network; changed when the values are put into it.
        variables: Of it.
        curvature: (P, P), per unit.
    """

    def __init__(self, module: QuantNet, variables: Variables, curvature: torch.Tensor):
        self.module, self.variables = module, variables
        weights, biases = (values.numpy() for values in variables.get())
        self.count = len(weights)
        network = to_network(module)
        self.steps = np.concatenate(
            [np.full(len(part.free), module.formats[name].weight.step)
             for name, part in zip(variables.names, variables.weights, strict=True)]
            + [np.full(len(part.free), 2.0 ** -network.acc_frac(layer))
               for layer, part in enumerate(variables.biases)])
        biases = np.rint(biases / self.steps[self.count :]) * self.steps[self.count :]
        self.values = np.concatenate([weights, biases])
        self.curvature = curvature.numpy()
        self.own = self.curvature.diagonal() * (1 + DAMPING) / 2 + 1e-12
        self.slope = np.zeros(len(self.own))
        # of half a step of the map, and at least one of the sum, which may be the coarser
        self.halves = [network.shift(index) - 1 - (layer.slope_format.frac if layer.slope_format
                                                   else 0)
                       for index, layer in enumerate(network.layers)]
        self.barred: set[tuple[int, bool]] = set()
        self.spent = 0.0

    def put(self) -> None:
        """Put the values into the module."""
        values = torch.from_numpy(self.values)
        self.variables.set(values[: self.count], values[self.count :])

    def moves(self, layer: int) -> Moves:
        """List all single moves of a layer.

        Args:
            layer: Its index.

        Returns:
            Those that are not barred.
        """
        name, parts, at = list(self.module.formats)[layer], [], 0
        last = layer == len(self.module.formats) - 1
        for own, part in zip(self.variables.names, self.variables.weights, strict=True):
            if own == name:
                index = np.arange(at, at + len(part.free))
                formats = self.module.formats[name]
                allowed = grid(formats.weight, formats.digits).numpy()
                raw = np.rint(self.values[index] / self.steps[index]).astype(int)
                found, places = np.searchsorted(allowed, raw), _places(
                    part.module, part.free.numpy(), last)
                for side in (1, -1):
                    way = allowed[np.clip(found + side, 0, len(allowed) - 1)] - raw
                    parts.append((index, way * self.steps[index], *places, way))
            at += len(part.free)
        at += sum(len(part.free) for part in self.variables.biases[:layer])
        free = self.variables.biases[layer].free.numpy()
        every = last and not isinstance(self.variables.biases[layer].module, SubPixel)
        index, none = np.arange(at, at + len(free)), np.zeros(len(free), int)
        for stride in STRIDES:
            raw = 1 << max(self.halves[layer] - stride, 0)
            for sign in (raw, -raw):
                parts.append((index, sign * self.steps[index], none - 1 if every else free,
                              none - 1, none, none, none + sign))
        got = Moves(*map(np.concatenate, zip(*parts, strict=True)))
        barred = [(index, up) in self.barred
                  for index, up in zip(got.index.tolist(), (got.way > 0).tolist(), strict=True)
                  ] if self.barred else np.zeros(len(got), bool)
        return got.take(np.flatnonzero((got.way != 0) & ~np.array(barred)))

    def costs(self, moves: Moves) -> np.ndarray:
        """Tell what each move costs by itself, (n,)."""
        return self.slope[moves.index] * moves.way + self.own[moves.index] * moves.way**2

    def tied(self, moves: Moves, one: np.ndarray, two: np.ndarray) -> np.ndarray:
        """Tell what pairs cost more than their moves by themselves, (pairs,); inf if of one."""
        cost = moves.way[one] * moves.way[two] * self.curvature[moves.index[one], moves.index[two]]
        return np.where(moves.index[one] == moves.index[two], np.inf, cost)

    def make(self, index: int, way: float) -> None:
        """Make a move.

        Args:
            index: Of the variable.
            way: Its change.
        """
        self.spent += self.slope[index] * way + self.own[index] * way**2
        self.slope += self.curvature[:, index] * way
        self.slope[index] += (2 * self.own[index] - self.curvature[index, index]) * way
        self.values[index] += way
