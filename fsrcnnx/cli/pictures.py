"""What `fsrcnnx upscale` does with pictures, and the options of all commands that read pictures.

May import everything, heavy packages only inside a function.

    fsrcnnx upscale *.png -o large; fsrcnnx verify --images *.png; fsrcnnx ranges --max-pixels 9999
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fsrcnnx import limits
from fsrcnnx.cli.console import FILE, free_memory
from fsrcnnx.errors import InputError, shown
from fsrcnnx.files import check_folder, made
from fsrcnnx.progress import bar
from fsrcnnx.prove.engines.table import ENGINE

IMAGES = "--images"
GIB = 1 << 30


class Images(click.Command):
    """A command whose --images takes every word behind it, as a shell's `*.png` gives them.

    The words end at the next option or at `--`. A word that ends in .onnx, or has no suffix and
    names no folder, is MODEL as ever, unless it comes right behind --images.
    """

    def parse_args(self, ctx, args):
        """Put --images before each of its words, which click then takes one by one."""
        return super().parse_args(ctx, spread(args, self._takes_a_value()))

    def _takes_a_value(self) -> set[str]:
        return {name for option in self.params if isinstance(option, click.Option)
                and not option.is_flag for name in option.opts}


def spread(args: list[str], valued: set[str]) -> list[str]:
    """Repeat --images before each word that belongs to it.

    Args:
        args: A command's words.
        valued: Options whose next word is their value, whatever it looks like.

    Returns:
        The words, as click takes them.
    """
    words, found, open_ = list(args), [], False
    while words:
        word = words.pop(0)
        if word == "--":
            return [*found, word, *words]
        if word in valued:  # its value is what follows, even if that looks like an option
            found += [word, *words[:1]]
            words, open_ = words[1:], word == IMAGES
        elif word.startswith("-"):
            found.append(word)
            open_ = word.startswith(f"{IMAGES}=")
        else:
            found += [IMAGES, word] if open_ and not _model(word) else [word]
    return found


def _model(word: str) -> bool:
    """Whether a word among pictures is the name of a model."""
    suffix = Path(word).suffix.lower()
    return suffix == ".onnx" or (not suffix and not Path(word).is_dir())


images_option = click.option(IMAGES, type=FILE, multiple=True,
                             help="HR pictures or folders of them: all that follow.")


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _lift(ctx, parameter, value):
    """Set the limit for the command, in the environment: threads and children read it there."""
    if value is not None:
        ctx.with_resource(_variable(limits.PIXELS_VARIABLE, str(value)))


max_pixels_option = click.option(
    "--max-pixels", type=click.IntRange(1, 10**18), expose_value=False, callback=_lift,
    help=f"Largest picture that is read, width times height.  [default: "
         f"{limits.PIXELS_VARIABLE}, else {limits.PIXELS}]")


def upscale(inputs, outputs, engine, model, scale, *, simulator, max_width) -> None:
    """Upscale pictures; all are looked at, and all outputs, before any work is done."""
    from fsrcnnx.media.imaging import left_out, read_picture, write_picture
    from fsrcnnx.upscale import luma

    _check(inputs, outputs, engine, model, scale)
    if len(inputs) > 1:
        for name in inputs:  # damage behind a header shows in decoding only
            read_picture(name)
    every, busy = range(len(inputs)), ENGINE[engine].busy.format(simulator=simulator)
    with made(outputs[0].parent):
        # one build of a simulated engine serves all pictures; else one is in memory at a time
        for names in [every] if busy else [[i] for i in every]:
            pictures = [read_picture(inputs[i]) for i in names]
            with bar(busy, bool(busy)) as progress:
                done = luma.upscale(engine, model, pictures, scale=scale, simulator=simulator,
                                    max_width=max_width, progress=progress)
            for i, picture in zip(names, done, strict=True):
                write_picture(outputs[i], picture)
                name = shown(str(outputs[i]))
                click.echo(f"{name}: {picture.luma.shape[1]}x{picture.luma.shape[0]}")
                if lost := left_out(outputs[i], picture):
                    click.echo(f"left out: {', '.join(lost)}")


def _check(inputs, outputs, engine, model, scale) -> None:
    """Refuse what is seen to fail before any pixel is decoded."""
    from fsrcnnx.media.imaging import check_size, check_suffix, picture_size

    folder, kind = outputs[0].parent, ENGINE[engine]
    check_folder(folder if len(inputs) == 1 or folder.exists() else folder.parent)
    for name, output in zip(inputs, outputs, strict=True):
        check_suffix(output)
        width, height = picture_size(name)
        check_size(output, scale * width, scale * height)
        wanted, free = kind.memory(model, width * height, scale), free_memory()
        if free is not None and wanted > free:
            raise InputError(
                f"{width}x{height} pixels take about {wanted / GIB:.1f} GiB of memory by {engine}",
                where=name, allowed=f"{free / GIB:.1f} GiB, which is free", fix="a smaller picture"
                + (", or --engine emulate, of the same bits" if kind.exact and kind.per_channel
                   else ""))
