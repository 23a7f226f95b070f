"""Upscale a folder of frames, any pictures, into another.

May import imaging, luma and video.

    upscale_folder(Path("in"), Path("out"), "emulate", Model.open("fsrcnn-x_x2"), 2)
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from fsrcnnx.errors import InputError
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import check_apart, check_folder
from fsrcnnx.media.imaging import (
    SUFFIXES,
    Picture,
    check_size,
    left_out,
    picture_size,
    read_picture,
    write_picture,
)
from fsrcnnx.upscale.luma import prepared
from fsrcnnx.upscale.video import Done, Progress, ahead, batches


def check_frames(source: Path, output: Path, scale: int) -> tuple[list[str], int]:
    """Refuse a folder of frames by the headers of all, before minutes of work.

    Args:
        source: Folder of pictures.
        output: Folder to write.
        scale: Factor.

    Returns:
        Names of the pictures, and how many other files there are.

    Raises:
        InputError: If a folder cannot be used, or a picture's header not be read.
    """
    names = sorted(path.name for path in source.iterdir()
                   if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    others = sum(1 for path in source.iterdir() if path.name not in names)
    if not names:
        raise InputError("no pictures in it", where=source, allowed=" ".join(SUFFIXES))
    if os.path.realpath(output) == os.path.realpath(source):
        raise InputError("the output is the input", where=output, allowed="another folder")
    named = not output.exists() and output.suffix.lower() in SUFFIXES
    if named or (output.exists() and not output.is_dir()):
        raise InputError("a file, where a folder of frames is to be", where=output,
                         allowed="a new or existing folder")
    check_folder(output if output.exists() else output.parent)
    check_apart([output / name for name in names], [source / name for name in names])
    for name in names:
        width, height = picture_size(source / name)
        check_size(output / name, scale * width, scale * height)
    return names, others


def upscale_folder(source: Path, output: Path, engine: str, model: Model | None, scale: int, *,
                   progress: Progress | None = None, **options) -> Done:
    """Upscale the pictures of a folder into another, under the same names, each atomically.

    Args:
        source: Folder of pictures, of any sizes; gray stays gray, JPEG is written at quality 95.
        output: Folder, made if it is not there; pictures of the same names are replaced.
        engine: Name of one that is offered.
        model: The opened model; None for bicubic.
        scale: Factor; must be the model's.
        progress: Called with the frames done and in all.
        options: As luma.prepared.

    Returns:
        What was written.

    Raises:
        InputError: If a folder cannot be used, or a picture cannot be read, naming it; the ones
            before it stay.
        ModelError, ToolError: As upscale_video.
    """
    names, others = check_frames(source, output, scale)
    output.mkdir(exist_ok=True)

    def read() -> Iterator[tuple[str, Picture]]:
        for name in names:
            yield name, read_picture(source / name)

    count, size, lost = 0, (0, 0), Counter()
    with prepared(engine, model, scale=scale, **options) as run, \
            ThreadPoolExecutor(1) as writer:
        written: list[Future] = []
        for batch in ahead(batches(read(), lambda item: item[1].luma.size)):
            lumas = run([picture.luma for _, picture in batch]).planes
            for future in written:
                future.result()
            written = [writer.submit(write_picture, output / name, picture.enlarged(luma, scale))
                       for luma, (name, picture) in zip(lumas, batch, strict=True)]
            for name, picture in batch:
                lost.update(left_out(output / name, picture))
            size = size if count else lumas[0].shape[::-1]
            count += len(batch)
            if progress:
                progress(count, len(names))
        for future in written:
            future.result()
    notes = [f"{others} other file{'s' * (others > 1)}"] if others else []
    notes += [note if len(names) == 1 else f"{note} of {number} picture{'s' * (number > 1)}"
              for note, number in lost.items()]
    return Done(output, count, size, None, tuple(notes))
