"""From float weights to the integer network: calibration, then quantisation-aware training.

May import numpy, torch, exact, learn and the errors.

    done = quantise("x2_best.pth", "train.h5", "eval.h5", "weights.pth")
    done.network                                   # exact.network.Network, W8A8

Fine-tuning has two stages. Maps first get noise of the power that rounding has, while the gradient
passes straight through the rounding of weights and slopes (Bengio et al. 2013, arXiv:1308.3432).
Then everything is rounded and the biases alone learn: they have the accumulator's fine step, so
that they settle, and take off what the rounding shifted.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path

import torch

from fsrcnnx import __version__
from fsrcnnx.errors import InputError
from fsrcnnx.exact.network import PIXEL, Network
from fsrcnnx.learn import data, store
from fsrcnnx.learn.calibrate import calibrate
from fsrcnnx.learn.devices import ALONE, Team
from fsrcnnx.learn.equalise import equalise, fitted_formats, split_picture
from fsrcnnx.learn.evaluate import float_run, mean_psnr
from fsrcnnx.learn.fit import Batches, Plan, fit, save_atomic
from fsrcnnx.learn.quantnet import QuantNet, load_qat, pack, qat_run, to_network

log = logging.getLogger(__name__)

BITS = range(2, 17)
CALIBRATION = 128  # patches
FULL_RANGE = 0.5  # share of the patches stretched to 0..255, as gray pictures are
CHECKPOINTS = 16  # of a stage
SETTLING = 0.1  # steps and peak learning rate of the second stage, relative to the first


@dataclass(frozen=True, eq=False)
class Quantised:
    """What quantisation gave.

    Args:
        module: Quantised module, in evaluation mode.
        network: The integer network.
        float_psnr: dB of the float network on the evaluation file.
        calibrated_psnr: dB after calibration alone.
        psnr: dB after quantisation-aware training.
    """

    module: QuantNet
    network: Network
    float_psnr: float
    calibrated_psnr: float
    psnr: float


def _check(output: Path, weight_bits: int, activation_bits: int, slope_bits: int) -> None:
    for option, bits in (("--weight-bits", weight_bits), ("--activation-bits", activation_bits),
                         ("--slope-bits", slope_bits)):
        if bits not in BITS:
            raise InputError(f"{bits} bits", where=option, allowed="2..16")
    if weight_bits + activation_bits < PIXEL.frac + 2:
        raise InputError(f"W{weight_bits}A{activation_bits} cannot reach 8-bit output",
                         where="--weight-bits and --activation-bits",
                         allowed=f"{PIXEL.frac + 2} bits together or more")
    if not output.parent.is_dir():
        raise InputError("the folder does not exist", where=str(output.parent),
                         allowed="an existing folder", fix="create it")


def quantise(weights: str | Path, train_file: str | Path, eval_file: str | Path,
             output: str | Path, *, weight_bits: int = 8, activation_bits: int = 8,
             slope_bits: int = 8, steps: int = 30000, lr: float = 1e-3, batch_size: int = 16,
             seed: int = 123, stop_after: int | None = None, team: Team = ALONE,
             progress: bool = True) -> Quantised:
    """Quantise a float network and fine-tune it under the number contract.

    Called again after a kill, it goes on to the identical result from the hidden checkpoints
    beside the output, which a finished run removes.

    Args:
        weights: Float weights: `x2_best.pth` or `weights.pth`.
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; decides which weights are best.
        output: `weights.pth` to write, with float and quantised weights and the formats; the
            course of the stages goes to `weights.stage1.csv` and `weights.stage2.csv` beside it.
        weight_bits: Width of the weights, 2..16.
        activation_bits: Width of the inner feature maps, 2..16.
        slope_bits: Width of the PReLU slopes, 2..16.
        steps: Steps with noise, a tenth as many for the biases follow; 0 for calibration only.
        lr: Highest learning rate of the first stage; the second takes a tenth of it.
        batch_size: Patches in a step.
        seed: Seed of calibration, order and noise.
        stop_after: Stop, resumably, after this many steps of a stage.
        team: Processes that share each batch, of `devices.assemble`.
        progress: Show a progress bar.

    Returns:
        The module, the integer network and the evaluation figures; if stopped, the best so far.

    Raises:
        InputError: If a file or setting cannot be used.
        ModelError: If the weights cannot be used.
        CheckError: If the loss stops being a number.
    """
    output = Path(output)
    _check(output, weight_bits, activation_bits, slope_bits)
    team.check(batch_size)
    widths = {"weight_bits": weight_bits, "activation_bits": activation_bits,
              "slope_bits": slope_bits}
    model, start = store.load(weights), store.load(weights)
    pairs = data.read_pictures(eval_file, model.scale)
    patches = data.read_patches(train_file, model.scale)
    x, y = Batches(*patches, CALIBRATION, torch.Generator().manual_seed(seed), FULL_RANGE).draw()
    equalise(start, x)
    module = calibrate(start, x, y, **widths)

    def score() -> float:
        return mean_psnr(lambda plane: qat_run(module, plane).astype("uint8"), pairs, model.scale)

    float_psnr = team.once(
        lambda: mean_psnr(lambda plane: float_run(model, plane), pairs, model.scale))
    calibrated = psnr = team.once(score)
    log.info("float %.3f dB, calibrated %.3f dB", float_psnr, calibrated)

    def keep(step: int, value: float) -> None:
        save_atomic({"name": model.name, "float": model.state_dict(), "qat": pack(module),
                     "bits": {key.removesuffix("_bits"): bits for key, bits in widths.items()},
                     "version": __version__, "seed": seed, "step": step,
                     "eval_psnr": {"float": float_psnr, "calibrated": calibrated, "qat": value}},
                    output)

    def stage(number: int, noisy: bool, steps: int, lr: float) -> tuple[bool, float]:
        plan = Plan(f"{model.name} W{weight_bits}A{activation_bits} stage {number}", seed, lr,
                    steps, max(1, steps // CHECKPOINTS), batch_size, len(patches[0]),
                    str(weights), "log")
        batches = Batches(*patches, batch_size, torch.Generator().manual_seed(seed + number),
                          FULL_RANGE, team)
        module.noise = team.uniform(batches.generator) if noisy else None
        for parameter, value in module.named_parameters():
            value.requires_grad_(noisy or parameter.endswith(".bias"))
        done, best = fit(module, batches, score, plan, checkpoints[number - 1],
                         keep if not noisy else lambda step, value: None,
                         history=output.with_suffix(f".stage{number}.csv"),
                         stop_after=stop_after, progress=progress)
        return done == steps, best

    checkpoints = [output.with_name(f".{output.name}.stage{number}") for number in (1, 2)]
    if steps == 0 or not checkpoints[1].exists():
        team.once(lambda: keep(0, calibrated))
    if steps:
        formats = fitted_formats(start, **widths)
        split_picture(start, x, formats[start.names[0]].out.step)
        module = QuantNet(start, formats)
        finished, _ = stage(1, True, steps, lr)
        if finished:
            finished, psnr = stage(2, False, math.ceil(SETTLING * steps), SETTLING * lr)
        if finished and team.first:
            for checkpoint in checkpoints:
                checkpoint.unlink(missing_ok=True)
    final = load_qat(output)
    return Quantised(final, to_network(final), float_psnr, calibrated, psnr)
