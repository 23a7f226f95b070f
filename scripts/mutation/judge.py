# SPDX-License-Identifier: Apache-2.0
"""What the project's checks say of a mutant, each check in turn until one sees it.

    Judge(place, answers).verdicts(subject, mutant)     # {"icarus": Verdict("failed", "..."), ...}
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import manifests, tools
from fsrcnnx.errors import CheckError
from fsrcnnx.prove.synth import read_manifest
from scripts.mutation.mutant import Mutant
from scripts.mutation.place import FAILED, HANGS, PASSED, REJECTED, Place
from scripts.mutation.store import Answers, contents, digest
from scripts.mutation.subjects import Check, Subject

FLAGS = ["--lint-only", "-Wall"]
LEAST, TIMES = 5, 6  # seconds of the processor that a check has: at least, and of the usual


@dataclass(frozen=True)
class Verdict:
    """What checks of one kind say of a mutant.

    Args:
        outcome: FAILED or HANGS: it was seen; REJECTED: not compiled; PASSED: it survives.
        check: Name of the check that saw it.
    """

    outcome: str
    check: str = ""

    @property
    def killed(self) -> bool:
        """Whether a check saw it."""
        return self.outcome in (FAILED, HANGS)


class Judge:
    """Asks each check once, and keeps what it said."""

    def __init__(self, place: Place, answers: Answers):
        self.place, self.answers = place, answers

    def _key(self, check: Check, mutant: Mutant | None, file: str) -> str:
        """Hash of all that decides what a check says, a mutant planted or none."""
        same = {*check.files, file} - ({file} if mutant else set())
        text = (self.place.folder / file).read_text(encoding="utf-8")
        return digest(check.name, check.given, contents(self.place.folder, same),
                      mutant.apply(text) if mutant else "")

    def usual(self, check: Check, file: str) -> float:
        """Seconds of the processor that a check takes on the file as it is.

        Args:
            check: The check.
            file: The file that is to be mutated.

        Returns:
            Seconds.

        Raises:
            CheckError: If it does not pass: a check that fails anyway judges nothing.
        """
        key = self._key(check, None, file)
        if (answer := self.answers.get(key)) is None:
            ran = self.place.run(list(check.args), cpu=900)
            if ran.outcome != PASSED:
                raise CheckError(f"{ran.outcome} without any mutant: {ran.log.strip()[-400:]}",
                                 where=check.name)
            self.answers[key] = answer = {"cpu": ran.cpu, "check": check.name}
        return answer["cpu"]

    def _core(self, name: str) -> Path:
        """Folder of a core that mutants must be lint clean in."""
        folder = self.place.folder.parent / "cores"
        if not (folder / name).exists():
            folder.mkdir(exist_ok=True)
            done = subprocess.run([sys.executable, "-m", "scripts.mutation.cores", folder, name],
                                  cwd=self.place.folder, env=self.place.env, check=False,
                                  capture_output=True, encoding="utf-8")
            if done.returncode:
                raise CheckError(f"no core to lint: {done.stderr.strip()[-300:]}",
                                 where="mutate")
            if said := self._lint(folder / name):
                raise CheckError(f"not lint clean without any mutant: {said}", where=name)
        return folder / name

    def _lint(self, folder: Path) -> str:
        """What Verilator has to say of a core, the first line; empty if it is content."""
        done = subprocess.run(
            [tools.find("verilator"), *FLAGS, "--top-module",
             manifests.top(read_manifest(folder)), *manifests.sources(folder)],
            cwd=folder, check=False, capture_output=True, encoding="utf-8",
            env={**os.environ, **tools.environment("verilator")})
        lines = done.stderr.splitlines() if done.returncode else []
        return next((line for line in lines if line.startswith("%")), "it ended" if lines else "")

    def refused(self, subject: Subject, mutant: Mutant, text: str) -> bool:
        """Say whether a mutant is no program, or not lint clean: then no test is asked.

        Args:
            subject: Its file.
            mutant: The mutant.
            text: The file's text.

        Returns:
            Whether Verilator, with all warnings, or Python refuses it.
        """
        changed = mutant.apply(text)
        if not subject.core:
            try:
                ast.parse(changed)
            except SyntaxError:
                return True
            return False
        key = digest("lint", contents(self.place.folder, ["sim/soak.py", *(
            f"rtl/{path.name}" for path in (self.place.folder / "rtl").glob("*.sv")
            if path.name != Path(subject.file).name)]), changed)
        if (answer := self.answers.get(key)) is None:
            folder = self._core(subject.core)
            path = folder / Path(subject.file).name
            whole = path.read_text(encoding="utf-8")
            path.write_text(changed, encoding="utf-8")
            try:
                said = self._lint(folder)
            finally:
                path.write_text(whole, encoding="utf-8")
            self.answers[key] = answer = {"refused": bool(said), "said": said[:200],
                                          "mutant": mutant.key}
        return answer["refused"]

    def verdicts(self, subject: Subject, mutant: Mutant,
                 columns: tuple[str, ...]) -> dict[str, Verdict]:
        """Ask the checks of some columns about a mutant.

        Args:
            subject: Its file.
            mutant: The mutant.
            columns: Columns of the table.

        Returns:
            Column -> verdict; empty if it is refused before any test.
        """
        text = (self.place.folder / mutant.file).read_text(encoding="utf-8")
        if self.refused(subject, mutant, text):
            return {}
        chosen = {name: checks for name, checks in subject.checks.items() if name in columns}
        found, seen = {}, 0
        for column, checks in chosen.items():
            # what saw it in one simulator is likely to see it in the other
            order = [*checks[seen : seen + 1], *checks[:seen], *checks[seen + 1 :]]
            found[column] = Verdict(PASSED)
            for check in order:
                outcome = self._answer(check, mutant, bool(subject.core))
                if outcome != PASSED:
                    found[column] = Verdict(outcome, check.name)
                if found[column].killed:  # what one case cannot elaborate another may
                    seen = checks.index(check)
                    break
        return found

    def _answer(self, check: Check, mutant: Mutant, rtl: bool) -> str:
        """Outcome of a check on a mutant, planted only if nothing is known yet."""
        key = self._key(check, mutant, mutant.file)
        if (answer := self.answers.get(key)) is None:
            usual = self.usual(check, mutant.file)
            with self.place.planted(mutant):
                ran = self.place.run(list(check.args), cpu=int(LEAST + TIMES * usual))
            answer = {"outcome": ran.outcome, "cpu": ran.cpu, "check": check.name,
                      "mutant": mutant.key}
            self.answers[key] = answer
        refused = answer["outcome"] == REJECTED and not rtl and check.args[0] == "-m"
        return FAILED if refused else answer["outcome"]  # an emitter's core that no tool takes

