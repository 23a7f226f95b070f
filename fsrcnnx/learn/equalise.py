"""A float network made ready for fixed ranges: channels of one size, the picture split in two.

May import torch, exact.formats, exact.network, learn.calibrate, learn.models, learn.quantnet.

    equalise(model, x)                             # the same function, every channel fills its map
    split_picture(model, x, bits)                  # the picture in two channels, at half the step

PReLU commutes with a positive factor, so a channel can be multiplied in one layer and divided in
the next (cross-layer equalisation: Nagel et al. 2019, arXiv:1906.04721). What the factors cannot
mend is the picture itself: training starts with it in channel 0 of every map and leaves it there,
eight bits hold it to one gray level, and every map rounds it again. Two channels that saturate,
one on bright pixels and one on dark ones, add up to it at half the step, a quarter of the noise.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

import torch

from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL
from fsrcnnx.learn import models
from fsrcnnx.learn.calibrate import Bits, legal, nearest_format
from fsrcnnx.learn.quantnet import LayerFormats

log = logging.getLogger(__name__)

MAP_PEAK = 0.5  # the picture lies in -1/2..1/2, where 8 bits have a step of one gray level
SLOPE_PEAK = 4.0
QUANTILE = 0.9995  # of a channel's magnitudes: rarer ones saturate
SAMPLES = 1 << 20  # values per channel that a quantile is taken over
PICTURE = 0.95  # least correlation of a channel that carries the picture


def weight_peak(model: models.Net, name: str) -> float:
    """Greatest weight of a layer in fixed ranges: the first maps 0..1 onto two maps' -1..1.

    Args:
        model: Float network.
        name: Layer name.

    Returns:
        A power of two.
    """
    return 2.0 if name == model.names[0] else 1.0


def fitted_formats(model: models.Net, bits: Mapping[str, Bits],
                   peak: float = MAP_PEAK) -> dict[str, LayerFormats]:
    """The formats of the fixed ranges, and of the least squared error of the weights in them.

    Args:
        model: Equalised float network.
        bits: Widths by layer name.
        peak: Range of the inner maps, as `equalise` took it; input and output have 8 bits.

    Returns:
        Formats by layer name.
    """
    def reaching(bits: int, peak: float) -> Format:
        """Signed, -peak to just under peak."""
        return Format(True, bits, bits - 1 - int(math.log2(peak)))

    return legal({name: LayerFormats(
        nearest_format(getattr(model, name).weight.detach(), True, bits[name].weight),
        reaching(bits[name].slope, SLOPE_PEAK) if name in model.act else None,
        reaching(bits[name].activation, peak) if name in model.act else PIXEL, bits[name].digits)
        for name in model.names})


def _magnitude(y: torch.Tensor) -> torch.Tensor:
    """The quantile of each channel's magnitudes; y: (N, C, H, W); returns (C,)."""
    values = y.abs().transpose(0, 1).flatten(1)
    return values[:, :: values.shape[1] // SAMPLES + 1].quantile(QUANTILE, dim=1)


def _incoming(model: models.Net, name: str) -> torch.Tensor:
    """Weights of a layer as a view (in, out, k, k)."""
    layer = getattr(model, name)
    return layer.weight if isinstance(layer, torch.nn.ConvTranspose2d) \
        else layer.weight.transpose(0, 1)


@torch.no_grad()
def equalise(model: models.Net, x: torch.Tensor, peak: float = MAP_PEAK) -> None:
    """Scale every inner channel to fill the fixed range; the network's output stays.

    Args:
        model: Float network, changed in place.
        x: Calibration pixels (N, 1, H, W), pixel / 256.
        peak: Range of the inner maps; a wider one lets weights of few bits fill theirs.
    """
    for name, after in zip(model.names, model.names[1:], strict=False):
        layer = getattr(model, name)
        x = model.act[name](layer(x))                # (N, C, H, W)
        room = weight_peak(model, name) / layer.weight.abs().amax((1, 2, 3)).clamp(min=1e-9)
        factor = torch.minimum(peak / _magnitude(x).clamp(min=1e-9), room)
        layer.weight *= factor[:, None, None, None]
        layer.bias *= factor
        _incoming(model, after).div_(factor[:, None, None, None])
        x = x * factor[:, None, None]


@torch.no_grad()
def split_picture(model: models.Net, x: torch.Tensor, bits: Mapping[str, Bits]) -> list[str]:
    """Split the picture of each map over two saturating channels, in the least used one's place.

    Args:
        model: Equalised float network whose channel 0 carries the picture; changed in place, and
            to be trained again, as a channel of each map is lost.
        x: Calibration pixels (N, 1, H, W), pixel / 256.
        bits: Widths by layer name.

    Returns:
        Names of the maps that were split; those without a picture in channel 0 stay as they are.
    """
    done, picture = [], x.flatten()
    for name, after in zip(model.names, model.names[1:], strict=False):
        layer, slope, onward = getattr(model, name), model.act[name].weight, _incoming(model, after)
        # where one half saturates, the other begins
        top = MAP_PEAK - 2 * MAP_PEAK / 2**bits[name].activation
        y = model.act[name](layer(x))                # (N, C, H, W)
        carried = torch.corrcoef(torch.stack([picture, y[:, 0].flatten()]))[0, 1]
        if y.shape[1] > 1 and carried > PICTURE:
            use = y.std((0, 2, 3)) * onward.abs().sum((1, 2, 3))
            spare = 1 + int(use[1:].argmin())
            if after in model.act:  # what the lost channel gave on average
                getattr(model, after).bias += onward[spare].sum((1, 2)) * y[:, spare].mean()
            gain = torch.minimum(2 * MAP_PEAK / _magnitude(y[:, :1])[0],
                                 weight_peak(model, name) / layer.weight[0].abs().max())
            layer.weight[0] *= gain
            layer.weight[spare] = layer.weight[0]
            layer.bias[spare] = layer.bias[0] * gain - top
            layer.bias[0] = layer.bias[0] * gain + MAP_PEAK
            slope[0] = slope[spare] = 1
            onward[0] /= gain
            onward[spare] = onward[0]
            done.append(name)
        x = model.act[name](layer(x)).clamp(-MAP_PEAK, top)
    log.info("picture split over two channels in %s", ", ".join(done) or "no map")
    return done
