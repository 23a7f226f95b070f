"""Calibration: formats chosen for a float network after training.

May import torch, exact.formats, exact.network, learn.fit, learn.models and learn.quantnet.

    module = calibrate(model, x, y)                # W8A8, formats of the least error

Source: power-of-two scales chosen by squared error, then by the error of the output.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL
from fsrcnnx.learn import models
from fsrcnnx.learn.fit import log_error
from fsrcnnx.learn.quantnet import LayerFormats, QuantNet, on_grid

FLOAT32_BITS = 24  # significand: what a float32 runtime holds exactly
SLOPE_FRAC = 4  # fewest fraction bits that a slope is left with


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
def calibrate(model: models.Net, x: torch.Tensor, y: torch.Tensor, *, weight_bits: int = 8,
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
    formats = legal(formats)

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
                candidate = legal({**formats, name: moved})
                if (now := error(candidate)) < best:
                    best, formats = now, candidate
    module = QuantNet(model, formats).eval()
    # rounded weights shift the mean of the output
    getattr(module.model, model.names[-1]).bias -= (module(x) - y).mean()
    return module


def legal(formats: dict[str, LayerFormats]) -> dict[str, LayerFormats]:
    """Keep shifts at 0 or more, and, where slopes allow it, float32 runtimes exact.

    A float32 runtime multiplies the accumulator by the slope in one rounding, which is exact for
    every value that does not saturate if the output's magnitude and the dropped bits fit 24 bits.

    Args:
        formats: Formats by layer name, in order.

    Returns:
        The same, some with fewer fraction bits.
    """
    kept, frac = {}, PIXEL.frac
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
        kept[name] = LayerFormats(weight, slope, out)
        frac = out.frac
    return kept
