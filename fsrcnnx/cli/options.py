"""Arguments and options that several commands share, each written once.

May import the ground and click. What pictures need is in images.py.

    @click.command()
    @model_argument
    @json_option
    def verify(model, json_file): ...
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import click

MODEL = "fsrcnn-x_x2"  # the default everywhere
SIMULATORS = ("verilator", "icarus")


class File(click.Path):
    """A path of a file or a folder; an empty one, as of a variable that is not set, is refused."""

    def convert(self, value, param, ctx):
        """As click's, where there is a name."""
        if not os.fspath(value):
            self.fail("an empty path; give the name of a file or a folder.", param, ctx)
        return super().convert(value, param, ctx)


class Finite:
    """A mixin: nan, which passes any bound and which JSON cannot hold, is refused, and infinity."""

    def convert(self, value, param, ctx):
        """As click's, where it is finite."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Number(Finite, type(click.FLOAT)):
    """A float."""


class NumberRange(Finite, click.FloatRange):
    """A float in a range."""


FILE = File(path_type=Path)
NUMBER = Number()

model_argument = click.argument("model", default=MODEL)
model_option = click.option("--model", default=MODEL,
                            help="Name in models/ or build/, or path of an .onnx.")
folder_option = click.option("-o", "--output", type=FILE, required=True, help="Folder to write.")
json_option = click.option("--json", "json_file", type=FILE, help="Write the report there.")
sim_option = click.option("--sim", type=click.Choice(SIMULATORS), default=SIMULATORS[0],
                          help="Simulator.")
max_width_option = click.option("--max-width", type=click.IntRange(1), default=1920,
                                help="Widest LR frame of the emitted core, in pixels.")
protocol_option = click.option("--protocol", type=click.Choice(["paper", "seed"]), default="paper",
                               help="How a picture is cut and reduced to LR, and PSNR taken.")


def seed_option(of: str):
    """Make the option of a seed.

    Args:
        of: What is random.

    Returns:
        --seed, whose default is 1.
    """
    return click.option("--seed", type=click.IntRange(0), default=1, help=f"Seed of {of}.")
