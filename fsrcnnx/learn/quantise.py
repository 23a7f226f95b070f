"""From float weights to the integer network: calibration, then quantisation-aware training.

May import numpy, torch, exact, learn and the errors.

    done = quantise("x2_best.pth", "train.h5", "eval.h5", "weights.pth")
    done.network                                   # exact.network.Network, W8A8

Source: power-of-two scales chosen by squared error; straight-through rounding (Bengio et al. 2013,
arXiv:1308.3432).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from fsrcnnx import __version__
from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Network
from fsrcnnx.learn import data, models
from fsrcnnx.learn.evaluate import float_run, mean_psnr
from fsrcnnx.learn.fit import Batches, Plan, fit, log_error, save_atomic
from fsrcnnx.learn.quantnet import (
    LayerFormats,
    QuantNet,
    load_qat,
    on_grid,
    pack,
    qat_run,
    to_network,
)

__all__ = ["Quantised", "calibrate", "load_qat", "normalise", "qat_run", "quantise",
           "to_network"]

log = logging.getLogger(__name__)

BITS = range(2, 17)
CALIBRATION = 128  # patches
FLOAT32_BITS = 24  # significand: what a float32 runtime holds exactly
SLOPE_FRAC = 4  # fewest fraction bits that a slope is left with
FULL_RANGE = 0.5  # share of the patches stretched to 0..255, as gray pictures are
CHECKPOINTS = 16
FILL = 0.65  # top of a normalised map; training pulls it under 1/2


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


@torch.no_grad()
def normalise(model: models.FSRCNNX, x: torch.Tensor) -> None:
    """Scale each inner map as a whole to one range; the float network's output stays.

    PReLU commutes with a positive factor, so a map can be multiplied in one layer and divided in
    the next layer's weights. Its power-of-two format then wastes no range.

    Args:
        model: Float network, changed in place.
        x: Calibration pixels (N, 1, H, W).
    """
    for name, after in zip(model.names, model.names[1:], strict=False):
        layer = getattr(model, name)
        x = model.act[name](layer(x))
        factor = FILL / float(x.abs().amax())
        layer.weight *= factor
        layer.bias *= factor
        getattr(model, after).weight /= factor
        x = x * factor


def nearest_format(x: torch.Tensor, signed: bool, bits: int) -> Format:
    """The format of a width with the least squared error.

    Args:
        x: Values of any shape.
        signed: Signedness of the format.
        bits: Its width.

    Returns:
        The format.
    """
    formats = [Format(signed, bits, frac) for frac in range(bits - 8, bits + 7)]
    errors = [float(((on_grid(x, to) - x).double() ** 2).mean()) for to in formats]
    return formats[errors.index(min(errors))]


@torch.no_grad()
def calibrate(model: models.FSRCNNX, x: torch.Tensor, y: torch.Tensor, *, weight_bits: int = 8,
              activation_bits: int = 8, slope_bits: int = 8) -> QuantNet:
    """Choose the formats: least squared error of each tensor, then the best output.

    Args:
        model: Float network.
        x: LR patches (N, 1, H, W), pixel / 256.
        y: HR patches.
        weight_bits: Width of the weights.
        activation_bits: Width of the inner feature maps; input and output have 8 bits.
        slope_bits: Width of the slopes.

    Returns:
        The quantised module.
    """
    formats, signal = {}, x
    for name in model.names:
        layer = getattr(model, name)
        signal = layer(signal)
        slope, out = None, PIXEL
        if name in model.act:
            signal = model.act[name](signal)
            slope = nearest_format(model.act[name].weight, True, slope_bits)
            out = nearest_format(signal, True, activation_bits)
        formats[name] = LayerFormats(nearest_format(layer.weight, True, weight_bits), slope, out)
    formats = _legal(formats)

    def error(candidate: dict[str, LayerFormats]) -> float:
        return float(log_error(QuantNet(model, candidate)(x), y))

    best = error(formats)
    for name in reversed(model.names):
        for part in ("weight", "slope", "out"):
            for move in (-1, 1):
                own = getattr(formats[name], part)
                if own is None or (part == "out" and name == model.names[-1]):
                    continue
                moved = replace(formats[name], **{part: replace(own, frac=own.frac + move)})
                candidate = _legal({**formats, name: moved})
                if (now := error(candidate)) < best:
                    best, formats = now, candidate
    return QuantNet(model, formats).eval()


def fitted_formats(model: models.FSRCNNX, weight_bits: int, activation_bits: int,
                   slope_bits: int) -> dict[str, LayerFormats]:
    """The finest formats for a normalised network, which training then fits its ranges to.

    Inner maps lie in -1/2..1/2, so that a step is a gray level at 8 bits; weights in -1..1, those
    of the last layer in -2..2, slopes in -4..4. What lies outside is left to training, and the
    steps of the many are finer for it.

    Args:
        model: Normalised float network.
        weight_bits: Width of the weights.
        activation_bits: Width of the inner feature maps; input and output have 8 bits.
        slope_bits: Width of the slopes.

    Returns:
        Formats by layer name.
    """
    inner = LayerFormats(Format(True, weight_bits, weight_bits - 1),
                         Format(True, slope_bits, slope_bits - 3),
                         Format(True, activation_bits, activation_bits))
    last = LayerFormats(Format(True, weight_bits, weight_bits - 2), None, PIXEL)
    return _legal({name: inner if name in model.act else last for name in model.names})


def _legal(formats: dict[str, LayerFormats]) -> dict[str, LayerFormats]:
    """Keep shifts at 0 or more, and, where slopes allow it, float32 runtimes exact.

    A float32 runtime multiplies the accumulator by the slope in one rounding, which is exact for
    every value that does not saturate if the output's magnitude and the dropped bits fit 24 bits.
    """
    legal, frac = {}, PIXEL.frac
    for name, row in formats.items():
        weight, slope, out = row.weight, row.slope, row.out
        if slope:
            out = replace(out, frac=min(out.frac, frac + weight.frac))
            room = FLOAT32_BITS - (out.width - out.signed) - (frac + weight.frac - out.frac)
            if room >= SLOPE_FRAC:  # else no slope would do, and only wide integers are exact
                slope = replace(slope, frac=min(slope.frac, room))
            slope = replace(slope, frac=max(slope.frac, 0))
        else:
            weight = replace(weight, frac=max(weight.frac, out.frac - frac))
        legal[name] = LayerFormats(weight, slope, out)
        frac = out.frac
    return legal


@torch.no_grad()
def correct_bias(module: QuantNet, x: torch.Tensor, y: torch.Tensor) -> None:
    """Take the mean error of the output off its bias, as rounded weights shift the mean.

    Args:
        module: Changed in place.
        x: LR patches (N, 1, H, W), pixel / 256.
        y: HR patches.
    """
    module.model.deconv.bias -= (module(x) - y).mean()


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
             slope_bits: int = 8, steps: int = 6000, lr: float = 5e-5, batch_size: int = 16,
             seed: int = 123, stop_after: int | None = None, progress: bool = True) -> Quantised:
    """Quantise a float network and fine-tune it under the number contract.

    Two stages of training follow calibration: the first saturates without rounding and fits the
    network to the ranges of its formats, the second rounds. Called again after a kill, it goes on
    to the identical result from the hidden checkpoints beside the output, which a finished run
    removes.

    Args:
        weights: Float weights: `x2_best.pth` or `weights.pth`.
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; decides which weights are best.
        output: `weights.pth` to write, with float and quantised weights and the formats.
        weight_bits: Width of the weights, 2..16.
        activation_bits: Width of the inner feature maps, 2..16.
        slope_bits: Width of the PReLU slopes, 2..16.
        steps: Steps of fine-tuning in all, half of them in the first stage; 0 for calibration only.
        lr: Highest learning rate of the second stage; the first takes 20 times as much.
        batch_size: Patches in a step.
        seed: Seed of calibration and order.
        stop_after: Stop, resumably, after this many steps of a stage.
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
    widths = {"weight_bits": weight_bits, "activation_bits": activation_bits,
              "slope_bits": slope_bits}
    model, start = models.load(weights), models.load(weights)
    pairs = data.read_pictures(eval_file, model.scale)
    patches = data.read_patches(train_file, model.scale)
    generator = torch.Generator().manual_seed(seed)
    x, y = Batches(*patches, CALIBRATION, generator, FULL_RANGE).draw()
    normalise(start, x)
    module = calibrate(start, x, y, **widths)

    def score() -> float:
        if not module.rounding:
            return mean_psnr(lambda plane: float_run(module, plane), pairs, model.scale)
        correct_bias(module, x, y)
        return mean_psnr(lambda plane: qat_run(module, plane).astype("uint8"), pairs, model.scale)

    float_psnr = mean_psnr(lambda plane: float_run(model, plane), pairs, model.scale)
    calibrated = psnr = score()
    log.info("float %.3f dB, calibrated %.3f dB", float_psnr, calibrated)

    def keep(step: int, value: float) -> None:
        save_atomic({"name": model.name, "float": model.state_dict(), "qat": pack(module),
                     "bits": {key.removesuffix("_bits"): bits for key, bits in widths.items()},
                     "version": __version__, "seed": seed, "step": step,
                     "eval_psnr": {"float": float_psnr, "calibrated": calibrated, "qat": value}},
                    output)

    def stage(number: int, rounding: bool, steps: int, lr: float) -> tuple[bool, float]:
        module.rounding = rounding
        plan = Plan(f"{model.name} W{weight_bits}A{activation_bits} stage {number}", seed, lr,
                    steps, max(1, steps // CHECKPOINTS), batch_size, len(patches[0]), str(weights))
        batches = Batches(*patches, batch_size, torch.Generator().manual_seed(seed + number),
                          FULL_RANGE)
        done, best = fit(module, batches, score, plan, checkpoints[number - 1],
                         keep if rounding else lambda step, value: None,
                         loss_of=log_error, stop_after=stop_after, progress=progress)
        return done == steps, best

    checkpoints = [output.with_name(f".{output.name}.stage{number}") for number in (1, 2)]
    if steps == 0 or not checkpoints[1].exists():
        keep(0, calibrated)
    if steps:
        module = QuantNet(start, fitted_formats(start, **widths))
        first = steps // 2
        finished, _ = stage(1, False, first, 20 * lr) if first else (True, 0)
        if finished:
            finished, psnr = stage(2, True, steps - first, lr)
        if finished:
            for checkpoint in checkpoints:
                checkpoint.unlink(missing_ok=True)
    final = load_qat(output)
    return Quantised(final, to_network(final), float_psnr, calibrated, psnr)
