"""What the ladder is climbed with: random frames, extremes, odd sizes, and the user's pictures.

May import numpy, imaging, the formats, the network and the errors. One generator, passed in, makes
all that is random. Frames are raw luma of the network's own input format, over its whole range;
pictures, which have 8 bits, are brought into it by `from_pixels`. A network with a prescale gets
pictures enlarged, and made-up frames as they are: it must be exact on any.

    synthetic(np.random.default_rng(1), network.in_format, 1920)[0].name     # random-29x17
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format, from_pixels
from fsrcnnx.exact.network import Network
from fsrcnnx.media import imaging

RANDOM = ((17, 29), (1, 1), (1, 7), (7, 1), (2, 2), (3, 5), (11, 13), (4, 1))  # (height, width)
EXTREME = (6, 9)
# rows, columns, the largest that fits is taken: Icarus runs at a thousandth of Verilator's speed;
# the smallest lies within the borders of every kernel, whose inside only Verilator sees
ICARUS_TILES = ((8, 16), (2, 3))
ICARUS_WORK = 1 << 21  # multiplications in a tile: some 20 s for one frame
WIDEST = 64  # the widest random frame: as wide as the core allows, up to this


@dataclass(frozen=True, eq=False)
class Stimulus:
    """One frame.

    Args:
        name: What it is, or the picture's file name.
        lr: Raw luma (H, W), what enters the network: enlarged before if it has a prescale.
        hr: uint8 (s*H, s*W) original, or None.
        path: The picture's file, or None.
    """

    name: str
    lr: np.ndarray
    hr: np.ndarray | None = None
    path: Path | None = None


def extremes(to: Format, height: int, width: int) -> dict[str, np.ndarray]:
    """Make the frames at which sums and saturation are at their ends.

    Args:
        to: Format of the luma.
        height: Rows.
        width: Columns.

    Returns:
        Name -> raw luma (height, width): black (the least value), white (the greatest), impulse
        (white on 0), checkerboard of both; of a signed format zero too, which is its middle.
    """
    black, white, zero = (np.full((height, width), value, to.dtype) for value in (to.lo, to.hi, 0))
    impulse = zero.copy()
    impulse[height // 2, width // 2] = to.hi
    parity = np.add.outer(np.arange(height), np.arange(width)) % 2
    found = {"black": black, "white": white, "impulse": impulse,
             "checkerboard": np.where(parity, white, black)}
    return {**found, "zero": zero} if to.signed else found


def synthetic(rng: np.random.Generator, to: Format, max_width: int) -> list[Stimulus]:
    """Make the frames that need no picture.

    Args:
        rng: Generator.
        to: Format of the luma.
        max_width: Widest frame that every rung takes.

    Returns:
        Random frames of odd sizes, one of them as wide as allowed (up to 64), then extremes.
    """
    sizes = (*RANDOM, (2, min(max_width, WIDEST)))
    frames = [Stimulus(f"random-{width}x{height}",
                       rng.integers(to.lo, to.hi, (height, width), to.dtype, endpoint=True))
              for height, width in sizes if width <= max_width]
    return frames + [Stimulus(name, frame) for name, frame in
                     extremes(to, EXTREME[0], min(EXTREME[1], max_width)).items()]


def steady_bits(to: Format, frames: Sequence[np.ndarray]) -> tuple[int, ...]:
    """Find the bits of a format that never varied: a fault in one of them could hide.

    Args:
        to: The format.
        frames: Integers within it, any shapes.

    Returns:
        Their numbers, 0 the least; all bits where there is no value.
    """
    ones = zeros = 0
    for frame in frames:
        raw = np.asarray(frame).astype(np.int64)
        ones |= int(np.bitwise_or.reduce(raw, axis=None))
        zeros |= int(np.bitwise_or.reduce(~raw, axis=None))
    return tuple(bit for bit in range(to.width) if not (ones & zeros) >> bit & 1)


def pictures(paths: Sequence[Path], network: Network, lr: bool) -> list[Stimulus]:
    """Read the user's pictures, and enlarge them once for a network that wants it.

    Args:
        paths: Picture files.
        network: Its scale, prescale and input format hold.
        lr: Whether they are LR already; else their luma is cropped to a multiple of the scale and
            reduced by the paper protocol.

    Returns:
        One stimulus per file.

    Raises:
        InputError: If a file cannot be read, or is smaller than one LR pixel.
    """
    found, scale = [], network.picture_scale

    def enter(luma: np.ndarray) -> np.ndarray:
        return from_pixels(imaging.bicubic(luma, network.prescale), network.in_format)

    for path in map(Path, paths):
        luma = imaging.read_picture(path).luma
        if lr:
            found.append(Stimulus(path.name, enter(luma), path=path))
            continue
        if min(luma.shape) < scale:
            raise InputError(f"{luma.shape[1]}x{luma.shape[0]} pixels", where=path,
                             allowed=f"at least {scale}x{scale} for an HR original")
        small = imaging.shrink(luma, scale)
        found.append(Stimulus(path.name, enter(small), imaging.crop(luma, scale), path))
    return found


def tile(stimulus: Stimulus, height: int, width: int) -> Stimulus:
    """Cut the middle out of a stimulus that is too large for a slow simulator.

    Args:
        stimulus: Any stimulus.
        height: Most rows.
        width: Most columns.

    Returns:
        The stimulus itself if it is small enough, else its middle, with the position in its name.
    """
    rows, cols = stimulus.lr.shape
    if rows <= height and cols <= width:
        return stimulus
    height, width = min(height, rows), min(width, cols)
    y, x = (rows - height) // 2, (cols - width) // 2
    return Stimulus(f"{stimulus.name}[{width}x{height}+{x}+{y}]",
                    stimulus.lr[y : y + height, x : x + width].copy(), path=stimulus.path)


def icarus_tile(network: Network) -> tuple[int, int]:
    """Choose the size of the frames for Icarus, by the work in a pixel.

    Args:
        network: The network.

    Returns:
        Most rows and columns, one of ICARUS_TILES.
    """
    macs = network.macs // network.prescale**2  # of what enters the network
    return next((tile for tile in ICARUS_TILES if macs * tile[0] * tile[1] <= ICARUS_WORK),
                ICARUS_TILES[-1])
