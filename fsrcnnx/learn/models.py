"""The float networks, each readable at a glance.

May import torch and the errors.

    model = build("fsrcnn-x_x2")
    hr = model(lr)                                 # (N, 1, H, W) to (N, 1, 2 H, 2 W), pixel / 256

Source: FSRCNN and FSRCNN-s (Dong et al. 2016, arXiv:1608.00367, d, s, m in section 3); the seed's
FSRCNN-x: d = 23, s = 12, m = 2, 3x3 first convolution and deconvolution. optimal-fsrcnn is a shrunk
FSRCNN-s of the kind that Chang et al. 2020 (arXiv:1801.05997) run by TDC; its sizes are ours, for
the published ones were not at hand. The anchor, the nearest LR
pixel added to each output phase: ABPN (Du et al. 2021, arXiv:2105.09750).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from fsrcnnx.errors import ModelError


@dataclass(frozen=True)
class Shape:
    """What a network of the family is made of, at any scale.

    Args:
        d: Channels of the feature and expanded maps.
        s: Channels of the mapping layers.
        m: Number of 3x3 mapping layers.
        first: Kernel of the first convolution, odd.
        last: Kernel of the deconvolution.
        anchor: Whether the nearest LR pixel is added to the output.
    """

    d: int
    s: int
    m: int
    first: int
    last: int
    anchor: bool = False


FAMILY = {
    "fsrcnn-x": Shape(23, 12, 2, 3, 3),
    "fsrcnn": Shape(56, 12, 4, 5, 9),
    "fsrcnn-s": Shape(32, 5, 1, 5, 9),
    "optimal-fsrcnn": Shape(25, 5, 1, 5, 7),
    "fsrcnnx-a": Shape(16, 9, 4, 3, 3, anchor=True),
}
SCALES = (2, 3, 4)
# a deconvolution smaller than its stride would leave HR pixels that nothing reaches
MODELS = {f"{name}_x{scale}": (shape, scale) for name, shape in FAMILY.items() for scale in SCALES
          if shape.last >= scale}
FREE = re.compile(r"d(\d+)s(\d+)m(\d+)f(\d+)l(\d+)(a?)_x([2-4])")  # any other shape, by name


class FSRCNN(nn.Module):
    """A network of the family: luma in, luma `scale` times larger out, both pixel / 256.

    Without anchor, the first channel of every layer starts as the picture itself, centred
    (LR - 1/2) and linear (slope 1), which the deconvolution starts by repeating: training begins at
    nearest-neighbour upscaling, and a signed 8-bit feature map holds the centred picture without
    loss. With anchor it begins there of itself.

    Args:
        shape: What it is made of.
        scale: Upscaling factor, up to the deconvolution's kernel.
        generator: Source of the initial weights.
    """

    def __init__(self, shape: Shape, scale: int, *, generator: torch.Generator | None = None):
        super().__init__()
        self.shape, self.scale, self.anchor = shape, scale, shape.anchor
        self.mapping = [f"map{index + 1}" for index in range(shape.m)]
        self.feature = nn.Conv2d(1, shape.d, shape.first, padding=shape.first // 2)
        self.shrink = nn.Conv2d(shape.d, shape.s, 1)
        for name in self.mapping:
            self.add_module(name, nn.Conv2d(shape.s, shape.s, 3, padding=1))
        self.expand = nn.Conv2d(shape.s, shape.d, 1)
        padding = (shape.last - scale + 1) // 2
        self.deconv = nn.ConvTranspose2d(shape.d, 1, shape.last, scale, padding,
                                         scale - shape.last + 2 * padding)
        self.act = nn.ModuleDict({name: nn.PReLU(getattr(self, name).out_channels)
                                  for name in self.names[:-1]})
        self._start(generator or torch.Generator().manual_seed(0))

    @property
    def names(self) -> list[str]:
        """Layer names in order."""
        return ["feature", "shrink", *self.mapping, "expand", "deconv"]

    @property
    def macs(self) -> int:
        """Multiplications per LR pixel."""
        return sum(getattr(self, name).weight.numel() for name in self.names)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Upscale; x: (N, 1, H, W)."""
        lr = x
        x = self.act["feature"](self.feature(x))     # (N, d, H, W)
        x = self.act["shrink"](self.shrink(x))       # (N, s, H, W)
        for name in self.mapping:
            x = self.act[name](getattr(self, name)(x))  # (N, s, H, W)
        x = self.act["expand"](self.expand(x))       # (N, d, H, W)
        x = self.deconv(x)                           # (N, 1, scale * H, scale * W)
        return x + nearest(lr, self.scale) if self.anchor else x

    @torch.no_grad()
    def _start(self, generator: torch.Generator) -> None:
        for name in self.names:
            layer = getattr(self, name)
            conv = name != "deconv"
            fan_in = layer.in_channels * layer.kernel_size[0] ** 2
            std = (2 / fan_in / (1 + 0.25**2)) ** 0.5 if conv else 1e-3  # He et al. 2015
            layer.weight.normal_(0, std, generator=generator)
            layer.bias.zero_()
            if conv and not self.anchor:
                weight, middle = layer.weight[0], layer.kernel_size[0] // 2  # (in, k, k)
                weight.zero_()
                weight[0, middle, middle] = 1
                self.act[name].weight[0] = 1
        if not self.anchor:
            self.feature.bias[0] = -0.5
            self.deconv.weight[0].zero_()            # (1, k, k)
            padding = self.deconv.padding[0]
            repeat = slice(padding, padding + self.scale)
            self.deconv.weight[0, 0, repeat, repeat] = 1
            self.deconv.bias.fill_(0.5)


def nearest(x: torch.Tensor, scale: int) -> torch.Tensor:
    """Repeat each pixel.

    Args:
        x: (N, C, H, W).
        scale: How often, each way.

    Returns:
        (N, C, scale * H, scale * W).
    """
    return x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


def find(name: str) -> tuple[Shape, int]:
    """Look a network up by name.

    Args:
        name: A key of `MODELS`, e.g. `fsrcnn-x_x2`, or a shape spelt out: `d16s9m4f3l3a_x2` has
            d 16, s 9, m 4, a first kernel of 3, a deconvolution of 3 and the anchor.

    Returns:
        What it is made of, and its scale.

    Raises:
        ModelError: If there is no such network, or it is not defined at that scale.
    """
    if name in MODELS:
        return MODELS[name]
    family, _, scale = name.rpartition("_x")
    shape, spelt = FAMILY.get(family), FREE.fullmatch(name)
    if spelt:
        *sizes, anchor, scale = spelt.groups()
        shape = Shape(*map(int, sizes), anchor=bool(anchor))
        if min(shape.d, shape.s) and shape.first % 2 and shape.last >= int(scale):
            return shape, int(scale)
    why = f"{family} is not defined at scale {scale}: its first convolution is {shape.first}x" \
        f"{shape.first}, its deconvolution {shape.last}x{shape.last}" if shape else \
        f"unknown model {name!r}"
    raise ModelError(why, where="model", allowed=", ".join(MODELS),
                     fix="or spell a shape out: d16s9m4f3l3a_x2")


def build(name: str, *, generator: torch.Generator | None = None) -> FSRCNN:
    """Make a network by name, with fresh weights.

    Args:
        name: As for `find`.
        generator: Source of the initial weights; seed 0 if None.

    Returns:
        The module, float32, in training mode.

    Raises:
        ModelError: If there is no such network, or it is not defined at that scale.
    """
    shape, scale = find(name)
    model = FSRCNN(shape, scale, generator=generator)
    model.name = name
    return model
