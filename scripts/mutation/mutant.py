# SPDX-License-Identifier: Apache-2.0
"""One small change to one file, and how it is named so that the name outlives other changes.

    mutant.apply(text)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A part of a file's text that is replaced.

    Args:
        file: Path inside the checkout.
        operator: Name of the operator that made it.
        line: The lines it lies in, in one, blanks collapsed.
        changed: The same after the change.
        at: Where the part begins in the text.
        was: The part.
        becomes: What stands there instead.
        number: Line number of the part, from 1 on.
    """

    file: str
    operator: str
    line: str
    changed: str
    at: int
    was: str
    becomes: str
    number: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Its name: file, line, changed line; line numbers may move."""
        return self.file, self.line, self.changed

    def apply(self, text: str) -> str:
        """Give the file's text with the change.

        Args:
            text: The text that the mutant was made of.

        Returns:
            The mutated text.
        """
        assert text[self.at : self.at + len(self.was)] == self.was, "another text"
        return text[: self.at] + self.becomes + text[self.at + len(self.was):]

    def order(self, seed: int) -> str:
        """Where it stands among the others in a sample: the same for a seed, whoever else is there.

        Args:
            seed: Seed of the sample.

        Returns:
            A digest to sort by.
        """
        return hashlib.sha256(repr((seed, *self.key)).encode()).hexdigest()


def planted(file: str, text: str, operator: str, at: int, was: str, becomes: str) -> Mutant:
    """Make a mutant of a place in a text.

    Args:
        file: Path inside the checkout.
        text: The file's text.
        operator: Name of the operator.
        at: Where the part begins.
        was: The part.
        becomes: What stands there instead.

    Returns:
        The mutant.
    """
    end = at + len(was)
    first = text.rfind("\n", 0, at) + 1
    last = (text.find("\n", end) + 1 or len(text) + 1) - 1
    line = " ".join(text[first:last].split())
    changed = " ".join((text[first:at] + becomes + text[end:last]).split())
    return Mutant(file, operator, line, changed, at, was, becomes, text.count("\n", 0, at) + 1)
