"""Convolutions without an activation between them, folded into one: exact at the borders, or not.

May import numpy.

    then(Linear(expand, bias), Linear(project, other))   # one convolution, or Inexact

Every convolution pads its input by zeros. A 1x1 behind a wide one asks for nothing beyond the
frame, and folds. A wide one behind a 1x1 meets that border of zeros, where the folded one would
meet what the 1x1 makes of zeros, its bias: they are one only without bias, or if the network pads
with the bias, as ECBSR does. Behind a wide one, a wide one meets zeros where the folded one would
meet sums that reach in from the frame: never one.

Source: collapsible blocks: ECBSR (Zhang et al. 2021, github.com/xindongzhang/ECBSR, models/ecb.py),
SESR (Bhardwaj et al. 2022, arXiv:2103.09404; github.com/ARM-software/sesr).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class Inexact(ValueError):
    """Two convolutions that no single one equals at the borders, with the reason."""


@dataclass(frozen=True, eq=False)
class Linear:
    """A convolution that pads by half of its kernel.

    Args:
        weight: float64 (out, in, k, k), k odd.
        bias: float64 (out,).
    """

    weight: np.ndarray
    bias: np.ndarray

    @property
    def kernel(self) -> int:
        """Side of its kernel."""
        return self.weight.shape[2]


def identity(channels: int) -> np.ndarray:
    """Weights of a 1x1 convolution that gives what it is given.

    Args:
        channels: How many there are.

    Returns:
        float64 (channels, channels, 1, 1).
    """
    return np.eye(channels)[:, :, None, None]


def widen(weight: np.ndarray, kernel: int) -> np.ndarray:
    """Put zeros around a kernel.

    Args:
        weight: (out, in, k, k).
        kernel: The new side, k or more, odd as k.

    Returns:
        (out, in, kernel, kernel).
    """
    around = (kernel - weight.shape[2]) // 2
    return np.pad(weight, ((0, 0), (0, 0), (around, around), (around, around)))


def add(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Add the weights of two convolutions of one input; a single output is repeated.

    Args:
        one: (out, in, k, k).
        two: (out, in, l, l); `out` may be 1 in either.

    Returns:
        (out, in, max(k, l), max(k, l)).
    """
    kernel = max(one.shape[2], two.shape[2])
    return widen(one, kernel) + widen(two, kernel)


def then(first: Linear, second: Linear, *, bias_pads: bool = False) -> Linear:
    """Fold two convolutions into one.

    Args:
        first: The one that sees the input.
        second: The one that sees what it gives.
        bias_pads: Whether the second sees the first one's bias beyond the frame, instead of zeros.

    Returns:
        The one convolution, equal to both in every pixel.

    Raises:
        Inexact: If it would differ at the borders.
    """
    if second.kernel == 1:
        weight = np.einsum("om,mikl->oikl", second.weight[:, :, 0, 0], first.weight)
    elif first.kernel > 1:
        raise Inexact(f"{first.kernel}x{first.kernel}, then {second.kernel}x{second.kernel}: "
                      "between them is a border of zeros")
    elif first.bias.any() and not bias_pads:
        raise Inexact(f"1x1 with a bias, then {second.kernel}x{second.kernel}: it is padded by "
                      "zeros, not by that bias")
    else:
        weight = np.einsum("omkl,mi->oikl", second.weight, first.weight[:, :, 0, 0])
    return Linear(weight, second.weight.sum((2, 3)) @ first.bias + second.bias)
