"""TDC: a layer as s*s small convolutions over LR, one per output phase.

May import numpy and the network. With HR row Y = s*y + py, the scatter
HR[s*y' + ky - p] += w[ky] * LR[y'] gathers LR rows y' = y + d with ky = py + p - s*d, for every d
that keeps ky in 0..k-1. No product with an inserted zero remains. The phases of a shuffle are its
s*s kernels, each over the whole window; a conv is its own only phase.
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
        bias: int64 (out,).
    """

    index: int
    row: Reach
    col: Reach
    weight: np.ndarray
    bias: np.ndarray


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
    """Transform a layer to its s*s phase convolutions.

    Args:
        layer: A layer of any kind.

    Returns:
        Phases in the order py * s + px.
    """
    if layer.kind != "deconv":
        whole = Reach(-layer.padding, tuple(range(layer.kernel)))
        parts = zip(*(np.split(raw, layer.stride**2) for raw in (layer.weight, layer.bias)),
                    strict=True)
        return [Phase(index, whole, whole, *part) for index, part in enumerate(parts)]
    axis = [reach(layer.kernel, layer.stride, layer.padding, p) for p in range(layer.stride)]
    return [
        Phase(py * layer.stride + px, row, col,
              layer.weight[:, :, np.array(row.taps, int)[:, None], np.array(col.taps, int)],
              layer.bias)
        for py, row in enumerate(axis)
        for px, col in enumerate(axis)
    ]


def window(layer: Layer) -> tuple[int, int]:
    """Give the square window over LR that all taps of a layer lie in, the centre included.

    Args:
        layer: A layer of any kind.

    Returns:
        (side, before): window side, and how many rows (and columns) precede the centre pixel.
    """
    axis = [phase.row for phase in phases(layer)]
    first = min([0] + [r.first for r in axis if r.taps])
    last = max([0] + [r.first + len(r.taps) - 1 for r in axis if r.taps])
    return last - first + 1, -first


def gather(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Form a layer's complete sums by gathering, phase by phase, as the hardware does.

    Args:
        x: int64 (H, W, in), raw.
        layer: A layer of any kind.

    Returns:
        int64 (s*H, s*W, out), equal to golden's.
    """
    height, width, _ = x.shape
    side, before = window(layer)
    padded = np.pad(x, ((before, side - 1 - before),) * 2 + ((0, 0),))
    out = np.empty((height, layer.stride, width, layer.stride, layer.out_channels), np.int64)
    for phase in phases(layer):
        acc = np.broadcast_to(phase.bias, (height, width, layer.out_channels)).copy()
        for r in range(len(phase.row.taps)):
            for c in range(len(phase.col.taps)):
                y0, x0 = before + phase.row.first + r, before + phase.col.first + c
                acc += padded[y0 : y0 + height, x0 : x0 + width] @ phase.weight[:, :, r, c].T
        out[:, phase.index // layer.stride, :, phase.index % layer.stride] = acc
    return out.reshape(height * layer.stride, width * layer.stride, layer.out_channels)
