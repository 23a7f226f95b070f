"""The moves that make grays even: the cheapest against how hard constant frames and ramps press.

May import numpy, torch, exact.emulate, exact.even, quantising.ground, quantising.moves,
quantising.neighbours, quantising.quantnet and quantising.ramps.

    search = Search(module, variables, curvature, ring=5)
    while search.round(weight=0.01):
        print(search.even())
"""

from __future__ import annotations

import numpy as np
import torch

from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.even import Even, measure
from fsrcnnx.learn.quantising.ground import MARGIN, Ground
from fsrcnnx.learn.quantising.moves import Moves, Walk
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quantnet import QuantNet, to_network
from fsrcnnx.learn.quantising.ramps import Ramps

MOST = 4000       # moves in all; 1,004 made nine phases even that were on 3 of 256 grays
PAIRED = 32       # of the last layer's moves in each phase, the best alone, whose pairs are tried
TRIED = 8         # of the best by constant frames, whose ramps are looked at
LEAST = 1e-12     # gain of a move


class Search:
    """The network, its ground, its ramps and the cost of moves.

    Args:
        module: Changed in place.
        variables: Of it.
        curvature: (P, P), per unit.
        ring: Most levels that the outermost ring may be off.
        margin: Levels before a gray's limit from which it presses.
    """

    def __init__(self, module: QuantNet, variables: Variables, curvature: torch.Tensor, ring: int,
                 margin: float = MARGIN):
        self.module, self.ring = module, ring
        self.walk = Walk(module, variables, curvature)
        self.walk.put()
        network = to_network(module)
        self.ground = Ground(network, margin)
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
