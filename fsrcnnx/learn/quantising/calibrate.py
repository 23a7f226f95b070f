"""Calibration: formats chosen for a float network after training.

May import torch, exact.formats, exact.network, training.losses, learn.models, quantising.quantnet
and learn.schema.

    module = calibrate(model, x, y, uniform(model, Bits(4, 8)))   # formats of the least error

Source: power-of-two scales chosen by squared error, then by the error of the output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.quantnet import LayerFormats, QuantNet, on_grid
from fsrcnnx.learn.schema import DIGITS, WIDTHS
from fsrcnnx.learn.training.losses import log_error

SPELT = re.compile(r"w(?P<weight>\d+)a(?P<activation>\d+)(?:s(?P<slope>\d+))?(?:d(?P<digits>\d))?")
MIXED = "-mixed"  # ends the name of a network whose layers have different widths
FLOAT32_BITS = 24  # significand: what a float32 runtime holds exactly
SLOPE_FRAC = 4  # fewest fraction bits that a slope is left with


@dataclass(frozen=True)
class Bits:
    """Widths of a layer's numbers.

    Args:
        weight: Of its weights.
        activation: Of the map that it writes; the last layer writes pixels, of 8 bits.
        slope: Of its PReLU slopes.
        digits: Most non-zero signed digits of a weight; 0: any number.
    """

    weight: int = 8
    activation: int = 8
    slope: int = 8
    digits: int = 0

    @classmethod
    def parse(cls, text: str, where: str = "bits") -> Bits:
        """Read widths.

        Args:
            text: As `w4a8`; `w4a8s6` with other slopes than of 8 bits, `w8a8d2` with at most two
                signed digits in a weight.
            where: What to name in an error.

        Returns:
            The widths, each 2..16, digits 1..8 if they are limited.

        Raises:
            InputError: If the text says something else.
        """
        found = SPELT.fullmatch(text)
        given = {} if not found else {name: int(text) for name, text in found.groupdict().items()
                                      if text}
        bits = cls(**given)
        if not found or not bits.allowed():
            raise InputError(f"{text!r}", where=where, fix="e.g. w4a8, w4a8s6 or w8a8d2",
                             allowed="w2a2 to w16a16, slopes s2 to s16, digits d1 to d8")
        return bits

    def allowed(self) -> bool:
        """Tell whether the widths are such that a network can have."""
        return self.digits in DIGITS and all(
            width in WIDTHS for width in (self.weight, self.activation, self.slope))


def uniform(model: models.Net, bits: Bits) -> dict[str, Bits]:
    """The same widths in every layer.

    Args:
        model: A network.
        bits: The widths.

    Returns:
        Widths by layer name.
    """
    return dict.fromkeys(model.names, bits)


def ends(model: models.Net) -> dict[str, Bits]:
    """8 bits for the first and the last layer: few weights, and all of the picture goes by them.

    Args:
        model: A network.

    Returns:
        Their widths by layer name.
    """
    return {name: Bits() for name in (model.names[0], model.names[-1])}


def label(name: str, usual: Bits, bits: Mapping[str, Bits]) -> str:
    """Name a quantised network.

    Args:
        name: Of the float network.
        usual: Widths that were asked for.
        bits: Widths by layer name.

    Returns:
        The name itself at 8 bits, else with the widths: `fsrcnn-x_x2_w4a8`, and `-mixed` if some
        layers have others.
    """
    mixed = MIXED if set(bits.values()) != {usual} else ""
    if usual == Bits() and not mixed:
        return name
    slopes = f"s{usual.slope}" if usual.slope != Bits.slope else ""
    digits = f"d{usual.digits}" if usual.digits else ""
    return f"{name}_w{usual.weight}a{usual.activation}{slopes}{digits}{mixed}"


def nearest_format(x: torch.Tensor, signed: bool, bits: int, least: float = 0.0) -> Format:
    """The format of a width with the least squared error.

    Args:
        x: Values of any shape.
        signed: Signedness of the format.
        bits: Its width.
        least: Value that it must reach.

    Returns:
        The format.
    """
    formats = [to for frac in range(bits - 8, bits + 7)
               if (to := Format(signed, bits, frac)).hi * to.step >= least]
    errors = [float(((on_grid(x, to) - x).double() ** 2).mean()) for to in formats]
    return formats[errors.index(min(errors))]


def covering_format(x: torch.Tensor, bits: int, share: float, least: float = 0.0) -> Format:
    """The finest format of a width that still reaches a share of the values.

    By squared error a few large weights would take the range, and most be rounded to 0; training
    can do without the former more easily than without the latter.

    Args:
        x: Values of any shape.
        bits: Its width, signed.
        share: Of the values that need not saturate.
        least: Value that it must reach.

    Returns:
        The format.
    """
    least = max(least, float(x.detach().abs().flatten().quantile(share)))
    return next(to for frac in range(bits + 6, bits - 9, -1)
                if (to := Format(True, bits, frac)).hi * to.step >= least)


@torch.no_grad()
def calibrate(model: models.Net, x: torch.Tensor, y: torch.Tensor,
              bits: Mapping[str, Bits]) -> QuantNet:
    """Choose the formats: least squared error of each tensor, then the best output.

    Args:
        model: Float network.
        x: LR patches (N, 1, H, W), pixel / 256.
        y: HR patches.
        bits: Widths by layer name.

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
            slope = nearest_format(model.act[name].weight, True, bits[name].slope)
            out = nearest_format(signal, True, bits[name].activation)
        formats[name] = LayerFormats(nearest_format(layer.weight, True, bits[name].weight),
                                     slope, out, bits[name].digits)
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
        kept[name] = replace(row, weight=weight, slope=slope, out=out)
        frac = out.frac
    return kept
