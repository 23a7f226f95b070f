"""Options of `fsrcnnx upscale` that were given and that nothing would look at.

May import the ground and click.

    refuse_unused(bicubic=False, video=True)     # in a click command
"""

from __future__ import annotations

import click
from click.core import ParameterSource

from fsrcnnx.errors import InputError

OF_VIDEOS = ("codec", "quality", "rate")


def refuse_unused(bicubic: bool, video: bool) -> None:
    """Refuse an option of the present command that has no meaning for what it works on.

    Args:
        bicubic: Whether bicubic computes luma, without a network.
        video: Whether a video is written.

    Raises:
        InputError: Naming the option.
    """
    pointless = {} if video else dict.fromkeys(OF_VIDEOS, "given, but no video is written")
    if bicubic:
        pointless["model"] = "given, but bicubic runs no network"
    context = click.get_current_context()
    for name, why in pointless.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(why, where=f"--{name}", allowed="options that are used",
                             fix="leave it out")
