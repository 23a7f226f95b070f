"""Bicubic resampling to MATLAB's bits, and Pillow's for the seed protocol.

May import numpy, Pillow and the errors.

    shrink(luma, 2)                                # uint8 (H // 2, W // 2)

Source: Keys' cubic kernel with a = -0.5 as MATLAB's imresize applies it to uint8 (antialiased
downscale, mirrored borders, vertical pass first, each pass rounded half up and clipped). Planes of
other depths are rounded and clipped likewise, to 0..peak.
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
    return to_integers(value, 255)


def to_integers(value: np.ndarray, peak: int) -> np.ndarray:
    """Round half up and clip to 0..peak.

    Args:
        value: float64, any shape.
        peak: Greatest value.

    Returns:
        The smallest unsigned integers that hold the peak, same shape.
    """
    return np.clip(np.floor(value + 0.5), 0, peak).astype(np.min_scalar_type(peak))


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel, a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _resize_rows(plane: np.ndarray, out: int, factor: float, shift: float = 0.0,
                 peak: int = 255) -> np.ndarray:
    """One pass of imresize along the first axis: (H, W) to (out, W) of 0..peak."""
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
    return to_integers(total, peak)


def _resize(plane: np.ndarray, shape: tuple[int, int], factor: float,
            shift: tuple[float, float] = (0.0, 0.0), peak: int = 255) -> np.ndarray:
    rows = _resize_rows(plane, shape[0], factor, shift[0], peak)
    return np.ascontiguousarray(_resize_rows(rows.T, shape[1], factor, shift[1], peak).T)


def bicubic(plane: np.ndarray, scale: int, peak: int = 255) -> np.ndarray:
    """Upscale a plane by MATLAB's imresize.

    Args:
        plane: Integers (H, W), 0..peak.
        scale: Factor, 1 or more.
        peak: Greatest value: 255 for 8 bits, 1023 for 10.

    Returns:
        (scale * H, scale * W) of 0..peak, uint8 or as many bytes as hold it; the plane itself for a
        scale of 1.
    """
    if scale == 1:
        return plane
    return _resize(plane, (plane.shape[0] * scale, plane.shape[1] * scale), float(scale), peak=peak)


def bicubic_sited(plane: np.ndarray, scale: int, size: tuple[int, int],
                  shift: tuple[float, float], peak: int = 255) -> np.ndarray:
    """Upscale a subsampled plane whose samples do not lie in the middle of the luma they serve.

    Args:
        plane: Integers (H, W), 0..peak.
        scale: Factor, 1 or more.
        size: Rows and columns wanted, at most those of `bicubic`.
        shift: Down and right, in samples of the plane, of where each output sample is taken.
        peak: As of `bicubic`.

    Returns:
        Values of that size and of 0..peak; equal to `bicubic` cut to it where the shift is 0.
    """
    return _resize(plane, size, float(scale), shift, peak)


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
