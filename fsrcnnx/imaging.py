"""Pictures: reading and writing, luma and chroma, PSNR and SSIM; resampling comes with them.

May import numpy, Pillow, scikit-image, resample and the ground.

    luma = read_picture("photo.png").luma          # uint8 (H, W)
    lr = shrink(luma, 2)                           # uint8 (H // 2, W // 2)

Source: ITU-R BT.601 in MATLAB's rgb2ycbcr form.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic
from fsrcnnx.resample import bicubic, crop, shrink, shrink_pillow, to_uint8, upscale_chroma

__all__ = ["Picture", "bicubic", "check_writable", "crop", "gray_to_luma", "picture_to_rgb", "psnr",
           "read_picture", "rgb_to_picture", "shrink", "shrink_pillow", "ssim", "upscale_chroma",
           "write_picture"]

# Rows Y, Cb, Cr over R, G, B in 0..255; BT.601 with the 219 and 224 step ranges.
TO_YCBCR = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0],
                     [112.0, -93.786, -18.214]]) / 255
YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])
SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".pgm", ".ppm")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as luma and, if it has colour, chroma.

    Args:
        luma: uint8 (H, W). BT.601 16..235 for colour; the gray as it is (0..255) without chroma.
        chroma: uint8 (H, W, 2), Cb and Cr, or None for a gray picture.
    """

    luma: np.ndarray
    chroma: np.ndarray | None = None


def rgb_to_picture(rgb: np.ndarray) -> Picture:
    """Split RGB into BT.601 luma and chroma.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        The picture; luma 16..235, chroma 16..240.
    """
    ycbcr = to_uint8(rgb.astype(np.float64) @ TO_YCBCR.T + YCBCR_OFFSET)
    return Picture(ycbcr[..., 0], ycbcr[..., 1:])


def picture_to_rgb(picture: Picture) -> np.ndarray:
    """Join luma and chroma to RGB, or hand back the gray.

    Args:
        picture: Any picture.

    Returns:
        uint8 (H, W, 3), or (H, W) for a gray picture. Eight-bit YCbCr does not hold every RGB
        colour, so RGB to YCbCr and back may differ by a few steps.
    """
    if picture.chroma is None:
        return picture.luma
    ycbcr = np.dstack([picture.luma, picture.chroma]).astype(np.float64) - YCBCR_OFFSET
    return to_uint8(ycbcr @ np.linalg.inv(TO_YCBCR).T)


def gray_to_luma(gray: np.ndarray) -> np.ndarray:
    """Give full-range gray the luma that the same gray has in an RGB picture.

    Args:
        gray: uint8 (H, W), 0..255.

    Returns:
        uint8 (H, W), 16..235.
    """
    return to_uint8(gray * (219 / 255) + 16)


def read_picture(path: str | Path) -> Picture:
    """Read any picture that Pillow reads.

    Gray stays gray (1-bit and 16-bit gray are brought to 8 bits, 16-bit by its high byte, float
    gray is refused); palette, CMYK and other colour become RGB; an alpha channel is composed on
    black, and dropped where it is opaque. Of several frames the first is taken. EXIF rotation is
    not applied.

    Args:
        path: File to read.

    Returns:
        The picture.

    Raises:
        InputError: If the file is missing, empty, corrupt or not a picture.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", where=str(path), allowed="a picture file",
                         fix="check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                mode = image.mode
                if mode.startswith("I;16") or mode == "I":
                    wide = np.asarray(image).astype(np.int64)
                    if wide.size and (wide.min() < 0 or wide.max() > 65535):
                        raise InputError("gray values outside 16 bits", where=str(path),
                                         allowed="8- or 16-bit gray", fix="convert it to 16 bits")
                    return Picture(_filled((wide >> 8).astype(np.uint8), path))
                if mode == "F":
                    raise InputError("floating-point pixels", where=str(path),
                                     allowed="8- or 16-bit pixels", fix="convert it to PNG")
                if mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                    image = image.convert("RGBA")
                    gray = mode in ("LA", "L", "1")
                    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
                    image = Image.alpha_composite(black, image).convert("L" if gray else "RGB")
                elif mode == "1":
                    image = image.convert("L")
                elif mode not in ("L", "RGB"):
                    image = image.convert("RGB")
                pixels = _filled(np.array(image), path)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError,
            Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            what = "an empty file" if path.stat().st_size == 0 else "not a picture, or corrupt"
        raise InputError(f"cannot be read ({what})", where=str(path),
                         allowed="a picture that Pillow reads, e.g. PNG, BMP, TIFF, JPEG",
                         fix="check the file") from None
    return Picture(pixels) if pixels.ndim == 2 else rgb_to_picture(pixels)


def _filled(pixels: np.ndarray, path: Path) -> np.ndarray:
    if pixels.size == 0:
        raise InputError(f"a picture of {pixels.shape[1]}x{pixels.shape[0]} pixels",
                         where=str(path), allowed="at least 1x1", fix="check the file")
    return pixels


def check_writable(path: str | Path) -> Path:
    """Refuse an output that could not be written, before any work is done for it.

    Args:
        path: Picture file to be written.

    Returns:
        The path.

    Raises:
        InputError: If the suffix is unknown, the folder is missing or not writable, or the path
            is a folder.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"suffix {path.suffix!r} is not a picture format", where=str(path),
                         allowed=" ".join(SUFFIXES), fix="name the output e.g. out.png")
    if path.is_dir():
        raise InputError("the output is a folder", where=str(path), allowed="a file name",
                         fix="add a file name such as out.png")
    if not path.parent.is_dir():
        raise InputError("the folder does not exist", where=str(path.parent),
                         allowed="an existing folder", fix="create it")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"the folder is not writable ({error.strerror})", where=str(path.parent),
                         allowed="a writable folder", fix="choose another output") from None
    return path


def write_picture(path: str | Path, picture: Picture) -> Path:
    """Write a picture, whole or not at all; the format follows from the suffix.

    Args:
        path: File to write; an existing one is replaced.
        picture: The picture.

    Returns:
        The path.

    Raises:
        InputError: As `check_writable`, and if the file cannot be written.
    """
    path = check_writable(path)
    quality = {"quality": 95} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    if path.suffix.lower() == ".webp":
        quality = {"lossless": True}
    with atomic(path, ValueError) as part:
        Image.fromarray(picture_to_rgb(picture)).save(part, **quality)
    return path


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
