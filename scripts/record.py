#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make a record of silicon/ again, or list those that are stored as rows of the README's table.

    python scripts/record.py fsrcnn-x_x2_w4a8-1920-ecp5-85      # or: make record RECORD=...
    python scripts/record.py                                    # or: make records
"""

from pathlib import Path

import click

from fsrcnnx.cli.console import guard
from fsrcnnx.cli.options import FILE
from fsrcnnx.errors import InputError
from fsrcnnx.progress import status
from fsrcnnx.report import records

SILICON = Path(__file__).resolve().parents[1] / "silicon"


@click.command()
@click.argument("name", required=False)
@click.option("--seed", "seeds", type=click.IntRange(0, 2**31 - 1), multiple=True,
              help="Seeds instead of the recipe's.")
@click.option("--work", type=FILE, default=Path("build/records"), help="Folder of the work.")
@click.option("--silicon", type=FILE, default=SILICON, help="Folder of the records.")
def main(name, seeds, work, silicon):
    """Place and route the core of record NAME and store it; without NAME, list what is stored.

    A run that was stopped goes on where it was when it is given again.
    """
    if name is None:
        for path in sorted(silicon.glob("*.json")):
            record = records.read(path)
            click.echo(records.row(record))
            if not records.is_shipped(record):
                click.echo(f"  not of today's {record['network']}")
        return
    if name not in records.RECORDS:
        raise InputError(f"no record {name!r}", where="record", allowed=", ".join(records.RECORDS))
    with status(f"record {name}") as say:
        record = records.make(records.RECORDS[name], work, silicon, seeds, say)
    click.echo(records.row(record))


if __name__ == "__main__":
    guard(main)
