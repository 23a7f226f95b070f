"""The fixed-point network in torch: trained with straight-through rounding, exact in float64.

May import numpy, torch, exact.formats, exact.network, learn.models, learn.store and the errors.

    module = load_qat("models/fsrcnn-x_x2/weights.pth")
    hr = qat_run(module, lr)                       # int64 (2 H, 2 W): the ladder's rung `qat`
    network = to_network(module)

Every value is a raw integer times a power of two, so float64 holds each product and sum without
rounding (raw values stay below 2^53) and the module equals the integer network bit for bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.formats import Format, quantise
from fsrcnnx.exact.network import PIXEL, Layer, Network
from fsrcnnx.learn import models, store


@dataclass(frozen=True)
class LayerFormats:
    """Formats of one layer.

    Args:
        weight: Of the weights.
        slope: Of the PReLU slopes; None without activation.
        out: After requantisation.
    """

    weight: Format
    slope: Format | None
    out: Format


class _Round(torch.autograd.Function):
    """Round half to even; the gradient passes as if nothing had happened."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


Noise = Callable[[torch.Tensor], torch.Tensor]  # 0..1 of a tensor's shape, on its device


def on_grid(x: torch.Tensor, to: Format, noise: Noise | None = None) -> torch.Tensor:
    """Bring values into a format: round half to even, saturate; no gradient where saturated.

    Args:
        x: Any shape.
        to: The format.
        noise: If given, noise over one step is added instead of rounding; this draws it.

    Returns:
        Same shape, multiples of the format's step unless there is noise.
    """
    raw = x * 2.0**to.frac
    if noise:
        return (raw + noise(raw) - 0.5).clamp(to.lo, to.hi) * to.step
    return _Round.apply(raw.clamp(to.lo, to.hi)) * to.step


class QuantNet(nn.Module):
    """A float network under the number contract.

    Args:
        model: The float network; its weights become the module's.
        formats: Formats by layer name.

    Attributes:
        noise: If set, maps get noise over one step instead of rounding while the module is in
            training mode: of the same power, but with a gradient that tells the truth (Baskin et
            al. 2018, arXiv:1804.10969). Weights and biases are always rounded.
    """

    def __init__(self, model: models.FSRCNN, formats: dict[str, LayerFormats]):
        super().__init__()
        self.model = copy.deepcopy(model)
        self.formats = dict(formats)
        self.noise: Noise | None = None
        if list(self.formats) != model.names:
            raise ModelError(f"formats for {', '.join(self.formats)}", where="quantisation",
                             allowed=", ".join(model.names))

    @property
    def scale(self) -> int:
        """Upscaling factor."""
        return self.model.scale

    def accumulate(self, x: torch.Tensor, name: str, in_frac: int) -> torch.Tensor:
        """Convolve with quantised weights and bias; x: (N, in, H, W)."""
        layer, formats = getattr(self.model, name), self.formats[name]
        weight = on_grid(layer.weight, formats.weight)
        acc_frac = in_frac + formats.weight.frac
        bias = _Round.apply(layer.bias * 2.0**acc_frac) * 2.0**-acc_frac
        if isinstance(layer, nn.ConvTranspose2d):
            return functional.conv_transpose2d(x, weight, bias, layer.stride, layer.padding,
                                               layer.output_padding)
        return functional.conv2d(x, weight, bias, padding=layer.padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Upscale; x: (N, 1, H, W), pixel / 256; returns (N, 1, scale * H, scale * W)."""
        lr, frac, noise = x, PIXEL.frac, self.noise if self.training else None
        for name, formats in self.formats.items():
            acc = self.accumulate(x, name, frac)     # (N, out, H, W)
            if self.model.anchor and name == self.model.names[-1]:
                acc = acc + models.nearest(lr, self.scale)
            if formats.slope:
                slope = on_grid(self.model.act[name].weight, formats.slope)
                acc = torch.where(acc >= 0, acc, acc * slope[:, None, None])
            x = on_grid(acc, formats.out, noise)
            frac = formats.out.frac
        return x


def qat_run(module: QuantNet, lr: np.ndarray) -> np.ndarray:
    """Upscale a luma plane by the module in float64, exactly.

    Args:
        module: Quantised module.
        lr: uint8 (H, W).

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
    store.check_finite(module.state_dict(), "quantisation")
    layers, frac = [], PIXEL.frac
    for label, formats in module.formats.items():
        layer = getattr(module.model, label)
        deconv = isinstance(layer, nn.ConvTranspose2d)
        weight = layer.weight.detach().double().numpy()
        bias = layer.bias.detach().double().numpy() * 2.0**(frac + formats.weight.frac)
        slope = None
        if formats.slope:
            slope = quantise(module.model.act[label].weight.detach().double().numpy(),
                             formats.slope)
        layers.append(Layer(
            label, "deconv" if deconv else "conv",
            quantise(weight.swapaxes(0, 1) if deconv else weight, formats.weight), formats.weight,
            np.rint(bias).astype(np.int64), formats.out, slope, formats.slope,
            layer.stride[0] if deconv else 1, layer.padding[0]))
        frac = formats.out.frac
    return Network(name or module.model.name, tuple(layers), anchor=module.model.anchor,
                   meta=dict(meta or {})).check()


def pack(module: QuantNet) -> dict:
    """The module as plain data for a weights file.

    Args:
        module: Quantised module.

    Returns:
        `state` (parameters by name) and `formats` (ap types by layer).
    """
    formats = {name: [str(part) if part else "" for part in (row.weight, row.slope, row.out)]
               for name, row in module.formats.items()}
    return {"state": module.model.state_dict(), "formats": formats}


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
                         allowed="a file written by quantisation", fix="quantise it first")
    store.check_finite(packed["state"], str(path))
    model = models.build(content["name"])
    store.restore(model, packed["state"], str(path))
    formats = {name: LayerFormats(*(Format.parse(part) if part else None for part in row))
               for name, row in packed["formats"].items()}
    return QuantNet(model, formats).eval()
