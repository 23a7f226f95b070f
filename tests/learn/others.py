"""Networks as others write them in torch, and how they save them: written here anew, not ours.

    Named(d=6, s=3, m=1, scale=3)                  # first_part, mid_part, last_part, as yjn870
"""

from __future__ import annotations

import torch
from torch import nn

from fsrcnnx.learn.models import Net

PRELU = {"channel": nn.PReLU, "shared": lambda channels: nn.PReLU(), "relu": lambda channels:
         nn.ReLU(), "leaky": lambda channels: nn.LeakyReLU(0.2)}


class Named(nn.Module):
    """FSRCNN in three named blocks: first_part, mid_part, last_part."""

    def __init__(self, d=6, s=3, m=1, scale=2, act="channel", kernels=(5, 9), pads=None):
        super().__init__()
        first, last = kernels
        padding, extra = pads or (last // 2, scale - 1)
        prelu = PRELU[act]
        self.first_part = nn.Sequential(nn.Conv2d(1, d, first, padding=first // 2), prelu(d))
        middle = [nn.Conv2d(d, s, 1), prelu(s)]
        for _ in range(m):
            middle += [nn.Conv2d(s, s, 3, padding=1), prelu(s)]
        self.mid_part = nn.Sequential(*middle, nn.Conv2d(s, d, 1), prelu(d))
        self.last_part = nn.ConvTranspose2d(d, 1, last, scale, padding, extra)

    def forward(self, x):
        return self.last_part(self.mid_part(self.first_part(x)))


class Plain(nn.Module):
    """FSRCNN as conv1 to conv4 and a deconv, its activations after all of them, or one for all."""

    def __init__(self, scale=2, one=False):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 4, 1, bias=False)
        self.conv3, self.conv4 = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 5, 1)
        self.deconv = nn.ConvTranspose2d(5, 1, 4, scale, (4 - scale) // 2)
        self.one = one
        if one:
            self.act = nn.PReLU()
        else:
            self.prelu = nn.ModuleList(nn.PReLU(channels) for channels in (5, 4, 4, 5))

    def forward(self, x):
        for number in range(4):
            act = self.act if self.one else self.prelu[number]
            x = act(getattr(self, f"conv{number + 1}")(x))
        return self.deconv(x)


class Srcnn(nn.Module):
    """SRCNN on enlarged luma."""

    def __init__(self, kernels=(9, 1, 5)):
        super().__init__()
        for number, (inner, out, side) in enumerate(
                zip((1, 5, 4), (5, 4, 1), kernels, strict=True), 1):
            self.add_module(f"conv{number}", nn.Conv2d(inner, out, side, padding=side // 2))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.conv3(self.relu(self.conv2(self.relu(self.conv1(x)))))


class Espcn(nn.Module):
    """ESPCN in two named blocks: first_part, last_part, as yjn870, with another activation."""

    def __init__(self, scale=2, act="channel", d=4, colours=1, prelu=None):
        super().__init__()
        prelu = prelu or PRELU[act]
        self.first_part = nn.Sequential(
            nn.Conv2d(colours, 5, 5, padding=2), prelu(5), nn.Conv2d(5, d, 3, padding=1), prelu(d))
        self.last_part = nn.Sequential(
            nn.Conv2d(d, colours * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, x):
        return self.last_part(self.first_part(x))


def seeded(net: nn.Module, seed: int = 1) -> nn.Module:
    """The network with random weights, biases large enough to be seen, slopes of either sign."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    return net.eval()


@torch.no_grad()
def apart(theirs: nn.Module, ours: Net, divisor: float = 255) -> float:
    """Greatest difference of two networks over random pixels, relative to the greatest pixel."""
    worst = 0.0
    for height, width in ((1, 1), (7, 12), (20, 9)):
        pixels = torch.randint(0, 256, (1, 1, height, width),
                               generator=torch.Generator().manual_seed(height)).float()
        want, found = theirs(pixels / divisor) * divisor, ours(pixels / 256) * 256
        assert want.shape == found.shape
        worst = max(worst, float((want - found).abs().max() / want.abs().max().clamp(1)))
    return worst
