"""Tables on standard output.

May import the ground, click, and lazily rich.

    table(["layer", "bits"], [["conv1", "8"]])
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from fsrcnnx.errors import shown


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; columns of numbers are aligned to the right.

    Args:
        columns: Headings.
        rows: Cells as text.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    view = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows]
        number = all(cell.replace(".", "", 1).lstrip("-").isdigit() for cell in cells)
        view.add_column(name, justify="right" if number else "left",
                        overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        view.add_row(*(cell if cell.isprintable() else shown(cell) for cell in row))
    # in a file or a pipe nothing is folded to a terminal that is not there
    width = None if sys.stdout.isatty() else 1000
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(view)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())
