"""Find where two computations part: the first layer, pixel and channel that differ.

May import numpy, the integer network and the golden model. Simulation traces come as the hex
digits of every beat of every layer stream (see simulation.simulate).

    locate(network, lr, streams)     # Divergence(layer="map1", y=0, x=3, channel=5, ...)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Network

UNKNOWN = np.iinfo(np.int64).min  # a value that the simulator never gave, or gave as x


@dataclass(frozen=True)
class Divergence:
    """The first value that differs.

    Args:
        layer: Layer name; `input` before the first; `output` if layers were not watched.
        y: Row.
        x: Column.
        channel: Channel.
        want: The golden value, raw.
        got: The other value, raw; None if it is missing or undefined.
    """

    layer: str
    y: int
    x: int
    channel: int
    want: int
    got: int | None

    def __str__(self) -> str:
        got = "nothing" if self.got is None else self.got
        return (f"{self.layer} y={self.y} x={self.x} channel={self.channel}: "
                f"want {self.want}, got {got}")


def first_difference(layer: str, want: np.ndarray, got: np.ndarray) -> Divergence | None:
    """Compare two maps in raster order.

    Args:
        layer: Name to report.
        want: Integers (H, W) or (H, W, C).
        got: The same shape, or another one: then the first pixel differs.

    Returns:
        The first difference, or None.
    """
    if want.shape != got.shape:
        return Divergence(layer, 0, 0, 0, int(want.flat[0]), None)
    wrong = np.argwhere(want != got)
    if not wrong.size:
        return None
    at = tuple(int(i) for i in wrong[0])
    value = int(got[at])
    y, x, channel = (*at, 0)[:3]
    return Divergence(layer, y, x, channel, int(want[at]), None if value == UNKNOWN else value)


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
