"""What `fsrcnnx bench` compares: ways to compute one network's exact bits, each behind one call.

May import numpy, the ground, exact and emit; heavy packages only inside the contender that needs
them. A contender is prepared once, in a process of its own, then called frame by frame.

    with CONTENDER["emulate"].prepare(model, (512, 512)) as run: hr = run(lr)
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fsrcnnx import processes
from fsrcnnx.errors import ToolError, Unrepresentable
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import scratch
from fsrcnnx.install import advice

Run = Callable[[np.ndarray], np.ndarray]


class Absent(Exception):
    """This contender cannot run here; the text says why."""


@dataclass(frozen=True)
class Contender:
    """One way to compute the network.

    Args:
        name: Its name on the command line.
        what: What it is, in a few words.
        prepare: Given the opened model and the frame's (height, width), gives the function
            from raw LR to raw HR, integers; raises Absent or ToolError if it cannot run here.
        slow: Whether it is left out for large frames.
    """

    name: str
    what: str
    prepare: Callable[[Model, tuple[int, int]], AbstractContextManager[Run]]
    slow: bool = False


@contextmanager
def _golden(model: Model, shape: tuple[int, int]) -> Iterator[Run]:
    yield lambda lr: golden.run(model.network, lr)


@contextmanager
def _emulate(model: Model, shape: tuple[int, int]) -> Iterator[Run]:
    from fsrcnnx.exact.emulate import Emulator

    yield Emulator(model.network)


@contextmanager
def _onnx(model: Model, shape: tuple[int, int]) -> Iterator[Run]:
    from onnxruntime import InferenceSession

    with scratch() as folder:
        path = Path(folder) / "model_uint8.onnx"
        try:
            onnx_io.save_uint8(model.network, path)
        except Unrepresentable as reason:
            raise Absent(str(reason)) from reason
        session = InferenceSession(path, providers=["CPUExecutionProvider"])
    yield lambda lr: session.run(None, {"lr": lr[None, None]})[0][0, 0]


@contextmanager
def _hls(model: Model, shape: tuple[int, int]) -> Iterator[Run]:
    """The library that hls4ml's own compile() makes and its predict() calls."""
    if find_spec("hls4ml") is None:
        raise Absent(f"hls4ml is not installed: {advice('hls4ml')}")
    from fsrcnnx.emit.hls import emit

    network = model.network
    height, width = shape
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

        yield run


CONTENDER = {contender.name: contender for contender in (
    Contender("golden", "integer model in numpy", _golden, slow=True),
    Contender("emulate", "tensor kernels in tiles", _emulate),
    Contender("onnx", "model_uint8.onnx in onnxruntime", _onnx),
    Contender("hls", "hls4ml's g++ emulation", _hls, slow=True),
)}
