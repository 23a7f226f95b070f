"""The rungs of the ladder: every form of the network, behind one call.

May import numpy, the ground, exact, emit, learn (only inside the `qat` rung) and the simulation.
A rung takes LR frames and gives HR frames; what is compared, and how, is the ladder's business.

    RUNG["qonnx"].climb(context, stimuli).outputs     # raw luma (s*H, s*W) each
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fsrcnnx.errors import InputError
from fsrcnnx.exact import emulate, golden
from fsrcnnx.exact.formats import saturate
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.files import scratch
from fsrcnnx.install import advice
from fsrcnnx.prove.ladder import compare
from fsrcnnx.prove.ladder import hardware as rungs_hardware
from fsrcnnx.prove.ladder.rung import Climbed, Context, Rung, Skip, ruling_out
from fsrcnnx.prove.ladder.stimuli import Stimulus

EMULATED_TILE = 8  # side of the emulator's tiles on made-up frames, so that they have inner borders


def _one_by_one(run: Callable[[np.ndarray], np.ndarray], stimuli: Sequence[Stimulus]) -> Climbed:
    """Run frame by frame, timing each."""
    outputs, seconds = [], []
    for stimulus in stimuli:
        start = time.perf_counter()
        outputs.append(run(stimulus.lr))
        seconds.append(time.perf_counter() - start)
    return Climbed(stimuli, outputs, seconds)


def _float(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    path = context.beside("model_float.onnx")
    known = [stimulus for stimulus in stimuli if stimulus.hr is not None]
    if not known:
        raise Skip("no HR originals to measure PSNR on")

    enters, leaves = context.network.in_format, context.network.out_format

    def run(lr: np.ndarray) -> np.ndarray:
        hr = onnx_io.run_float(path, lr, enters, leaves)
        return saturate(np.rint(hr), leaves).astype(leaves.dtype)
    return _one_by_one(run, known)


def _qat(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    path = context.beside("weights.pth")
    if find_spec("torch") is None:
        raise Skip(f"torch is not installed: {advice('torch')}")
    from fsrcnnx.learn.quantising.quantnet import load_qat, qat_run

    module = load_qat(path)
    return _one_by_one(lambda lr: qat_run(module, lr), stimuli)


def _qonnx(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    return _one_by_one(lambda lr: onnx_io.run_qonnx(context.model.path, lr, context.network),
                       stimuli)


def _uint8(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    with ruling_out():
        context.network.check_pixels()
    if beside := context.model.beside("model_uint8.onnx"):
        return _one_by_one(lambda lr: onnx_io.run_uint8(beside, lr), stimuli)
    with scratch() as folder:  # a file on its own: what we would export
        path = Path(folder) / "model_uint8.onnx"
        with ruling_out():
            onnx_io.save_uint8(context.network, path)
        return _one_by_one(lambda lr: onnx_io.run_uint8(path, lr), stimuli)


def _golden(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    return _one_by_one(lambda lr: golden.run(context.network, lr), stimuli)


def _emulate(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """Made-up frames in small tiles, pictures as an engine would run them."""
    with ruling_out():
        large = emulate.Emulator(context.network)
    small = large.tiled(EMULATED_TILE)
    made = _one_by_one(small, [stimulus for stimulus in stimuli if stimulus.path is None])
    shown = _one_by_one(large, [stimulus for stimulus in stimuli if stimulus.path is not None])
    order = [*made.stimuli, *shown.stimuli]

    def locate(index: int) -> compare.Divergence | None:
        """Layer by layer; None where only the tiles part, not the layers."""
        want, got = (engine(order[index].lr) for engine in (
            lambda lr: golden.trace(context.network, lr), small.trace))
        found = (compare.first_difference(name, want[name], got[name]) for name in want)
        return next((difference for difference in found if difference), None)

    return Climbed(order, [*made.outputs, *shown.outputs], [*made.seconds, *shown.seconds],
                   locate=locate)


RUNG = {rung.name: rung for rung in (
    Rung("float", "float ONNX in onnxruntime", _float, optional=True, against="HR"),
    Rung("qat", "torch module of quantisation-aware training", _qat, optional=True),
    Rung("qonnx", "model.onnx in qonnx", _qonnx),
    Rung("uint8-onnx", "stock ONNX in onnxruntime", _uint8),
    Rung("golden", "integer model in numpy", _golden, against="-"),
    Rung("emulate", "integer model on tensor kernels, in tiles", _emulate),
    Rung("hls", "hls4ml project in g++, tiles", rungs_hardware.hls_tiles, optional=True),
    Rung("hls-pictures", "hls4ml project in g++, whole pictures", rungs_hardware.hls_pictures,
         optional=True),
    Rung("rtl", "default RTL engine in Verilator", rungs_hardware.rtl),
    Rung("rtl-icarus", "default RTL engine in Icarus, tiles", rungs_hardware.icarus),
    Rung("rtl-mac", "mac engine in Verilator", rungs_hardware.rtl),
)}
LATER = ("rtl-adders", "netlist")  # reserved names


def chosen(names: Sequence[str] | None) -> tuple[Rung, ...]:
    """Look rungs up by name, in the ladder's order.

    Args:
        names: Names, or None for all but the long `hls-pictures` (`rtl` stands for `rtl-mac`, the
            same today).

    Returns:
        The rungs, `golden` always among them.

    Raises:
        InputError: If a name is unknown or belongs to a rung that does not exist yet.
    """
    if names is None:
        return tuple(rung for rung in RUNG.values() if rung.name not in ("rtl-mac", "hls-pictures"))
    names = [name.strip() for name in names]
    for name in names:
        if name not in RUNG:
            what = "a rung that does not exist yet" if name in LATER else "unknown rung"
            raise InputError(f"{what} {name!r}", where="--rungs", allowed=", ".join(RUNG))
    return tuple(rung for rung in RUNG.values() if rung.name in (*names, "golden"))
