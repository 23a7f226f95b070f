"""Reports that commands write: JSON, whole or not at all, and over nothing that is read.

May import the ground and click.

    check_report(path); ...; write_json(path, {"mismatches": 0})     # in a click command
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, check_output
from fsrcnnx.owned import LIST

REPORTS = (".json",)


def check_report(path: Path, suffixes: Sequence[str] = REPORTS) -> None:
    """Refuse a report that could not be written, or would replace what the command reads.

    Args:
        path: File to be written.
        suffixes: Endings that it may have.

    Raises:
        InputError: If its folder is missing or not writable, it has another suffix, is no plain
            file, or is one of the command's other paths, or one of the files in them.
    """
    context = click.get_current_context(silent=True)
    given = [value for values in (context.params.values() if context else ())
             for value in (values if isinstance(values, tuple) else (values,))
             if isinstance(value, str | Path) and value is not path]
    check_output(path, given, suffixes)
    for folder in given:
        inside = isinstance(folder, Path) and path.exists() and folder.is_dir() \
            and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        # among pictures, a report of before may be replaced
        if inside and (path.suffix.lower() not in REPORTS or (folder / LIST).exists()):
            raise InputError("would replace a file of the input", where=path,
                             allowed=f"a file outside {folder}", fix="choose another output")


def write_json(path: Path, report: dict) -> None:
    """Write a report, whole or not at all.

    Args:
        path: JSON file.
        report: Plain data.

    Raises:
        InputError: If the file cannot be written.
    """
    check_report(path)
    with atomic(path) as part:
        part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
