# SPDX-License-Identifier: Apache-2.0
"""What the seed's three command lines share: the spelling of the flags, and how they end."""

import sys
from pathlib import Path

import click

from fsrcnnx.cli.console import guard


def option(name: str, **settings):
    """A click option that is accepted with dashes and with underscores."""
    dashes = name.replace("_", "-")
    spellings = dict.fromkeys([f"--{dashes}", f"--{dashes.replace('-', '_')}"])
    return click.option(*spellings, dashes.replace("-", "_"), **settings)


def run(main: click.Command) -> None:
    """Run a command; an error is one line on stderr, and the exit code says of which kind."""
    guard(main, Path(sys.argv[0]).name)
