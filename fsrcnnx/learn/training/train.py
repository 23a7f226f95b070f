"""Training of the float networks.

May import torch, the rest of learn but quantisation, and the ground.

    train("train.h5", "eval.h5", "outputs", 2, num_epochs=20)    # outputs/x2/x2_best.pth
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from fsrcnnx import __version__
from fsrcnnx.errors import InputError
from fsrcnnx.files import check_apart, check_folder, made
from fsrcnnx.learn import data, models, sources, store, torchfile
from fsrcnnx.learn.evaluate import float_run, mean_psnr
from fsrcnnx.learn.training.devices import ALONE, Team
from fsrcnnx.learn.training.expand import expand, fold, hold_picture
from fsrcnnx.learn.training.fit import Batches, Plan, fit
from fsrcnnx.learn.training.teacher import teach

CHECKPOINTS = 30  # evaluations in a run that is given in steps


@dataclass(frozen=True)
class Trained:
    """What a training run gave.

    Args:
        best: File of the best weights by evaluation PSNR.
        psnr: Their PSNR in dB on the evaluation file (`scale` pixels shaved).
        step: Steps done.
        steps: Steps asked for; more than `step` only if the run was stopped.
    """

    best: Path
    psnr: float
    step: int
    steps: int


def _start_from(model: models.Net, weights: str | Path) -> str:
    """Take over weights; the name of their network.

    Those of another scale give all but what upscales, which stays fresh; an SRCNN of smaller
    kernels gives them as the middle of larger ones: the same function.
    """
    name = store.read_weights(weights, model.name)["name"]
    shape, scale = models.find(name)
    other = shape == model.shape and scale != model.picture_scale
    grown = isinstance(shape, models.FlatShape) and shape.grows_to(model.shape)
    start = store.load(weights, name if other or grown else model.name).state_dict()
    fresh = model.state_dict()
    if other:
        start |= {key: value for key, value in fresh.items()
                  if key.startswith(("deconv.", "subpixel."))}
    if grown:
        start = {key: _centred(value, fresh[key].shape) for key, value in start.items()}
    model.load_state_dict(start)
    return name


def _centred(value: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Kernels in the middle of larger ones, all odd; what is none is of the shape already."""
    edges = [(large - small) // 2 for small, large in zip(value.shape, shape, strict=True)]
    return torch.nn.functional.pad(value, [edge for edge in reversed(edges) for _ in range(2)])


def train(train_file: str | Path, eval_file: str | Path, outputs_dir: str | Path, scale: int, *,
          lr: float = 3e-3, batch_size: int = 16, num_epochs: int = 20, seed: int = 123,
          steps: int | None = None, weights_file: str | Path | None = None,
          name: str | None = None, loss: str = "mse", factor: int = 1, hold: bool = False,
          optimiser: str = "adam", teacher: str | Path | None = None,
          stop_after: int | None = None, team: Team = ALONE, progress: bool = True) -> Trained:
    """Train a network; called again after a kill, it goes on to the identical result.

    Args:
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; decides which weights are best.
        outputs_dir: Folder; weights go to `x{scale}/x{scale}_best.pth`, the state that a resumed
            run continues from to `x{scale}/checkpoint.pth`, the course of the training to
            `x{scale}/history.csv`.
        scale: Upscaling factor.
        lr: Highest learning rate of the cycle.
        batch_size: Patches in a step.
        num_epochs: Passes over the patches; evaluation and checkpoint follow each.
        seed: Seed of the weights, the order and the turns.
        steps: Steps instead of num_epochs; evaluation and checkpoint 30 times on the way.
        weights_file: Weights to start from; those of the same network at another scale give all
            but what upscales, those of an SRCNN with smaller kernels the middle of its own.
        name: Model name; the FSRCNN-x of the scale if None.
        loss: A key of `losses.LOSSES`.
        factor: If above 1, every layer is trained as a product with this many times its channels
            between, and folded when it is written.
        hold: Whether the picture that channel 0 of a network without anchor carries stays as it
            is, and only what is added to it is learned.
        optimiser: A key of `optimisers.OPTIMISERS`.
        teacher: Weights of a larger network, whose pictures make half of the loss.
        stop_after: Stop, resumably, after this many steps.
        team: Processes that share each batch, of `devices.assemble`.
        progress: Show a progress bar.

    Returns:
        Best weights, their PSNR, and the steps done.

    Raises:
        InputError: If a file or setting cannot be used, held-out pictures would be trained on, or
            the folder holds another run.
        ModelError: If the model is unknown or the starting weights do not fit.
        CheckError: If the loss stops being a number.
    """
    data.check_scale(scale)
    folder = Path(outputs_dir) / f"x{scale}"
    best_file = folder / f"x{scale}_best.pth"
    read = filter(None, (train_file, eval_file, weights_file, teacher))
    check_apart([best_file, folder / "checkpoint.pth", folder / "history.csv"], read)
    team.check(batch_size)
    name = name or f"fsrcnn-x_x{scale}"
    generator = torch.Generator().manual_seed(seed)
    model = models.build(name, generator=generator)
    if model.picture_scale != scale:
        raise InputError(f"{name} with scale {scale}", where="--scale",
                         allowed=str(model.picture_scale))
    start = _start_from(model, weights_file) if weights_file else ""
    if factor > 1:
        expand(model, factor, generator)
    if hold:
        hold_picture(model)
    notes = sources.check_held_out(train_file, eval_file)
    pairs = data.read_pictures(eval_file, scale, model.prescale)
    patches = data.read_patches(train_file, scale, model.prescale)
    every = len(patches[0]) // max(1, batch_size) if steps is None else steps // CHECKPOINTS
    every = max(1, every)
    plan = Plan(name, seed, lr, every * num_epochs if steps is None else steps, every, batch_size,
                len(patches[0]), str(weights_file or ""), loss, factor, hold, optimiser,
                data=data.fingerprint(patches, pairs))
    lessons = teach(teacher, train_file, scale, team=team, progress=progress)
    plan = replace(plan, teacher=lessons.teacher)

    def keep(step: int, value: float) -> None:
        torchfile.save({"name": name, "float": fold(model).state_dict(), "version": __version__,
                        "seed": seed, "step": step, "eval_psnr": value, "complete": False,
                        "training": {**plan.facts(), **sources.facts(*notes), "start": start}},
                       best_file)

    batches = Batches(*patches, batch_size, generator, team=team, lessons=lessons.patches)
    with made(folder):
        check_folder(folder)
        step, best = fit(model, batches,
                         lambda: mean_psnr(lambda plane: float_run(model, plane), pairs, scale),
                         plan, folder / "checkpoint.pth", keep, history=folder / "history.csv",
                         stop_after=stop_after, progress=progress)
        if step == plan.steps and team.first:
            store.complete(best_file)
    return Trained(best_file, best, step, plan.steps)
