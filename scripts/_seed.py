"""What the seed's three command lines share: spelling of the flags, errors in one line."""

import logging
import sys

import click

from fsrcnnx.errors import FsrcnnxError


def option(name: str, **settings):
    """A click option that is accepted with dashes and with underscores."""
    dashes = name.replace("_", "-")
    spellings = dict.fromkeys([f"--{dashes}", f"--{dashes.replace('-', '_')}"])
    return click.option(*spellings, dashes.replace("-", "_"), **settings)


def run(main: click.Command) -> None:
    """Run a command; an error of ours is one line on stderr and its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main(standalone_mode=True)
    except FsrcnnxError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
