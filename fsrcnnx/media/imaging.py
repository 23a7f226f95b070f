"""Pictures: the door to reading and writing, luma and chroma, resampling; PSNR and SSIM.

May import numpy, scikit-image, the picture parts, resample and the ground.

    luma = read_picture("photo.png").luma          # uint8 (H, W)
    lr = shrink(luma, 2)                           # uint8 (H // 2, W // 2)
"""

from __future__ import annotations

import numpy as np

from fsrcnnx.errors import InputError
from fsrcnnx.media.pictures.picture import Picture, gray_to_luma, picture_to_rgb, rgb_to_picture
from fsrcnnx.media.pictures.read import picture_size, read_picture
from fsrcnnx.media.pictures.resample import bicubic, crop, shrink, shrink_pillow, upscale_chroma
from fsrcnnx.media.pictures.write import (
    SUFFIXES,
    check_size,
    check_suffix,
    check_writable,
    left_out,
    write_picture,
)

__all__ = ["SUFFIXES", "Picture", "bicubic", "check_size", "check_suffix",
           "check_writable", "crop", "gray_to_luma", "left_out", "picture_size",
           "picture_to_rgb", "psnr", "read_picture", "rgb_to_picture", "shrink", "shrink_pillow",
           "ssim", "upscale_chroma", "write_picture"]


def _shaved(a: np.ndarray, b: np.ndarray, shave: int) -> tuple[np.ndarray, np.ndarray]:
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise InputError(f"{a.dtype} {a.shape} against {b.dtype} {b.shape}", where="metric",
                         allowed="two uint8 pictures of one size")
    if min(a.shape[:2]) <= 2 * shave:
        raise InputError(f"{a.shape[1]}x{a.shape[0]} pixels are too few", where="metric",
                         allowed=f"more than {2 * shave} each way", fix="take a larger picture")
    inner = (slice(shave, a.shape[0] - shave), slice(shave, a.shape[1] - shave))
    return a[inner], b[inner]


def psnr(a: np.ndarray, b: np.ndarray, shave: int = 0) -> float:
    """Peak signal-to-noise ratio in dB, peak 255.

    Args:
        a: uint8 (H, W), the original.
        b: uint8 (H, W), the reconstruction.
        shave: Border pixels left out on each side.

    Returns:
        dB; infinite for equal pictures.

    Raises:
        InputError: If the sizes differ or shaving leaves nothing.
    """
    from skimage.metrics import peak_signal_noise_ratio

    a, b = _shaved(a, b, shave)
    if np.array_equal(a, b):
        return float("inf")
    return float(peak_signal_noise_ratio(a, b, data_range=255))


def ssim(a: np.ndarray, b: np.ndarray, shave: int = 0) -> float:
    """Structural similarity with the paper's 11x11 Gaussian window, sigma 1.5.

    Args:
        a: uint8 (H, W), the original.
        b: uint8 (H, W), the reconstruction.
        shave: Border pixels left out on each side.

    Returns:
        SSIM, at most 1.

    Raises:
        InputError: If the sizes differ, or fewer than 11 pixels are left either way.
    """
    from skimage.metrics import structural_similarity

    a, b = _shaved(a, b, shave)
    if min(a.shape) < 11:
        raise InputError(f"{a.shape[1]}x{a.shape[0]} pixels are too few", where="ssim",
                         allowed="at least 11x11 after shaving", fix="take a larger picture")
    return float(structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5,
                                       use_sample_covariance=False))
