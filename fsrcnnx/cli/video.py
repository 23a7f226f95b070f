"""What `fsrcnnx upscale` does with videos and folders of frames.

May import everything, heavy packages only inside a function.

    fsrcnnx upscale clip.mp4 -o clip_x2.mp4
"""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction

import click

from fsrcnnx.errors import InputError, shown
from fsrcnnx.files import made
from fsrcnnx.media.clip import SUFFIXES
from fsrcnnx.progress import counter

CODECS = ("h264", "hevc", "ffv1")
FASTEST, SLOWEST = 1000, Fraction(1, 10)  # frames per second


def read_rate(context, parameter, text):
    """Read frames per second as a number or a fraction."""
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not SLOWEST <= rate <= FASTEST:
        raise InputError(f"rate {text!r}", where="--rate",
                         allowed="frames per second, 0.1 to 1000, e.g. 25 or 30000/1001")
    return rate


def options(command):
    """Add the options that concern videos."""
    for option in (
            click.option("--rate", callback=read_rate, help="Videos: drop and repeat frames to "
                         "reach this rate, e.g. 30000/1001.  [default: the input's]"),
            click.option("--quality", type=click.IntRange(0, 51), default=16,
                         help="Videos: CRF of h264 and hevc; 0: lossless."),
            click.option("--codec", type=click.Choice(CODECS), default="h264",
                         help="Videos: how pictures are written; ffv1 is lossless.")):
        command = option(command)
    return command


def takes(inputs, output) -> bool:
    """Tell whether these are videos or folders of frames rather than pictures."""
    return (output.suffix.lower() in SUFFIXES
            or any(path.is_dir() or path.suffix.lower() in SUFFIXES for path in inputs))


def upscale(inputs, outputs, engine, model, scale, *, codec, quality, rate, **settings) -> None:
    """Upscale videos and folders of frames, one after the other."""
    from fsrcnnx.media.clip import probe
    from fsrcnnx.media.ffmpeg import Codec, check_output
    from fsrcnnx.media.imaging import SUFFIXES as PICTURES
    from fsrcnnx.upscale import video
    from fsrcnnx.upscale.frames import check_frames, upscale_folder

    how, engine = Codec(codec, quality), engine or video.fastest_exact(model)
    for source in inputs:
        if len(inputs) > 1 and not source.is_dir() and source.suffix.lower() in PICTURES:
            raise InputError("a picture beside videos or folders", where=source,
                             allowed="inputs of one kind", fix="upscale the pictures apart")
    with made(outputs[0].parent) if len(inputs) > 1 else nullcontext():
        for source, output in zip(inputs, outputs, strict=True):
            if source.is_dir():
                check_frames(source, output, scale)
                continue
            check_output(output, how)
            if len(inputs) > 1:  # a single one is looked at when its turn comes, which is now
                probe(source, rate)
        for source, output in zip(inputs, outputs, strict=True):
            with counter(source.name, "frame") as progress:
                if source.is_dir():
                    done = upscale_folder(source, output, engine, model, scale,
                                          progress=progress, **settings)
                else:
                    done = video.upscale_video(source, output, engine, model, scale, codec=how,
                                               rate=rate, progress=progress, **settings)
            _say(source, done, how)


def _say(source, done, how) -> None:
    """Print what was written, what was left out and what could not be checked."""
    detail = f", {done.rate} frames a second, {how}" if done.rate else ""
    name = shown(str(done.path))
    click.echo(f"{name}: {done.size[0]}x{done.size[1]}, {done.frames} frames{detail}")
    if done.left_out:
        click.echo(f"left out: {shown(', '.join(done.left_out))}")
    if done.doubt:
        click.echo(f"not checked: whether {shown(source.name)} is whole ({done.doubt})")
