"""The engines that are software: bicubic, float, golden, emulated, C, ONNX, the module trained.

May import the errors and the ground; the rest only inside an engine, so that the command line can
read the table.

    with golden(model) as run: run([lr]).planes[0]      # int64 (s*H, s*W)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fsrcnnx.files import scratch
from fsrcnnx.prove.engines.engine import Ran, Run

if TYPE_CHECKING:
    import numpy as np

    from fsrcnnx.exact.emulate import Emulator
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.c.library import Library


def one_by_one(run: Callable[[np.ndarray], np.ndarray],
               report: Emulator | Library | None = None) -> Run:
    """Run planes one after the other, timing each.

    Args:
        run: From raw LR (H, W) to raw HR (s*H, s*W).
        report: What the engine is to say of itself.

    Returns:
        The function that an engine gives.
    """
    def every(lrs: Sequence[np.ndarray]) -> Ran:
        planes, seconds = [], []
        for lr in lrs:
            start = time.perf_counter()
            planes.append(run(lr))
            seconds.append(time.perf_counter() - start)
        return Ran(tuple(planes), tuple(seconds), report=report)

    return every


@contextmanager
def bicubic(model: None = None, *, scale: int = 2, bits: int = 8) -> Iterator[Run]:
    """Without a network: `scale` times the size, pixels of `bits` bits."""
    from fsrcnnx.media.pictures.resample import bicubic as enlarge

    yield one_by_one(lambda lr: enlarge(lr, scale, (1 << bits) - 1))


@contextmanager
def floats(model: Model, *, bits: int | None = None) -> Iterator[Run]:
    """The network before quantisation, rounded and clipped to `bits`, else to its own formats."""
    import numpy as np

    from fsrcnnx.exact.formats import Format, saturate
    from fsrcnnx.exact.onnx import io

    path = model.companion("model_float.onnx")
    enters, leaves = (Format(False, bits, bits),) * 2 if bits else (
        model.network.in_format, model.network.out_format)
    run = io.float_session(path, enters, leaves)
    yield one_by_one(lambda lr: saturate(np.rint(run(lr)), leaves).astype(leaves.dtype))


@contextmanager
def golden(model: Model) -> Iterator[Run]:
    """The integer model by its definition."""
    from fsrcnnx.exact import golden as exact

    yield one_by_one(lambda lr: exact.run(model.network, lr))


@contextmanager
def emulate(model: Model, *, emulator: Emulator | None = None) -> Iterator[Run]:
    """The integer model on tensor kernels: an emulator that is there already, or a new one."""
    from fsrcnnx.exact.emulate import Emulator

    emulator = emulator or Emulator(model.network)
    yield one_by_one(emulator, emulator)


@contextmanager
def c(model: Model) -> Iterator[Run]:
    """The generated C99, compiled."""
    from fsrcnnx.prove.c.library import build

    library = build(model.network)
    yield one_by_one(library.upscale, library)


@contextmanager
def onnx(model: Model) -> Iterator[Run]:
    """Unmodified onnxruntime on model_uint8.onnx; one of a file on its own is made."""
    from fsrcnnx.exact.onnx import io

    network = model.network.check_pixels()
    with scratch() as folder:
        path = model.beside("model_uint8.onnx")
        if path is None:
            path = Path(folder) / "model_uint8.onnx"
            io.save_uint8(network, path)
        run = io.uint8_session(path)
    yield one_by_one(run)


@contextmanager
def qonnx(model: Model) -> Iterator[Run]:
    """The model's own file, node by node."""
    from fsrcnnx.exact.onnx import io

    yield one_by_one(io.qonnx_session(model.path, model.network))


@contextmanager
def qat(model: Model) -> Iterator[Run]:
    """The torch module that quantisation-aware training left in weights.pth."""
    from fsrcnnx.learn.quantising.quantnet import load_qat, qat_run

    module = load_qat(model.companion("weights.pth"))
    yield one_by_one(lambda lr: qat_run(module, lr))
