"""A float network made ready for fixed ranges: channels of one size.

May import torch, exact.formats, exact.network, learn.models, quantising.calibrate and
quantising.quantnet.

    equalise(model, x)                             # the same function, every channel fills its map

PReLU commutes with a positive factor, so a channel can be multiplied in one layer and divided in
the next (cross-layer equalisation: Nagel et al. 2019, arXiv:1906.04721).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits, legal, nearest_format
from fsrcnnx.learn.quantising.quantnet import LayerFormats

MAP_PEAK = 0.5  # the picture lies in -1/2..1/2, where 8 bits have a step of one gray level
SLOPE_PEAK = 4.0
QUANTILE = 0.9995  # of a channel's magnitudes: rarer ones saturate
SAMPLES = 1 << 20  # values per channel that a quantile is taken over


def weight_peak(model: models.Net, name: str) -> float:
    """Greatest weight of a layer in fixed ranges: the first maps 0..1 onto two maps' -1..1.

    Args:
        model: Float network.
        name: Layer name.

    Returns:
        A power of two.
    """
    return 2.0 if name == model.names[0] else 1.0


def fitted_formats(model: models.Net, bits: Mapping[str, Bits], peak: float = MAP_PEAK,
                   least: Mapping[str, float] | None = None) -> dict[str, LayerFormats]:
    """The formats of the fixed ranges, and of the least squared error of the weights in them.

    Args:
        model: Equalised float network.
        bits: Widths by layer name.
        peak: Range of the inner maps, as `equalise` took it; input and output have 8 bits.
        least: Weights by layer name that the formats must reach.

    Returns:
        Formats by layer name.
    """
    def reaching(bits: int, peak: float) -> Format:
        """Signed, -peak to just under peak."""
        return Format(True, bits, bits - 1 - int(math.log2(peak)))

    return legal({name: LayerFormats(
        nearest_format(getattr(model, name).weight.detach(), True, bits[name].weight,
                       (least or {}).get(name, 0.0)),
        reaching(bits[name].slope, SLOPE_PEAK) if name in model.act else None,
        reaching(bits[name].activation, peak) if name in model.act else PIXEL, bits[name].digits)
        for name in model.names})


def magnitude(y: torch.Tensor, share: float = QUANTILE) -> torch.Tensor:
    """The quantile of each channel's magnitudes; y: (N, C, H, W); returns (C,)."""
    values = y.abs().transpose(0, 1).flatten(1)
    return values[:, :: values.shape[1] // SAMPLES + 1].quantile(share, dim=1)


def incoming(model: models.Net, name: str) -> torch.Tensor:
    """Weights of a layer as a view (in, out, k, k)."""
    layer = getattr(model, name)
    return layer.weight if isinstance(layer, torch.nn.ConvTranspose2d) \
        else layer.weight.transpose(0, 1)


@torch.no_grad()
def equalise(model: models.Net, x: torch.Tensor, peak: float = MAP_PEAK, *,
             kept: bool = False, share: float = QUANTILE) -> None:
    """Scale every inner channel to fill the fixed range; the network's output stays.

    Args:
        model: Float network, changed in place.
        x: Calibration pixels (N, 1, H, W), pixel / 256.
        peak: Range of the inner maps; a wider one lets weights of few bits fill theirs.
        kept: Whether channel 0 of every map stays as it is.
        share: Of a channel's magnitudes that its map holds.
    """
    for name, after in zip(model.names, model.names[1:], strict=False):
        layer = getattr(model, name)
        x = model.act[name](layer(x))                # (N, C, H, W)
        room = weight_peak(model, name) / layer.weight.abs().amax((1, 2, 3)).clamp(min=1e-9)
        factor = torch.minimum(peak / magnitude(x, share).clamp(min=1e-9), room)
        if kept:
            factor[0] = 1
        layer.weight *= factor[:, None, None, None]
        layer.bias *= factor
        incoming(model, after).div_(factor[:, None, None, None])
        x = x * factor[:, None, None]
