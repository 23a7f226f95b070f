# SPDX-License-Identifier: Apache-2.0
"""What came of all mutants, as a table; survivors held against those that are explained.

An explanation (survivors.toml) names its mutant by file, line and changed line, so that it holds
wherever the line moves; one that names no mutant any more is stale.

    stale(explained(text), known)
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fsrcnnx.errors import InputError
from scripts.mutation.judge import Verdict
from scripts.mutation.mutant import Mutant
from scripts.mutation.place import REJECTED

LEAST = 98.0  # per cent of the mutants that matter, which must be killed in every column
NAMES = {"icarus": "Icarus", "verilator": "Verilator", "tests": "tests", "proofs": "proofs"}


@dataclass(frozen=True)
class Explained:
    """Why a mutant may survive.

    Args:
        key: File, line and changed line of the mutant.
        equivalent: Whether no input can tell it from the module: it is not counted.
        reason: Why.
    """

    key: tuple[str, str, str]
    equivalent: bool
    reason: str


@dataclass(frozen=True)
class Judged:
    """A mutant and what was said of it.

    Args:
        mutant: The mutant.
        verdicts: Column -> verdict; empty if it was refused before any test.
    """

    mutant: Mutant
    verdicts: dict[str, Verdict]

    def survives(self, column: str) -> bool:
        """Whether the checks of a column let it pass."""
        said = self.verdicts.get(column)
        return said is not None and not said.killed and said.outcome != REJECTED

    @property
    def survivor(self) -> bool:
        """Whether some simulator, or all tests, let it pass; proofs are a second opinion."""
        return any(self.survives(column) for column in self.verdicts if column != "proofs")


def explained(text: str, where: str = "survivors.toml") -> dict[tuple[str, str, str], Explained]:
    """Read explanations.

    Args:
        text: TOML: tables `survivor` of file, line, changed, kind (equivalent or accepted), reason.
        where: What to name in errors.

    Returns:
        Key -> explanation.

    Raises:
        InputError: If it is not that.
    """
    found = {}
    try:
        for entry in tomllib.loads(text).get("survivor", []):
            if set(entry) != {"file", "line", "changed", "kind", "reason"} or not entry["reason"] \
                    or entry["kind"] not in ("equivalent", "accepted"):
                raise InputError(f"not an explanation: {entry}", where=where, allowed="file, line, "
                                 "changed, kind (equivalent or accepted), reason")
            key = entry["file"], " ".join(entry["line"].split()), " ".join(entry["changed"].split())
            found[key] = Explained(key, entry["kind"] == "equivalent", entry["reason"])
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", where=where) from error
    return found


def stale(known: Iterable[Explained], mutants: Iterable[Mutant]) -> list[Explained]:
    """Find explanations of what is no mutant any more.

    Args:
        known: Explanations.
        mutants: All mutants that there can be.

    Returns:
        Those that are stale.
    """
    keys = {mutant.key for mutant in mutants}
    return [one for one in known if one.key not in keys]


@dataclass(frozen=True)
class Rate:
    """How many mutants of a column were killed.

    Args:
        killed: That many.
        counted: Of so many: neither rejected nor equivalent.
    """

    killed: int
    counted: int

    @property
    def per_cent(self) -> float:
        """Killed of those that count."""
        return 100 * self.killed / self.counted if self.counted else 100.0

    def __str__(self) -> str:
        return f"{self.killed} of {self.counted}" if self.counted else ""


def rate(judged: Sequence[Judged], column: str, known: dict) -> Rate:
    """Count one column.

    Args:
        judged: Mutants.
        column: The column.
        known: Explanations by key.

    Returns:
        Killed, of those that count.
    """
    asked = [one for one in judged if column in one.verdicts
             and one.verdicts[column].outcome != REJECTED]
    equal = {one.mutant.key for one in asked if one.survives(column)
             and one.mutant.key in known and known[one.mutant.key].equivalent}
    counted = [one for one in asked if one.mutant.key not in equal]
    return Rate(sum(one.verdicts[column].killed for one in counted), len(counted))


def rejected(one: Judged) -> bool:
    """Whether no test could be asked about a mutant."""
    return all(said.outcome == REJECTED for said in one.verdicts.values())


def rows(judged: Sequence[Judged], possible: dict[str, int], known: dict,
         columns: Sequence[str]) -> list[list[str]]:
    """Lay out the table.

    Args:
        judged: Mutants.
        possible: File -> number of mutants that there are.
        known: Explanations by key.
        columns: Columns of verdicts.

    Returns:
        Rows of cells: head, files in order, sum.
    """
    def row(name: str, there: int, of: Sequence[Judged]) -> list[str]:
        left = [one for one in of if one.survivor]
        why = sum(one.mutant.key in known for one in left)
        return [name, f"{there:,}", str(len(of)), str(sum(map(rejected, of))),
                *(str(rate(of, column, known)) for column in columns),
                f"{why} of {len(left)}" if left else ""]

    files = [file for file in possible if any(one.mutant.file == file for one in judged)]
    return [
        ["file", "mutants", "tried", "rejected", *(NAMES[c] for c in columns), "explained"],
        *(row(f"`{file}`", possible[file], [one for one in judged if one.mutant.file == file])
          for file in files),
        row("all", sum(possible[file] for file in files), judged)]


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """Print rows as a table of Markdown.

    Args:
        cells: Rows, the head first.

    Returns:
        Lines.
    """
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]]) + "\n"
