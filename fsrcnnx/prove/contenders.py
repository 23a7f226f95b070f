"""What `fsrcnnx bench` compares: the exact engines, and when one of them is left out.

May import numpy, the ground, exact and the engines. A contender is prepared once, in a process of
its own, then called frame by frame.

    with CONTENDER["emulate"].prepare(model, (512, 512)) as run: hr = run(lr)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from fsrcnnx.errors import Unrepresentable
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.install import advice
from fsrcnnx.prove.engines.table import ENGINE

Run = Callable[[np.ndarray], np.ndarray]


class Absent(Exception):
    """This contender cannot run here; the text says why."""


@dataclass(frozen=True)
class Contender:
    """One engine in the benchmark.

    Args:
        name: Its name on the command line.
        engine: That of the engine.
        slow: Whether it is left out for large frames.
        package: One that must be installed.
        narrow: Whether it may go without a network that its form cannot hold.
    """

    name: str
    engine: str
    slow: bool = False
    package: str = ""
    narrow: bool = False

    @contextmanager
    def prepare(self, model: Model, shape: tuple[int, int]) -> Iterator[Run]:
        """Make it ready for frames of one size.

        Args:
            model: The opened model.
            shape: (height, width) of an LR frame.

        Yields:
            The function from raw LR to raw HR, integers.

        Raises:
            Absent, ToolError: If it cannot run here.
        """
        if self.package and find_spec(self.package) is None:
            raise Absent(f"{self.package} is not installed: {advice(self.package)}")
        engine = ENGINE[self.engine]
        given = {"shape": shape} if "shape" in engine.takes else {}
        try:
            with engine.prepare(model, **given) as run:
                yield lambda lr: run([lr]).planes[0]
        except Unrepresentable as reason:
            if self.narrow:
                raise Absent(str(reason)) from reason
            raise


CONTENDER = {contender.name: contender for contender in (
    Contender("golden", "golden", slow=True),
    Contender("emulate", "emulate"),
    Contender("c", "c", narrow=True),
    Contender("onnx", "onnx", narrow=True),
    Contender("hls", "hls4ml", slow=True, package="hls4ml"),
)}
