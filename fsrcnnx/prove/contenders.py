"""What `fsrcnnx bench` compares: the exact engines, and when one of them is left out.

May import numpy, the ground, exact and the engines. A contender is prepared once, in a process of
its own, then called frame by frame.

    with CONTENDER["emulate"].prepare(model, (512, 512)) as run: hr = run(lr)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
        most: LR pixels of the largest frame that it is given, or None: what is slow takes seconds
            for as many.
        package: One that must be installed.
        narrow: Whether it may go without a network that its form cannot hold.
        options: Of the engine.
    """

    name: str
    engine: str
    most: int | None = None
    package: str = ""
    narrow: bool = False
    options: dict[str, object] = field(default_factory=dict)

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
        given = {name: value for name, value in (("shape", shape), ("max_width", shape[1]))
                 if name in engine.takes}
        try:
            with engine.prepare(model, **given, **self.options) as run:
                yield lambda lr: run([lr]).planes[0]
        except Unrepresentable as reason:
            if self.narrow:
                raise Absent(str(reason)) from reason
            raise


SLOW, SIMULATED = 512 * 512, 64 * 48
CONTENDER = {contender.name: contender for contender in (
    Contender("golden", "golden", SLOW),
    Contender("emulate", "emulate"),
    Contender("c", "c", narrow=True),
    Contender("onnx", "onnx", narrow=True),
    Contender("hls", "hls4ml", SLOW, package="hls4ml"),
    Contender("rtl-mac", "rtl", SLOW, options={"multiply": "mac"}),
    Contender("rtl-adders", "rtl", package="da4ml", options={"multiply": "adders"}),
    Contender("rtl-mac-icarus", "rtl", SIMULATED,
              options={"multiply": "mac", "simulator": "icarus"}),
    Contender("rtl-adders-icarus", "rtl", SIMULATED, package="da4ml",
              options={"multiply": "adders", "simulator": "icarus"}),
)}
