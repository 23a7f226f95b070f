"""Read a picture file: limits from its header first, then pixels, then what it says beside them.

May import numpy, Pillow, picture, pictures.notes and the ground. Files are strangers: only formats
that Pillow decodes by itself are opened (EPS would start Ghostscript), and whatever a decoder
trips over becomes one line.

    luma = read_picture("photo.png").luma          # uint8 (H, W)
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose

from fsrcnnx import limits
from fsrcnnx.errors import FsrcnnxError, InputError
from fsrcnnx.files import regular
from fsrcnnx.media.pictures import notes as notes
from fsrcnnx.media.pictures.picture import Picture, rgb_to_picture

FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "WEBP", "GIF", "BMP", "DIB", "PPM", "TGA", "PCX", "SGI",
           "QOI", "JPEG2000", "AVIF")
ALLOWED = "a picture that Pillow reads, e.g. PNG, BMP, TIFF, JPEG"
# EXIF orientation -> what brings it upright
UPRIGHT = {2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
           5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE,
           8: Transpose.ROTATE_90}
ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_ONE = threading.Lock()  # Pillow's limit and Python's warnings belong to the process


def most_pixels() -> int:
    """Say how many pixels a picture may have: the default, or what the environment says.

    Returns:
        Width times height.

    Raises:
        InputError: If the variable is no number from 1.
    """
    said = os.environ.get(limits.PIXELS_VARIABLE, "") or str(limits.PIXELS)
    if not (said.isascii() and said.isdigit() and len(said) < 20 and int(said)):
        raise InputError(f"{said[:80]!r}", where=limits.PIXELS_VARIABLE,
                         allowed="a number of pixels from 1")
    return int(said)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, list]]:
    """Open a picture whose header keeps the limits; what goes wrong in the block is one line.

    Yields:
        The image, not decoded yet, and the list of what Pillow warns of.
    """
    most, size = most_pixels(), regular(path, "a picture file").stat().st_size
    largest = most * limits.PICTURE_BYTES_PER_PIXEL + limits.PICTURE_BYTES_BESIDE
    if size > largest:
        raise InputError(f"a file of {size} bytes", where=path, allowed=f"up to {largest} bytes "
                         f"for up to {most} pixels", fix="if it is a picture: --max-pixels, or "
                         f"{limits.PIXELS_VARIABLE}")
    try:
        with _ONE, warnings.catch_warnings(record=True) as complaints, _no_other_limit():
            warnings.simplefilter("always")
            Image.init()
            known = [name for name in FORMATS if name in Image.OPEN]
            # a file, not its name, which Pillow would map: turned TIFFs come out torn from it
            with path.open("rb") as file, Image.open(file, formats=known) as image:
                width, height = image.size
                if width * height > most:
                    raise InputError(
                        f"{width}x{height} are {width * height} pixels", where=path,
                        allowed=f"up to {most}", fix="if there is memory for it: --max-pixels "
                        f"{width * height}, or {limits.PIXELS_VARIABLE}")
                yield image, complaints
    except (FsrcnnxError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they trip over: struct.error, KeyError
        what = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            what = "not a picture, or corrupt" if size else "an empty file"
        raise InputError(f"cannot be read ({what})", where=path, allowed=ALLOWED,
                         fix="check the file") from None


@contextmanager
def _no_other_limit() -> Iterator[None]:
    """Lift Pillow's own limit, which does not say how to lift it, while ours holds."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextmanager
def _silenced(needed: bool) -> Iterator[None]:
    """Keep libtiff, which prints each fault by itself, from the error stream of the process."""
    if not needed:
        yield
        return
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with open(os.devnull, "wb") as nobody:
            os.dup2(nobody.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Look at a picture's header: is it a picture within the limits, and how large?

    Args:
        path: File to read.

    Returns:
        Columns and rows, upright.

    Raises:
        InputError: As `read_picture`, but for damage behind the header.
    """
    with _opened(Path(path)) as (image, _):
        turned = image.format != "TIFF" and notes.orientation(image) >= 5  # Pillow turns TIFF
        return image.size[::-1] if turned else image.size


def read_picture(path: str | Path) -> Picture:
    """Read a picture upright, with alpha, ICC profile and dpi.

    Gray stays gray (1-bit and 16-bit gray are brought to 8 bits, 16-bit by its high byte, float
    gray is refused); palette, CMYK and other colour become RGB. EXIF orientation is applied.
    Colours under alpha are as stored. Of several frames the first is taken.

    Args:
        path: File to read.

    Returns:
        The picture; its `left_out` names what it has lost.

    Raises:
        InputError: If the file is missing, empty, corrupt, not a picture, or over a limit.
    """
    path = Path(path)
    with _opened(path) as (image, complaints):
        bits, gray_alpha = notes.depth(image), any("LA;16" in str(tile) for tile in image.tile)
        lost = notes.further_frames(image, path.stat().st_size)
        with _silenced(image.format == "TIFF"):
            image.load()
        if not all(image.size):
            raise InputError(f"a picture of {image.size[0]}x{image.size[1]} pixels", where=path,
                             allowed="at least 1x1", fix="check the file")
        turned = _upright(image)
        if gray_alpha:  # Pillow has made RGBA of 16-bit gray with alpha
            turned = turned.convert("LA")
        pixels = _pixels(turned, image.info.get("transparency"), bits, path)
        profile, odd = notes.profile(image, pixels.chroma is None)
        lost += [*notes.samples(image, bits), *notes.metadata(image), *odd]
        lost += ["damaged metadata"] * any(issubclass(c.category, UserWarning) for c in complaints)
        return replace(pixels, profile=profile, dpi=notes.dpi(image), chunks=notes.chunks(image),
                       left_out=tuple(lost))


def _upright(image: Image.Image) -> Image.Image:
    """Apply EXIF orientation."""
    turn = UPRIGHT.get(notes.orientation(image))
    return image if turn is None else image.transpose(turn)


def _pixels(image: Image.Image, key: object, bits: int, path: Path) -> Picture:
    """Bring a decoded image to luma, chroma and alpha.

    Args:
        image: Upright.
        key: The value or colour that is transparent, or the alpha of each colour of a palette.
        bits: Of a sample in the file.
        path: For errors.

    Returns:
        The picture.
    """
    mode = image.mode
    if mode == "I" or mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise InputError("gray values outside 16 bits", where=path, allowed="8- or 16-bit gray",
                             fix="convert it to 16 bits")
        alpha = np.where(wide == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
        return Picture((wide >> (bits - 8)).astype(np.uint8), alpha=alpha)
    if mode == "F":
        raise InputError("floating-point pixels", where=path, allowed="8- or 16-bit pixels",
                         fix="convert it to PNG")
    if mode == "RGB" and isinstance(key, tuple) and bits == 16:
        key = tuple(value >> 8 for value in key)  # the pixels have lost their low bytes already
    if key is not None:
        image.info = {**image.info, "transparency": key}
    gray, transparent = mode in ("L", "LA", "La", "1"), mode in ALPHA or key is not None
    if mode in ("RGBa", "La"):
        image = image.convert(mode[:-1] + "A")
    pixels = np.array(image.convert(("L" if gray else "RGB") + "A" * transparent))
    alpha = pixels[..., -1].copy() if transparent else None
    if gray:
        return Picture(pixels[..., 0].copy() if transparent else pixels, alpha=alpha)
    return replace(rgb_to_picture(pixels[..., :3]), alpha=alpha)
