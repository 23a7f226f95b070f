"""What the ladder is climbed with: random frames, extremes, odd sizes, and the user's pictures.

May import numpy, imaging, the network and the errors. One generator, passed in, makes all that is
random. A network with a prescale gets pictures enlarged, and made-up frames as they are: it must be
exact on any.

    synthetic(np.random.default_rng(1), max_width=1920)[0].name     # random-29x17
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import imaging
from fsrcnnx.errors import InputError
from fsrcnnx.exact.network import Network

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
        lr: uint8 (H, W), what enters the network: enlarged before if it has a prescale.
        hr: uint8 (s*H, s*W) original, or None.
        path: The picture's file, or None.
    """

    name: str
    lr: np.ndarray
    hr: np.ndarray | None = None
    path: Path | None = None


def extremes(height: int, width: int) -> dict[str, np.ndarray]:
    """Make the frames at which sums and saturation are at their ends.

    Args:
        height: Rows.
        width: Columns.

    Returns:
        Name -> uint8 (height, width): black, white, checkerboard, impulse.
    """
    black = np.zeros((height, width), np.uint8)
    impulse = black.copy()
    impulse[height // 2, width // 2] = 255
    parity = np.add.outer(np.arange(height), np.arange(width)) % 2
    return {"black": black, "white": black + 255, "impulse": impulse,
            "checkerboard": (parity * 255).astype(np.uint8)}


def synthetic(rng: np.random.Generator, max_width: int) -> list[Stimulus]:
    """Make the frames that need no picture.

    Args:
        rng: Generator.
        max_width: Widest frame that every rung takes.

    Returns:
        Random frames of odd sizes, one of them as wide as allowed (up to 64), then extremes.
    """
    sizes = (*RANDOM, (2, min(max_width, WIDEST)))
    frames = [Stimulus(f"random-{width}x{height}",
                       rng.integers(0, 256, (height, width), dtype=np.uint8))
              for height, width in sizes if width <= max_width]
    return frames + [Stimulus(name, frame) for name, frame in
                     extremes(EXTREME[0], min(EXTREME[1], max_width)).items()]


def pictures(paths: Sequence[Path], network: Network, lr: bool) -> list[Stimulus]:
    """Read the user's pictures, and enlarge them once for a network that wants it.

    Args:
        paths: Picture files.
        network: Its scale and prescale hold.
        lr: Whether they are LR already; else their luma is cropped to a multiple of the scale and
            reduced by the paper protocol.

    Returns:
        One stimulus per file.

    Raises:
        InputError: If a file cannot be read, or is smaller than one LR pixel.
    """
    found, scale = [], network.picture_scale
    for path in map(Path, paths):
        luma = imaging.read_picture(path).luma
        if lr:
            found.append(Stimulus(path.name, imaging.bicubic(luma, network.prescale), path=path))
            continue
        if min(luma.shape) < scale:
            raise InputError(f"{luma.shape[1]}x{luma.shape[0]} pixels", where=path,
                             allowed=f"at least {scale}x{scale} for an HR original")
        small = imaging.shrink(luma, scale)
        found.append(Stimulus(path.name, imaging.bicubic(small, network.prescale),
                              imaging.crop(luma, scale), path))
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
