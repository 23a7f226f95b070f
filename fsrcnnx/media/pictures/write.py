"""Write a picture file, whole or not at all; say what its format does not hold.

May import numpy, Pillow, picture and the ground.

    check_writable("out.png"); write_picture("out.png", picture); left_out("out.png", picture)

Source: Portable Network Graphics (third edition), 11.3, for the chunks of colour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, check_folder
from fsrcnnx.media.pictures.picture import Picture, picture_to_rgb

SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".pgm", ".ppm")
ALPHA = (".png", ".tif", ".tiff", ".webp")  # these hold alpha
PROFILE = (".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg")
DPI = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
LARGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383}  # pixels of a side


def check_suffix(path: str | Path) -> Path:
    """Refuse a name that is not that of a picture which can be written.

    Args:
        path: Picture file to be written.

    Returns:
        The path.

    Raises:
        InputError: If the suffix is unknown, or the path is a folder.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"suffix {path.suffix!r} is not a picture format", where=str(path),
                         allowed=" ".join(SUFFIXES), fix="name the output e.g. out.png")
    if path.is_dir():
        raise InputError("the output is a folder", where=str(path), allowed="a file name",
                         fix="add a file name such as out.png")
    return path


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
    path = check_suffix(path)
    check_folder(path.parent)
    return path


def check_size(path: str | Path, width: int, height: int) -> None:
    """Refuse a size that the format does not hold.

    Args:
        path: Picture file to be written.
        width: Its columns.
        height: Its rows.

    Raises:
        InputError: If it is too large.
    """
    most = LARGEST.get(Path(path).suffix.lower())
    if most and max(width, height) > most:
        raise InputError(f"{width}x{height} pixels", where=path,
                         allowed=f"sides up to {most} in this format", fix="name the output .png")


def left_out(path: str | Path, picture: Picture) -> tuple[str, ...]:
    """Say what of a file does not come out, in words.

    Args:
        path: Picture file to be written; its suffix says the format.
        picture: The picture.

    Returns:
        What was left out in reading, then what the format does not hold.
    """
    suffix, found = Path(path).suffix.lower(), list(picture.left_out)
    if picture.alpha is not None and suffix not in ALPHA and picture.alpha.min() < 255:
        found.append("alpha (composed on white)")
    if picture.profile and not _holds_profile(suffix, picture):
        found.append("ICC profile")
    if picture.dpi and suffix not in DPI:
        found.append("dpi")
    names = [name for name, _ in picture.chunks]
    if suffix != ".png" and b"sRGB" not in names:  # with sRGB they say what holds anyway
        found += [{b"gAMA": "gamma", b"cHRM": "chromaticities"}[name] for name in names]
    return tuple(found)


def _holds_profile(suffix: str, picture: Picture) -> bool:
    """Whether a format takes the profile; gray becomes RGB in WebP, whose profile it is not."""
    return suffix in PROFILE and not (suffix == ".webp" and picture.chroma is None)


def _samples(picture: Picture, suffix: str) -> np.ndarray:
    """Gray or RGB, with alpha where the format holds it, else on white."""
    pixels = picture_to_rgb(picture)
    if picture.alpha is None:
        return pixels
    if suffix in ALPHA:
        return np.dstack([pixels, picture.alpha])
    alpha = picture.alpha if pixels.ndim == 2 else picture.alpha[..., None]
    dark = (255 - pixels.astype(np.uint32)) * alpha
    return (255 - (2 * dark + 255) // 510).astype(np.uint8)  # rounded


def write_picture(path: str | Path, picture: Picture) -> Path:
    """Write a picture, whole or not at all; the format follows from the suffix.

    Args:
        path: File to write; an existing one is replaced.
        picture: The picture; what the format does not hold is left out, see `left_out`.

    Returns:
        The path.

    Raises:
        InputError: As `check_writable`, and if the file cannot be written.
    """
    path = check_writable(path)
    suffix = path.suffix.lower()
    options: dict = {"quality": 95} if suffix in (".jpg", ".jpeg") else {}
    if suffix == ".webp":
        options = {"lossless": True, "exact": True}  # exact: colours under alpha 0 stay, too
    if picture.profile and _holds_profile(suffix, picture):
        options["icc_profile"] = picture.profile
    if picture.dpi and suffix in DPI:
        options["dpi"] = picture.dpi
    if suffix == ".png":
        options["pnginfo"] = PngInfo()
        for name, content in picture.chunks:
            options["pnginfo"].add(name, content)
    check_size(path, *picture.luma.shape[::-1])
    with atomic(path, ValueError) as part:
        Image.fromarray(_samples(picture, suffix)).save(part, **options)
    return path
