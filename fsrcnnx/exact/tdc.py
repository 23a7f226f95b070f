"""TDC: a deconvolution transformed to s*s small convolutions over LR, one per output phase.

May import numpy and the network. With HR row Y = s*y + py, the scatter
HR[s*y' + ky - p] += w[ky] * LR[y'] gathers LR rows y' = y + d with ky = py + p - s*d, for every d
that keeps ky in 0..k-1. No product with an inserted zero remains.
Source: Chang et al., "An Energy-Efficient FPGA-Based Deconvolutional Neural Networks Accelerator
for Single Image Super-Resolution", TCSVT 2020, section III.

    phases(layer)[0].weight.shape   # (out, in, rows, cols)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx.exact.network import Layer


@dataclass(frozen=True)
class Reach:
    """Which kernel taps a phase gathers along one axis.

    Args:
        first: Offset d of the first LR sample, relative to the LR pixel.
        taps: Kernel index of each sample from `first` on.
    """

    first: int
    taps: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Phase:
    """One output phase as a convolution.

    Args:
        index: py * s + px.
        row: Reach along rows.
        col: Reach along columns.
        weight: int64 (out, in, rows, cols), in window order.
    """

    index: int
    row: Reach
    col: Reach
    weight: np.ndarray


def reach(kernel: int, stride: int, padding: int, phase: int) -> Reach:
    """Find the taps of one phase along one axis.

    Args:
        kernel: Kernel side k.
        stride: Upscaling factor s.
        padding: Crop offset p.
        phase: Output position modulo s, 0..s-1.

    Returns:
        The reach; without taps if no kernel tap lands on this phase (then first is 0).
    """
    offsets = [d for d in range(-kernel - padding, kernel + padding + 1)
               if 0 <= phase + padding - stride * d < kernel]
    taps = tuple(phase + padding - stride * d for d in offsets)
    return Reach(offsets[0] if offsets else 0, taps)


def phases(layer: Layer) -> list[Phase]:
    """Transform a deconvolution to its s*s phase convolutions.

    Args:
        layer: A deconv layer.

    Returns:
        Phases in the order py * s + px.
    """
    axis = [reach(layer.kernel, layer.stride, layer.padding, p) for p in range(layer.stride)]
    return [
        Phase(py * layer.stride + px, row, col,
              layer.weight[:, :, np.array(row.taps, int)[:, None], np.array(col.taps, int)])
        for py, row in enumerate(axis)
        for px, col in enumerate(axis)
    ]


def window(layer: Layer) -> tuple[int, int]:
    """Give the square window over LR that all taps of a layer lie in, the centre included.

    Args:
        layer: A conv or deconv layer.

    Returns:
        (side, before): window side, and how many rows (and columns) precede the centre pixel.
    """
    if layer.kind == "conv":
        return layer.kernel, layer.padding
    axis = [reach(layer.kernel, layer.stride, layer.padding, p) for p in range(layer.stride)]
    first = min([0] + [r.first for r in axis if r.taps])
    last = max([0] + [r.first + len(r.taps) - 1 for r in axis if r.taps])
    return last - first + 1, -first


def deconvolve(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Deconvolve by gathering, phase by phase, as the hardware does.

    Args:
        x: int64 (H, W, in), raw.
        layer: A deconv layer.

    Returns:
        int64 (s*H, s*W, out), equal to the scatter's.
    """
    height, width, _ = x.shape
    side, before = window(layer)
    padded = np.pad(x, ((before, side - 1 - before),) * 2 + ((0, 0),))
    out = np.empty((height, layer.stride, width, layer.stride, layer.out_channels), np.int64)
    for phase in phases(layer):
        acc = np.broadcast_to(layer.bias, (height, width, layer.out_channels)).copy()
        for r in range(len(phase.row.taps)):
            for c in range(len(phase.col.taps)):
                y0, x0 = before + phase.row.first + r, before + phase.col.first + c
                acc += padded[y0 : y0 + height, x0 : x0 + width] @ phase.weight[:, :, r, c].T
        out[:, phase.index // layer.stride, :, phase.index % layer.stride] = acc
    return out.reshape(height * layer.stride, width * layer.stride, layer.out_channels)
