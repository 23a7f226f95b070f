"""The training loop: one cycle of the rate, resumable to the identical result.

May import torch, tqdm, training.devices, losses, optimisers, resume, learn.models and
torchfile, and the errors.

    fit(model, batches, score, plan, "checkpoint.pth", keep=save)   # the best score

Source: one cycle of the learning rate (Smith 2018, arXiv:1803.09820).
"""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from fsrcnnx import limits
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.learn import torchfile
from fsrcnnx.learn.models import PIXEL_STEPS
from fsrcnnx.learn.training.devices import ALONE, Team
from fsrcnnx.learn.training.losses import LOSSES
from fsrcnnx.learn.training.optimisers import OPTIMISERS, settled
from fsrcnnx.learn.training.resume import (
    Clock,
    alike,
    check_rows,
    read_state,
    resuming,
    write_history,
)

log = logging.getLogger(__name__)

HISTORY = ("step", "loss", "psnr_db", "learning_rate")
WARM_UP = 0.1  # share of the steps in which the learning rate rises
LARGEST_BATCH = 1 << 16
SHORTEST = 11  # cycle, in steps: the scheduler divides by the steps of the rise less one


@dataclass(frozen=True)
class Plan:
    """What decides a run's result, beside the data.

    Args:
        name: Model name.
        seed: Seed of the run.
        lr: Highest learning rate of the cycle.
        steps: Steps in all.
        every: Steps from one evaluation and checkpoint to the next.
        batch_size: Patches in a step.
        patches: Patches in the training file.
        weights: Weights that the run starts from.
        loss: A key of `losses.LOSSES`.
        expand: Factor of `expand.expand`; 1 trains the plain weights.
        hold: Whether `expand.hold_picture` was applied.
        optimiser: A key of `OPTIMISERS`.
        teacher: Of `teacher.Lessons`; empty if there is none.
        data: Of `data.fingerprint`.
    """

    name: str
    seed: int
    lr: float
    steps: int
    every: int
    batch_size: int
    patches: int
    weights: str = ""
    loss: str = "mse"
    expand: int = 1
    hold: bool = False
    optimiser: str = "adam"
    teacher: str = ""
    data: str = ""

    def facts(self) -> dict:
        """What a weights file says of the run that made it."""
        return {key: value for key, value in asdict(self).items()
                if key in ("steps", "loss", "expand", "hold", "lr", "batch_size", "patches",
                            "optimiser", "teacher", "seed", "data")}

    def settings(self) -> str:
        """All of it in one line, by which a checkpoint is known."""
        return json.dumps(asdict(self))

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise InputError(f"loss {self.loss!r}", where="train", allowed=", ".join(LOSSES))
        if self.optimiser not in OPTIMISERS:
            raise InputError(f"optimiser {self.optimiser!r}", where="train",
                             allowed=", ".join(OPTIMISERS))
        if self.expand < 1:
            raise InputError(f"expand {self.expand}", where="train", allowed="1 or more")
        if min(self.batch_size, self.steps, self.every) < 1 or not 0 < self.lr < 1:
            raise InputError(f"batch size {self.batch_size}, steps {self.steps}, lr {self.lr}",
                             where="train", allowed="at least 1 each, lr between 0 and 1")
        if self.steps > limits.STEPS:
            raise InputError(f"{self.steps:,} steps", where="train",
                             allowed=f"up to {limits.STEPS:,}")
        if self.batch_size > LARGEST_BATCH:
            raise InputError(f"batch size {self.batch_size}", where="train",
                             allowed=f"up to {LARGEST_BATCH}")


class Batches:
    """Endless batches of patches, randomly chosen, flipped and turned.

    Args:
        lr: uint8 (N, p, p).
        hr: uint8 (N, scale * p, scale * p).
        size: Patches in a batch.
        generator: Source of every choice; its state is all that a resumed run needs.
        full_range: Share of the patches whose 16..235 is stretched to 0..255, the range of gray
            pictures.
        team: Who shares each batch, and where it goes.
        lessons: uint8 like hr, what a teacher makes of the patches: a second target.

    Raises:
        InputError: If the team does not divide a batch.
    """

    def __init__(self, lr: torch.Tensor, hr: torch.Tensor, size: int,
                 generator: torch.Generator, full_range: float = 0.0, team: Team = ALONE,
                 lessons: torch.Tensor | None = None):
        team.check(size)
        self.lr, self.size = lr, size
        self.targets = [hr] if lessons is None else [hr, lessons]
        self.generator, self.full_range, self.team = generator, full_range, team

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw a batch and take the team's share of it.

        Returns:
            float32 (n, 1, p, p) and (n, targets, scale * p, scale * p), pixel / 256, on the
            team's device; n is size / team.size; the original is the first target.
        """
        share, device = self.team.share, self.team.device
        index = share(torch.randint(len(self.lr), (self.size,), generator=self.generator))
        turn = torch.randint(4, (1,), generator=self.generator).item()
        flip = torch.randint(2, (1,), generator=self.generator).item()
        stretched = None
        if self.full_range:
            stretched = torch.rand(self.size, generator=self.generator) < self.full_range
            stretched = share(stretched).to(device)

        def turned(patches: torch.Tensor) -> torch.Tensor:
            batch = torch.rot90(patches[index].to(device), turn, (1, 2))
            batch = (batch.flip(2) if flip else batch)[:, None].float()
            if stretched is not None:
                wide = ((batch - 16) * (255 / 219)).round().clamp(0, 255)
                batch = torch.where(stretched[:, None, None, None], wide, batch)
            return batch / PIXEL_STEPS

        return turned(self.lr), torch.cat([turned(target) for target in self.targets], 1)


def fit(module: nn.Module, batches: Batches, score: Callable[[], float], plan: Plan,
        checkpoint: Path, keep: Callable[[int, float], None], *, history: Path | None = None,
        stop_after: int | None = None, progress: bool = True) -> tuple[int, float]:
    """Train a module; a second call goes on from the checkpoint.

    A checkpoint is written at each evaluation, and beside them after twenty seconds and then every
    three minutes; from whichever it goes on, the result is the same.

    Args:
        module: Trained in place, pixel / 256 in and out; on the CPU afterwards.
        batches: Training data, and the team that trains; its generator is checkpointed.
        score: Evaluates the module, where it is, in dB; must leave its weights alone.
        plan: Settings; a checkpoint of other settings is refused.
        checkpoint: File of the state.
        keep: Called with step and dB whenever the score is the best so far.
        history: CSV file of step, loss, dB and learning rate, rewritten at each evaluation.
        stop_after: Stop, resumably, after this many steps.
        progress: Show a progress bar with loss and PSNR.

    Returns:
        Steps done, and the best score in dB, in every process.

    Raises:
        InputError: If the checkpoint is damaged or of another run.
        CheckError: If the loss stops being a number.
    """
    team = batches.team
    module.to(team.device)
    optimiser = OPTIMISERS[plan.optimiser](module.parameters(), plan.lr)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.lr, max(plan.steps, SHORTEST),
                                                pct_start=WARM_UP,
                                                cycle_momentum=plan.optimiser == "adam")
    settings = plan.settings()
    step, since, total, rows = 0, 0, 0.0, []
    state = team.once(lambda: read_state(checkpoint, settings))
    if state:
        with resuming(checkpoint):
            step, since, rows = _progress(state, plan)
            _go_on(state, module, optimiser, cycle, plan)
            batches.generator.set_state(state["generator"])
            totals = state["totals"]  # one for each process, if there are as many as before
            total = totals[team.rank] if len(totals) == team.size else sum(totals) / len(totals)
        log.info("%s: resuming at step %d of %d", checkpoint, step, plan.steps)
    best = max((row[2] for row in rows), default=-math.inf)

    def save(totals: list[float]) -> None:
        torchfile.save({"settings": settings, "step": step, "since": since, "totals": totals,
                        "rows": rows, "module": module.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "generator": batches.generator.get_state()}, checkpoint)

    log.info("training on %s%s", team.device.type,
             f", {team.size} processes" if team.size > 1 else "")
    end = plan.steps if stop_after is None else min(plan.steps, step + stop_after)
    net, clock = team.wrap(module.train()), Clock(team)
    with tqdm(total=plan.steps, initial=step, desc=f"train {plan.name}", unit="step",
              disable=not (progress and team.first), mininterval=1) as bar:
        while step < end:
            x, y = batches.draw()
            x = x.to(memory_format=torch.channels_last)  # a seventh faster on a CPU
            loss = LOSSES[plan.loss](net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
            step, since, total = step + 1, since + 1, total + loss.item()
            bar.update()
            if not math.isfinite(total):
                raise CheckError(f"the loss is {loss.item()} at step {step}", where="train",
                                 fix=f"take a learning rate below {plan.lr}")
            if step % plan.every and step != plan.steps:
                if step == end or clock.due(step):
                    totals = team.gather(total)
                    if team.first:
                        save(totals)
                    clock.kept()
                continue
            error, since, total = team.mean(total / since), 0, 0.0
            if team.first:
                module.eval()
                now = score()
                module.train()
                if now > best:
                    best = now
                    keep(step, now)
                rows.append((step, error, now, cycle.get_last_lr()[0]))
                write_history(history, HISTORY, rows)
                save([total] * team.size)
                bar.set_postfix(loss=f"{error:.2e}", psnr=f"{now:.2f}", best=f"{best:.2f}")
                log.info("step %d of %d: %.3f dB, best %.3f dB", step, plan.steps, now, best)
            clock.kept()
    module.cpu().eval()
    return step, team.once(lambda: best)


def _progress(state: dict, plan: Plan) -> tuple[int, int, list]:
    """Read how far a run was; a ValueError if it cannot have been there."""
    step, since, totals, rows = (state[key] for key in ("step", "since", "totals", "rows"))
    if type(step) is not int or not 0 < step <= plan.steps:
        raise ValueError(f"step {step}")
    scored = [*range(plan.every, step + 1, plan.every)]
    if step == plan.steps and step % plan.every:
        scored.append(step)
    if type(since) is not int or since != step - [0, *scored][-1]:
        raise ValueError("another number of steps since the last evaluation")
    if type(totals) is not list or not totals or not all(
            type(one) is float and math.isfinite(one) for one in totals):
        raise ValueError("sums of losses")
    check_rows(rows, scored, len(HISTORY))
    return step, since, rows


def _go_on(state: dict, module: nn.Module, optimiser: torch.optim.Optimizer,
           cycle: torch.optim.lr_scheduler.OneCycleLR, plan: Plan) -> None:
    """Put module, optimiser and rate where a state was; a ValueError if it is of others."""
    alike(state["module"], dict(module.state_dict()), "module")
    cycle.last_epoch = state["step"] - 1  # the rate follows from the step: it is not read
    with warnings.catch_warnings():  # that no step of the optimiser came before
        warnings.simplefilter("ignore")
        cycle.step()
    like = settled(plan.optimiser, optimiser, state["step"])
    alike(state["optimiser"], like, "optimiser")
    for number, own in like["state"].items():
        if "step" in own and not torch.equal(state["optimiser"]["state"][number]["step"],
                                             own["step"].cpu()):
            raise ValueError("optimiser: steps")
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
