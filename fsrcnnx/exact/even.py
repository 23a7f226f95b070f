"""How even a network is: constant frames of every gray level, and ramps, compared with themselves.

May import numpy, the errors, the formats, the network, the golden model and TDC. Within a constant
frame, further from its border than the windows reach, every window sees one vector: its taps add
up to one. `flat` adds them up, and what is left is a network of 1x1 windows, in which each pixel of
any frame is the inside of a constant frame of its level: golden's bits at a thousandth of its work.
A ring of pixels and a ramp see borders and slopes, and take frames as small as tell all of it.

    measure(network).exact     # 222 of 256 gray levels come out as they went in, in every phase
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fsrcnnx.errors import Unrepresentable
from fsrcnnx.exact import golden, tdc
from fsrcnnx.exact.formats import MAX_WIDTH
from fsrcnnx.exact.network import Layer, Network

Run = Callable[[np.ndarray], np.ndarray]

LEVELS = 1 << 12    # gray levels that are measured one by one: pixels of up to 12 bits
PERIODS = (1, 4)    # LR pixels in which a ramp rises by one level


@dataclass(frozen=True)
class Even:
    """What constant frames and ramps come out as, in levels of the output.

    Args:
        levels: Gray levels measured: all of the input format.
        exact: Levels that are themselves in every phase, further inside than windows reach.
        error: Greatest error there.
        spread: Greatest difference between two phases there.
        ring: Greatest error in the outermost pixels of a constant frame.
        back: Greatest step down of a pixel beside its neighbour on a rising ramp, along rows and
            columns, within a frame.
    """

    levels: int
    exact: int
    error: int
    spread: int
    ring: int
    back: int

    def __str__(self) -> str:
        """All figures as half a sentence."""
        return (f"{self.exact} of {self.levels} grays exact, at most {self.error} off and "
                f"{self.spread} between phases inside, {self.ring} off in the outermost ring; "
                f"steps back on ramps: at most {self.back}")


def levels(network: Network) -> np.ndarray:
    """List the gray levels of a network whose input and output count them alike.

    Args:
        network: A checked integer network.

    Returns:
        int64, raw, from the least to the greatest.

    Raises:
        Unrepresentable: If input and output count different levels, so that none can stay itself,
            or more than LEVELS.
    """
    to, out = network.in_format, network.out_format
    if to != out and (to.signed or out.signed or to.width != out.width):
        raise Unrepresentable(f"gray levels of {to} against {out}", where=network.name,
                              allowed="one format in and out, or unsigned ones of equal width")
    if 1 << to.width > LEVELS:
        raise Unrepresentable(f"{1 << to.width} gray levels", where=network.name,
                              allowed=f"up to {LEVELS}")
    return np.arange(to.lo, to.hi + 1, dtype=np.int64)


def _summed(layer: Layer) -> Layer:
    """The layer with one tap where its windows see one vector: 1x1, or a tap for each phase."""
    weight, kernel, padding = layer.weight.sum((2, 3), keepdims=True), 1, 0
    if layer.kind == "deconv":
        kernel = layer.stride
        lands = (np.arange(layer.kernel) - layer.padding) % kernel  # on HR pixel s*y + ky - p
        weight = np.stack([np.stack([
            layer.weight[:, :, lands == py][..., lands == px].sum((2, 3))
            for px in range(kernel)], -1) for py in range(kernel)], -2)
    return replace(layer, weight=weight, padding=padding,
                   weight_format=replace(layer.weight_format, width=MAX_WIDTH))


def flat(network: Network) -> Network:
    """Give the network of 1x1 windows that does to every pixel what the network does to a plane.

    Args:
        network: A checked integer network.

    Returns:
        A network of the same layers; the formats of its weights are wider.
    """
    return replace(network, layers=tuple(map(_summed, network.layers))).check()


def interiors(network: Network) -> np.ndarray:
    """Compute the inside of a constant frame of each gray level.

    Args:
        network: A checked integer network.

    Returns:
        int64 (levels, s, s): the block of HR pixels that every LR pixel becomes.

    Raises:
        Unrepresentable: As `levels`.
    """
    s = network.scale
    return golden.run(flat(network), levels(network)[:, None]).reshape(-1, s, s)


def reach(network: Network) -> tuple[int, int]:
    """Tell how many LR pixels an output pixel depends on before and after its own, each way.

    Args:
        network: A checked integer network.

    Returns:
        (before, after).
    """
    windows = [tdc.window(layer) for layer in network.layers]
    before = sum(first for _, first in windows)
    return before, sum(side - 1 for side, _ in windows) - before


def _frames(network: Network, run: Run) -> tuple[np.ndarray, int]:
    """Insides (levels, s, s) and the greatest error in a ring, of a whole frame of each level.

    The frame is the smallest with a pixel that sees no border; no pixel sees two opposite ones.
    """
    s, (before, after), gray = network.scale, reach(network), levels(network)[:, None, None]
    hr = run(np.tile(gray, (1, before + 1 + after, before + 1 + after)))
    inside, off = slice(s * before, s * (before + 1)), np.abs(hr - gray)
    ring = max(int(edge.max()) for edge in (off[:, 0], off[:, -1], off[:, :, 0], off[:, :, -1]))
    return hr[:, inside, inside], ring


def _step_back(network: Network, run: Run) -> int:
    """Greatest step down on ramps over all levels, their ends drawn out beyond the windows."""
    s, (before, after), most = network.scale, reach(network), 0
    inside = slice(s * before, s * (before + 1))
    for period in PERIODS:
        line = np.pad(levels(network).repeat(period), (2 * before, 2 * after), mode="edge")
        ramp = np.tile(line, (1, before + 1 + after, 1))
        for hr in (run(ramp)[0], run(ramp.swapaxes(1, 2))[0].T):
            rising = hr[inside, s * before : s * (line.size - after)]
            most = max(most, int(-np.diff(rising).min()))
    return most


def measure(network: Network, run: Run | None = None) -> Even:
    """Measure constant frames of every level and ramps.

    Args:
        network: A checked integer network; says what enters, and how far windows reach.
        run: Another form of it, e.g. its emulator's `stack`, or the float network it was made of:
            int64 (n, H, W) as enter the network to integers (n, s*H, s*W), in levels. None: the
            golden model, which takes seconds.

    Returns:
        What they come out as.

    Raises:
        Unrepresentable: As `levels`.
    """
    def form(lrs: np.ndarray) -> np.ndarray:
        hrs = run(lrs) if run else np.stack([golden.run(network, lr) for lr in lrs])
        return hrs.astype(np.int64)

    gray = levels(network)
    blocks, ring = _frames(network, form)
    off = np.abs(blocks - gray[:, None, None])
    return Even(gray.size, int((off == 0).all((1, 2)).sum()), int(off.max()),
                int(np.ptp(blocks, (1, 2)).max()), ring, _step_back(network, form))
