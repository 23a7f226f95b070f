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
from torch import nn

from fsrcnnx import __version__
from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Network
from fsrcnnx.learn import data, models
from fsrcnnx.learn.evaluate import float_run, mean_psnr
from fsrcnnx.learn.fit import Batches, Plan, fit, save_atomic
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
CALIBRATION = 64  # patches
FLOAT32_BITS = 24  # significand: what a float32 runtime holds exactly
FULL_RANGE = 0.5  # share of the patches stretched to 0..255, as gray pictures are
CHECKPOINTS = 16
FILL = 0.98  # of the range that calibration fills, some room is left


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
    """Scale each inner map as a whole to fill -1..1; the float network's output stays.

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
    """Choose the formats: least squared error of each tensor, then of the network's output.

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
        return float(nn.functional.mse_loss(QuantNet(model, candidate)(x), y))

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


def _legal(formats: dict[str, LayerFormats]) -> dict[str, LayerFormats]:
    """Keep shifts at 0 or more, and, where slopes allow it, float32 runtimes exact.

    A float32 runtime multiplies the accumulator by the slope in one rounding, which is exact for
    every value that does not saturate if the output's magnitude and the dropped bits fit 24 bits.
    """
    legal, frac = {}, PIXEL.frac
    for name, row in formats.items():
        weight = replace(row.weight, frac=max(row.weight.frac, row.out.frac - frac))
        slope, acc_frac = row.slope, frac + weight.frac
        if slope:
            magnitude = row.out.width - row.out.signed
            room = FLOAT32_BITS - magnitude - (acc_frac - row.out.frac)
            slope = replace(slope, frac=max(min(slope.frac, max(room, 4)), 0))
        legal[name] = LayerFormats(weight, slope, row.out)
        frac = row.out.frac
    return legal


def quantise(weights: str | Path, train_file: str | Path, eval_file: str | Path,
             output: str | Path, *, weight_bits: int = 8, activation_bits: int = 8,
             slope_bits: int = 8, steps: int = 8000, lr: float = 2e-4, batch_size: int = 16,
             seed: int = 123, stop_after: int | None = None, progress: bool = True) -> Quantised:
    """Quantise a float network and fine-tune it under the number contract.

    Called again after a kill, it goes on to the identical result from the hidden checkpoint
    beside the output, which a finished run removes.

    Args:
        weights: Float weights: `x2_best.pth` or `weights.pth`.
        train_file: HDF5 of `data.prepare`.
        eval_file: HDF5 of `data.prepare(evaluation=True)`; decides which weights are best.
        output: `weights.pth` to write, with float and quantised weights and the formats.
        weight_bits: Width of the weights, 2..16.
        activation_bits: Width of the inner feature maps, 2..16.
        slope_bits: Width of the PReLU slopes, 2..16.
        steps: Steps of fine-tuning; 0 leaves it at calibration.
        lr: Highest learning rate.
        batch_size: Patches in a step.
        seed: Seed of calibration and order.
        stop_after: Stop, resumably, after this many steps.
        progress: Show a progress bar.

    Returns:
        The module, the integer network and the evaluation figures.

    Raises:
        InputError: If a file or setting cannot be used.
        ModelError: If the weights cannot be used.
        CheckError: If the loss stops being a number.
    """
    for option, bits in (("--weight-bits", weight_bits), ("--activation-bits", activation_bits),
                         ("--slope-bits", slope_bits)):
        if bits not in BITS:
            raise InputError(f"{bits} bits", where=option, allowed="2..16")
    output = Path(output)
    if not output.parent.is_dir():
        raise InputError("the folder does not exist", where=str(output.parent),
                         allowed="an existing folder", fix="create it")
    model = models.load(weights)
    pairs = data.read_pictures(eval_file, model.scale)
    patches = data.read_patches(train_file, model.scale)
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(*patches, batch_size, generator, FULL_RANGE)
    float_psnr = mean_psnr(lambda plane: float_run(model, plane), pairs, model.scale)
    x, y = Batches(*patches, CALIBRATION, generator, FULL_RANGE).draw()
    start = models.load(weights)
    normalise(start, x)
    module = calibrate(start, x, y, weight_bits=weight_bits, activation_bits=activation_bits,
                       slope_bits=slope_bits)

    def score() -> float:
        return mean_psnr(lambda plane: qat_run(module, plane).astype("uint8"), pairs, model.scale)

    def keep(step: int, value: float) -> None:
        save_atomic({"name": model.name, "float": model.state_dict(), "qat": pack(module),
                     "bits": {"weight": weight_bits, "activation": activation_bits,
                              "slope": slope_bits},
                     "version": __version__, "seed": seed, "step": step,
                     "eval_psnr": {"float": float_psnr, "calibrated": calibrated, "qat": value}},
                    output)

    calibrated = psnr = score()
    log.info("float %.3f dB, calibrated %.3f dB", float_psnr, calibrated)
    checkpoint = output.with_name(f".{output.name}.checkpoint")
    if not checkpoint.exists():
        keep(0, calibrated)
    if steps:
        plan = Plan(f"{model.name} W{weight_bits}A{activation_bits}", seed, lr, steps,
                    max(1, steps // CHECKPOINTS), batch_size, len(patches[0]), str(weights))
        done, psnr = fit(module, batches, score, plan, checkpoint, keep, stop_after=stop_after,
                         progress=progress)
        if done == steps:
            checkpoint.unlink(missing_ok=True)
    final = load_qat(output)
    return Quantised(final, to_network(final), float_psnr, calibrated, psnr)
