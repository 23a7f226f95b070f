"""Where fine-tuning starts: the network equalised, in fixed formats, its picture cared for.

May import torch, training.losses, learn.models, quantising.calibrate, quantising.equalise,
quantising.picture and quantising.quantnet.

    start, module = prepared_for(model, uniform(model, Bits(4, 8)), x, y)
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import torch

from fsrcnnx.exact.network import PIXEL
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits, covering_format, legal
from fsrcnnx.learn.quantising.equalise import MAP_PEAK, QUANTILE, equalise, fitted_formats
from fsrcnnx.learn.quantising.picture import WIDE, carry_picture, is_held, split_picture
from fsrcnnx.learn.quantising.quantnet import QuantNet
from fsrcnnx.learn.training.losses import log_error

COVERED = 0.9  # of the last layer's weights, those of few bits beside a picture
PEAKS = (MAP_PEAK, 2 * MAP_PEAK)  # of the maps of a network with anchor
ROOMY = 0.9999  # of a channel's magnitudes, held by maps that have bits to spare for rare ones


def prepared_for(model: models.Net, bits: Mapping[str, Bits], x: torch.Tensor,
                 y: torch.Tensor) -> tuple[models.Net, QuantNet]:
    """Equalise a network, and bring it to the formats of its fine-tuning, the picture cared for.

    Args:
        model: Float network; stays as it is.
        bits: Widths by layer name.
        x: Calibration pixels (N, 1, H, W), pixel / 256.
        y: What they should become, (N, 1, scale * H, scale * W).

    Returns:
        The network equalised, for calibration, and the module to fine-tune.
    """
    wide = all(bits[name].activation >= PIXEL.width for name in model.names[:-1])
    spare = max(min(bits[name].activation for name in model.names[:-1]) - PIXEL.width, 0)
    share = ROOMY if spare else QUANTILE
    if model.anchor:  # over the range of maps that rounds least
        tried = []
        for peak in PEAKS:
            start = copy.deepcopy(model)
            equalise(start, x, peak, share=share)
            module = QuantNet(start, fitted_formats(start, bits, peak))
            with torch.no_grad():
                tried.append((float(log_error(module(x), y)), start, module))
        return min(tried, key=lambda one: one[0])[1:]
    held = wide and is_held(model)
    # a held picture needs no finer step than a gray level: bits to spare double its range, which
    # hard edges reach
    peak = MAP_PEAK * 2**spare if held else MAP_PEAK
    start = copy.deepcopy(model)
    equalise(start, x, peak, kept=held, share=share)
    ready = copy.deepcopy(start)
    if not held:
        split_picture(ready, x, bits)
        return start, QuantNet(ready, fitted_formats(ready, bits))
    carried = carry_picture(ready, x, bits)
    formats = fitted_formats(ready, bits, peak, least=carried.weights)
    last = model.names[-1]
    if bits[last].weight < WIDE:
        weight = covering_format(getattr(ready, last).weight, bits[last].weight, COVERED,
                                 carried.weights[last])
        formats = legal({**formats, last: replace(formats[last], weight=weight)})
    module = QuantNet(ready, formats)
    module.quiet = carried.channels
    carried.freeze(module.model)
    return start, module
