"""What a rung of the ladder is: what it gets, what it gives, and why it may be left out.

May import numpy, the ground, exact, the engines and the comparison.

    run(context, "golden", stimuli).planes     # raw luma (s*H, s*W) each
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fsrcnnx.errors import ToolError, Unrepresentable
from fsrcnnx.exact.compare import Divergence
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.model import FILE, Model
from fsrcnnx.prove.engines.engine import Ran
from fsrcnnx.prove.engines.table import ENGINE
from fsrcnnx.prove.stimuli import Stimulus


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
        adders_dir: One of the engine `adders`, or why there cannot be one.
    """

    model: Model
    rtl_dir: Path | Unrepresentable | None
    seed: int
    adders_dir: Path | Unrepresentable | ToolError | None = None

    @property
    def network(self) -> Network:
        """The integer network of the model."""
        return self.model.network

    def beside(self, name: str) -> Path:
        """Path of a file beside the model, or Skip."""
        path = self.model.beside(name)
        file = self.model.path.name
        if path is None and file != FILE:
            raise Skip(f"{file} has no {name}: only {FILE} has files that belong to it")
        if path is None:
            raise Skip(f"there is no {name} beside {file}")
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
    locate: Callable[[int], Divergence | None] = field(default=lambda index: None)


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


def run(context: Context, engine: str, stimuli: Sequence[Stimulus], **options) -> Ran:
    """Run frames through an engine of the table.

    Args:
        context: Whose model.
        engine: Its name.
        stimuli: The frames.
        options: Of the engine.

    Returns:
        What it gave.

    Raises:
        RuledOut: If its form cannot hold the network.
        ToolError: If something is missing.
    """
    try:
        with ENGINE[engine].prepare(context.model, **options) as prepared:
            return prepared([stimulus.lr for stimulus in stimuli])
    except Unrepresentable as reason:
        raise RuledOut(str(reason)) from reason
