"""Collapsible networks as their authors train them in torch: written here anew, not ours.

    Ecbsr(m=1, c=4, scale=2)                       # edge-oriented blocks, as xindongzhang
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

EDGES = {"sbx": ((1, 0, -1), (2, 0, -2), (1, 0, -1)), "sby": ((1, 2, 1), (0, 0, 0), (-1, -2, -1)),
         "lpl": ((0, 1, 0), (1, -4, 1), (0, 1, 0))}


class Branch(nn.Module):
    """A 1x1, then a 3x3, all of it or an edge, padded by what the 1x1 makes of zeros."""

    def __init__(self, before, after, edge=None):
        super().__init__()
        middle = after if edge else 2 * after
        self.k0, self.b0 = (nn.Parameter(torch.zeros(size)) for size in (
            (middle, before, 1, 1), middle))
        if edge:
            self.scale = nn.Parameter(torch.zeros(after, 1, 1, 1))
            self.bias = nn.Parameter(torch.zeros(after))
            self.mask = nn.Parameter(torch.tensor(EDGES[edge]).float().expand(after, 1, 3, 3)
                                     .clone(), requires_grad=False)
        else:
            self.k1 = nn.Parameter(torch.zeros(after, middle, 3, 3))
            self.b1 = nn.Parameter(torch.zeros(after))

    def forward(self, x):
        y = functional.conv2d(x, self.k0, self.b0)
        size = (len(y), -1, y.shape[2] + 2, y.shape[3] + 2)
        framed = self.b0.view(1, -1, 1, 1).expand(size).clone()
        framed[:, :, 1:-1, 1:-1] = y
        if hasattr(self, "k1"):
            return functional.conv2d(framed, self.k1, self.b1)
        return functional.conv2d(framed, self.scale * self.mask, self.bias, groups=len(self.bias))


class Block(nn.Module):
    """An edge-oriented block in training: five branches, and what it is given."""

    def __init__(self, before, after, identity, act):
        super().__init__()
        self.conv3x3 = nn.Conv2d(before, after, 3, padding=1)
        self.conv1x1_3x3 = Branch(before, after)
        for edge in EDGES:
            self.add_module(f"conv1x1_{edge}", Branch(before, after, edge))
        self.identity = identity and before == after
        self.act = nn.PReLU(after) if act == "prelu" else nn.ReLU()

    def forward(self, x):
        y = self.conv3x3(x) + self.conv1x1_3x3(x)
        for edge in EDGES:
            y = y + getattr(self, f"conv1x1_{edge}")(x)
        return self.act(y + x if self.identity else y)


class Ecbsr(nn.Module):
    """ECBSR in training."""

    def __init__(self, m=1, c=4, scale=2, identity=False, act="prelu"):
        super().__init__()
        sizes = [1, *[c] * (m + 1), scale**2]
        self.backbone = nn.Sequential(*(
            Block(before, after, identity, act)
            for before, after in itertools.pairwise(sizes)))
        self.backbone[-1].act = nn.Identity()
        self.upsampler = nn.PixelShuffle(scale)

    def forward(self, x):
        return self.upsampler(self.backbone(x) + x)


class Expanded(nn.Module):
    """A linear block: many channels by a wide kernel, then few by 1x1."""

    def __init__(self, before, after, kernel, act, residual=False, middle=9):
        super().__init__()
        self.conv_expand = nn.Conv2d(before, middle, kernel, padding=kernel // 2, bias=False)
        self.conv_squeeze = nn.Conv2d(middle, after, 1)
        self.activation = act
        self.residual = residual

    def forward(self, x):
        y = self.conv_squeeze(self.conv_expand(x))
        return self.activation(y + x if self.residual else y)


class Repeat(nn.Module):
    """The LR pixel for each HR pixel of its block, as a layer whose weights are 1, or trained."""

    def __init__(self, scale):
        super().__init__()
        self.net = nn.Conv2d(1, scale**2, 1)

    def forward(self, x):
        return self.net(x)


class Sesr(nn.Module):
    """SESR in training, with its skip from the first block to the last."""

    def __init__(self, m=2, c=4, scale=2, act=nn.ReLU, kernel=5, skip=True):
        super().__init__()
        self.anchor = Repeat(scale)
        self.conv_first = Expanded(1, c, 5, act())
        self.residual_block = nn.Sequential(*(Expanded(c, c, 3, act(), True) for _ in range(m)))
        self.conv_last = Expanded(c, scale**2, kernel, nn.Identity())
        self.depth_to_space = nn.PixelShuffle(scale)
        self.skip = skip

    def forward(self, x):
        first = self.conv_first(x)
        maps = self.residual_block(first)
        maps = maps + first if self.skip else maps
        return self.depth_to_space(self.conv_last(maps) + self.anchor(x))


class QuickSR(nn.Module):
    """QuickSRNet: plain convolutions, each activation clipped at 1, perhaps an anchor."""

    def __init__(self, m=1, c=4, scale=2, anchor=True, act=None):
        super().__init__()
        act = act or (lambda: nn.Hardtanh(0, 1))
        self.cnn = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), act(), *(
            layer for _ in range(m) for layer in (nn.Conv2d(c, c, 3, padding=1), act())))
        self.conv_last = nn.Conv2d(c, scale**2, 3, padding=1)
        self.anchor = Repeat(scale) if anchor else None
        self.clip_output = nn.Hardtanh(0, 1)
        self.depth_to_space = nn.PixelShuffle(scale)

    def forward(self, x):
        y = self.conv_last(self.cnn(x))
        return self.depth_to_space(self.clip_output(y if self.anchor is None else y
                                                    + self.anchor(x)))


def started(net: nn.Module, seed: int = 1, ones: bool = True) -> nn.Module:
    """Random weights; masks as they are, an anchor's weights 1 if wished."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.startswith("anchor.net") and ones:
                value.fill_(float(name.endswith("weight")))
            elif not name.endswith("mask"):
                value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    return net.eval()
