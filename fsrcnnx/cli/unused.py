"""Options that were given and that nothing would look at, given the others.

May import the ground, the table of engines and click.

    refuse({"lr": "given without --images"} if not images else {})     # in a click command
"""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.core import ParameterSource

from fsrcnnx.errors import InputError
from fsrcnnx.prove.engines.table import ENGINE, taking

OF_VIDEOS = ("codec", "quality", "rate")
OF_ENGINES = {"sim": "simulator", "max_width": "max_width"}  # parameter -> the engine's option


def refuse(pointless: Mapping[str, str]) -> None:
    """Refuse an option of the present command that has no meaning beside the others.

    Args:
        pointless: Parameter -> why nothing would look at it; only those given are refused.

    Raises:
        InputError: Naming the option.
    """
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        if option.name in pointless and given:
            raise InputError(pointless[option.name], where=option.opts[0],
                             allowed="options that are used", fix="leave it out")


def refuse_of_pictures(images) -> None:
    """Refuse what is about the pictures of --images where there are none."""
    if not images:
        refuse(dict.fromkeys(("lr", "max_pixels"), "given without --images"))


def refuse_unused(engine: str | None, video: bool, codec: str) -> None:
    """Refuse an option of `fsrcnnx upscale` that has no meaning for what it works on.

    Args:
        engine: What computes luma; None for the default, which takes no options.
        video: Whether a video is written.
        codec: How, if so.

    Raises:
        InputError: Naming the option.
    """
    pointless = {} if video else dict.fromkeys(OF_VIDEOS, "given, but no video is written")
    if video and codec == "ffv1":
        pointless["quality"] = "given, but ffv1 is lossless"
    if engine and not ENGINE[engine].network:
        pointless["model"] = f"given, but {engine} runs no network"
    for name, option in OF_ENGINES.items():
        if engine not in taking(option):
            pointless[name] = f"given without --engine {' or '.join(taking(option))}"
    refuse(pointless)
