"""Grays that stay themselves: the cheapest moves after which constant frames come out as they are.

May import numpy, torch, tqdm, quantising.ground, quantising.neighbours, quantising.quadratic,
quantising.quantnet and training.fit.

    level(module, batches, score, keep, "name")    # every gray exact in every phase, if it can be

What maps round away adds up to a grid of period `scale` on constant frames. Here a step of a
weight, or of a bias, or two steps in the last layer, are made wherever the loss that they cost by
its curvature is less than what they take off the grid; what the grid weighs rises until it is gone,
or until the held-out pictures have lost more than LOST.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from fsrcnnx.learn.quantising.ground import Ground
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quadratic import DAMPING, curvature
from fsrcnnx.learn.quantising.quantnet import QuantNet, to_network
from fsrcnnx.learn.training.fit import Batches

log = logging.getLogger(__name__)

LOST = 0.02       # dB on the held-out pictures that even grays may cost
BATCHES = 400     # for the curvature
WEIGHTS = tuple(4.0**power for power in range(-8, 5))  # of one level off in one phase, in turn
MANY = 8192       # weights that may move; their curvature takes half a GB
MOST = 4000       # moves in all; 1,004 made nine phases even that were on 3 of 256 grays
PAIRED = 32       # of the last layer's moves in each phase, the best alone, whose pairs are tried
STRIDES = range(4)  # steps of a bias: halves of a map's step, so many times halved
LEAST = 1e-12     # gain of a move


@dataclass(frozen=True)
class _Moves:
    """Moves of one layer: of variables, by so much, and what each adds to which sums."""

    index: np.ndarray     # (n,) of the variable
    way: np.ndarray       # (n,) its change, in its own unit
    channel: np.ndarray   # (n,) of the sums; of the last layer the phase, -1 for all
    source: np.ndarray    # (n,) channel that the weight reads, -1 of a bias
    raw: np.ndarray       # (n,) its change in steps

    def deltas(self, ground: Ground, layer: int) -> np.ndarray:
        """Change of the sums, (n, levels)."""
        maps = np.concatenate([ground.maps[layer], np.ones((len(ground.levels), 1))], 1)
        return maps.T[self.source] * self.raw[:, None]

    def take(self, at: np.ndarray) -> _Moves:
        """Some of them."""
        return _Moves(*(part[at] for part in (self.index, self.way, self.channel, self.source,
                                              self.raw)))


def _places(layer: torch.nn.Module, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Output channel, or phase of the last layer, and input channel of each free weight."""
    place = np.indices(layer.weight.shape).reshape(4, -1)[:, free]
    if isinstance(layer, torch.nn.ConvTranspose2d):
        s, p = layer.stride[0], layer.padding[0]
        return (place[2] - p) % s * s + (place[3] - p) % s, place[0]
    return place[0], place[1]


class _Search:
    """The network, its ground and the cost of moves.

    Args:
        module: Changed in place.
        variables: Of it.
        curvature: (P, P), per unit.
    """

    def __init__(self, module: QuantNet, variables: Variables, curvature: torch.Tensor):
        self.module, self.variables = module, variables
        weights, biases = (values.numpy() for values in variables.get())
        self.steps = np.concatenate(
            [np.full(len(part.free), module.formats[name].weight.step)
             for name, part in zip(variables.names, variables.weights, strict=True)]
            + [np.full(len(part.free), 1.0) for part in variables.biases])
        network = to_network(module)
        self.count = len(weights)
        at = self.count
        for layer, part in enumerate(variables.biases):
            self.steps[at : at + len(part.free)] = 2.0 ** -network.acc_frac(layer)
            at += len(part.free)
        biases = np.rint(biases / self.steps[self.count :]) * self.steps[self.count :]
        self.values = np.concatenate([weights, biases])
        self.curvature = curvature.numpy().copy()
        own = np.einsum("ii->i", self.curvature)
        own += DAMPING * own + 1e-12
        self.own = own / 2
        self.slope = np.zeros(len(own))
        self.made = 0
        self.refresh()

    def refresh(self) -> None:
        """Put the values into the module, and look at its ground."""
        values = torch.from_numpy(self.values)
        self.variables.set(values[: self.count], values[self.count :])
        self.ground = Ground(to_network(self.module))

    def moves(self, layer: int) -> _Moves:
        """All single moves of a layer."""
        name, parts, at = list(self.module.formats)[layer], [], 0
        ways = self.variables.neighbours().numpy()
        last = layer == len(self.module.formats) - 1
        for own, part in zip(self.variables.names, self.variables.weights, strict=True):
            if own == name:
                channel, source = _places(part.module, part.free.numpy())
                if last and not isinstance(part.module, torch.nn.ConvTranspose2d):
                    channel = np.zeros_like(channel)
                index = np.arange(at, at + len(part.free))
                for way in ways[:, index]:
                    parts.append(_Moves(index, way, channel, source, way / self.steps[index]))
            at += len(part.free)
        at += sum(len(part.free) for part in self.variables.biases[:layer])
        free = self.variables.biases[layer].free.numpy()
        index = np.arange(at, at + len(free))
        for stride in STRIDES:
            # of half a step of the map, and at least one of the sum, which may be the coarser
            half = self.ground.shifts[layer] - 1 - self._slope_frac(layer)
            raw = 1 << max(half - stride, 0)
            for sign in (1, -1):
                parts.append(_Moves(index, sign * raw * self.steps[index],
                                    np.full(len(free), -1) if last else free,
                                    np.full(len(free), -1), np.full(len(free), sign * raw)))
        got = _Moves(*(np.concatenate([getattr(part, key) for part in parts])
                       for key in ("index", "way", "channel", "source", "raw")))
        return got.take(np.flatnonzero(got.way))

    def _slope_frac(self, layer: int) -> int:
        slope = self.ground.network.layers[layer].slope_format
        return slope.frac if slope else 0

    def costs(self, moves: _Moves) -> np.ndarray:
        """What each costs by the curvature, (n,)."""
        return self.slope[moves.index] * moves.way + self.own[moves.index] * moves.way**2

    def round(self, weight: float) -> bool:
        """Go through the layers from the last, with all moves that pay there, else one in each.

        Args:
            weight: Of a level off in one phase.

        Returns:
            Whether a move was made.
        """
        before, last = self.made, len(self.ground.sums) - 1
        while self.made < MOST and self.step(last, weight):
            pass
        for layer in reversed(range(last)):
            if self.made < MOST:
                self.step(layer, weight)
        return self.made > before

    def step(self, layer: int, weight: float) -> bool:
        """Make the best move of a layer, if one pays.

        Args:
            layer: Its index.
            weight: Of a level off in one phase.

        Returns:
            Whether one did.
        """
        moves, ground = self.moves(layer), self.ground
        costs = self.costs(moves)
        # those that do the same to the ground: the cheapest of them
        order = np.argsort(costs, kind="stable")
        kinds = np.stack([moves.channel, moves.source, moves.raw])[:, order]
        chosen = order[np.unique(kinds, axis=1, return_index=True)[1]]
        moves, costs = moves.take(chosen), costs[chosen]
        deltas, now = moves.deltas(ground, layer), ground.excess.sum()
        gains = costs + weight * (ground.trial(layer, moves.channel, deltas) - now)
        best = int(gains.argmin())
        gain, made = gains[best], [best]
        if layer == len(ground.sums) - 1:
            for phase in np.unique(moves.channel[moves.channel >= 0]):
                at = np.flatnonzero(moves.channel == phase)
                at = at[np.argsort(gains[at], kind="stable")[:PAIRED]]
                one, two = (at[part] for part in np.triu_indices(len(at), 1))
                both = costs[one] + costs[two] + moves.way[one] * moves.way[two] \
                    * self.curvature[moves.index[one], moves.index[two]]
                both += weight * (ground.trial(layer, moves.channel[one], deltas[one] + deltas[two])
                                  - now)
                both[moves.index[one] == moves.index[two]] = np.inf
                if len(both) and both.min() < (2 * gain if len(made) == 1 else gain):
                    pair = int(both.argmin())
                    gain, made = both[pair], [one[pair], two[pair]]
        if not gain < -LEAST:
            return False
        for move in made:
            index, way = moves.index[move], moves.way[move]
            self.slope += self.curvature[:, index] * way
            self.values[index] += way
        self.made += 1
        self.refresh()
        return True


def movable(module: QuantNet) -> list[str]:
    """Name the layers whose weights may move: all, or the last alone if they are many.

    Args:
        module: The network.

    Returns:
        Names of layers; none if even the last has too many weights.
    """
    names = list(module.formats)
    counts = [getattr(module.model, name).weight.numel() for name in names]
    if sum(counts) <= MANY:
        return names
    return names[-1:] if counts[-1] <= MANY else []


def level(module: QuantNet, batches: Batches, score: Callable[[], float],
          keep: Callable[[float], None], name: str, *, progress: bool = True) -> float:
    """Make constant frames of all levels come out as they went in, as far as it is cheap.

    It takes a minute or two, and keeps nothing on its way: killed, it begins anew.

    Args:
        module: On the CPU, in evaluation mode; changed in place to where it is most even.
        batches: Where the curvature is measured.
        score: Evaluates the module, in dB; must leave its weights alone.
        keep: Called with dB if the module got more even.
        name: What to call it while it runs.
        progress: Show a progress bar.

    Returns:
        dB where it ends.
    """
    ground, start = Ground(to_network(module)), score()
    grays, exact, best = len(ground.levels), ground.exact, start
    names = movable(module)
    if exact == grays or not names:
        if not names:
            log.warning("%s: %d of %d grays exact, and too many weights to move", name, exact,
                        grays)
        return start
    variables = Variables(module, names)
    values = variables.get()
    with tqdm(total=BATCHES, desc=f"even {name}", unit="batch", disable=not progress,
              mininterval=1) as bar:
        bend = curvature(module, variables.gradients, batches.draw, BATCHES, batches.generator,
                         bar.update)[1]
        search = _Search(module, variables, bend)
        for weight in WEIGHTS:
            while search.round(weight):
                bar.set_postfix(moves=search.made, exact=f"{search.ground.exact}/{grays}")
            if search.ground.exact <= exact:
                continue
            now = score()
            log.info("%d moves: %d of %d grays exact, %.3f dB", search.made, search.ground.exact,
                     grays, now)
            if now < start - LOST:
                break
            values, best, exact = variables.get(), now, search.ground.exact
            if exact == grays:
                break
    variables.set(*values)
    if exact < grays:
        log.warning("%s: %d of %d grays exact; more would cost more than %.2f dB, or cannot be",
                    name, exact, grays, LOST)
    if exact > ground.exact:
        keep(best)
    return best
