"""A picture as it is worked on: luma, chroma, alpha, and what a file says beside the pixels.

May import numpy and resample.

    picture = rgb_to_picture(rgb); picture_to_rgb(picture.enlarged(hr, 2))

Source: ITU-R BT.601 in MATLAB's rgb2ycbcr form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fsrcnnx.media.pictures.resample import bicubic, to_uint8, upscale_chroma

# Rows Y, Cb, Cr over R, G, B in 0..255; BT.601 with the 219 and 224 step ranges.
TO_YCBCR = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0],
                     [112.0, -93.786, -18.214]]) / 255
YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])
BAND = 1 << 18  # pixels converted at once


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as luma and, if it has them, chroma and alpha.

    Args:
        luma: uint8 (H, W). BT.601 16..235 for colour; the gray as it is (0..255) without chroma.
        chroma: uint8 (H, W, 2), Cb and Cr, or None for a gray picture.
        alpha: uint8 (H, W), 255 where opaque, or None. Straight: colours are as if it were not
            there, also where they cannot be seen.
        profile: ICC profile of gray or of RGB, as the picture is; empty: none.
        dpi: Pixels per inch across and down, or None.
        chunks: What a PNG says of its colours: name (gAMA, cHRM, sRGB) and content of each chunk.
        left_out: What the file holds that is not here, in words.
    """

    luma: np.ndarray
    chroma: np.ndarray | None = None
    alpha: np.ndarray | None = None
    profile: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    left_out: tuple[str, ...] = ()

    def enlarged(self, luma: np.ndarray, scale: int) -> Picture:
        """Put upscaled luma in place, and enlarge the rest by bicubic.

        Args:
            luma: uint8 (scale * H, scale * W).
            scale: Factor, 1 or more.

        Returns:
            The large picture; its profile, dpi and notes as they were.
        """
        alpha = None if self.alpha is None else bicubic(self.alpha, scale)
        return replace(self, luma=luma, chroma=upscale_chroma(self.chroma, scale), alpha=alpha)


def rgb_to_picture(rgb: np.ndarray) -> Picture:
    """Split RGB into BT.601 luma and chroma.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        The picture; luma 16..235, chroma 16..240.
    """
    ycbcr = np.empty(rgb.shape, np.uint8)
    for band in _bands(rgb.shape):
        ycbcr[band] = to_uint8(rgb[band].astype(np.float64) @ TO_YCBCR.T + YCBCR_OFFSET)
    return Picture(ycbcr[..., 0], ycbcr[..., 1:])


def _bands(shape: tuple[int, ...]) -> list[slice]:
    """Cut a picture's rows into bands, whose float64 takes a few MB where the whole takes GB."""
    rows = max(1, BAND // max(1, shape[1]))
    return [slice(start, start + rows) for start in range(0, shape[0], rows)]


def picture_to_rgb(picture: Picture) -> np.ndarray:
    """Join luma and chroma to RGB, or hand back the gray; alpha is not looked at.

    Args:
        picture: Any picture.

    Returns:
        uint8 (H, W, 3), or (H, W) for a gray picture. Eight-bit YCbCr does not hold every RGB
        colour, so RGB to YCbCr and back may differ by a few steps.
    """
    if picture.chroma is None:
        return picture.luma
    rgb, back = np.empty((*picture.luma.shape, 3), np.uint8), np.linalg.inv(TO_YCBCR).T
    for band in _bands(rgb.shape):
        ycbcr = np.dstack([picture.luma[band], picture.chroma[band]]).astype(np.float64)
        rgb[band] = to_uint8((ycbcr - YCBCR_OFFSET) @ back)
    return rgb


def gray_to_luma(gray: np.ndarray) -> np.ndarray:
    """Give full-range gray the luma that the same gray has in an RGB picture.

    Args:
        gray: uint8 (H, W), 0..255.

    Returns:
        uint8 (H, W), 16..235.
    """
    return to_uint8(gray * (219 / 255) + 16)
