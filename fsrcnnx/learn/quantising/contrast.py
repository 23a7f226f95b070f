"""Full contrast: what the integers lose against float on single pictures, from black to white.

May import numpy, the emulator, learn.data, evaluate, sources and store, quantising.quantnet.

    for kind, lost in contrast("models/fsrcnnx-a_x2/weights.pth", "eval.h5").items():
        print(kind, lost.most, lost.worst)

A mean over photographs hides what maps clip at edges from black to white, which photographs of
16..235 seldom have. So the held-out pictures are taken whole and in tiles: as they are, stretched
to 0..255, and inverted; and beside them stripes at several angles, which no photograph has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.learn import data, sources, store
from fsrcnnx.learn.evaluate import Upscaler, float_run, psnrs
from fsrcnnx.learn.quantising.quantnet import load_qat, to_network
from fsrcnnx.media.imaging import bicubic

TILE = 144        # HR pixels, a multiple of every scale
GAIN = 4.0        # most that a picture is stretched: more would show its rounding
SIDE = 96         # HR pixels of a picture of stripes
WIDTHS = (2, 3, 4, 6, 8, 12, 16, 24)      # of a stripe, HR pixels
ANGLES = (0, 90, 45, 135, 20, 70)         # degrees
MOST = 0.3        # dB that a picture may lose
STRIPES = "stripes"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the set.

    Args:
        kind: Its class.
        name: Which it is, within its class.
        lr: uint8 (H, W), what enters the network.
        hr: uint8 (scale * H, scale * W), the original.
    """

    kind: str
    name: str
    lr: np.ndarray
    hr: np.ndarray


@dataclass(frozen=True)
class Lost:
    """What a class of pictures loses.

    Args:
        count: Pictures.
        mean: dB lost in the mean.
        above: Pictures that lose more than MOST.
        most: dB that the worst of them loses.
        worst: Its name.
        plain: dB that the float network reaches on it.
    """

    count: int
    mean: float
    above: int
    most: float
    worst: str
    plain: float


def stretched(hr: np.ndarray) -> np.ndarray | None:
    """Stretch a picture to 0..255.

    Args:
        hr: uint8 (H, W).

    Returns:
        uint8 (H, W), or None if that takes more than GAIN.
    """
    low, high = int(hr.min()), int(hr.max())
    if (high - low) * GAIN < 255:
        return None
    return np.rint((hr.astype(float) - low) * (255 / (high - low))).astype(np.uint8)


def stripes() -> dict[str, np.ndarray]:
    """Draw black and white stripes with hard edges.

    Returns:
        Name -> uint8 (SIDE, SIDE), for every width and angle.
    """
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    found = {}
    for angle in ANGLES:
        across = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
        for width in WIDTHS:
            white = np.floor(across / width + 1e-9) % 2 == 1
            found[f"{width} wide, {angle} degrees"] = np.where(white, 255, 0).astype(np.uint8)
    return found


def _originals(hrs: Iterable[np.ndarray]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Class, name and pixels of every original of the set."""
    for index, hr in enumerate(hrs):
        rows, cols = (range(0, size - TILE + 1, TILE) for size in hr.shape)
        parts = [("", f"{index}", hr)] + [
            (" tile", f"{index} at {y},{x}", hr[y : y + TILE, x : x + TILE])
            for y in rows for x in cols]
        for part, name, own in parts:
            yield f"plain{part}", name, own
            if (wide := stretched(own)) is not None:
                yield f"stretched{part}", name, wide
                yield f"inverted{part}", name, 255 - wide
    for name, hr in stripes().items():
        yield STRIPES, name, hr


def pictures(hrs: Iterable[np.ndarray], reduce: Callable[[np.ndarray, int], np.ndarray],
             scale: int, prescale: int) -> list[Picture]:
    """Make the set of some originals.

    Args:
        hrs: uint8, each side a multiple of the scale.
        reduce: Downscale of a protocol, of `data.PROTOCOLS`.
        scale: How much smaller LR is.
        prescale: How many times it is enlarged before it enters the network.

    Returns:
        Three pictures of each original, and of each tile of it; and the stripes.
    """
    return [Picture(kind, name, bicubic(reduce(hr, scale), prescale), hr)
            for kind, name, hr in _originals(hrs)]


def measure(plain: Upscaler, exact: Upscaler, chosen: list[Picture], shave: int
            ) -> dict[str, Lost]:
    """Measure what each class of pictures loses from one upscaler to another.

    Args:
        plain: The one, as the float network.
        exact: The other, as the integer network.
        chosen: Of `pictures`.
        shave: Border pixels left out.

    Returns:
        Losses by class.
    """
    pairs = [(one.lr, one.hr) for one in chosen]
    rows: dict[str, list[tuple[float, str, float]]] = {}
    for one, a, b in zip(chosen, psnrs(plain, pairs, shave), psnrs(exact, pairs, shave),
                         strict=True):
        rows.setdefault(one.kind, []).append((0.0 if a == b else a - b, one.name, a))
    return {kind: Lost(len(own), float(np.mean([row[0] for row in own])),
                       sum(row[0] > MOST for row in own), *max(own)) for kind, own in rows.items()}


def contrast(weights: str | Path, eval_file: str | Path) -> dict[str, Lost]:
    """Measure what a quantised network loses at full contrast.

    Args:
        weights: `weights.pth` written by quantisation.
        eval_file: HDF5 of `data.prepare(evaluation=True)`.

    Returns:
        Losses by class of pictures.

    Raises:
        InputError: If the evaluation file cannot be used.
        ModelError: If the weights cannot be used.
    """
    model, network = store.load(weights), to_network(load_qat(weights))
    scale, note = model.picture_scale, sources.read(eval_file)
    pairs = data.read_pictures(eval_file, scale)
    chosen = pictures((hr for _, hr in pairs), data.PROTOCOLS[note.protocol if note else "paper"],
                      scale, model.prescale)
    return measure(lambda lr: float_run(model, lr), Emulator(network), chosen, scale)
