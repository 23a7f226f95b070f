#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plant mutants in a copy of the checkout and see whether the project's own checks kill them.

Mutants of the modules of rtl/ are judged on Icarus and on Verilator, and by the proofs where there
are some; those of the emitters and of the exact arithmetic by their tests. What a check said is
kept by content in build/mutate: the same command goes on where it was stopped.

    python -m scripts.mutate --number 5           # or: make mutate
    python -m scripts.mutate --module fifo --all  # every mutant of one module
    python -m scripts.mutate --quick              # what CI runs
"""

from __future__ import annotations

import sys
import time
from itertools import zip_longest
from pathlib import Path

import click
from tqdm import tqdm

from fsrcnnx.cli.console import guard
from fsrcnnx.cli.options import FILE
from fsrcnnx.errors import CheckError, InputError
from scripts.formal import ROOT
from scripts.mutation import python, systemverilog
from scripts.mutation.judge import Judge
from scripts.mutation.mutant import Mutant
from scripts.mutation.place import Place
from scripts.mutation.store import Answers
from scripts.mutation.subjects import SIMULATORS, Subject, subjects
from scripts.mutation.table import (
    LEAST,
    NAMES,
    Judged,
    explained,
    markdown,
    rate,
    rows,
    stale,
)

SURVIVORS = Path(__file__).with_name("mutation") / "survivors.toml"
PAGE = ROOT / "docs" / "mutation.md"
BEGINS, ENDS = "<!-- made by make mutate -->\n", "<!-- to here -->\n"
QUICK = ("turn", "skid", "fold")  # and 2 mutants of each, on Icarus


def all_mutants(subject: Subject, root: Path = ROOT) -> list[Mutant]:
    """Make every mutant of a file; no two with the same text.

    Args:
        subject: The file.
        root: The checkout.

    Returns:
        Mutants.
    """
    text = (root / subject.file).read_text(encoding="utf-8")
    kind = python if subject.file.endswith(".py") else systemverilog
    found = kind.mutants(subject.file, text)
    return list({mutant.apply(text): mutant for mutant in found}.values())


def chosen(found: dict[str, Subject], names: tuple[str, ...]) -> dict[str, Subject]:
    """Find subjects by the names of their modules.

    Args:
        found: All subjects.
        names: Names of files, without folder, `fsrcnnx_` and suffix; none: all.

    Returns:
        Those that are meant.

    Raises:
        InputError: If there is none of a name.
    """
    short = {Path(file).stem.removeprefix("fsrcnnx_"): file for file in found}
    for name in names:
        if name not in short:
            raise InputError(f"nothing is mutated by the name of {name}", where="--module",
                             allowed=", ".join(short))
    return {file: found[file] for name, file in short.items() if not names or name in names}


def verdict(judged: list[Judged], known: dict, columns: tuple[str, ...]) -> list[str]:
    """Say what is not as it must be.

    Args:
        judged: Mutants.
        known: Explanations by key.
        columns: Columns of verdicts.

    Returns:
        Lines; none if all is well.
    """
    wrong = []
    for column in columns:
        found = rate(judged, column, known)
        if column != "proofs" and found.per_cent < LEAST:
            wrong.append(f"{NAMES[column]}: {found} killed, {found.per_cent:.1f} %, "
                         f"less than {LEAST:g} %")
    wrong += [f"survives unexplained: {one.mutant.file}:{one.mutant.number} "
              f"({one.mutant.operator})\n    {one.mutant.line}\n    {one.mutant.changed}\n    in "
              + ", ".join(c for c in one.verdicts if one.survives(c))
              for one in judged if one.survivor and one.mutant.key not in known]
    return wrong


def page(judged: list[Judged], table: str, known: dict, seed: int, number: int | None) -> str:
    """What is published: the table, and every survivor with its reason.

    Args:
        judged: Mutants.
        table: The table.
        known: Explanations by key.
        seed: Seed of the sample.
        number: Mutants of each file.

    Returns:
        Markdown.
    """
    text = (f"{'All' if number is None else f'{number} at most'} of each file, seed {seed}.\n\n"
            f"{table}\nSurvivors:{'' if any(one.survivor for one in judged) else ' none.'}\n\n")
    for one in judged:
        if one.survivor:
            why = known[one.mutant.key]
            text += (f"- `{one.mutant.file}`: `{one.mutant.line}` → `{one.mutant.changed}`: "
                     f"{'equivalent' if why.equivalent else 'accepted'}. {why.reason}\n")
    return text


def publish(path: Path, text: str) -> None:
    """Put a text between the marks of a page.

    Args:
        path: The page.
        text: What stands between them.

    Raises:
        InputError: If the marks are not there.
    """
    whole = path.read_text(encoding="utf-8")
    if BEGINS not in whole or ENDS not in whole:
        raise InputError("the marks are not there", where=path, allowed=f"{BEGINS}... {ENDS}")
    before, _, rest = whole.partition(BEGINS)
    path.write_text(f"{before}{BEGINS}\n{text}\n{ENDS}{rest.partition(ENDS)[2]}",
                    encoding="utf-8")


@click.command()
@click.option("--module", "names", multiple=True, help="A file only, e.g. fifo or tdc; again for "
              "more.")
@click.option("--sim", "simulators", type=click.Choice(SIMULATORS), multiple=True,
              default=SIMULATORS, show_default=True)
@click.option("--number", type=click.IntRange(1), default=5, show_default=True,
              help="Mutants of each file, at most; the first ones stay the same if it grows.")
@click.option("--all", "every", is_flag=True, help="All mutants there are.")
@click.option("--quick", is_flag=True, help="A few, on Icarus alone.")
@click.option("--proofs/--no-proofs", default=True, help="Whether the proofs are asked too.")
@click.option("--seed", default=1, show_default=True, help="Seed of the sample.")
@click.option("--minutes", type=click.IntRange(1), help="Begin no mutant after so many; the same "
              "command goes on from there.")
@click.option("--write", is_flag=True, help=f"Write {PAGE.relative_to(ROOT)}.")
@click.option("--answers", type=FILE, default=ROOT / "build" / "mutate" / "answers.jsonl",
              help="What is known already.")
def main(names, simulators, number, every, quick, proofs, seed, minutes, write, answers):
    """Plant mutants and see whether the checks of the project kill them."""
    found = subjects()
    if quick:
        names, simulators, number, proofs = names or QUICK, ("icarus",), 2, False
    number = None if every else number
    columns = (*simulators, "tests", *(["proofs"] if proofs else []))
    known = explained(SURVIVORS.read_text(encoding="utf-8"))
    ends = time.monotonic() + 60 * minutes if minutes else None
    picked_files, judged = chosen(found, names), []
    with Place.of(ROOT) as place:
        # of the copy: the checkout may change meanwhile
        made = {file: all_mutants(subject, place.folder) for file, subject in found.items()}
        samples = [sorted(made[file], key=lambda mutant: mutant.order(seed))[:number]
                   for file in picked_files]
        # one of each file, then the next of each: a run that is stopped has tried as many of all
        picked = [mutant for turn in zip_longest(*samples) for mutant in turn if mutant]
        click.echo(f"{len(picked)} mutants, seed {seed}")
        judge = Judge(place, Answers(answers))
        for mutant in (view := tqdm(picked, disable=None)):
            if ends and time.monotonic() > ends:
                click.echo(f"{minutes} minutes are over: {len(judged)} were tried")
                break
            view.set_description_str(Path(mutant.file).stem)
            judged.append(Judged(mutant, judge.verdicts(found[mutant.file], mutant, columns)))
            if judged[-1].survivor and mutant.key not in known:
                tqdm.write(f"survives: {mutant.file}:{mutant.number} {mutant.changed}",
                           file=sys.stderr)
    old = stale(known.values(), [mutant for some in made.values() for mutant in some])
    shown = tuple(c for c in columns if any(c in one.verdicts for one in judged))
    table = markdown(rows(judged, {file: len(some) for file, some in made.items()}, known, shown))
    click.echo(table)
    wrong = verdict(judged, known, shown)
    wrong += [f"explains no mutant any more: {one.key}" for one in old]
    for line in wrong:
        click.echo(line)
    if wrong:
        raise CheckError(f"{len(wrong)} not as it must be", where="mutate")
    if write:
        publish(PAGE, page(judged, table, known, seed, number))


if __name__ == "__main__":
    guard(main)
