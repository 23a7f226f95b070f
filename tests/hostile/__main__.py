"""Run every hostile input that the project keeps; print how many were answered well.

    python -m tests.hostile                # all
    python -m tests.hostile onnx -v        # those of one area, or whose names contain a word
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from fsrcnnx.prove.builds.home import VARIABLE
from tests.hostile.case import Answer, Case, run

NOT_AREAS = ("__main__", "__init__", "case")


def areas() -> list[str]:
    """Name the areas: the files that list cases.

    Returns:
        The names, in order.
    """
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py")
                  if path.stem not in NOT_AREAS and not path.stem.startswith("test_"))


@contextmanager
def own_builds() -> Iterator[None]:
    """Keep the builds of the cases in a folder of the block's own, which they share."""
    before = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory(prefix="hostile-builds-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def cases(words: list[str]) -> list[Case]:
    """Collect the cases.

    Args:
        words: Parts of the names of areas or cases; none: all.

    Returns:
        The cases, area by area.
    """
    found = []
    for area in areas():
        module = importlib.import_module(f"tests.hostile.{area}")
        found += [case for case in module.CASES
                  if not words or any(w in area or w in case.name for w in words)]
    names = [case.name for case in found]
    assert len(set(names)) == len(names), "two cases of one name"
    return found


def answer(case: Case) -> Answer:
    """Run one case in a scratch folder of its own."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        return run(case, Path(folder))


def main() -> int:
    """Run them, two at a time; print each bad answer; 1 if there is one."""
    from tqdm import tqdm

    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("words", nargs="*", help="areas, or parts of names")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every answer")
    chosen = parser.parse_args()
    todo = cases(chosen.words)
    well = tracebacks = leftovers = 0
    with own_builds(), ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool, \
            tqdm(total=len(todo), unit="input", disable=None, leave=False) as bar:
        running = {pool.submit(answer, case): case for case in todo}
        for done in as_completed(running):
            case, given = running[done], done.result()
            bar.update()
            well += not given.faults
            tracebacks += given.traceback
            leftovers += len(given.leftovers)
            if given.faults or chosen.verbose:
                last = (given.output.strip().splitlines() or [""])[-1]
                tqdm.write(f"{'FAIL' if given.faults else 'ok'} {case.name} "
                           f"({given.seconds:.1f} s): {'; '.join(given.faults)}\n    {last[:300]}")
    print(f"{len(todo)} tried, {well} answered well, {tracebacks} tracebacks, "
          f"{leftovers} leftovers")
    return int(well < len(todo))


if __name__ == "__main__":
    sys.exit(main())
