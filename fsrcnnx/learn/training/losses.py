"""What training makes small, by name.

May import torch and the names.

    LOSSES["log"](hr, target)                      # scalar

A target has one channel, or two: the original, and what a teacher makes of the patch.
"""

from __future__ import annotations

import torch

from fsrcnnx.learn import rules

ERROR_FLOOR = 2e-5  # under a logarithm, 47 dB: what is better already does not count more


def _squared(hr: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error of each patch against each target, (N, targets)."""
    return ((hr - target) ** 2).mean((2, 3))


def squared_error(hr: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of the squared error.

    Args:
        hr: (N, 1, H, W), pixel / 256.
        target: (N, 1 or 2, H, W); of two targets, each counts half.

    Returns:
        Scalar.
    """
    return _squared(hr, target).mean()


def log_error(hr: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the patches of the logarithm of their squared error: PSNR as a loss.

    Squared error alone is ruled by busy patches; rounding shows in the smooth ones.

    Args:
        hr: (N, 1, H, W), pixel / 256.
        target: (N, 1 or 2, H, W); of two targets, each has a logarithm of its own.

    Returns:
        Scalar.
    """
    return (_squared(hr, target) + ERROR_FLOOR).log().mean()


def joint_error(hr: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the patches of the logarithm of their squared error, averaged over the targets.

    A network that rounds comes no nearer to a teacher than its rounding; alone under a logarithm,
    that target would be all about it.

    Args:
        hr: (N, 1, H, W), pixel / 256.
        target: (N, 1 or 2, H, W).

    Returns:
        Scalar.
    """
    return (_squared(hr, target).mean(1) + ERROR_FLOOR).log().mean()


LOSSES = dict(zip(rules.LOSSES, (squared_error, log_error, joint_error), strict=True))
