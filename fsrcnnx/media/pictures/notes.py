"""What a picture file holds beside 8-bit pixels: what is kept, and what is left out, in words.

May import Pillow and the limits.

    with Image.open("a.png") as image:
        depth(image), further_frames(image, size)  # before it is decoded, metadata(image) after

Source: Exif 2.32, tag 0x0112, for the eight orientations; ICC.1:2022, 7.2, for a profile's header.
"""

from __future__ import annotations

import math
import struct

from PIL import Image

from fsrcnnx import limits

ORIENTATION = 0x0112
XMP, IPTC = 700, {33723, 34377}
# tags that say how a TIFF lays out its pixels, and what is kept: orientation, dpi, profile
LAYOUT = {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, ORIENTATION, 277, 278, 279, 280, 281,
          282, 283, 284, 292, 293, 296, 297, 301, 317, 318, 319, 320, 322, 323, 324, 325, 332, 338,
          339, 340, 341, 347, 512, 513, 514, 530, 531, 532, 34675}
SPACES = {b"GRAY": "gray", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "Lab"}
DEEPER = ("JPEG2000", "AVIF")  # Pillow does not say of these how many bits a colour had


def orientation(image: Image.Image) -> int:
    """Say how a picture is stored.

    Args:
        image: Any.

    Returns:
        EXIF's 1 (upright) to 8; 1 if the file says nothing that is known.
    """
    try:
        said = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF data does not make the pixels wrong
        return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1


def depth(image: Image.Image) -> int:
    """Say how many bits a sample has in the file.

    Args:
        image: Not decoded yet.

    Returns:
        8 (or fewer), 12 or 16.
    """
    for tile in image.tile:
        given = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        for word in given:
            if isinstance(word, str) and ";12" in word:
                return 12
            if (isinstance(word, str) and ";16" in word) or (
                    image.format == "PPM" and isinstance(word, int) and word > 255):
                return 16
    return 16 if image.mode == "I" or image.mode.startswith("I;16") else 8


def further_frames(image: Image.Image, size: int) -> list[str]:
    """Say how many frames come behind the first.

    Args:
        image: Not decoded yet.
        size: Bytes of the file.

    Returns:
        Nothing, or a note.
    """
    if not getattr(image, "is_animated", False):
        return []
    if size > limits.COUNTED_BYTES:
        return ["all frames but the first"]
    more = image.n_frames - 1
    return [f"{more} more frame{'s' * (more > 1)}"]


def metadata(image: Image.Image) -> list[str]:
    """Say which kinds of text and tags there are; none is taken over.

    Args:
        image: Decoded.

    Returns:
        Notes.
    """
    info, found = image.info, []
    try:
        tags = set(image.getexif())
    except Exception:  # as in orientation
        tags = {None}
    if tags - LAYOUT - {XMP} - IPTC:
        found.append("EXIF data")
    if XMP in tags or "xmp" in info or "XML:com.adobe.xmp" in info:
        found.append("XMP data")
    if tags & IPTC or "photoshop" in info:
        found.append("IPTC data")
    if "comment" in info or set(getattr(image, "text", {})) - {"XML:com.adobe.xmp"}:
        found.append("text")
    if "aspect" in info:
        found.append("pixels that are not square")
    return found


def samples(image: Image.Image, bits: int) -> list[str]:
    """Say what of the samples is not taken over.

    Args:
        image: Decoded.
        bits: As `depth` said.

    Returns:
        Notes.
    """
    found = []
    if bits > 8:
        found.append(f"the low {bits - 8} bits of {bits}")
    elif image.format in DEEPER:
        found.append("bits beyond 8, if there are any")
    if image.mode == "CMYK":
        found.append("CMYK (converted to RGB)")
    return found


def profile(image: Image.Image, gray: bool) -> tuple[bytes, list[str]]:
    """Take the ICC profile if it is of the colours that the picture will have.

    Args:
        image: Decoded.
        gray: Whether the picture will be gray rather than RGB.

    Returns:
        The profile, or nothing and a note.
    """
    if "icc_profile" not in image.info:
        return b"", []
    found = image.info["icc_profile"]
    if not isinstance(found, bytes) or len(found) < 128 or found[36:40] != b"acsp":
        return b"", ["ICC profile (damaged)"]
    if len(found) > limits.PROFILE_BYTES:
        return b"", [f"ICC profile ({len(found)} bytes)"]
    space, wanted = SPACES.get(found[16:20], "other colours"), "gray" if gray else "RGB"
    if space != wanted:
        return b"", [f"ICC profile (of {space}, the picture is {wanted})"]
    return found, []


def dpi(image: Image.Image) -> tuple[float, float] | None:
    """Pixels per inch across and down, if a file says them and they make sense.

    Args:
        image: Decoded.

    Returns:
        Both, or None; 1 is what TIFF says where nothing is known.
    """
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    sane = all(math.isfinite(value) and 1 < value <= limits.DPI for value in (across, down))
    return (across, down) if sane else None


def chunks(image: Image.Image) -> tuple[tuple[bytes, bytes], ...]:
    """Take the chunks of a PNG that say what its numbers mean as colours.

    Args:
        image: Decoded.

    Returns:
        Name and content of each; none beside an ICC profile, which overrules them.
    """
    info, found = image.info, []
    if image.format != "PNG" or "icc_profile" in info:
        return ()
    if "chromaticity" in info:
        found.append((b"cHRM", struct.pack(">8I", *(round(v * 1e5) for v in info["chromaticity"]))))
    if "gamma" in info:
        found.append((b"gAMA", struct.pack(">I", round(info["gamma"] * 1e5))))
    if "srgb" in info:
        found.append((b"sRGB", bytes([info["srgb"]])))
    return tuple(found)
