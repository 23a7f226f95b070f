"""A shift-add graph as a file, kept so that it is solved once.

May import the ground and the graphs. What is read may be a stranger's: it is held against what a
graph is, and whoever asks for it holds it against its matrix.

    write(folder, graph); read(folder, "layer map1") == graph
"""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

from fsrcnnx import limits
from fsrcnnx.emit.rtl.shift_add import Graph, Output, Sum, Tap
from fsrcnnx.errors import CheckError
from fsrcnnx.files import read_limited

NAME = "graph.json"
KEYS = ("lows", "highs", "taps", "constants", "sums", "outputs")


def write(folder: Path, graph: Graph) -> None:
    """Write a graph.

    Args:
        folder: Where.
        graph: The graph.
    """
    (folder / NAME).write_text(json.dumps(dict(zip(KEYS, astuple(graph), strict=True))) + "\n",
                               encoding="utf-8")


def _integers(found: object) -> tuple[int, ...]:
    """A list of integers, or TypeError."""
    if not isinstance(found, list) or any(type(value) is not int for value in found):
        raise TypeError
    return tuple(found)


def read(folder: Path, where: str) -> Graph:
    """Read a graph.

    Args:
        folder: Where it was written.
        where: Its layer, for errors.

    Returns:
        The graph; its shape is checked, not what it computes.

    Raises:
        CheckError: If it is none.
    """
    try:
        text = read_limited(folder / NAME, limits.SOURCE_BYTES)
        lows, highs, taps, constants, sums, outputs = (json.loads(text)[key] for key in KEYS)
        graph = Graph(
            _integers(lows), _integers(highs), tuple(Tap(*_integers(tap)) for tap in taps),
            _integers(constants),
            tuple(Sum(*_integers(one[:4]), _flag(one[4:])) for one in sums),
            tuple(Output(*_integers(out)) for out in outputs))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckError("not a shift-add graph", where=folder / NAME, allowed="as it was written",
                         fix=f"delete that folder ({where})") from error
    graph.check_shape()
    return graph


def _flag(found: list) -> bool:
    """The one boolean of a list, or TypeError."""
    if len(found) != 1 or type(found[0]) is not bool:
        raise TypeError
    return found[0]
