"""What an engine is, and what it gives: one call for every way to compute a network's pixels.

May import the errors; numpy and the rest for their types only, so that the command line can read
the table.

    with ENGINE["golden"].prepare(model) as run: hr = run([lr]).whole()[0]
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fsrcnnx.errors import CheckError

if TYPE_CHECKING:
    import numpy as np

    from fsrcnnx.exact.emulate import Emulator
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.c.library import Library
    from fsrcnnx.prove.hls.frames import Simulated
    from fsrcnnx.prove.simulation.simulate import Result

PER_HR_PIXEL = 30  # bytes that resampling takes


@dataclass(frozen=True, eq=False)
class Ran:
    """What an engine gave for some planes.

    Args:
        planes: Raw luma (s*H, s*W) each, integers; None where a simulation stopped.
        seconds: Time of each.
        error: What went wrong besides values, if something did.
        report: What a simulation says of itself; the emulator or the library that ran.
    """

    planes: tuple[np.ndarray | None, ...]
    seconds: tuple[float, ...]
    error: CheckError | None = None
    report: Result | Simulated | Emulator | Library | None = None

    def whole(self) -> tuple[np.ndarray, ...]:
        """The planes, all of them.

        Raises:
            CheckError: If something went wrong on the way to them.
        """
        if self.error:
            raise self.error
        return self.planes


Run = Callable[[Sequence["np.ndarray"]], Ran]


@dataclass(frozen=True)
class Engine:
    """One way to compute pixels.

    Args:
        name: Its name on the command line.
        what: What it is, in a few words.
        prepare: Given the opened model (None for one that runs no network) and options by name,
            gives once the function that runs raw luma planes (H, W), of what enters the network.
            Raises ToolError if something is missing, Unrepresentable if it cannot hold a network.
        offered: Whether the commands that upscale pictures offer it.
        network: Whether it runs a network.
        exact: Whether it gives golden's bits, and so takes pixels of the network's depth only.
        per_channel: Bytes that the widest map of one that holds a whole frame takes, per channel
            and pixel of it; 0 if it holds tiles.
        busy: What it does for minutes, for a progress bar; {simulator} stands for that.
    """

    name: str
    what: str
    prepare: Callable[..., AbstractContextManager[Run]]
    offered: bool = True
    network: bool = True
    exact: bool = True
    per_channel: int = 0
    busy: str = ""

    @property
    def takes(self) -> frozenset[str]:
        """Names of the options that it looks at."""
        return frozenset(name for name, option in inspect.signature(self.prepare).parameters.items()
                         if option.kind == option.KEYWORD_ONLY)

    def memory(self, model: Model | None, pixels: int, scale: int) -> int:
        """Estimate the memory that upscaling one picture takes.

        Args:
            model: The opened model; None for an engine that runs no network.
            pixels: Width times height.
            scale: HR size over LR size.

        Returns:
            Bytes, as measured on the shipped networks; up to a half more than are taken.
        """
        each = PER_HR_PIXEL * scale**2
        if self.per_channel:
            widest = max(layer.out_channels for layer in model.network.layers)
            each += self.per_channel * widest * model.prescale**2
        return each * pixels
