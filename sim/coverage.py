# SPDX-License-Identifier: Apache-2.0
"""Which lines, branches and toggles of rtl/ the benches reach, by Verilator, over all of them.

May import the runner and the tests that say what is run: every case of every module's bench, and
whole cores of both engines. What was run already from the same sources is not run again. A line or
a branch that no bench reaches, and a bit that never rises or never falls, must be explained in
`sim/holes.py`; so must an always block that no set of parameters builds. The table of rtl/README.md
must say of each module what was measured.

    python -m sim.coverage                # all, and the table
    python -m sim.coverage fifo skid      # these cases only, and what they reach
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

import click

from fsrcnnx.cli.console import guard
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.files import atomic
from fsrcnnx.prove.builds.cache import content_key
from sim.holes import LINES, TOGGLES
from sim.runner import COVERAGE_FLAGS, ROOT, benches

RTL = ROOT / "rtl"
FIELD = re.compile("\x01([^\x02]*)\x02([^\x01]*)")
# both engines, x2 and x3, beats of one pixel and more, with and without anchor, in slices or not,
# with sums of rows
CORES = ("adders-anchor", "adders-narrow", "adders-rows", "adders-x3", "mac-at-once", "mac-folded",
         "mac-x3")
HLS = ("4x7",)


# ---------------------------------------------------------------- what is run
def cases() -> dict[str, Callable[[Path], None]]:
    """Name every run; each leaves coverage.dat in the folder build/ of the folder it is given."""
    from tests.rtl import test_benches, test_cores, test_hls_top, test_products

    def wrapper(name: str, folder: Path) -> None:
        frame, network = test_hls_top.CASES[name]
        test_hls_top.run(test_hls_top.standin(folder, frame, network), "verilator",
                         folder / "build", network=network, coverage=True)

    runs = {name: (test_benches.bench, name) for name in test_benches.CASES}
    runs |= {f"lane-{name}": (test_products.lane, name) for name in test_products.LANES}
    runs |= {f"core-{name}": (test_cores.core, name) for name in CORES}
    made = {case: lambda folder, run=run, name=name: run(name, "verilator", folder, coverage=True)
            for case, (run, name) in runs.items()}
    return made | {f"hls-{name}": lambda folder, name=name: wrapper(name, folder) for name in HLS}


def sources(case: str) -> str:
    """Hash whatever decides what the bench of a case reaches."""
    from tests.rtl.test_benches import CASES

    bench = CASES[case][0] if case in CASES else "mac_lane" if case.startswith("lane-") else "top"
    named = ("sim/*.sv", "sim/*.py", "rtl/*.sv", "fsrcnnx/emit/rtl/*.py", "fsrcnnx/exact/*.py",
             "tests/networks.py", *(f"tests/rtl/test_{name}.py" for name in
                                    ("benches", "cores", "hls_top", "products")))
    files = [path for pattern in named for path in ROOT.glob(pattern)
             if path.name not in ("coverage.py", "holes.py", "soak.py", "soak_tb.sv")
             and (not path.name.startswith("bench_")  # the last of these is imported by others
                  or path.name in (f"bench_{bench}.py", "bench_subpixel.py"))]
    return content_key(files, ROOT, *COVERAGE_FLAGS)


def measure(case: str, kept: Path) -> None:
    """Run one case and keep its coverage.dat."""
    work = kept.with_suffix("")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    cases()[case](work)
    text = (work / "build" / "coverage.dat").read_text(encoding="utf-8")
    with atomic(kept) as path:
        path.write_text(text, encoding="utf-8")
    shutil.rmtree(work)


def quiet() -> None:
    """Let a worker say nothing: cocotb's runner prints its commands, and the logs are files."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def collect(kept: dict[str, Path]) -> None:
    """Run the cases whose files are not there yet, two at a time."""
    todo = {name: path for name, path in kept.items() if not path.is_file()}
    with ProcessPoolExecutor(min(2, len(os.sched_getaffinity(0))), initializer=quiet) as pool:
        running = {pool.submit(measure, name, path): name for name, path in todo.items()}
        try:
            for at, done in enumerate(as_completed(running), len(kept) - len(todo) + 1):
                done.result()
                click.echo(f"{at} of {len(kept)}: {running[done]}", err=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


# ---------------------------------------------------------------- what was reached
@dataclass
class Reached:
    """What was reached of one file, by all runs together.

    Args:
        lines: Times that each line was run, by number.
        arms: Times that each arm of a branch was taken, by line, kind (`if`, `else`, ...), column.
        toggles: Times that each bit went each way, by signal, bit and way: `sum_q`, `[3]`, `0->1`.
    """

    lines: Counter[int] = field(default_factory=Counter)
    arms: Counter[tuple[int, str, int]] = field(default_factory=Counter)
    toggles: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def numbers(said: str) -> list[int]:
    """Give the numbers of `42-47,51`."""
    parts = [part.split("-") for part in said.split(",") if part]
    return [n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)]


def read(paths: Iterable[Path], wanted: Iterable[str]) -> dict[str, Reached]:
    """Add up files of Verilator's.

    Args:
        paths: Files coverage.dat.
        wanted: Names of the source files that matter, wherever they lie.

    Returns:
        What was reached of each file.
    """
    found = {name: Reached() for name in wanted}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("C '"):
                continue
            point, _, count = line[3:].rpartition("' ")
            said = dict(FIELD.findall(point))
            at = found.get(Path(said["f"]).name)
            if at is None:
                continue
            if said["page"].startswith("v_toggle/"):
                signal, bit, way = re.fullmatch(r"(.*?)((?:\[\d+\])*):(\d->\d)",
                                                said["o"]).groups()
                at.toggles[signal, bit, way] += int(count)
                continue
            for number in numbers(said.get("S", "")):
                at.lines[number] += int(count)
            if said["page"].startswith("v_branch/"):
                at.arms[int(said["l"]), said["o"], int(said["n"])] += int(count)
    return found


def holes(name: str, text: str, reached: Reached) -> list[tuple[int, str, str]]:
    """What no run reaches in a file.

    Args:
        name: Of the file.
        text: Of the file.
        reached: What was reached.

    Returns:
        Line's number, its text, and what it lacks: `run`, `built`, or an arm, e.g. `else`.
    """
    lines = text.splitlines()
    found = [(n, "run") for n, count in reached.lines.items() if not count]
    found += [(n, arm) for (n, arm, _), count in reached.arms.items()
              if not count and reached.lines.get(n, 1)]
    found += [(n, "built") for n, line in enumerate(lines, 1)
              if re.match(r"\s*always_", line) and n not in reached.lines]
    return [(n, lines[n - 1].strip(), lacks) for n, lacks in sorted(set(found))]


def still(reached: Reached) -> dict[str, list[str]]:
    """Which bits never rise or never fall: signal -> `[3] 0->1`."""
    found: dict[str, list[str]] = {}
    for (signal, bit, way), count in sorted(reached.toggles.items()):
        if not count:  # of a block that is generated many times, one
            found.setdefault(re.sub(r"\[\d+\]", "", signal), []).append(f"{bit} {way}".strip())
    return found


# ---------------------------------------------------------------- the table
def share(covered: int, of: int) -> str:
    """Say how much of something was reached."""
    return f"{covered:,}/{of:,} {100 * covered / of:5.1f} %" if of else "-"


def cell(at: Reached) -> str:
    """Say in per cent what was reached of a file, as rtl/README.md does."""
    parts = [f"{100 * sum(map(bool, part.values())) / len(part):.1f}" if part else "-"
             for part in (at.lines, at.arms, at.toggles)]
    return " / ".join(parts)


def misread(reached: dict[str, Reached], page: str) -> list[str]:
    """Find rows of the table of modules that say something else.

    Args:
        reached: What was reached, by file.
        page: rtl/README.md.

    Returns:
        What is wrong with them.
    """
    said = dict(re.findall(r"^\| `(\w+)` \|(?:[^|]*\|){4} ([^|]+) \| \d+ \|$", page, re.M))
    return [f"rtl/README.md says {said.get(Path(name).stem, 'nothing')} of {name}: {cell(at)}"
            for name, at in reached.items() if said.get(Path(name).stem) != cell(at)]


def report(reached: dict[str, Reached], rtl: Path, lines: dict, toggles: dict) -> list[str]:
    """Print the table, the holes that are explained, then those that are not.

    Args:
        reached: What was reached, by file.
        rtl: Folder of the files.
        lines: Explained lines: (file, text, what it lacks) -> reason.
        toggles: Explained signals: (file, signal), as patterns of a shell -> reason.

    Returns:
        What is wrong: holes without a reason, and reasons without a hole.
    """
    form = "{:<24} {:>16} {:>16} {:>20}"
    click.echo(form.format("module", "lines", "branches", "toggles"))
    wrong, explained, total = [], [], [[0, 0], [0, 0], [0, 0]]
    for name, at in reached.items():
        counts = [(sum(map(bool, part.values())), len(part))
                  for part in (at.lines, at.arms, at.toggles)]
        total = [[a + b for a, b in zip(*pair, strict=True)]
                 for pair in zip(total, counts, strict=True)]
        click.echo(form.format(Path(name).stem, *(share(*pair) for pair in counts)))
        found = [((name, text, lacks), f"{name}:{n}: {text}: {lacks}", lines)
                 for n, text, lacks in holes(name, (rtl / name).read_text(encoding="utf-8"), at)]
        for signal, bits in still(at).items():
            key = next((pair for pair in toggles
                        if fnmatch(name, pair[0]) and fnmatch(signal, pair[1])), (name, signal))
            more = f" and {len(bits) - 4} more" if len(bits) > 4 else ""
            found.append((key, f"{name}: {signal}: {', '.join(bits[:4])}{more}", toggles))
        for key, said, reasons in found:
            if key in reasons:
                explained.append((key, f"{said}: {reasons[key]}"))
            else:
                wrong.append(f"not explained: {said}")
    click.echo(form.format("all", *(share(*pair) for pair in total)))
    click.echo("\nexplained:")
    for _, said in explained:
        click.echo(f"  {said}")
    known = {key for key, _ in explained}
    return wrong + [f"no such hole: {': '.join(key)}" for key in (*lines, *toggles)
                    if key not in known]


@click.command()
@click.argument("names", nargs=-1, metavar="[CASE]...")
def main(names):
    """Measure what the benches reach of rtl/; CASE: only these, and nothing is asked of them."""
    known = list(cases())
    for name in names:
        if name not in known:
            raise InputError("no such case", where=name, allowed=", ".join(known))
    place = benches().with_name("coverage")
    place.mkdir(parents=True, exist_ok=True)
    kept = {name: place / f"{name}-{sources(name)}.dat" for name in known}
    for old in {*place.glob("*")} - {*kept.values()}:
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    wanted = {name: kept[name] for name in names or known}
    collect(wanted)
    found = read(wanted.values(), sorted(path.name for path in RTL.glob("*.sv")))
    wrong = report(found, RTL, LINES, TOGGLES)
    if names:
        return
    wrong += misread(found, (RTL / "README.md").read_text(encoding="utf-8"))
    for said in wrong:
        click.echo(said)
    if wrong:
        raise CheckError(f"{len(wrong)} not as it must be", where="coverage",
                         allowed="every hole explained in sim/holes.py, every row of rtl/README.md "
                                 "as measured")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    guard(main)
