"""The picture that a network without anchor carries through its maps, made fit for few bits.

May import torch, quantising.calibrate, quantising.equalise, training.expand and learn.models.

    if is_held(model):
        carried = carry_picture(model, x, bits)    # exactly, in channels that are left alone
    else:
        split_picture(model, x, bits)              # in two channels, at half the step

Training starts with the picture in channel 0 of every map and leaves it there. Where it was held
(`expand.hold_picture`), 8 bits carry it exactly: centred it is -128 to 127 gray levels, and it
stays so if the weights that pass it on are exact. Where it was not, every map rounds it again, and
two channels that saturate, one on bright pixels and one on dark ones, add up to it at half the
step, a quarter of the noise.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.utils import parametrize

from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.quantising.equalise import MAP_PEAK, incoming, magnitude, weight_peak
from fsrcnnx.learn.training.expand import Held

log = logging.getLogger(__name__)

PICTURE = 0.95  # least correlation of a channel that carries the picture
WIDE = 8  # bits from which a weight of 1 leaves the others enough
LAST_COPIES = 4  # of the picture before the last layer, so that its small weights keep their range


@dataclass(frozen=True)
class Carried:
    """Where a network carries the picture exactly.

    Args:
        channels: Channels of each map, by the name of the layer that writes it.
        weights: The weight that passes the picture on, by the name of the layer that has it.
    """

    channels: dict[str, list[int]]
    weights: dict[str, float]

    def freeze(self, model: models.Net) -> None:
        """Keep what passes the picture on as it is, whatever the optimiser does.

        Args:
            model: The network; its parameters are under parametrisations afterwards.
        """
        before: list[int] = []
        for name in model.names:
            layer, own = getattr(model, name), self.channels.get(name, [])
            held = [(layer, "weight"), (layer, "bias"), (model.act[name], "weight")] if own \
                else [(layer, "weight")]
            deconv = isinstance(layer, torch.nn.ConvTranspose2d)
            # the last layer holds what it takes of the picture, the others what they pass on
            part = (own,) if own else (before,) if deconv else (slice(None), before)
            for module, key in held:
                parametrize.register_parametrization(module, key, Held(getattr(module, key), part))
            before = own


@torch.no_grad()
def is_held(model: models.Net) -> bool:
    """Tell whether channel 0 of every map is the picture, centred and unchanged.

    Args:
        model: Float network.

    Returns:
        False for a network with anchor, or one that was trained without holding the picture.
    """
    if model.anchor:
        return False
    fresh = models.build(model.name)
    for name in model.names:
        layer, start = getattr(model, name), getattr(fresh, name)
        pairs = [(incoming(model, name)[0], incoming(fresh, name)[0])]
        if name in model.act:
            pairs = [(layer.weight[0], start.weight[0]), (layer.bias[:1], start.bias[:1]),
                     (model.act[name].weight[:1], fresh.act[name].weight[:1])]
        if not all(torch.allclose(*pair, rtol=0, atol=1e-5) for pair in pairs):
            return False
    return True


@torch.no_grad()
def carry_picture(model: models.Net, x: torch.Tensor, bits: Mapping[str, Bits]) -> Carried:
    """Pass the picture on by weights that few bits hold exactly.

    A weight of 8 bits may be 1; of fewer it would take the range of all others, so that the
    picture goes through two channels, in the least used one's place, at a half each.

    Args:
        model: Equalised float network that holds the picture; changed in place, and to be trained
            again, as channels may be lost.
        x: Calibration pixels (N, 1, H, W), pixel / 256.
        bits: Widths by layer name, of 8 bits or more for the maps.

    Returns:
        Where the picture is.
    """
    channels, weights, before = {}, {}, [0]
    for name, after in zip(model.names, model.names[1:], strict=False):
        layer, slope, onward = getattr(model, name), model.act[name].weight, incoming(model, after)
        y = model.act[name](layer(x))                # (N, C, H, W)
        last = after not in model.act
        want = LAST_COPIES if last else 1 if bits[after].weight >= WIDE else 2
        use = y.std((0, 2, 3)) * onward.abs().sum((1, 2, 3))
        use[0] = torch.inf
        spare = use.argsort()[:min(want, max(1, len(use) // 2)) - 1].tolist()
        own = [0, *spare]
        for lost in spare:
            if not last:  # what the lost channel gave on average
                getattr(model, after).bias += onward[lost].sum((1, 2)) * y[:, lost].mean()
        # exact: the weights and the bias of the fresh network
        middle = layer.kernel_size[0] // 2
        layer.weight[own] = 0
        for source in before:
            layer.weight[own, source, middle, middle] = 1 / len(before)
        layer.bias[own] = -0.5 if name == model.names[0] else 0.0
        slope[own] = 1
        onward[own] = onward[0] / len(own)
        channels[name], weights[name] = own, 1 / len(before)
        before = own
        x = model.act[name](layer(x))
    weights[model.names[-1]] = 1 / len(before)
    incoming(model, model.names[-1])[before] = \
        incoming(models.build(model.name), model.names[-1])[0] / len(before)
    log.info("picture carried exactly: %s", channels)
    return Carried(channels, weights)


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
        layer, slope, onward = getattr(model, name), model.act[name].weight, incoming(model, after)
        # where one half saturates, the other begins
        top = MAP_PEAK - 2 * MAP_PEAK / 2**bits[name].activation
        y = model.act[name](layer(x))                # (N, C, H, W)
        carried = torch.corrcoef(torch.stack([picture, y[:, 0].flatten()]))[0, 1]
        if y.shape[1] > 1 and carried > PICTURE:
            use = y.std((0, 2, 3)) * onward.abs().sum((1, 2, 3))
            spare = 1 + int(use[1:].argmin())
            if after in model.act:  # what the lost channel gave on average
                getattr(model, after).bias += onward[spare].sum((1, 2)) * y[:, spare].mean()
            gain = torch.minimum(2 * MAP_PEAK / magnitude(y[:, :1])[0],
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
