"""Grays that stay themselves: the cheapest moves after which constant frames come out as they are.

May import torch, tqdm, exact.emulate, exact.even, quantising.neighbours, quantising.quadratic,
quantising.quantnet, quantising.search and training.fit.

    level(module, batches, score, keep, "name")    # every gray exact in every phase, if it can be

What maps round away adds up to a grid of period `scale` on constant frames, and to steps back on
ramps. Here a step of a weight, or of a bias, or two steps in the last layer, are made wherever the
loss that they cost by its curvature is less than what they take off how hard the limits press;
what these weigh rises until all grays are exact, or until the held-out pictures have lost more than
LOST. Then ramps count beside them. If some grays are left, those alone press that are lost, and may
cost LAST in all. A constant frame's outermost ring never gets worse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from tqdm import tqdm

from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.even import Even, measure
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quadratic import curvature
from fsrcnnx.learn.quantising.quantnet import QuantNet, to_network
from fsrcnnx.learn.quantising.search import Search
from fsrcnnx.learn.training.fit import Batches

log = logging.getLogger(__name__)

LOST = 0.02       # dB on the held-out pictures that even grays may cost
LAST = 0.07       # and the last few of them, where limits press before they are reached in vain
NARROW = 0.02     # levels before a limit from which these press
BATCHES = 400     # for the curvature
WEIGHTS = tuple(4.0**power for power in range(-8, 5))  # of what a limit presses by, in turn
MANY = 8192       # weights that may move; their curvature takes half a GB


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
        search = Search(module, variables, bend, first.ring)
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
                values, best, now = _last(module, variables, bend, (values, best, now), score,
                                          start - LAST)
                break
    variables.set(*values)
    if _better(now):
        log.warning("%s: %s; more would cost more than %.2f dB, or cannot be", name, now, LOST)
    if now is not first:
        keep(best)
    return best


def _last(module: QuantNet, variables: Variables, bend: torch.Tensor,
          state: tuple[tuple, float, Even], score: Callable[[], float],
          floor: float) -> tuple[tuple, float, Even]:
    """Make the last grays exact: only those press that are lost, with ever more weight.

    Args:
        module: Changed in place.
        variables: Of it.
        bend: (P, P), per unit.
        state: Values of the variables, their dB and evenness.
        score: Evaluates the module, in dB.
        floor: Least dB.

    Returns:
        The state with the most exact grays.
    """
    values, best, now = state
    for weight in WEIGHTS:
        variables.set(*values)
        search = Search(module, variables, bend, now.ring, NARROW)
        while search.round(weight):
            pass
        if (even := search.even()).exact > now.exact and (psnr := score()) >= floor:
            log.info("%d moves more: %s, %.3f dB", search.made, even, psnr)
            values, best, now = variables.get(), psnr, even
        if now.exact == now.levels:
            break
    return values, best, now


def _rank(even: Even) -> tuple[int, int]:
    """Order what was measured, the better the higher."""
    return even.exact, -max(even.back, 1)


def _better(even: Even) -> bool:
    """Tell whether anything is left to do."""
    return even.exact < even.levels or even.back > 1
