"""Two operators whose gradients torch computes slowly on a CPU, in a form that it computes fast.

May import torch.

    y = prelu(x, slope)                            # nn.functional.prelu's values
    y = to_one(x, weight, bias)                    # nn.functional.conv2d's but for rounding

With both a training step of `srcnn_x2` takes 68 instead of 77 ms of one core's time (61 with
MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ so high that freed memory is kept).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class _Prelu(torch.autograd.Function):
    """PReLU; its gradient in passes without a branch."""

    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(x, slope)
        return functional.prelu(x, slope)

    @staticmethod
    def backward(ctx, gradient):
        x, slope = ctx.saved_tensors
        above = torch.ops.aten.threshold_backward(gradient, x, 0)  # where x > 0
        below = gradient - above
        above.addcmul_(below, slope[:, None, None])
        return above, below.mul_(x).sum((0, 2, 3))  # in place: fresh memory is what takes time


def prelu(x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """Multiply what is negative by its channel's slope.

    Args:
        x: (N, C, H, W).
        slope: (C,).

    Returns:
        (N, C, H, W).
    """
    return _Prelu.apply(x, slope)


class PReLU(nn.PReLU):
    """nn.PReLU with one slope a channel, by `prelu`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Activate; x: (N, C, H, W)."""
        return prelu(x, self.weight)


def to_one(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Convolve to one channel: each tap by itself as a 1x1 convolution, then added in its place.

    Args:
        x: (N, C, H, W).
        weight: (1, C, k, k), k odd; the border is padded with zeros.
        bias: (1,).

    Returns:
        (N, 1, H, W).
    """
    k = weight.shape[2]
    taps = weight[0].permute(1, 2, 0).reshape(k * k, -1, 1, 1).flip(0)  # a fold scatters
    y = functional.conv2d(x, taps)                   # (N, k * k, H, W)
    return functional.fold(y.flatten(2), x.shape[2:], k, padding=k // 2) + bias
