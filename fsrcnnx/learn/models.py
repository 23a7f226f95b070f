"""The float networks, each readable at a glance.

May import torch and learn.shapes.

    model = build("fsrcnn-x_x2")
    hr = model(lr)                                 # (N, 1, H, W) to (N, 1, 2 H, 2 W), pixel / 256

Sources of the shapes: learn.shapes.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import pixel_shuffle

from fsrcnnx.learn.shapes import MODELS, SCALES, AnyShape, FlatShape, PixelShape, Shape, find

__all__ = ["ESPCN", "FSRCNN", "MODELS", "PIXEL_STEPS", "SCALES", "SRCNN", "FlatShape", "Net",
           "PixelShape", "Shape", "SubPixel", "build", "find", "nearest"]
PIXEL_STEPS = 256  # the networks see pixel / 256, the number contract's input


class SubPixel(nn.Conv2d):
    """A convolution to scale^2 channels, laid out as blocks of pixels: a sub-pixel convolution.

    Args:
        channels: That come in.
        kernel: Odd.
        block: Side of the blocks, the scale.
    """

    def __init__(self, channels: int, kernel: int, block: int):
        super().__init__(channels, block**2, kernel, padding=kernel // 2)
        self.block = block

    def lay(self, sums: torch.Tensor) -> torch.Tensor:
        """Lay sums out; (N, block^2, H, W) to (N, 1, block * H, block * W)."""
        return pixel_shuffle(sums, self.block)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve and lay out; x: (N, channels, H, W)."""
        return self.lay(super().forward(x))


class Net(nn.Module):
    """What the networks have in common: layers in a row, PReLU after each but the last.

    Luma in, luma `scale` times larger out, both pixel / 256. Without anchor, the first channel of
    every layer starts as the picture itself, centred (x - 1/2) and linear (slope 1), which the last
    layer starts by passing on or repeating: training begins at nearest-neighbour upscaling of what
    comes in, and a signed 8-bit feature map holds the centred picture without loss. With anchor it
    begins there of itself.

    Args:
        shape: What it is made of.
        scale: Upscaling factor of the network alone.
        prescale: How many times a picture is enlarged by bicubic before it comes in.
        layers: Convolutions, the last perhaps a deconvolution, by name.
        generator: Source of the initial weights.
    """

    last_std = 1e-3  # of the last layer's initial weights

    def __init__(self, shape: AnyShape, scale: int, prescale: int,
                 layers: dict[str, nn.Conv2d | nn.ConvTranspose2d],
                 generator: torch.Generator | None):
        super().__init__()
        self.shape, self.scale, self.prescale = shape, scale, prescale
        self.anchor = shape.anchor
        self.names = list(layers)  # in order
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.act = nn.ModuleDict({name: nn.PReLU(layers[name].out_channels)
                                  for name in self.names[:-1]})
        self._start(generator or torch.Generator().manual_seed(0))

    @property
    def picture_scale(self) -> int:
        """How much larger a picture becomes, the enlargement before the network included."""
        return self.prescale * self.scale

    @property
    def macs(self) -> int:
        """Multiplications per LR pixel; one that is enlarged first comes in prescale^2 times."""
        weights = sum(getattr(self, name).weight.numel() for name in self.names)
        return self.prescale**2 * weights

    @torch.no_grad()
    def _start(self, generator: torch.Generator) -> None:
        for name in self.names:
            layer = getattr(self, name)
            inner = name in self.act
            fan_in = layer.in_channels * layer.kernel_size[0] ** 2
            std = (2 / fan_in / (1 + 0.25**2)) ** 0.5 if inner else self.last_std  # He et al. 2015
            layer.weight.normal_(0, std, generator=generator)
            layer.bias.zero_()
            if inner and not self.anchor:
                weight, middle = layer.weight[0], layer.kernel_size[0] // 2  # (in, k, k)
                weight.zero_()
                weight[0, middle, middle] = 1
                self.act[name].weight[0] = 1
        if not self.anchor:
            getattr(self, self.names[0]).bias[0] = -0.5
            repeat = slice(layer.padding[0], layer.padding[0] + layer.stride[0])
            # what the last layer takes of channel 0, (k, k); of a sub-pixel convolution each phase
            own = layer.weight[:, 0] if isinstance(layer, SubPixel) else layer.weight[0, 0]
            own.zero_()
            own[..., repeat, repeat] = 1
            layer.bias.fill_(0.5)


class FSRCNN(Net):
    """Convolutions on LR pixels, and a deconvolution that upscales.

    Args:
        shape: What it is made of.
        scale: Upscaling factor, up to the deconvolution's kernel.
        generator: Source of the initial weights.
    """

    def __init__(self, shape: Shape, scale: int, *, generator: torch.Generator | None = None):
        padding = shape.pad(scale)
        super().__init__(shape, scale, 1, {
            "feature": nn.Conv2d(1, shape.d, shape.first, padding=shape.first // 2),
            "shrink": nn.Conv2d(shape.d, shape.s, 1),
            **{f"map{index + 1}": nn.Conv2d(shape.s, shape.s, 3, padding=1)
               for index in range(shape.m)},
            "expand": nn.Conv2d(shape.s, shape.d, 1),
            "deconv": nn.ConvTranspose2d(shape.d, 1, shape.last, scale, padding,
                                         scale - shape.last + 2 * padding),
        }, generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Upscale; x: (N, 1, H, W)."""
        lr = x
        x = self.act["feature"](self.feature(x))     # (N, d, H, W)
        x = self.act["shrink"](self.shrink(x))       # (N, s, H, W)
        for name in self.names[2:-2]:
            x = self.act[name](getattr(self, name)(x))  # (N, s, H, W)
        x = self.act["expand"](self.expand(x))       # (N, d, H, W)
        x = self.deconv(x)                           # (N, 1, scale * H, scale * W)
        return x + nearest(lr, self.scale) if self.anchor else x


class SRCNN(Net):
    """Three convolutions on luma that bicubic has enlarged before: training begins at bicubic.

    The network itself upscales by 1; who runs it enlarges its input, to the very uint8 pixels that
    `resample.bicubic` gives. As published there is no skip connection; instead of ReLU it has the
    family's PReLU, one slope a channel: ReLU could not pass on the centred picture that training
    starts from.

    Args:
        shape: What it is made of.
        prescale: How many times a picture is enlarged before.
        generator: Source of the initial weights.
    """

    last_std = 1e-4  # 800 weights reach a pixel: 1e-3 would add noise of four gray levels

    def __init__(self, shape: FlatShape, prescale: int, *,
                 generator: torch.Generator | None = None):
        super().__init__(shape, 1, prescale, {
            "feature": nn.Conv2d(1, shape.n1, shape.f1, padding=shape.f1 // 2),
            "map": nn.Conv2d(shape.n1, shape.n2, shape.f2, padding=shape.f2 // 2),
            "rebuild": nn.Conv2d(shape.n2, 1, shape.f3, padding=shape.f3 // 2),
        }, generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Sharpen; x: (N, 1, H, W), H and W those of the large picture."""
        x = self.act["feature"](self.feature(x))     # (N, n1, H, W)
        x = self.act["map"](self.map(x))             # (N, n2, H, W)
        return self.rebuild(x)                       # (N, 1, H, W)


class ESPCN(Net):
    """Convolutions on LR pixels, the last of which gives every HR pixel of a block: PixelShuffle.

    As published but for its tanh, in whose place is the family's PReLU.

    Args:
        shape: What it is made of.
        scale: Upscaling factor.
        generator: Source of the initial weights.
    """

    def __init__(self, shape: PixelShape, scale: int, *, generator: torch.Generator | None = None):
        names = ["feature", *(f"map{index + 1}" for index in range(len(shape.channels) - 1))]
        sizes = zip(names, (1, *shape.channels), shape.channels, shape.kernels, strict=False)
        super().__init__(shape, scale, 1, {
            **{name: nn.Conv2d(before, after, kernel, padding=kernel // 2)
               for name, before, after, kernel in sizes},
            "subpixel": SubPixel(shape.channels[-1], shape.kernels[-1], scale),
        }, generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Upscale; x: (N, 1, H, W)."""
        lr = x
        for name in self.names[:-1]:
            x = self.act[name](getattr(self, name)(x))  # (N, channels, H, W)
        x = self.subpixel(x)                         # (N, 1, scale * H, scale * W)
        return x + nearest(lr, self.scale) if self.anchor else x


def nearest(x: torch.Tensor, scale: int) -> torch.Tensor:
    """Repeat each pixel.

    Args:
        x: (N, C, H, W).
        scale: How often, each way.

    Returns:
        (N, C, scale * H, scale * W).
    """
    return x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


def build(name: str, *, generator: torch.Generator | None = None, where: str = "model") -> Net:
    """Make a network by name, with fresh weights.

    Args:
        name: As for `find`.
        where: What to name in an error.
        generator: Source of the initial weights; seed 0 if None.

    Returns:
        The module, float32, in training mode.

    Raises:
        ModelError: If there is no such network, or it is not defined at that scale.
    """
    shape, scale = find(name, where)
    kind = {Shape: FSRCNN, FlatShape: SRCNN, PixelShape: ESPCN}[type(shape)]
    model = kind(shape, scale, generator=generator)
    model.name = name
    return model
