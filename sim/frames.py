# SPDX-License-Identifier: Apache-2.0
"""Frame sizes and contents that every frame bench runs through.

May import numpy.

    for lr in frames(numpy_rng, max_width=16, bits=8): ...
"""

from __future__ import annotations

import numpy as np

SIZES = ((1, 1), (1, 1), (3, 5), (1, 7), (7, 1), (2, 2), (5, 3), (1, 2), (2, 1), (11, 13), (1, 1))


def frames(rng: np.random.Generator, max_width: int, bits: int) -> list[np.ndarray]:
    """Make frames to send back to back: each size follows a different one.

    Args:
        rng: Generator.
        max_width: Widest frame of the module under test.
        bits: Bits of a pixel, up to 62.

    Returns:
        int64 (H, W) each: random frames of odd sizes, one of the greatest width, then extremes.
    """
    high = (1 << bits) - 1
    sizes = [size for size in (*SIZES, (2, max_width), (3, max_width)) if size[1] <= max_width]
    made = [rng.integers(0, high, size, dtype=np.int64, endpoint=True) for size in sizes]
    height, width = 4, min(6, max_width)
    parity = np.add.outer(np.arange(height), np.arange(width)) % 2
    impulse = np.zeros((height, width), np.int64)
    impulse[height // 2, width // 2] = high
    return [*made, np.zeros((height, width), np.int64), np.full((height, width), high),
            parity * high, impulse]


def beats(frame: np.ndarray) -> list[dict[str, int]]:
    """Turn a frame into beats of an internal stream; the size travels with each.

    Args:
        frame: Integers (H, W).

    Returns:
        One dict per pixel in raster order.
    """
    height, width = frame.shape
    return [{"in_data_i": int(value), "in_width_i": width, "in_height_i": height}
            for value in frame.ravel()]
