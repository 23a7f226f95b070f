"""Where a run was stopped, and its course so far: read back, and written for people.

May import torch, learn.store and the ground.

    state = read_state(Path("checkpoint.pth"), plan.settings())    # None: from the start
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from fsrcnnx.errors import FsrcnnxError, InputError
from fsrcnnx.files import atomic
from fsrcnnx.learn import store


def write_history(path: Path | None, heading: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write the course of a run, whole or not at all.

    Args:
        path: CSV file; None for none.
        heading: Names of the columns.
        rows: One for each evaluation.

    Raises:
        InputError: If it cannot be written.
    """
    if path:
        with atomic(path) as part, part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([heading, *rows])


def read_state(checkpoint: Path, settings: str) -> dict | None:
    """Read where a run was stopped.

    Args:
        checkpoint: File of the state.
        settings: What the run is to be, of `Plan.settings`.

    Returns:
        The state; None if there is none.

    Raises:
        InputError: If it is damaged or of another run.
    """
    if not checkpoint.exists():
        return None
    state = store.read_checkpoint(checkpoint)
    if state["settings"] != settings:
        raise InputError(f"holds another run ({_differences(state['settings'], settings)})",
                         where=str(checkpoint), allowed="the same settings and pictures",
                         fix="give those of before, write to another folder, or delete this file")
    return state


def _differences(found: str, wanted: str) -> str:
    """What differs between the settings of two runs, in words."""
    try:
        old, new = json.loads(found), json.loads(wanted)
        told = ["other pictures" if key == "data" else f"{key} {old.get(key)!r}, now {value!r}"
                for key, value in new.items() if key not in old or old[key] != value]
    except (ValueError, AttributeError, RecursionError):
        told = []
    return "; ".join(told) or "other settings"


@contextmanager
def resuming(checkpoint: Path) -> Iterator[None]:
    """Say which file it is whose state cannot be taken over.

    Args:
        checkpoint: File of the state.

    Raises:
        InputError: Whatever a part of a run says of a state that is none of its own; but want of
            memory, and what is said already, are not the file's fault.
    """
    try:
        yield
    except (FsrcnnxError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # torch raises many kinds for a state that does not fit
        raise InputError(f"damaged ({type(error).__name__})", where=str(checkpoint),
                         allowed="a file of an earlier run",
                         fix="delete it to start anew, or write to another folder") from None


def check_rows(rows: list, columns: int) -> None:
    """Hold the course of a run, its first row at the least, against what its CSV file has.

    Args:
        rows: Of a checkpoint.
        columns: Numbers in each.

    Raises:
        ValueError: If a row is no tuple of so many numbers.
    """
    if not rows:
        raise ValueError("no history")
    for row in rows:
        if len(row) != columns or not all(type(value) in (int, float) for value in row):
            raise ValueError("a row of the history")
