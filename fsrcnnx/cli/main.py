"""The command line: `fsrcnnx COMMAND`; it collects the commands that the files beside it name.

May import everything, but heavy packages only inside the command that needs them: `fsrcnnx --help`
must not wait for torch. Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 3 a required
tool is missing, 130 interrupted.

    fsrcnnx upscale photo.png -o out.png --engine rtl
"""

from __future__ import annotations

import click

from fsrcnnx.cli import core, emit, import_model, learn, measure, pnr, prove, setup, use, vitis
from fsrcnnx.cli.console import guard
from fsrcnnx.cli.sections import Sections

SECTIONS = {  # as the work goes
    "Use a network": use.COMMANDS,
    "Learn one": (*learn.COMMANDS, *import_model.COMMANDS, *measure.COMMANDS),
    "Emit hardware and C": emit.COMMANDS,
    "Prove it": (*prove.COMMANDS, *core.COMMANDS, *pnr.COMMANDS, *vitis.COMMANDS),
    "Set up": setup.COMMANDS,
}


@click.group(cls=Sections, sections=SECTIONS,
             context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="fsrcnnx")
def main():
    """From a trained super-resolution network to bit-exact SystemVerilog."""


def run() -> None:
    """Run the command line and leave the process with its exit code."""
    guard(main)


if __name__ == "__main__":
    run()
