# SPDX-License-Identifier: Apache-2.0
"""What is known already: a line of JSON for each answer, found by a hash of all that decides it.

    answers = Answers(Path("build/mutate/answers.jsonl")); answers[key] = {"outcome": "passed"}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def digest(*parts: str) -> str:
    """Hash texts.

    Args:
        parts: Texts; where one ends matters.

    Returns:
        Hex digits.
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def contents(root: Path, files: Iterable[str]) -> str:
    """Hash files of a folder, and their names.

    Args:
        root: The folder.
        files: Paths in it.

    Returns:
        Hex digits.
    """
    return digest(*(f"{name}\0{(root / name).read_text(encoding='utf-8')}"
                    for name in sorted(set(files))))


class Answers:
    """Answers by key, in memory and in a file that only grows; a line cut off is not there."""

    def __init__(self, path: Path):
        self.path, self.known = path, {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                answer = json.loads(line)
                self.known[answer.pop("key")] = answer
            except (ValueError, KeyError, AttributeError):
                continue  # the run was stopped while it wrote

    def get(self, key: str) -> dict | None:
        """The answer, or None."""
        return self.known.get(key)

    def __setitem__(self, key: str, answer: dict) -> None:
        self.known[key] = answer
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(self._torn()) + json.dumps({"key": key, **answer}) + "\n")

    def _torn(self) -> bool:
        """Whether the file ends within a line."""
        if not self.path.exists() or not self.path.stat().st_size:
            return False
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read() != b"\n"
