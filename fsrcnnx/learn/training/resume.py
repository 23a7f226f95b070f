"""Where a run was stopped, and its course so far: read back, and written for people.

May import torch, learn.store, training.devices and the ground.

    state = read_state(Path("checkpoint.pth"), plan.settings())    # None: from the start
"""

from __future__ import annotations

import csv
import json
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from fsrcnnx.errors import FsrcnnxError, InputError
from fsrcnnx.files import atomic
from fsrcnnx.learn import store
from fsrcnnx.learn.training.devices import Team

log = logging.getLogger(__name__)


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
    if _before_data(state["settings"], settings):
        log.warning("%s: does not say which pictures it began with", checkpoint)
        return {"since": 0, "totals": [0.0], **state}  # it was kept at an evaluation
    if state["settings"] != settings:
        raise InputError(f"holds another run ({_differences(state['settings'], settings)})",
                         where=str(checkpoint), allowed="the same settings and pictures",
                         fix="give those of before, write to another folder, or delete this file")
    return state


def _before_data(found: str, wanted: str) -> bool:
    """Whether settings are those wanted, of a version that did not name the data."""
    new = json.loads(wanted)
    del new["data"]
    return found == json.dumps(new)


def _differences(found: str, wanted: str) -> str:
    """What differs between the settings of two runs, in words."""
    try:
        old, new = json.loads(found), json.loads(wanted)
        told = ["other pictures" if key == "data" else f"{key} {old[key]!r}, now {value!r}"
                for key, value in new.items() if key in old and old[key] != value]
    except (ValueError, AttributeError, RecursionError):
        told = []
    return "; ".join(told) or "of another version"


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


def alike(found: object, like: object, what: str = "the state") -> None:
    """Hold a part of a stranger's state against one of our own, before anything is made of it.

    Args:
        found: Tensors, and plain data in dictionaries, lists and tuples.
        like: What it must be like: the same keys, lengths and types; tensors of the same shape and
            type, with finite values; all else equal.
        what: What to call it.

    Raises:
        ValueError: If it is something else.
    """
    if type(found) is not type(like):
        raise ValueError(f"{what} is a {type(found).__name__}")
    if isinstance(like, torch.Tensor):
        # the shape first: a view may claim more than there is memory
        if found.shape != like.shape or found.dtype != like.dtype \
                or found.layout is not torch.strided or not torch.isfinite(found).all():
            raise ValueError(f"{what} is another tensor, or not finite")
    elif isinstance(like, dict):
        if found.keys() != like.keys():
            raise ValueError(f"{what} has other keys")
        for key, value in like.items():
            alike(found[key], value, f"{what}: {key}"[-80:])
    elif isinstance(like, (list, tuple)):
        if len(found) != len(like):
            raise ValueError(f"{what} has {len(found)} entries")
        for one, value in zip(found, like, strict=True):
            alike(one, value, what)
    elif found != like:
        raise ValueError(f"{what} is not {like!r}")


def check_rows(rows: list, numbers: Sequence[int], columns: int) -> None:
    """Hold the course of a run against what its CSV file has.

    Args:
        rows: Of a checkpoint.
        numbers: Steps that it must be of, one after the other.
        columns: Numbers in each, the first one of those.

    Raises:
        ValueError: If a row is no tuple of so many numbers, or of another step.
    """
    if len(rows) != len(numbers):
        raise ValueError("a history of another length")
    for row, number in zip(rows, numbers, strict=True):
        if type(row) is not tuple or len(row) != columns or type(row[0]) is not int \
                or row[0] != number or not all(map(_is_number, row)):
            raise ValueError("a row of the history")


def _is_number(value: object) -> bool:
    """Whether a value can be a figure of a history; a PSNR may be infinite."""
    return (type(value) is int and abs(value) < 1 << 62) \
        or (type(value) is float and not math.isnan(value))


class Clock:
    """Says when a state is to be kept beside those of the evaluations, which may lie hours apart.

    Looking is free to one process; a team has to agree, and looks at every 16th step.
    """

    FIRST, NEXT = 20.0, 180.0  # seconds
    LOOK = 16

    def __init__(self, team: Team):
        self.team, self.until = team, time.monotonic() + self.FIRST

    def due(self, step: int) -> bool:
        """Whether it is time, after a step; every process must ask, and gets the same answer."""
        return step % (1 if self.team.size == 1 else self.LOOK) == 0 \
            and self.team.once(lambda: time.monotonic() >= self.until)

    def kept(self) -> None:
        """A state was kept."""
        self.until = time.monotonic() + self.NEXT
