"""Options of `fsrcnnx upscale` that were given and that nothing would look at.

May import the ground, the table of engines and click.

    refuse_unused("golden", video=True)     # in a click command
"""

from __future__ import annotations

import click
from click.core import ParameterSource

from fsrcnnx.errors import InputError
from fsrcnnx.prove.engines.table import ENGINE, taking

OF_VIDEOS = ("codec", "quality", "rate")
OF_ENGINES = {"sim": "simulator", "max_width": "max_width"}  # parameter -> the engine's option


def refuse_unused(engine: str | None, video: bool) -> None:
    """Refuse an option of the present command that has no meaning for what it works on.

    Args:
        engine: What computes luma; None for the default, which takes no options.
        video: Whether a video is written.

    Raises:
        InputError: Naming the option.
    """
    pointless = {} if video else dict.fromkeys(OF_VIDEOS, "given, but no video is written")
    if engine and not ENGINE[engine].network:
        pointless["model"] = f"given, but {engine} runs no network"
    for name, option in OF_ENGINES.items():
        if engine not in taking(option):
            pointless[name] = f"given without --engine {' or '.join(taking(option))}"
    context = click.get_current_context()
    for name, why in pointless.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(why, where=f"--{name.replace('_', '-')}",
                             allowed="options that are used", fix="leave it out")
