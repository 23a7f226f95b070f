"""Upscale video files: luma by an engine, chroma by bicubic.

May import numpy, resample, luma and the ffmpeg parts. Decoding, computing and encoding
overlap, a few frames at a time; memory does not grow with the length of the clip. Luma goes through
as it is stored, 16..235 (tv) or 0..255 (pc), and keeps its range; networks are trained on 16..235.
A clip of 10 bits (64..940, 0..1023) wants a network of 10 bits; nothing is converted.

    upscale_video(Path("clip.mp4"), Path("clip_x2.mp4"), "emulate", Model.open("fsrcnn-x_x2"), 2)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import numpy as np

from fsrcnnx.errors import InputError
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import atomic
from fsrcnnx.media.clip import Clip, probe
from fsrcnnx.media.ffmpeg import Codec, check_output, check_room, decode, encode, other_streams
from fsrcnnx.media.pictures.resample import bicubic_sited
from fsrcnnx.media.y4m import Header
from fsrcnnx.upscale.luma import prepared

BATCH_PIXELS = 1 << 19  # LR pixels worked on at once, as whole frames
BATCH_FRAMES = 8
Item = TypeVar("Item")
Progress = Callable[[int, int | None], None]  # frames done, frames in all if known


@dataclass(frozen=True)
class Done:
    """What was written.

    Args:
        path: File or folder.
        frames: Number of frames.
        size: Columns and rows, of the first frame.
        rate: Frames per second; None for a folder.
        left_out: What the input holds that the output does not, in words.
        doubt: Why it cannot be known whether the input was whole, if so.
    """

    path: Path
    frames: int
    size: tuple[int, int]
    rate: Fraction | None
    left_out: tuple[str, ...] = ()
    doubt: str = ""


def fastest_exact(model: Model) -> str:
    """Name the fastest engine with the hardware's bits that is installed and takes the model.

    Args:
        model: The opened model.

    Returns:
        `emulate`, which needs torch; else `onnx`, which wants 8 bits; else `golden`.
    """
    if find_spec("torch"):
        return "emulate"
    return "onnx" if model.pixel_bits == "8 bits" else "golden"


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Fetch the next item in a thread while one is worked on.

    Args:
        items: Slow to give.

    Yields:
        The items, none of which may be None.
    """
    with ThreadPoolExecutor(1) as pool:
        coming: Future = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def batches(items: Iterator[Item], pixels: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Group frames, so that small ones share what an engine needs to start.

    Args:
        items: Frames.
        pixels: Size of one.

    Yields:
        Lists of at most BATCH_FRAMES, and of BATCH_PIXELS unless a single frame is larger.
    """
    batch: list[Item] = []
    for item in items:
        if batch and (len(batch) == BATCH_FRAMES
                      or sum(map(pixels, batch)) + pixels(item) > BATCH_PIXELS):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def chroma_shift(step: tuple[int, int], sited: str, scale: int) -> tuple[float, float]:
    """Say where upscaled chroma is to be taken, so that it stays on its luma.

    Args:
        step: Luma rows and columns per chroma sample.
        sited: Where chroma lies: left, center, topleft, top, bottomleft, bottom.
        scale: Factor.

    Returns:
        Shift down and right against `bicubic`, in chroma samples; 0 in the middle of its luma.
    """
    # a sample on the first of two luma samples moves by a quarter of what the raster moves
    quarter = 0.25 - 0.25 / scale
    down = quarter if sited.startswith("top") else -quarter if sited.startswith("bottom") else 0.0
    right = quarter if sited.endswith("left") else 0.0
    return (down if step[0] == 2 else 0.0, right if step[1] == 2 else 0.0)


def upscale_video(source: Path, output: Path, engine: str, model: Model | None, scale: int, *,
                  codec: Codec | None = None, rate: Fraction | None = None,
                  progress: Progress | None = None, **options) -> Done:
    """Upscale a video file; the output appears when it is whole.

    Args:
        source: Any video that ffmpeg reads, of 8 or 10 bits, as the model, and constant rate.
        output: .mp4, .m4v, .mov or .mkv; sound is copied, subtitles as the container allows.
        engine: Name of one that is offered.
        model: The opened model; None for bicubic.
        scale: Factor; must be the model's.
        codec: How pictures are written, by default h264 of CRF 16.
        rate: Rate to bring the clip to; None: its own, which must be constant.
        progress: Called with the frames done and in all.
        options: As luma.prepared.

    Returns:
        What was written.

    Raises:
        InputError: If the input is damaged or not taken, or the output cannot be written.
        ModelError: If the model cannot be used.
        ToolError: If ffmpeg or what the engine needs is missing.
    """
    codec = codec or Codec()
    check_output(output, codec)
    clip = probe(source, rate)
    if model:
        fix = "take another network"
        if model.pixel_bits in ("8 bits", "10 bits"):
            fix += f", or convert the clip, e.g. ffmpeg -i IN -pix_fmt {clip.other_depth} OUT.mkv"
        model.check_depth(clip.bits, f"pixel format {clip.pixel_format}", source, fix)
    with atomic(output) as part, decode(clip) as (header, frames):
        large = replace(header, width=scale * header.width, height=scale * header.height)
        check_output(output, codec, large)
        count = 0
        with prepared(engine, model, scale=scale, bits=large.bits, **options) as run, \
                ThreadPoolExecutor(1) as writer, encode(clip, part, large, codec, output) as write:
            written: Future | None = None
            for batch in ahead(with_chroma(frames, clip, large, scale)):
                lumas = run([planes[0] for planes in batch]).planes
                if written:
                    written.result()
                written = writer.submit(_write_all, write, [
                    [luma, *planes[1:]] for luma, planes in zip(lumas, batch, strict=True)])
                count += len(batch)
                if progress:
                    progress(count, clip.frames)
            if written:
                written.result()
            _check_count(clip, count)
        _check_written(part, output, count, large.bits)
    return Done(output, count, (large.width, large.height), clip.rate,
                tuple(other_streams(clip, output.suffix.lower())[1]), clip.doubt)


def with_chroma(frames: Iterator[list[np.ndarray]], clip: Clip, large: Header, scale: int
                ) -> Iterator[list[list[np.ndarray]]]:
    """Group frames, and upscale their chroma already.

    Args:
        frames: Planes of each.
        clip: Says where chroma lies.
        large: The frames to come.
        scale: Factor.

    Yields:
        Lists of frames: luma as it was, chroma in the large frames' shapes.
    """
    shift = chroma_shift(large.step or (1, 1), clip.sited, scale)
    for batch in batches(frames, lambda planes: planes[0].size):
        yield [[planes[0], *(bicubic_sited(plane, scale, size, shift, (1 << large.bits) - 1)
                             for plane, size in zip(planes[1:], large.shapes[1:], strict=True))]
               for planes in batch]


def _check_count(clip: Clip, count: int) -> None:
    """Refuse a clip of which not every frame could be decoded."""
    if not count:
        raise InputError("no frames in its video stream", where=clip.path,
                         allowed="1 frame or more")
    if clip.frames not in (None, count):
        raise InputError(f"{count} of {clip.frames} frames could be decoded", where=clip.path,
                         allowed="a whole video file", fix="get it again, or repair it with ffmpeg")


def _check_written(part: Path, output: Path, count: int, bits: int) -> None:
    """Refuse a result that is not whole; it is no fault of the user's file."""
    try:
        found = probe(part)
    except InputError as error:
        check_room(part.parent, "", output)
        raise InputError(f"ffmpeg wrote what cannot be read ({error.what})", where=output,
                         fix="choose another --codec or container") from None
    if (found.frames, found.bits) != (count, bits):
        check_room(part.parent, "", output)
        raise InputError(f"ffmpeg wrote {found.frames} of {count} frames, {found.bits} of {bits} "
                         "bits", where=output,
                         fix="choose another --codec or container")


def _write_all(write: Callable[[Sequence[np.ndarray]], None], frames: list[list[np.ndarray]]):
    for planes in frames:
        write(planes)
