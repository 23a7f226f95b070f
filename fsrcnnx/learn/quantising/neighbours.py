"""Weights of few bits, moved together to neighbouring values where a model of the loss says so.

May import torch, tqdm, training.fit, training.losses, quantising.quadratic, quantising.quantnet,
training.resume and learn.torchfile.

    search(module, batches, score, keep, plan, ".weights.pth.stage3")  # keeps the best round

Training brings weights of few bits to close to a local optimum, where few gain by a step alone. In
a quadratic model of the loss thousands of moves cost nothing, alone or in pairs, and the biases,
whose steps are fine, answer each of them exactly. The moves that promise most are then made
together and measured; if the loss did not fall, the better half of them is tried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from fsrcnnx.learn import torchfile
from fsrcnnx.learn.quantising.quadratic import Quadratic, curvature, weight_gradients
from fsrcnnx.learn.quantising.quantnet import LayerFormats, QuantNet, grid, on_grid
from fsrcnnx.learn.training.fit import Batches, Plan
from fsrcnnx.learn.training.losses import joint_error
from fsrcnnx.learn.training.resume import alike, check_rows, read_state, resuming, write_history

log = logging.getLogger(__name__)

HISTORY = ("round", "moves", "loss", "psnr_db")
BITS = 7         # of a weight, up to which a step is worth a search
LARGEST = 16384  # weights and biases; their curvature takes 2 GB, solving an estimated 8
BATCHES = 1000   # for the model of a round; as many patches as give each of 3,500 weights its say
CHECKED = 400    # batches on which moves are measured
MOST = 100       # weights moved in a round: further away the model does not hold


def searched(formats: LayerFormats) -> bool:
    """Tell whether a layer's weights have so few values that a search can pay.

    Args:
        formats: Of the layer.

    Returns:
        True at BITS and fewer, or with few signed digits.
    """
    return formats.weight.width <= BITS or bool(formats.digits)


def pays(module: QuantNet) -> bool:
    """Tell whether there is something to search, and not too much of it.

    Args:
        module: A quantised module.

    Returns:
        False if no layer has few bits, or, with a warning, if the curvature would be too large.
    """
    weights = sum(getattr(module.model, name).weight.numel()
                  for name, row in module.formats.items() if searched(row))
    count = weights + sum(getattr(module.model, name).bias.numel() for name in module.formats)
    if weights and count > LARGEST:
        log.warning("no search: %d weights and biases, more than %d", count, LARGEST)
    return bool(weights) and count <= LARGEST


def stored(module: nn.Module, key: str) -> nn.Parameter:
    """Find what holds a value.

    Args:
        module: A layer.
        key: Name of its parameter, which may be under a parametrisation.

    Returns:
        The parameter itself.
    """
    if parametrize.is_parametrized(module, key):
        return module.parametrizations[key].original
    return getattr(module, key)


@torch.no_grad()
def adopt(module: QuantNet, other: QuantNet) -> None:
    """Take over the values of a module of the same layers, and their formats.

    Args:
        module: Changed in place; what its parametrisations hold stays.
        other: Plain, as of `load_qat`.
    """
    for key, value in other.model.named_parameters():
        path, _, attribute = key.rpartition(".")
        stored(module.model.get_submodule(path), attribute).copy_(value)
    module.formats.update(other.formats)


class Part:
    """The free values of one parameter.

    Args:
        module: Layer that has it.
        key: `weight` or `bias`.
    """

    def __init__(self, module: nn.Module, key: str):
        self.module, self.key = module, key
        self.stored = stored(module, key)
        self.stored.requires_grad_()
        # what a parametrisation holds has no gradient
        reached, = torch.autograd.grad(getattr(module, key).sum(), self.stored)
        self.stored.requires_grad_(False)
        self.free = reached.flatten().nonzero()[:, 0]

    def get(self) -> torch.Tensor:
        """The free values, float64."""
        return getattr(self.module, self.key).flatten()[self.free].double()

    def set(self, values: torch.Tensor) -> None:
        """Put values in."""
        self.stored.view(-1)[self.free] = values.to(self.stored.dtype)


class Variables:
    """The weights that may move and the biases that answer, as two vectors.

    Args:
        module: Weights that may move are brought to their grids.
        names: Layers whose weights may move; those that `searched` names if None.
    """

    def __init__(self, module: QuantNet, names: Sequence[str] | None = None):
        self.module = module
        self.names = [name for name, row in module.formats.items()
                      if (searched(row) if names is None else name in names)]
        self.weights = [Part(getattr(module.model, name), "weight") for name in self.names]
        self.biases = [Part(getattr(module.model, name), "bias") for name in module.formats]
        for name, part in zip(self.names, self.weights, strict=True):
            row = module.formats[name]
            part.set(on_grid(part.get(), row.weight, digits=row.digits))

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Read both.

        Returns:
            Weights and biases, float64, (weights,) and (biases,).
        """
        return tuple(torch.cat([part.get() for part in parts])
                     for parts in (self.weights, self.biases))

    def set(self, weights: torch.Tensor, biases: torch.Tensor) -> None:
        """Put values in.

        Args:
            weights: (weights,), on their grids.
            biases: (biases,).
        """
        for parts, values in ((self.weights, weights), (self.biases, biases)):
            for part, own in zip(parts, values.split([len(part.free) for part in parts]),
                                 strict=True):
                part.set(own)

    def neighbours(self) -> torch.Tensor:
        """Find the next values of the grids.

        Returns:
            The way up and down, (2, weights); 0 where there is none.
        """
        ways = []
        for name, part in zip(self.names, self.weights, strict=True):
            formats = self.module.formats[name]
            values = grid(formats.weight, formats.digits).double() * formats.weight.step
            at = torch.searchsorted(values, part.get())
            ways.append(torch.stack([values[(at + 1).clamp(max=len(values) - 1)] - values[at],
                                     values[(at - 1).clamp(min=0)] - values[at]]))
        return torch.cat(ways, 1)

    def gradients(self, kept: dict) -> torch.Tensor:
        """Collect the gradients of each sample after a backward pass.

        Args:
            kept: As of `quadratic.watched`.

        Returns:
            (N, weights + biases).
        """
        parts = [weight_gradients(part.module, kept[name][0], kept[name][1].grad)[:, part.free]
                 for name, part in zip(self.names, self.weights, strict=True)]
        parts += [kept[name][1].grad.sum((2, 3))[:, part.free]
                  for name, part in zip(self.module.formats, self.biases, strict=True)]
        return torch.cat(parts, 1)


def search(module: QuantNet, batches: Callable[[int], Batches], score: Callable[[], float],
           keep: Callable[[int, float], None], plan: Plan, checkpoint: Path, *,
           history: Path | None = None, stop_after: int | None = None,
           progress: bool = True) -> tuple[int, float]:
    """Move weights of few bits to neighbouring values, many at once, and biases with them.

    Args:
        module: On the CPU, in evaluation mode; changed in place to where the loss is least.
        batches: Gives the batches of a seed.
        score: Evaluates the module, in dB; must leave its weights alone.
        keep: Called with the round and dB whenever the score is the best so far.
        plan: Its steps are rounds; the search ends before them when no move pays.
        checkpoint: File of the state after each round, from which a second call goes on.
        history: CSV file of round, moves, loss and dB.
        stop_after: Stop, resumably, after this many rounds.
        progress: Show a progress bar.

    Returns:
        Rounds done, plan.steps if no move pays, and the best score in dB.

    Raises:
        InputError: If the checkpoint is damaged or of another run.
    """
    variables, settings = Variables(module), plan.settings()
    fixed = batches(0)
    checked = [fixed.draw() for _ in range(CHECKED)]

    @torch.no_grad()
    def loss() -> float:
        return sum(joint_error(module(x), y).item() for x, y in checked) / len(checked)

    state = read_state(checkpoint, settings)
    if state:
        with resuming(checkpoint):
            rows = state["rows"]
            check_rows(rows, range(max(1, min(len(rows), plan.steps + 1))), len(HISTORY))
            alike((state["weights"], state["biases"]), variables.get(), "weights and biases")
            variables.set(state["weights"], state["biases"])
    else:
        rows = [(0, 0, loss(), score())]
    weights, biases = variables.get()
    done, _, least, _ = rows[-1]
    end = plan.steps if stop_after is None else min(plan.steps, done + stop_after)

    def save() -> None:
        # each round has a seed of its own: no generator goes on
        torchfile.save({"settings": settings, "generator": None, "rows": rows,
                        "weights": weights, "biases": biases}, checkpoint)
        write_history(history, HISTORY, rows)

    if not state:
        save()  # what `keep` writes must not become the start
    with tqdm(total=plan.steps * BATCHES, initial=done * BATCHES, desc=f"search {plan.name}",
              unit="batch", disable=not progress, mininterval=1) as bar:
        while done < end:
            own, ways = batches(done + 1), variables.neighbours()
            model = Quadratic(*curvature(module, variables.gradients, own.draw, BATCHES,
                                         own.generator, bar.update), len(weights))
            moves = MOST
            while moves:
                moved = model.choose(ways, moves)
                moves = int((moved != 0).sum())
                variables.set(weights + moved, biases + model.answer(moved))
                if moves and (now := loss()) < least:
                    break
                moves //= 2
            if not moves:
                variables.set(weights, biases)
                done = plan.steps
                break
            (weights, biases), least, done = variables.get(), now, done + 1
            rows.append((done, moves, least, score()))
            if rows[-1][-1] > max(row[-1] for row in rows[:-1]):
                keep(done, rows[-1][-1])
            save()
            bar.set_postfix(moves=moves, loss=f"{least:.3f}", psnr=f"{rows[-1][-1]:.3f}")
    return done, max(row[-1] for row in rows)
