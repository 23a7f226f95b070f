"""What a rung of the ladder is: what it gets, what it gives, and why it may be left out.

May import numpy, the ground, exact, and the comparison.

    with ruling_out():
        raise Unrepresentable("no such form")       # RuledOut, which is a Skip
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fsrcnnx.errors import Unrepresentable
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.ladder import compare
from fsrcnnx.prove.ladder.stimuli import Stimulus


class Skip(Exception):
    """This rung cannot be climbed here; the text says why."""


class RuledOut(Skip):
    """No rung of this kind can hold this network: nothing to install or to make would help."""


@dataclass(frozen=True, eq=False)
class Context:
    """What all rungs share.

    Args:
        model: The opened model.
        rtl_dir: Emitted folder to simulate, or why there cannot be one.
        seed: Seed of gaps and stalls.
    """

    model: Model
    rtl_dir: Path | Unrepresentable | None
    seed: int

    @property
    def network(self) -> Network:
        """The integer network of the model."""
        return self.model.network

    def beside(self, name: str) -> Path:
        """Path of a file beside the model, or Skip."""
        path = self.model.beside(name)
        if path is None:
            raise Skip(f"there is no {name} beside {self.model.path.name}")
        return path


@dataclass(frozen=True, eq=False)
class Climbed:
    """What a rung gave.

    Args:
        stimuli: The frames that it ran, perhaps tiles of those asked for.
        outputs: Integers (s*H, s*W) each; None where nothing came.
        seconds: Time of each.
        note: Measured figures, in words.
        fault: A protocol error or hang, in words.
        locate: Finds the first divergence of a frame, by its index, layer by layer.
    """

    stimuli: Sequence[Stimulus]
    outputs: Sequence[np.ndarray | None]
    seconds: Sequence[float]
    note: str = ""
    fault: str = ""
    locate: Callable[[int], compare.Divergence | None] = field(default=lambda index: None)


@dataclass(frozen=True)
class Rung:
    """One rung.

    Args:
        name: Its name on the command line.
        what: What it is, in a few words.
        climb: Runs it; raises Skip or ToolError if it cannot run here.
        optional: Whether the ladder may go without it when its file is not there.
        against: What it is compared with, `HR` for quality only.
    """

    name: str
    what: str
    climb: Callable[[Context, Sequence[Stimulus]], Climbed]
    optional: bool = False
    against: str = "golden"


@contextmanager
def ruling_out() -> Iterator[None]:
    """Take a network that the rung's form cannot hold for a reason to go without the rung."""
    try:
        yield
    except Unrepresentable as reason:
        raise RuledOut(str(reason)) from reason
