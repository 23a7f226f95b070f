"""Slopes of few signed digits: each digit is an adder where nothing multiplies.

May import torch, tqdm, exact.formats, quantising.calibrate, quantising.neighbours,
quantising.quadratic, quantising.quantnet and training.fit.

    slim(module, 2, batches, score, keep, "name")  # no slope has more than two digits

In the curvature of the loss, in which the biases answer each change, a slope takes the value whose
loss and adders together cost least, in turn, until none changes. First an adder weighs next to
nothing, so that only those with too many digits must move; then it weighs more and more, until the
held-out pictures have lost more than LOST. The gradient is left out: training ended where it is
none, and a sample of it is noise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from tqdm import tqdm

from fsrcnnx.exact.formats import adders
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.quantising.neighbours import BITS, Part
from fsrcnnx.learn.quantising.quadratic import Quadratic, curvature
from fsrcnnx.learn.quantising.quantnet import QuantNet, grid, on_grid
from fsrcnnx.learn.training.fit import Batches

log = logging.getLogger(__name__)

USUAL = 2       # signed digits of a slope
LOST = 0.01     # dB on the held-out pictures that fewer adders may cost
BATCHES = 300   # for the curvature
PRICES = tuple(2.0 ** (power / 2) for power in (-40, *range(-28, -12)))  # of an adder, in the loss
FORBIDDEN = 1e3  # price of a value with too many digits
LEAST = 1e-12   # gain of a change


class Slopes:
    """All slopes, and the biases that answer, as two vectors.

    Args:
        module: Its slopes are brought into their formats, with all the digits that those allow.
        digits: Most non-zero signed digits of what a slope may become.
    """

    def __init__(self, module: QuantNet, digits: int):
        self.module = module
        self.names = [name for name, row in module.formats.items() if row.slope]
        self.slopes = [Part(module.model.act[name], "weight") for name in self.names]
        self.biases = [Part(getattr(module.model, name), "bias") for name in module.formats]
        values, steps = [], []
        for name, part in zip(self.names, self.slopes, strict=True):
            row = module.formats[name]
            part.set(on_grid(part.get(), row.slope, digits=row.slope_digits))
            values.append(grid(row.slope, digits))
            steps.append(row.slope.step)
        most = max(map(len, values))
        # those of each slope in a row, the last again and again where there are fewer
        rows = [torch.cat([own, own[-1:].expand(most - len(own))]).expand(len(part.free), -1)
                for own, part in zip(values, self.slopes, strict=True)]
        raw = torch.cat(rows)
        self.adders = torch.from_numpy(adders(raw.numpy())).double()
        counts = torch.tensor([len(part.free) for part in self.slopes])
        self.values = raw * torch.tensor(steps).repeat_interleave(counts)[:, None].double()

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Read both.

        Returns:
            Slopes and biases, float64, (slopes,) and (biases,).
        """
        return tuple(torch.cat([part.get() for part in parts])
                     for parts in (self.slopes, self.biases))

    def set(self, slopes: torch.Tensor, biases: torch.Tensor) -> None:
        """Put values in.

        Args:
            slopes: (slopes,).
            biases: (biases,).
        """
        for parts, values in ((self.slopes, slopes), (self.biases, biases)):
            sizes = [len(part.free) for part in parts]
            for part, own in zip(parts, values.split(sizes), strict=True):
                part.set(own)

    def gradients(self, kept: dict) -> torch.Tensor:
        """Collect the gradients of each sample after a backward pass.

        Args:
            kept: As of `quadratic.watched`.

        Returns:
            (N, slopes + biases).
        """
        parts = []
        for name, part in zip(self.names, self.slopes, strict=True):
            _, acc, out = kept[name]
            parts.append((out.grad * acc.detach().clamp(max=0)).sum((2, 3))[:, part.free])
        parts += [kept[name][1].grad.sum((2, 3))[:, part.free]
                  for name, part in zip(self.module.formats, self.biases, strict=True)]
        return torch.cat(parts, 1)

    def count(self) -> int:
        """Adders of all slopes that are free."""
        at = (self.get()[0][:, None] == self.values).double().argmax(1, keepdim=True)
        return int(self.adders.gather(1, at).sum())

    def choose(self, model: Quadratic, start: torch.Tensor, price: float) -> torch.Tensor:
        """Choose values, the best change first, each for those before it, while changes pay.

        Args:
            model: Of the loss around the start.
            start: Slopes, (slopes,).
            price: Of an adder.

        Returns:
            (slopes,), the change; afterwards no slope has too many digits.
        """
        now, slope, own = start.clone(), model.gradient.clone(), model.curvature.diagonal() / 2
        costs = price * self.adders
        same = (self.values == start[:, None])
        held = torch.where(same.any(1), (same * costs).amax(1), FORBIDDEN)
        while True:
            ways = self.values - now[:, None]
            gains = slope[:, None] * ways + own[:, None] * ways**2 + costs - held[:, None]
            one, value = divmod(int(gains.argmin()), gains.shape[1])
            if gains[one, value] > -LEAST:
                return now - start
            slope += model.curvature[:, one] * ways[one, value]
            now[one], held[one] = self.values[one, value], costs[one, value]


def usual_digits(bits: Iterable[Bits]) -> int:
    """Tell how many signed digits a slope may have where nothing else was said.

    Args:
        bits: Widths of all layers.

    Returns:
        Two where weights have few bits or few digits, else 0: any number.
    """
    return USUAL if any(own.weight <= BITS or own.digits for own in bits) else 0


def limited(module: QuantNet, digits: int) -> bool:
    """Tell whether every slope has few signed digits already.

    Args:
        module: A quantised module.
        digits: Most of a slope; 0: any number.

    Returns:
        True if its formats say so.
    """
    return all(row.slope is None or row.slope_digits == digits for row in module.formats.values())


def slim(module: QuantNet, digits: int, batches: Batches, score: Callable[[], float],
         keep: Callable[[float], None], name: str, *, progress: bool = True) -> float:
    """Bring all slopes to few signed digits, and to fewer where it costs next to nothing.

    It takes a minute or two, and keeps nothing on its way: killed, it begins anew.

    Args:
        module: On the CPU, in evaluation mode; changed in place, its formats too.
        digits: Most non-zero signed digits of a slope, 1 or more.
        batches: Where the loss is modelled.
        score: Evaluates the module, in dB; must leave its weights alone.
        keep: Called with dB when it is done.
        name: What to call it while it runs.
        progress: Show a progress bar.

    Returns:
        dB where it ends.
    """
    start = score()
    slopes, best = Slopes(module, digits), None
    own, biases = slopes.get()
    with tqdm(total=BATCHES, desc=f"slopes {name}", unit="batch", disable=not progress,
              mininterval=1) as bar:
        bend = curvature(module, slopes.gradients, batches.draw, BATCHES, batches.generator,
                         bar.update)[1]
    model = Quadratic(torch.zeros(len(bend), dtype=bend.dtype), bend, len(own))
    for price in PRICES:
        moved = slopes.choose(model, own, price)
        slopes.set(own + moved, biases + model.answer(moved))
        now = score()
        log.info("%d adders in the slopes, %.3f dB", slopes.count(), now)
        if not best or now >= start - LOST:
            best = now, slopes.get()
        elif now < start - 2 * LOST:  # within, the next may be better by chance
            break
    slopes.set(*best[1])
    for key, row in module.formats.items():
        module.formats[key] = replace(row, slope_digits=digits if row.slope else 0)
    if best[0] < start - LOST:
        log.warning("%s: slopes of %d signed digits cost %.3f dB", name, digits, start - best[0])
    keep(best[0])
    return best[0]
