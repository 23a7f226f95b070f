"""Is a video file whole? The cuts that ffmpeg passes in silence, container by container.

May import the ground and the standard library. media/clip.py asks here once ffprobe has listed the
packets; where a container has no means to tell, the doubt is said in words.

    doubt = check(Path("clip.y4m"), "yuv4mpegpipe", stream, packets)

Source: yuv4mpeg(5); RFC 3533 (Ogg), 6; SMPTE ST 377-1 (MXF), 9.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from fsrcnnx.errors import InputError

# nothing in these says where the file is to end, so that a cut between frames cannot be seen
ENDLESS = {"h264": "an H.264 stream", "hevc": "an HEVC stream", "m4v": "an MPEG-4 stream",
           "mpegvideo": "an MPEG stream", "mpegts": "a transport stream",
           "mpeg": "a program stream", "flv": "an FLV file", "asf": "an ASF file"}
PAGE = 27  # bytes of an Ogg page's head before its table of segments
FIRST, LAST = 2, 4  # flags of an Ogg page


def check(path: Path, container: str, stream: dict, packets: list[dict]) -> str:
    """Refuse a file whose end is missing.

    Args:
        path: The file.
        container: ffmpeg's name of the format, or its names with commas between.
        stream: ffprobe's view of the picture stream.
        packets: Its packets, with their position and size.

    Returns:
        Why it cannot be known whether the file is whole; empty where it is known.

    Raises:
        InputError: If it is cut.
    """
    if container == "yuv4mpegpipe":
        _raw(path, packets)
    elif container == "ogg":
        _ogg(path)
    elif container == "mxf":
        _lasting(path, stream, packets)
    elif container in ENDLESS:
        return f"{ENDLESS[container]} does not say where it ends"
    elif container.startswith("mov") and not int(stream.get("nb_frames", 0)):
        return "fragments do not say how many there are to be"
    return ""


def _cut(path: Path, what: str) -> InputError:
    return InputError(f"cut ({what})", where=path, allowed="a whole video file", fix="get it again")


def _raw(path: Path, packets: list[dict]) -> None:
    """Frames fill a YUV4MPEG2 file; ffmpeg drops what is left of one."""
    if packets:
        behind = path.stat().st_size - max(int(p["pos"]) + int(p["size"]) for p in packets)
        if behind:
            raise _cut(path, f"{behind} bytes of a further frame")


def _ogg(path: Path) -> None:
    """Each stream ends with a page that says so."""
    running, at, size = set(), 0, path.stat().st_size
    with path.open("rb") as file:
        while head := file.read(PAGE):
            table = file.read(head[26]) if len(head) == PAGE else b""
            at += PAGE + len(table) + sum(table)
            if head[:4] != b"OggS" or at > size or len(table) != head[26]:
                raise _cut(path, "its last page is not whole")
            serial = head[14:18]
            if head[5] & FIRST:
                running.add(serial)
            if head[5] & LAST:
                running.discard(serial)
            file.seek(at)
    if running:
        raise _cut(path, f"{len(running)} of its streams have no end")


def _lasting(path: Path, stream: dict, packets: list[dict]) -> None:
    """The header says how long the pictures last."""
    numerator, _, denominator = stream.get("r_frame_rate", "0/1").partition("/")
    rate = Fraction(int(numerator), int(denominator or 1) or 1)
    expected = round(Fraction(stream.get("duration", "0")) * rate)
    if len(packets) < expected:
        raise _cut(path, f"{len(packets)} of {expected} frames are there")
