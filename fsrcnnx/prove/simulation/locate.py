"""The first layer at which a simulated core parts from golden.

May import numpy, the formats, the integer network, the golden model and the comparison. A trace is
the hex digits of every beat of every layer stream (see simulation.simulate).

    locate(network, lrs, streams, 0)     # Divergence(layer="map1", y=0, x=3, channel=5, ...)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsrcnnx.exact import golden
from fsrcnnx.exact.compare import UNKNOWN, Divergence, first_difference
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Network


def decode(beats: np.ndarray, count: int, to: Format) -> np.ndarray:
    """Turn beats of hex digits into raw values.

    Args:
        beats: uint8 (N, digits) in ASCII, the most significant digit first.
        count: Values per beat, the first in the low bits.
        to: Format of each.

    Returns:
        int64 (N, count); UNKNOWN where a digit is x or z.
    """
    if not len(beats):
        return np.empty((0, count), np.int64)
    digit = np.full(256, -1, np.int8)
    for value, pair in enumerate(zip("0123456789abcdef", "0123456789ABCDEF", strict=True)):
        digit[[ord(c) for c in pair]] = value
    nibbles = digit[beats[:, ::-1]]                                  # low digit first
    bits = (nibbles[:, :, None] >> np.arange(4)) & 1                 # (N, digits, 4)
    known = np.repeat(nibbles >= 0, 4, axis=1)
    size = count * to.width
    bits = bits.reshape(len(beats), -1)[:, :size].reshape(len(beats), count, to.width)
    known = known[:, :size].reshape(len(beats), count, to.width).all(2)
    raw = (bits.astype(np.int64) << np.arange(to.width)).sum(2)
    if to.signed:
        raw -= (raw >> (to.width - 1)) << to.width
    return np.where(known, raw, UNKNOWN)


def _map(beats: np.ndarray, first: int, shape: tuple[int, int], count: int, to: Format,
         scale: int) -> np.ndarray:
    """Cut one frame out of a stream: int64 (scale*H, scale*W, C), UNKNOWN where it stops."""
    height, width = shape
    values = np.full((height * width, count), UNKNOWN)
    found = decode(beats[first : first + height * width], count, to)
    values[: len(found)] = found
    phases = values.reshape(height, width, scale, scale, -1).transpose(0, 2, 1, 3, 4)
    return phases.reshape(height * scale, width * scale, -1)


def locate(network: Network, frames: Sequence[np.ndarray], streams: Sequence[np.ndarray],
           index: int) -> Divergence | None:
    """Find the first layer of one frame whose simulated stream differs from golden.

    Args:
        network: The network that the core should be.
        frames: All frames of the simulation, uint8 (H, W).
        streams: The simulation's trace: stream 0 the input, stream l + 1 the output of layer l.
        index: The frame to look at.

    Returns:
        The first difference, layer by layer, or None if all layers agree.
    """
    lr = frames[index]
    first = sum(frame.size for frame in frames[:index])
    want = lr.astype(np.int64)[:, :, None]
    got = _map(streams[0], first, lr.shape, 1, network.in_format, 1)
    # a pixel that was never taken is the fault of the layer that did not take it
    found = first_difference("input", want, np.where(got == UNKNOWN, want, got))
    if found:
        return found
    trace = golden.trace(network, lr)
    for layer, beats in zip(network.layers, streams[1:], strict=True):
        got = _map(beats, first, lr.shape, layer.out_channels * layer.stride**2, layer.out_format,
                   layer.stride)
        found = first_difference(layer.name, trace[layer.name], got)
        if found:
            return found
    return None
