"""Grays that stay themselves: the cheapest moves after which constant frames come out as they are.

May import numpy, torch, tqdm, exact.emulate, exact.even, quantising.ground, quantising.moves,
quantising.neighbours, quantising.quadratic, quantising.quantnet, quantising.ramps and training.fit.

    level(module, batches, score, keep, "name")    # every gray exact in every phase, if it can be

What maps round away adds up to a grid of period `scale` on constant frames, and to steps back on
ramps. Here a step of a weight, or of a bias, or two steps in the last layer, are made wherever the
loss that they cost by its curvature is less than what they take off how hard the limits press;
what these weigh rises until all grays are exact, or until the held-out pictures have lost more than
LOST. Then ramps count beside them. A constant frame's outermost ring never gets worse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from tqdm import tqdm

from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.even import Even, measure
from fsrcnnx.learn.quantising.ground import Ground
from fsrcnnx.learn.quantising.moves import Moves, Walk
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quadratic import curvature
from fsrcnnx.learn.quantising.quantnet import QuantNet, to_network
from fsrcnnx.learn.quantising.ramps import Ramps
from fsrcnnx.learn.training.fit import Batches

log = logging.getLogger(__name__)

LOST = 0.02       # dB on the held-out pictures that even grays may cost
BATCHES = 400     # for the curvature
WEIGHTS = tuple(4.0**power for power in range(-8, 5))  # of what a limit presses by, in turn
MANY = 8192       # weights that may move; their curvature takes half a GB
MOST = 4000       # moves in all; 1,004 made nine phases even that were on 3 of 256 grays
PAIRED = 32       # of the last layer's moves in each phase, the best alone, whose pairs are tried
TRIED = 8         # of the best by constant frames, whose ramps are looked at
LEAST = 1e-12     # gain of a move


class _Search:
    """The network, its ground, its ramps and the cost of moves.

    Args:
        module: Changed in place.
        variables: Of it.
        curvature: (P, P), per unit.
        ring: Most levels that the outermost ring may be off.
    """

    def __init__(self, module: QuantNet, variables: Variables, curvature: torch.Tensor, ring: int):
        self.module, self.ring = module, ring
        self.walk = Walk(module, variables, curvature)
        self.walk.put()
        network = to_network(module)
        self.ground = Ground(network)
        self.last, self.made = len(network.layers) - 1, 0
        self.pass_: list[tuple[int, Moves, int]] = []
        self.ramped = False

    def heed_ramps(self) -> None:
        """Let ramps count from now on."""
        self.walk.put()
        self.ramps, self.ramped = Ramps(to_network(self.module)), True

    def even(self) -> Even:
        """Measure the network as it is."""
        self.walk.put()
        network = to_network(self.module)
        return measure(network, Emulator(network, threads=1).stack)

    def round(self, weight: float) -> bool:
        """Go through the layers from the last: the best move of each, of the last in each phase.

        Args:
            weight: Of what a limit presses by.

        Returns:
            Whether a move was made.
        """
        if self.done or self.made >= MOST:
            return False
        self.pass_ = []
        self._phases(weight)
        for layer in reversed(range(self.last + 1)):
            if not self.done:
                self._layer(layer, weight)
        if self.pass_:
            self._keep_ring()
        self.made += len(self.pass_)
        return bool(self.pass_)

    @property
    def done(self) -> bool:
        """Tell whether nothing is left to do."""
        return self.ground.exact == len(self.ground.levels) and not (
            self.ramped and self.ramps.back > 1)

    @property
    def back(self) -> float:
        """How hard the limits of ramps press, if they count."""
        return self.ramps.excess if self.ramped else 0.0

    def _make(self, layer: int, moves: Moves, at: int, back: bool = False) -> None:
        """Make a move, or take it back."""
        sign, step = (-1 if back else 1), moves.step(at)
        if back:
            step = type(step)(step.channel, step.source, step.dy, step.dx, -step.raw)
        self.walk.make(moves.index[at], sign * moves.way[at])
        self.ground.move(layer, step.channel, step.source, step.raw)
        if self.ramped:
            self.ramps.move(layer, step)

    def _keep_ring(self) -> None:
        """Take back those of the last moves after which the outermost ring is worse."""
        if self.even().ring <= self.ring:
            return
        for made in reversed(self.pass_):
            self._make(*made, back=True)
        again, self.pass_ = self.pass_, []
        for layer, moves, at in again:
            self._make(layer, moves, at)
            if self.even().ring <= self.ring:
                self.pass_.append((layer, moves, at))
            else:
                self._make(layer, moves, at, back=True)
                self.walk.barred.add((int(moves.index[at]), bool(moves.way[at] > 0)))

    def _best(self, layer: int, moves: Moves, options: list[list[int]], flats: np.ndarray,
              weight: float) -> None:
        """Make the best of some options, each of one move or two, if it pays."""
        now, best, gain = self.back, [], -LEAST
        costs = self.walk.costs(moves)
        for option, flat in zip(options, flats, strict=True):
            own = costs[option].sum() + weight * flat
            if len(option) == 2:
                own += self.walk.tied(moves, *np.array(option)[:, None])[0]
            if self.ramped and own - weight * now < gain:
                own += weight * (self.ramps.trial(layer, [moves.step(at) for at in option]) - now)
            if own < gain:
                best, gain = option, own
        for at in best:
            self._make(layer, moves, at)
            self.pass_.append((layer, moves, at))

    def _layer(self, layer: int, weight: float) -> None:
        """Make the best move of a layer, of the last only of its bias, if one pays."""
        moves, ground = self.walk.moves(layer), self.ground
        costs = self.walk.costs(moves)
        pay = costs < weight * (ground.excess.sum() + self.back)
        if layer == self.last:
            pay &= moves.channel < 0
        moves, costs = moves.take(pay), costs[pay]
        # those that do the same to the ground: the cheapest of them
        order = np.argsort(costs, kind="stable")
        chosen = order[np.unique(moves.kinds()[order], return_index=True)[1]]
        moves, costs = moves.take(chosen), costs[chosen]
        flats = ground.trial(layer, moves.channel, self._deltas(layer, moves)) - ground.excess.sum()
        top = np.argsort(costs + weight * flats, kind="stable")[:TRIED]
        self._best(layer, moves, [[at] for at in top], flats[top], weight)

    def _deltas(self, layer: int, moves: Moves) -> np.ndarray:
        """Change of the sums inside constant frames, (n, levels)."""
        maps = self.ground.maps[layer]
        maps = np.concatenate([maps, np.ones((len(maps), 1))], 1)
        return maps.T[moves.source] * moves.raw[:, None]

    def _phases(self, weight: float) -> None:
        """In each phase of the last layer, make the best move or pair, if one pays."""
        moves, ground, last = self.walk.moves(self.last), self.ground, self.last
        costs = self.walk.costs(moves)
        pay = (moves.channel >= 0) & (costs < weight * (ground.excess.sum() + self.back))
        moves, costs = moves.take(pay), costs[pay]
        if not len(moves):
            return
        now, deltas = ground.excess.sum(), self._deltas(last, moves)
        _, first, alike = np.unique(moves.kinds(), return_index=True, return_inverse=True)
        flats = (ground.trial(last, moves.channel[first], deltas[first]) - now)[alike]
        ramps = self.ramps.near(moves.channel, moves.source, moves.dy, moves.dx, moves.raw).gain \
            if self.ramped else lambda *at: 0.0
        gains = costs + weight * (flats + ramps())
        for phase in np.unique(moves.channel):
            if self.done:
                return
            at = np.flatnonzero(moves.channel == phase)
            order = at[np.argsort(gains[at], kind="stable")]
            one, two = self._pairs(moves, order, alike, costs + weight * ramps())
            flat = ground.trial(last, moves.channel[one], deltas[one] + deltas[two]) - now
            both = costs[one] + costs[two] + self.walk.tied(moves, one, two) \
                + weight * (flat + ramps(one, two))
            top = np.argsort(both, kind="stable")[:TRIED]
            options = [[i] for i in order[:TRIED]] + [[one[i], two[i]] for i in top]
            self._best(last, moves, options, np.concatenate([flats[order[:TRIED]], flat[top]]),
                       weight)

    def _pairs(self, moves: Moves, order: np.ndarray, alike: np.ndarray, costs: np.ndarray
               ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a phase: of its best kinds, and of taps that together leave the ground alone."""
        best = order[np.sort(np.unique(alike[order], return_index=True)[1])][:PAIRED]
        one, two = (best[part] for part in np.triu_indices(len(best), 1))
        if not self.ramped:
            return one, two
        best = order[np.argsort(costs[order], kind="stable")][:PAIRED]
        left, right = np.nonzero(
            (moves.source[best][:, None] == moves.source[order])
            & (moves.raw[best][:, None] == -moves.raw[order]))
        return np.concatenate([one, best[left]]), np.concatenate([two, order[right]])


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
    network = to_network(module)
    first = now = measure(network, Emulator(network, threads=1).stack)
    names = movable(module)
    start = best = score()
    if not _better(now) or not names:
        if not names:
            log.warning("%s: %s, and too many weights to move", name, now)
        return start
    variables = Variables(module, names)
    values = variables.get()
    with tqdm(total=BATCHES, desc=f"even {name}", unit="batch", disable=not progress,
              mininterval=1) as bar:
        bend = curvature(module, variables.gradients, batches.draw, BATCHES, batches.generator,
                         bar.update, sloped=False)[1]
        search = _Search(module, variables, bend, first.ring)
        for ramped in (False, True):  # what a gray costs must not be spent on ramps
            if ramped:
                search.heed_ramps()
            for weight in WEIGHTS:
                search.walk.barred.clear()
                while search.round(weight):
                    bar.set_postfix(moves=search.made, exact=f"{search.ground.exact}/{now.levels}")
                if _rank(even := search.even()) > _rank(now):
                    psnr = score()
                    log.info("%d moves: %s, %.3f dB", search.made, even, psnr)
                    if psnr < start - LOST:
                        break
                    values, best, now = variables.get(), psnr, even
                if search.done:
                    break
            if now.exact < now.levels:
                break
    variables.set(*values)
    if _better(now):
        log.warning("%s: %s; more would cost more than %.2f dB, or cannot be", name, now, LOST)
    if now is not first:
        keep(best)
    return best


def _rank(even: Even) -> tuple[int, int]:
    """Order what was measured, the better the higher."""
    return even.exact, -max(even.back, 1)


def _better(even: Even) -> bool:
    """Tell whether anything is left to do."""
    return even.exact < even.levels or even.back > 1
