"""The fixed-point network in torch: trained with straight-through rounding, exact in float64.

May import numpy, torch, exact.formats, exact.network, learn.models, learn.schema, learn.store,
training.expand, quantising.noise and the errors.

    module = load_qat("models/fsrcnn-x_x2/weights.pth")
    hr = qat_run(module, lr)                       # int64 (2 H, 2 W): the ladder's rung `qat`
    network = to_network(module)

Every value is a raw integer times a power of two, so float64 holds each product and sum without
rounding (raw values stay below 2^53) and the module equals the integer network bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.formats import Format, quantise, signed_digits
from fsrcnnx.exact.network import PIXEL, Layer, Network
from fsrcnnx.learn import models, schema, store
from fsrcnnx.learn.quantising.noise import Noise
from fsrcnnx.learn.training.expand import fold


@dataclass(frozen=True)
class LayerFormats:
    """Formats of one layer.

    Args:
        weight: Of the weights.
        slope: Of the PReLU slopes; None without activation.
        out: After requantisation.
        digits: Most non-zero signed digits of a weight: few make cheap adders; 0: any number.
        slope_digits: Most of a slope; 0: any number.
    """

    weight: Format
    slope: Format | None
    out: Format
    digits: int = 0
    slope_digits: int = 0


@lru_cache
def grid(to: Format, digits: int = 0) -> torch.Tensor:
    """Raw values that a weight may have.

    Args:
        to: Its format.
        digits: Most non-zero signed digits; 0: any number.

    Returns:
        int64, in order.
    """
    raw = np.arange(to.lo, to.hi + 1)
    return torch.from_numpy(raw[signed_digits(raw) <= digits] if digits else raw)


class _Grid(torch.autograd.Function):
    """Round half to even or add noise, saturate; the gradient passes where nothing saturates."""

    @staticmethod
    def forward(ctx, x, to, noise, digits, quiet):
        raw = x * 2.0**to.frac
        if noise is not None:
            shift = noise.like(raw)
            raw += shift
            if quiet:
                raw[:, quiet] -= shift[:, quiet]
        kept = raw.clamp(to.lo, to.hi)
        ctx.save_for_backward(kept == raw)
        if digits:
            values = grid(to, digits).to(x.device)
            middles = (values[1:] + values[:-1]) / 2
            return values[torch.bucketize(kept, middles)].to(x.dtype).mul_(to.step)
        return (kept if noise is not None else kept.round_()).mul_(to.step)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0], None, None, None, None


class _Round(torch.autograd.Function):
    """Round half to even; the gradient passes as if nothing had happened."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def on_grid(x: torch.Tensor, to: Format, noise: Noise | None = None,
            digits: int = 0, quiet: Sequence[int] = ()) -> torch.Tensor:
    """Bring values into a format: round half to even, saturate; no gradient where saturated.

    Args:
        x: Any shape.
        to: The format.
        noise: If given, noise over one step is added instead of rounding.
        quiet: Channels that get no noise; x is (N, C, H, W).
        digits: If not 0, the nearest value with at most so many signed digits is taken.

    Returns:
        Same shape, multiples of the format's step unless there is noise.
    """
    return _Grid.apply(x, to, noise, digits, list(quiet))


class QuantNet(nn.Module):
    """A float network under the number contract.

    Args:
        model: The float network; its weights become the module's.
        formats: Formats by layer name.

    Attributes:
        noise: If set, maps get noise over one step instead of rounding while the module is in
            training mode: of the same power, but with a gradient that tells the truth (Baskin et
            al. 2018, arXiv:1804.10969). Weights and biases are always rounded.
        quiet: Channels of maps, by layer name, whose values are exact and get no noise.
        stairs: Layers whose weights are on staircases (rounding), which lead to the grid.
    """

    def __init__(self, model: models.Net, formats: dict[str, LayerFormats]):
        super().__init__()
        self.model = copy.deepcopy(model)
        self.formats = dict(formats)
        self.noise: Noise | None = None
        self.quiet: dict[str, list[int]] = {}
        self.stairs: set[str] = set()
        if list(self.formats) != model.names:
            raise ModelError(f"formats for {', '.join(self.formats)}", where="quantisation",
                             allowed=", ".join(model.names))

    @property
    def prescale(self) -> int:
        """How many times a picture is enlarged by bicubic before it comes in."""
        return self.model.prescale

    @property
    def picture_scale(self) -> int:
        """How much larger a picture becomes, the enlargement before included."""
        return self.model.picture_scale

    def accumulate(self, x: torch.Tensor, name: str, in_frac: int) -> torch.Tensor:
        """Convolve with quantised weights and bias, sums not laid out yet; x: (N, in, H, W)."""
        layer, formats = getattr(self.model, name), self.formats[name]
        weight = layer.weight if name in self.stairs else on_grid(layer.weight, formats.weight,
                                                          digits=formats.digits)
        acc_frac = in_frac + formats.weight.frac
        bias = _Round.apply(layer.bias * 2.0**acc_frac) * 2.0**-acc_frac
        if isinstance(layer, nn.ConvTranspose2d):
            return functional.conv_transpose2d(x, weight, bias, layer.stride, layer.padding,
                                               layer.output_padding)
        return functional.conv2d(x, weight, bias, padding=layer.padding)

    def slopes(self, name: str) -> torch.Tensor:
        """Quantised slopes of a layer that has some, (out,)."""
        formats = self.formats[name]
        return on_grid(self.model.act[name].weight, formats.slope, digits=formats.slope_digits)

    def activate(self, acc: torch.Tensor, name: str) -> torch.Tensor:
        """PReLU, in a layer that has slopes; acc: (N, out, H, W)."""
        return functional.prelu(acc, self.slopes(name)) if self.formats[name].slope else acc

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Upscale; x: (N, 1, H, W), pixel / 256; returns (N, 1, scale * H, scale * W)."""
        lr, frac, noise = x, PIXEL.frac, self.noise if self.training else None
        for name, formats in self.formats.items():
            acc = self.accumulate(x, name, frac)     # (N, out, H, W)
            if isinstance(layer := getattr(self.model, name), models.SubPixel):
                acc = layer.lay(acc)                 # (N, 1, scale * H, scale * W)
            if self.model.anchor and name == self.model.names[-1]:
                acc = acc + models.nearest(lr, self.model.scale)
            x = on_grid(self.activate(acc, name), formats.out, noise,
                        quiet=self.quiet.get(name, ()))
            frac = formats.out.frac
        return x


def qat_run(module: QuantNet, lr: np.ndarray) -> np.ndarray:
    """Upscale a luma plane by the module in float64, exactly.

    Args:
        module: Quantised module.
        lr: uint8 (H, W), what enters the network: enlarged before if it has a prescale.

    Returns:
        int64 (scale * H, scale * W), 0..255.
    """
    exact = copy.deepcopy(module).cpu().double().eval()  # a GPU's convolutions may be inexact
    with torch.no_grad():
        x = torch.from_numpy(np.array(lr))[None, None].double() * PIXEL.step
        return (exact(x)[0, 0] * 2.0**PIXEL.frac).to(torch.int64).numpy()


def to_network(module: QuantNet, name: str | None = None,
               meta: dict[str, str] | None = None) -> Network:
    """Turn the module into the integer network.

    Args:
        module: Quantised module.
        name: Name with scale; the module's own if None.
        meta: Free text to carry along.

    Returns:
        The network, held against the number contract.

    Raises:
        ModelError: If a weight is NaN or the contract is broken.
    """
    schema.check_finite(module.state_dict(), "quantisation")
    layers, frac = [], PIXEL.frac
    for label, formats in module.formats.items():
        layer = getattr(module.model, label)
        deconv = isinstance(layer, nn.ConvTranspose2d)
        kind, stride = "deconv" if deconv else "conv", layer.stride[0]
        if isinstance(layer, models.SubPixel):
            kind, stride = "shuffle", layer.block
        weight = on_grid(layer.weight.detach().double(), formats.weight,
                         digits=formats.digits).numpy()
        bias = layer.bias.detach().double().numpy() * 2.0**(frac + formats.weight.frac)
        if (most := np.abs(bias).max()) >= 2**53:
            raise ModelError(f"a bias of {most:.3g} steps", where=f"layer {label}",
                             allowed="below 2^53", fix="give the formats fewer fraction bits")
        slope = quantise(module.slopes(label).detach().double().numpy(),
                         formats.slope) if formats.slope else None
        weight = quantise(weight.swapaxes(0, 1) if deconv else weight, formats.weight)
        layers.append(Layer(
            label, kind, weight, formats.weight, np.rint(bias).astype(np.int64), formats.out,
            slope, formats.slope, stride, layer.padding[0]))
        frac = formats.out.frac
    return Network(name or module.model.name, tuple(layers), anchor=module.model.anchor,
                   prescale=module.prescale, meta=dict(meta or {})).check()


def pack(module: QuantNet) -> dict:
    """The module as plain data for a weights file.

    Args:
        module: Quantised module.

    Returns:
        `state` (parameters by name) and `formats` (ap types by layer).
    """
    formats = {name: [str(getattr(row, part.name) or "") for part in fields(row)]
               for name, row in module.formats.items()}
    return {"state": fold(module.model).state_dict(), "formats": formats}


def load_qat(path: str | Path) -> QuantNet:
    """Load the quantised module of a weights file.

    Args:
        path: `weights.pth` written by quantisation.

    Returns:
        The module, in evaluation mode.

    Raises:
        ModelError: If the file cannot be read, was not quantised, holds NaN or does not fit.
    """
    content = store.read_weights(path)
    packed = content.get("qat")
    if not packed:
        raise ModelError("no quantised weights in this file", where=str(path),
                         allowed="one that quantisation wrote", fix="quantise it first")
    model = models.build(content["name"])
    store.restore(model, packed["state"], str(path))
    formats = {name: LayerFormats(*(Format.parse(part) if part else None for part in row[:3]),
                                  *(int(part or 0) for part in row[3:]))
               for name, row in packed["formats"].items()}
    return QuantNet(model, formats).eval()
