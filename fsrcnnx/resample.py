"""Bicubic resampling to MATLAB's bits, and Pillow's for the seed protocol.

May import numpy, Pillow and the errors.

    shrink(luma, 2)                                # uint8 (H // 2, W // 2)

Source: Keys' cubic kernel with a = -0.5 as MATLAB's imresize applies it to uint8 (antialiased
downscale, mirrored borders, vertical pass first, each pass rounded half up and clipped).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from fsrcnnx.errors import InputError


def to_uint8(value: np.ndarray) -> np.ndarray:
    """Round half up and clip, as MATLAB does on non-negative values.

    Args:
        value: float64, any shape.

    Returns:
        uint8, same shape.
    """
    return np.clip(np.floor(value + 0.5), 0, 255).astype(np.uint8)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel, a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _resize_rows(plane: np.ndarray, out: int, factor: float, shift: float = 0.0) -> np.ndarray:
    """One pass of imresize along the first axis: uint8 (H, W) to uint8 (out, W)."""
    stretch = min(factor, 1.0)  # below 1 the kernel widens: antialiasing
    width = 4 / stretch
    centre = (np.arange(out) + 0.5) / factor - 0.5 + shift  # output row centres in input rows
    taps = int(np.ceil(width)) + 2
    rows = np.floor(centre - width / 2).astype(int)[:, None] + np.arange(taps)
    weights = stretch * _cubic(stretch * (centre[:, None] - rows))
    weights /= weights.sum(axis=1, keepdims=True)
    mirror = np.mod(rows, 2 * plane.shape[0])
    mirror = np.where(mirror < plane.shape[0], mirror, 2 * plane.shape[0] - 1 - mirror)
    total = np.zeros((out, plane.shape[1]))
    for tap in range(taps):  # in a fixed order: the same bits on every machine
        total += weights[:, tap, None] * plane[mirror[:, tap]]
    return to_uint8(total)


def _resize(plane: np.ndarray, shape: tuple[int, int], factor: float) -> np.ndarray:
    rows = _resize_rows(plane, shape[0], factor)
    return np.ascontiguousarray(_resize_rows(rows.T, shape[1], factor).T)


def bicubic(plane: np.ndarray, scale: int) -> np.ndarray:
    """Upscale a plane by MATLAB's imresize.

    Args:
        plane: uint8 (H, W).
        scale: Factor, 1 or more.

    Returns:
        uint8 (scale * H, scale * W); the plane itself for a scale of 1.
    """
    if scale == 1:
        return plane
    return _resize(plane, (plane.shape[0] * scale, plane.shape[1] * scale), float(scale))


def bicubic_sited(plane: np.ndarray, scale: int, size: tuple[int, int],
                  shift: tuple[float, float]) -> np.ndarray:
    """Upscale a subsampled plane whose samples do not lie in the middle of the luma they serve.

    Args:
        plane: uint8 (H, W).
        scale: Factor, 1 or more.
        size: Rows and columns wanted, at most those of `bicubic`.
        shift: Down and right, in samples of the plane, of where each output sample is taken.

    Returns:
        uint8 of that size; equal to `bicubic` cut to it where the shift is 0.
    """
    rows = _resize_rows(plane, size[0], float(scale), shift[0])
    return np.ascontiguousarray(_resize_rows(rows.T, size[1], float(scale), shift[1]).T)


def upscale_chroma(chroma: np.ndarray | None, scale: int) -> np.ndarray | None:
    """Upscale both chroma planes by `bicubic`.

    Args:
        chroma: uint8 (H, W, 2) or None.
        scale: Factor, 1 or more.

    Returns:
        uint8 (scale * H, scale * W, 2), or None.
    """
    if chroma is None:
        return None
    return np.dstack([bicubic(plane, scale) for plane in np.moveaxis(chroma, 2, 0)])


def crop(plane: np.ndarray, scale: int) -> np.ndarray:
    """Cut a plane, at the bottom and right, to a multiple of the scale.

    Args:
        plane: (H, W) or (H, W, C).
        scale: Factor, 1 or more.

    Returns:
        View of (H - H % scale, W - W % scale).

    Raises:
        InputError: If nothing would be left.
    """
    height, width = (size - size % scale for size in plane.shape[:2])
    if not height or not width:
        raise InputError(f"{plane.shape[1]}x{plane.shape[0]} pixels are too few for x{scale}",
                         where="picture", allowed=f"at least {scale}x{scale}",
                         fix="take a larger picture")
    return plane[:height, :width]


def shrink(plane: np.ndarray, scale: int) -> np.ndarray:
    """Downscale a plane as the paper protocol does (MATLAB's imresize on uint8).

    Args:
        plane: uint8 (H, W); cropped to a multiple of the scale first.
        scale: Factor, 1 or more.

    Returns:
        uint8 (H // scale, W // scale).

    Raises:
        InputError: If the plane is smaller than the scale.
    """
    plane = crop(plane, scale)
    return _resize(plane, (plane.shape[0] // scale, plane.shape[1] // scale), 1 / scale)


def shrink_pillow(plane: np.ndarray, scale: int) -> np.ndarray:
    """Downscale a plane as the seed protocol does (Pillow's bicubic).

    Args:
        plane: uint8 (H, W); cropped to a multiple of the scale first.
        scale: Factor, 1 or more.

    Returns:
        uint8 (H // scale, W // scale).
    """
    plane = np.ascontiguousarray(crop(plane, scale))
    size = (plane.shape[1] // scale, plane.shape[0] // scale)
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))
