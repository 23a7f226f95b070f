"""ffmpeg as decoder and encoder behind raw pipes: read a clip's frames, write a clip's frames.

May import numpy, the ground, clip and y4m. The frames are never converted: they leave and enter in
the file's own pixel format and colours. Needs ffmpeg 5.1 or newer.

    with decode(clip) as (header, frames), encode(clip, out, header, Codec()) as write: ...

Source: ffmpeg(1), ffmpeg-filters(1) setparams.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fsrcnnx import processes, tools
from fsrcnnx.errors import InputError
from fsrcnnx.files import check_folder
from fsrcnnx.media import y4m
from fsrcnnx.media.clip import Clip, first_line, opening

# container -> (text subtitles become, other subtitles and attachments are kept)
CONTAINERS = {".mp4": ("mov_text", False), ".m4v": ("mov_text", False), ".mov": ("mov_text", False),
              ".mkv": ("copy", True)}
CODECS = ("h264", "hevc", "ffv1")
ROUNDING = Fraction(1, 100)  # of a frame: below it a delay is the time stamps' own rounding
TEXT_SUBTITLES = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")
# what ffmpeg says, or is ended by -> why there is no room
FULL = {"No space left": "No space left on device", "Disk quota": "Disk quota exceeded",
        "File too large": "File too large", "SIGXFSZ": "File too large"}
BUFFER = 1 << 16  # bytes: twice what ffmpeg holds before it writes
COLOUR_OPTIONS = {"range": "-color_range", "colorspace": "-colorspace", "color_trc": "-color_trc",
                  "color_primaries": "-color_primaries"}


@contextmanager
def _child(command: Sequence[str], **pipes) -> Iterator[tuple[subprocess.Popen, BinaryIO]]:
    """Run ffmpeg with its complaints in a file; it does not survive the block.

    Yields:
        The process and the file.
    """
    command = [tools.find("ffmpeg"), "-nostdin", "-v", "error", *command]
    with tempfile.TemporaryFile() as log, \
            processes.child(command, stderr=log, **pipes) as process:
        try:
            yield process, log
        finally:
            process.kill()


def _said(log: BinaryIO) -> str:
    """What a child has complained about so far."""
    log.seek(0)
    return log.read().decode(errors="replace")


@contextmanager
def decode(clip: Clip) -> Iterator[tuple[y4m.Header, Iterator[list[np.ndarray]]]]:
    """Decode a clip's pictures, upright.

    Args:
        clip: The clip.

    Yields:
        Header with the clip's rate, range and place of chroma, and the frames: lists of planes,
        uint8, or uint16 of 10 bits; an InputError after the last if the decoder found damage.

    Raises:
        InputError: If nothing can be decoded.
        ToolError: If ffmpeg is missing.
    """
    pace = ["-vf", f"fps={clip.rate}"] if clip.resample else []
    # y4m of more than 8 bits is ffmpeg's own
    pipe = ["-f", "rawvideo"] if clip.bare else [
        *(["-strict", "-1"] if clip.bits > 8 else []), "-f", "yuv4mpegpipe"]
    # errors rather than warnings: a packet that ffmpeg finds cut, pictures of another format
    command = ["-xerror", "-noauto_conversion_filters", *opening(clip.path), "-map",
               f"0:{clip.index}", *pace, "-autoscale", "0", "-fps_mode", "passthrough",
               *pipe, "pipe:1"]
    with _child(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as (process, log):
        def refuse(number: int) -> None:
            process.wait()
            if "automatic conversion is disabled" in (text := _said(log)):
                raise InputError(f"another pixel format behind frame {number}", where=clip.path,
                                 allowed=f"{clip.pixel_format} throughout")
            if text or process.returncode:
                raise InputError(f"damaged at or before frame {number} ({first_line(text)})",
                                 where=clip.path, allowed="a whole video file",
                                 fix="get it again, or repair it with ffmpeg")

        def frames() -> Iterator[list[np.ndarray]]:
            number = 0
            for planes in y4m.read_frames(process.stdout, header, str(clip.path), clip.bare):
                yield planes
                number += 1
            refuse(number)

        header = y4m.read_header(process.stdout, str(clip.path)) if not clip.bare else \
            y4m.Header(*clip.size, clip.rate, clip.chroma, aspect=clip.aspect)
        if header is None:
            refuse(0)
            raise InputError("no frames in its video stream", where=clip.path, allowed="1 or more")
        full = {"pc": True, "tv": False}.get(clip.colours.get("range"))
        yield replace(header, rate=clip.rate, chroma=clip.chroma, full=full,
                      interlacing="p"), frames()


@dataclass(frozen=True)
class Codec:
    """How pictures are written.

    Args:
        name: h264, hevc or ffv1.
        quality: Constant rate factor of h264 and hevc, 0 (lossless) to 51; ffv1 is lossless.

    Raises:
        InputError: If either is another.
    """

    name: str = "h264"
    quality: int = 16

    def __post_init__(self):
        if self.name not in CODECS or not 0 <= self.quality <= 51:
            raise InputError(f"{self.name} of quality {self.quality}", where="codec",
                             allowed=f"{', '.join(CODECS)}; 0 to 51")

    def options(self, bits: int) -> list[str]:
        """Give ffmpeg's options.

        Args:
            bits: Of a sample.

        Returns:
            Words of its command line.
        """
        if self.name == "ffv1":
            return ["-c:v", "ffv1", "-level", "3", "-slicecrc", "1"]
        if self.name == "hevc":
            lossless = ":lossless=1" if self.quality == 0 else ""
            return ["-c:v", "libx265", "-crf", str(self.quality), "-tag:v", "hvc1",
                    "-x265-params", f"log-level=error{lossless}"]
        if self.quality == 0:  # of more than 8 bits -crf 0 is not lossless
            return ["-c:v", "libx264", *(["-crf", "0"] if bits == 8 else ["-qp", "0"])]
        return ["-c:v", "libx264", "-crf", str(self.quality)]

    def __str__(self) -> str:
        lossless = self.name == "ffv1" or self.quality == 0
        return f"{self.name}, {'lossless' if lossless else f'CRF {self.quality}'}"


def check_output(path: Path, codec: Codec, header: y4m.Header | None = None) -> None:
    """Refuse an output that could not be written.

    Args:
        path: Video file to be written.
        codec: How.
        header: Its frames, if known.

    Raises:
        InputError: Naming what is allowed.
    """
    if path.suffix.lower() not in CONTAINERS:
        raise InputError(f"suffix {path.suffix!r} is not a video that is written here", where=path,
                         allowed=" ".join(CONTAINERS), fix="name the output e.g. out.mp4")
    if codec.name == "ffv1" and path.suffix.lower() != ".mkv":
        raise InputError(f"codec ffv1 in {path.suffix}", where=path, allowed=".mkv",
                         fix="name the output .mkv, or take --quality 0 for lossless h264")
    if path.is_dir():
        raise InputError("the output is a folder", where=path, allowed="a file name",
                         fix="add a file name such as out.mp4")
    check_folder(path.parent)
    if header and header.step and codec.name != "ffv1" and (
            header.height % header.step[0] or header.width % header.step[1]):
        raise InputError(f"{codec.name} has no {header.width}x{header.height} pixels of "
                         f"4:{header.chroma[1]}:{header.chroma[2]}", where=path,
                         allowed="even sizes", fix="take --codec ffv1 and an .mkv")


def check_room(folder: Path, said: str, where: Path) -> None:
    """Tell a full disk from other reasons why a file is not whole.

    Args:
        folder: Where it is written.
        said: What the writer said.
        where: What the file will be called, for errors.

    Raises:
        InputError: If it was for want of room.
    """
    reason = next((words for sign, words in FULL.items() if sign in said), None)
    if reason is None and shutil.disk_usage(folder).free < BUFFER:
        reason = FULL["No space left"]  # found when the last buffer was written, and not said
    if reason:
        raise InputError(f"ffmpeg cannot write it ({reason})", where=where,
                         allowed="a disk with room for it", fix="make room, or choose another "
                         "output")


def other_streams(clip: Clip, suffix: str) -> tuple[list[str], list[str]]:
    """Say what is taken over besides the pictures.

    Args:
        clip: The clip, input number 1 of ffmpeg.
        suffix: Container that is written.

    Returns:
        ffmpeg's options for sound, subtitles, fonts, tags and chapters; what is left out, in words.
    """
    text, anything = CONTAINERS[suffix]
    options, left_out, kept = ["-map", "1:a?", "-c:a", "copy"], list(clip.left_out), 0
    for number, name in enumerate(clip.subtitles):
        if name not in TEXT_SUBTITLES and not anything:
            left_out.append(f"subtitles {number} ({name}; an .mkv takes them)")
            continue
        how = "srt" if anything and name == "mov_text" else text
        options += ["-map", f"1:s:{number}", f"-c:s:{kept}", how]
        kept += 1
    if anything:
        options += ["-map", "1:t?", "-c:t", "copy"]
    return [*options, "-map_metadata", "1", "-map_chapters", "1"], left_out


@contextmanager
def encode(clip: Clip, path: Path, header: y4m.Header, codec: Codec, where: Path
           ) -> Iterator[Callable[[Sequence[np.ndarray]], None]]:
    """Write a clip's pictures anew, and take over the rest of it.

    Args:
        clip: Where sound, subtitles, chapters, tags and colours come from.
        path: File to write.
        header: The new frames.
        codec: How they are written.
        where: What the file will be called, for errors.

    Yields:
        Function that writes one frame, a list of planes as the header says. The file is whole when
        the block has ended without an error.

    Raises:
        InputError: If ffmpeg cannot write it.
        ToolError: If ffmpeg is missing.
    """
    suffix = path.suffix.lower()
    streams, _ = other_streams(clip, suffix)
    tags = ":".join(f"{name}={value}" for name, value in clip.colours.items())
    colours = [word for name, value in clip.colours.items()
               for word in (COLOUR_OPTIONS[name], value)]
    if header.chroma.startswith("420"):
        colours += ["-chroma_sample_location", clip.sited]
    # frames can be delayed by whole frames only; the rest is made up for by delaying the sound
    late = Fraction(math.ceil(clip.delay * clip.rate - ROUNDING)) / clip.rate
    rest = max(late - clip.delay, Fraction(0))
    command = [
        "-y", "-itsoffset", f"{float(late):.6f}", "-thread_queue_size", "4",
        "-f", "yuv4mpegpipe", "-i", "pipe:0",
        "-itsoffset", f"{float(rest):.6f}", *opening(clip.path), "-map", "0:v", *streams,
        *(["-vf", f"setparams={tags}"] if tags else []), *codec.options(header.bits), *colours,
        "-fps_mode", "passthrough", "-max_muxing_queue_size", "9999",
        *(["-movflags", "+faststart"] if suffix != ".mkv" else []), f"file:{path}"]
    with _child(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (process, log):
        def refuse() -> None:
            process.wait()
            text = _said(log)
            said = first_line(text).replace(f"file:{path}", "it")
            if process.returncode < 0:
                said = f"ended by {signal.Signals(-process.returncode).name}"
            check_room(path.parent, text + said, where)
            raise InputError(f"ffmpeg cannot write it ({said})", where=where,
                             allowed="streams that the container takes",
                             fix="an .mkv takes every kind of stream") from None

        def write(planes: Sequence[np.ndarray]) -> None:
            try:
                y4m.write_frame(process.stdin, planes)
            except BrokenPipeError:
                refuse()

        try:
            process.stdin.write(header.line())
        except BrokenPipeError:
            refuse()
        yield write
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        if process.wait():
            refuse()
