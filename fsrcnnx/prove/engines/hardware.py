"""The engines that are hardware: HLS projects compiled with g++, emitted cores in a simulator.

May import the errors and the ground; the rest only inside an engine, so that the command line can
read the table.

    with rtl(model, simulator="icarus") as run: run([lr]).report.cycles
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.files import scratch
from fsrcnnx.prove.engines.engine import Ran, Run
from fsrcnnx.prove.engines.software import one_by_one

if TYPE_CHECKING:
    import numpy as np

    from fsrcnnx.exact.onnx.model import Model

Progress = Callable[[float], None]


@contextmanager
def hls(model: Model, *, progress: Progress | None = None) -> Iterator[Run]:
    """One project of each frame size, compiled with g++, run as library and as test bench."""
    from fsrcnnx.prove.hls import frames

    def run(lrs: Sequence[np.ndarray]) -> Ran:
        done = frames.simulate(model.network, lrs, progress)
        error = CheckError(done.fault, where="engine hls") if done.fault else None
        return Ran(done.frames, done.seconds, error, done)

    yield run


@contextmanager
def hls4ml(model: Model, *, shape: tuple[int, int]) -> Iterator[Run]:
    """The library that hls4ml's own compile() makes and its predict() calls, for frames (H, W)."""
    import ctypes
    import os

    import numpy as np

    from fsrcnnx import processes
    from fsrcnnx.emit.hls.folder import emit

    network, (height, width) = model.network, shape
    with scratch() as folder:
        project = Path(folder) / "hls"
        top = emit(network, project, width=width, height=height)["top"]
        done = processes.run(["bash", "build_lib.sh"], cwd=project,
                             env={**os.environ, "TMPDIR": str(folder)})
        built = list((project / "firmware").glob("*.so"))
        if done.returncode or not built:
            reason = (done.stderr.strip().splitlines() or ["no library came out"])[-1]
            raise ToolError(f"does not build the project: {reason}", where="g++")
        call = getattr(ctypes.CDLL(str(built[0])), f"{top}_float")
        pointer = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
        call.argtypes, call.restype = [pointer, pointer], None
        hr = np.empty((network.scale * height, network.scale * width), np.float32)

        def run(lr: np.ndarray) -> np.ndarray:
            call((lr * network.in_format.step).astype(np.float32), hr)
            return (hr / network.out_format.step).astype(np.int64)

        yield one_by_one(run)


@contextmanager
def rtl(model: Model, *, simulator: str = "verilator", max_width: int = 1920,
        folder: Path | None = None, idle: int = 0, stall: int = 0, seed: int = 1,
        trace: bool = False, multiply: str = "mac",
        progress: Progress | None = None) -> Iterator[Run]:
    """A core, emitted for frames of up to `max_width` or given as a folder, in a simulator.

    `multiply` is the engine of the emitted one: mac or adders.
    """
    from fsrcnnx.emit.rtl.folder import emit
    from fsrcnnx.prove.simulation.simulate import SimulationFault, simulate

    def run(lrs: Sequence[np.ndarray]) -> Ran:
        for lr in lrs if folder is None else ():
            if lr.shape[1] > max_width:
                raise InputError(f"a frame {lr.shape[1]} pixels wide", where="engine rtl",
                                 allowed=f"up to {max_width}", fix="set --max-width")
        error = None
        try:
            result = simulate(core, lrs, simulator, idle=idle, stall=stall, seed=seed, trace=trace,
                              progress=progress)
        except SimulationFault as fault:
            result, error = fault.result, fault
        missing, pixels = len(lrs) - len(result.frames), sum(lr.size for lr in lrs)
        return Ran((*result.frames, *[None] * missing),
                   tuple(result.seconds * lr.size / pixels for lr in lrs), error, result)

    with ExitStack() as stack:
        core = folder
        if core is None:
            core = Path(stack.enter_context(scratch())) / "rtl"
            emit(model.network, core, engine=multiply, max_width=max_width)
        yield run
