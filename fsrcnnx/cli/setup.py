"""The command that looks at the machine: doctor.

May import everything, heavy packages only inside a command.

    fsrcnnx doctor
"""

from __future__ import annotations

import click

from fsrcnnx.cli.tables import table
from fsrcnnx.errors import ToolError
from fsrcnnx.progress import working


@click.command()
def doctor():
    """List the tools: wanted, found, what for, how to install."""
    from fsrcnnx import tools
    from fsrcnnx.prove.builds.home import home

    with working("ask the tools"):
        rows = tools.doctor()
    table(["tool", "wanted", "found", "what for", "install"],
          [[row.tool.name, row.tool.wanted,
            row.found.version if row.found else row.unusable or "missing",
            row.tool.purpose, "" if row.found else row.tool.advice] for row in rows])
    click.echo(f"builds are kept in {home()} (FSRCNNX_CACHE)")
    missing = [row.tool.name for row in rows if not row.found]
    if missing:
        raise ToolError(f"{', '.join(missing)} missing or too old", where="doctor",
                        fix="install them as the table says")


COMMANDS = (doctor,)
