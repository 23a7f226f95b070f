# SPDX-License-Identifier: Apache-2.0
"""A copy of the checkout in a temporary folder: mutants are planted there, never in the checkout.

    with Place.of(ROOT) as place:
        with place.planted(mutant): place.run(["tests/exact"], cpu=60)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx.errors import CheckError
from scripts.mutation.mutant import Mutant

COPIED = ("Makefile", "pyproject.toml", "README.md", "LICENSE", "c", "formal", "fsrcnnx", "hls",
          "models", "rtl", "scripts", "sim", "tests")
# what mutants are judged by need not be fast, but soon compiled; not the runtime, which is kept
FLAGS = "OPT_FAST=-O0 OPT_SLOW=-O0"
FAILED, REJECTED, HANGS, PASSED = "failed", "rejected", "hangs", "passed"


@dataclass(frozen=True)
class Ran:
    """What came of a check.

    Args:
        outcome: FAILED, REJECTED where nothing could be built or imported, HANGS or PASSED.
        cpu: Seconds of the processor.
        log: What it said.
    """

    outcome: str
    cpu: float
    log: str


class Place:
    """A copy, and the worker that runs checks in it."""

    def __init__(self, root: Path, folder: Path):
        self.folder, self.log = folder / "checkout", folder / "log"
        self.folder.mkdir()
        for name in COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, self.folder / name, symlinks=True,
                                ignore=shutil.ignore_patterns("__pycache__", "build"))
            elif (root / name).exists():
                shutil.copy(root / name, self.folder)
        self.env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1",
                    "MAKEFLAGS": FLAGS, "TMPDIR": str(folder), "CI": "1"}
        for name in ("SIM", "SEED", "WAVES", "PYTEST_ADDOPTS", "HLS_RTL"):
            self.env.pop(name, None)
        self.worker = subprocess.Popen(
            [sys.executable, self.folder / "scripts" / "mutation" / "worker.py"], cwd=self.folder,
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    @classmethod
    @contextmanager
    def of(cls, root: Path) -> Iterator[Place]:
        """Copy a checkout for a while.

        Args:
            root: The checkout.

        Yields:
            The copy.
        """
        with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
            place = cls(root, Path(scratch))
            try:
                yield place
            finally:
                place.worker.stdin.close()
                place.worker.terminate()
                place.worker.wait()

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """Plant a mutant for a while.

        Args:
            mutant: The mutant.

        Yields:
            Nothing.
        """
        path = self.folder / mutant.file
        text = path.read_text(encoding="utf-8")
        path.write_text(mutant.apply(text), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")

    def run(self, args: list[str], cpu: int) -> Ran:
        """Run a check.

        Args:
            args: Of pytest, or of python where the first is -m.
            cpu: Most seconds of the processor, of any one process; 20 times that of the clock.

        Returns:
            What came of it.

        Raises:
            CheckError: If there was nothing to run, or some of it was skipped.
        """
        self.worker.stdin.write(json.dumps({"args": args, "log": str(self.log), "cpu": cpu}) + "\n")
        self.worker.stdin.flush()
        answer = json.loads(self.worker.stdout.readline())
        said = self.log.read_text(encoding="utf-8", errors="replace")
        code = answer["code"]
        if code in (4, 5) or (code == 0 and re.search(r"\d+ skipped", said)):
            raise CheckError(f"not all was run: {said.strip()[-300:]}", where=" ".join(args))
        return Ran(outcome(code, said), answer["cpu"], said)


def outcome(code: int, said: str) -> str:
    """Say what an exit code of a check and its words mean.

    Args:
        code: Exit code, negative if a signal ended it.
        said: What it printed.

    Returns:
        FAILED, REJECTED, HANGS or PASSED.
    """
    if code == 0:
        return PASSED
    if code in (-24, -9) or re.search(r"(?:error|code|signal) -24\b|SIGXCPU", said):
        return HANGS
    if re.search(r"ERROR collecting |cannot be compiled: |Yosys refuses it", said):
        return REJECTED
    never = re.search(r"the bench did not run: .*?; fix: see \S+ and (\S+)", said, re.S)
    return REJECTED if never and not Path(never[1]).exists() else FAILED
