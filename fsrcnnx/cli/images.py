"""The options of every command that reads pictures, and what --images takes.

May import the ground and click, and the pictures inside a function.

    fsrcnnx verify --images *.png; fsrcnnx ranges --images set5/ --max-pixels 9999
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from fsrcnnx import limits
from fsrcnnx.cli.options import FILE
from fsrcnnx.errors import InputError

IMAGES = "--images"


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
lr_option = click.option("--lr", is_flag=True, help="The pictures are LR already.")


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


def pictures_of(paths: Sequence[Path]) -> list[Path]:
    """Expand folders to the pictures in them.

    Args:
        paths: Pictures and folders.

    Returns:
        Pictures, those of a folder by name.

    Raises:
        InputError: If a folder holds none.
    """
    from fsrcnnx.media.imaging import SUFFIXES

    found = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES) \
            if path.is_dir() else [path]
        if not inside:
            raise InputError("no pictures", where=path, allowed=" ".join(SUFFIXES))
        found += inside
    return found
