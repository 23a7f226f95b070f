"""The rungs of the ladder: every form of the network, behind one call.

May import numpy, the ground, exact, emit, learn (only inside the `qat` rung) and the simulation.
A rung takes LR frames and gives HR frames; what is compared, and how, is the ladder's business.

    RUNG["qonnx"].climb(context, stimuli).outputs     # raw luma (s*H, s*W) each
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact import emulate, golden, onnx_io
from fsrcnnx.exact.formats import saturate
from fsrcnnx.exact.network import Network
from fsrcnnx.files import scratch
from fsrcnnx.install import advice
from fsrcnnx.prove import compare, hls
from fsrcnnx.prove.simulate import Result, SimulationFault, simulate
from fsrcnnx.prove.stimuli import Stimulus, icarus_tile, tile

EMULATED_TILE = 8  # side of the emulator's tiles on made-up frames, so that they have inner borders
# rows, columns of the frames that HLS projects are compiled for, the largest that fits is taken
HLS_TILES = ((17, 29), (6, 9), (3, 5), (1, 1))
LOCATED = 4096  # LR pixels simulated with a trace, at most, before the frame to look at


class Skip(Exception):
    """This rung cannot be climbed here; the text says why."""


class RuledOut(Skip):
    """No rung of this kind can hold this network: nothing to install or to make would help."""


@dataclass(frozen=True, eq=False)
class Context:
    """What all rungs share.

    Args:
        model: Path of model.onnx.
        network: The integer network in it.
        rtl_dir: Emitted folder to simulate, or why there cannot be one.
        seed: Seed of gaps and stalls.
    """

    model: Path
    network: Network
    rtl_dir: Path | ModelError | None
    seed: int

    def beside(self, name: str) -> Path:
        """Path of a file beside the model, or Skip."""
        path = self.model.with_name(name)
        if not path.is_file():
            raise Skip(f"there is no {name} beside {self.model.name}")
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
    """Take a refusal of the network itself for a reason to go without the rung."""
    try:
        yield
    except ModelError as reason:
        raise RuledOut(str(reason)) from reason


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
    from fsrcnnx.learn.quantnet import load_qat, qat_run

    module = load_qat(path)
    return _one_by_one(lambda lr: qat_run(module, lr), stimuli)


def _qonnx(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    return _one_by_one(lambda lr: onnx_io.run_qonnx(context.model, lr), stimuli)


def _uint8(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    with ruling_out():
        context.network.check_pixels()
    path = context.model.with_name("model_uint8.onnx")
    if context.model.name == "model.onnx" and path.is_file():
        return _one_by_one(lambda lr: onnx_io.run_uint8(path, lr), stimuli)
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
        small, large = (emulate.Emulator(context.network, side=side)
                        for side in (EMULATED_TILE, None))
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


def _run(context: Context, frames: list[np.ndarray], simulator: str, *, calm: bool,
         trace: bool = False) -> tuple[Result, str]:
    """One simulation; a protocol fault comes back as text with what came before it."""
    gaps = {"idle": 0, "stall": 0} if calm else {"idle": 20, "stall": 30}
    try:
        return simulate(context.rtl_dir, frames, simulator, seed=context.seed, trace=trace,
                        **gaps), ""
    except SimulationFault as error:
        return error.result, str(error)


def _simulated(context: Context, stimuli: Sequence[Stimulus], simulator: str) -> Climbed:
    """Made-up frames with random gaps and stalls, then pictures at full speed, back to back."""
    if isinstance(context.rtl_dir, ModelError):
        raise RuledOut(str(context.rtl_dir))
    groups = [[s for s in stimuli if s.path is None], [s for s in stimuli if s.path is not None]]
    order, outputs, seconds, notes, faults, jobs = [], [], [], [], [], []
    for calm, group in zip((False, True), groups, strict=True):
        if not group:
            continue
        frames = [stimulus.lr for stimulus in group]
        result, fault = _run(context, frames, simulator, calm=calm)
        missing = len(frames) - len(result.frames)
        pixels = sum(frame.size for frame in frames)
        order += group
        outputs += [*result.frames, *[None] * missing]
        seconds += [result.seconds * frame.size / pixels for frame in frames]
        jobs += [(frames, index, calm) for index in range(len(frames))]
        faults += [fault] if fault else []
        if result.cycles:
            notes.append(f"{result.cycles / pixels:.2f} cycles per LR pixel"
                         + ("" if calm else " with gaps and stalls"))

    def locate(index: int) -> compare.Divergence | None:
        frames, at, calm = jobs[index]
        before = list(frames[:at])
        while before and sum(frame.size for frame in before) > LOCATED:
            before.pop(0)
        frames = [*before, frames[at]]
        result, _ = _run(context, frames, simulator, calm=calm, trace=True)
        return compare.locate(context.network, frames, result.streams, len(frames) - 1)

    return Climbed(order, outputs, seconds, "; ".join(notes[-1:]), "; ".join(faults), locate)


def _rtl(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    return _simulated(context, stimuli, "verilator")


def _icarus(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    size = icarus_tile(context.network)
    return _simulated(context, [tile(s, *size) for s in stimuli], "icarus")


def _hls_whole(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """One project for each frame size."""
    frames = [stimulus.lr for stimulus in stimuli]
    with ruling_out():
        result = hls.simulate(context.network, frames)

    def locate(index: int) -> compare.Divergence | None:
        return hls.locate(context.network, result.projects[index], frames[index])

    sizes = len({frame.shape for frame in frames})
    return Climbed(stimuli, result.frames, result.seconds,
                   f"frame sizes: {sizes}; compiling: {result.compiled:.0f} s", result.fault,
                   locate)


def _hls(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """Tiles of few sizes, since each size is compiled for itself."""
    def size(stimulus: Stimulus) -> tuple[int, int]:
        rows, cols = stimulus.lr.shape
        return next(t for t in HLS_TILES if t[0] <= rows and t[1] <= cols)
    return _hls_whole(context, [tile(s, *size(s)) for s in stimuli])


def _hls_pictures(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The pictures alone, at their own sizes."""
    shown = [stimulus for stimulus in stimuli if stimulus.path is not None]
    if not shown:
        raise Skip("no pictures given")
    return _hls_whole(context, shown)


RUNG = {rung.name: rung for rung in (
    Rung("float", "float ONNX in onnxruntime", _float, optional=True, against="HR"),
    Rung("qat", "torch module of quantisation-aware training", _qat, optional=True),
    Rung("qonnx", "model.onnx in qonnx", _qonnx),
    Rung("uint8-onnx", "stock ONNX in onnxruntime", _uint8),
    Rung("golden", "integer model in numpy", _golden, against="-"),
    Rung("emulate", "integer model on tensor kernels, in tiles", _emulate),
    Rung("hls", "hls4ml project in g++, tiles", _hls, optional=True),
    Rung("hls-pictures", "hls4ml project in g++, whole pictures", _hls_pictures, optional=True),
    Rung("rtl", "default RTL engine in Verilator", _rtl),
    Rung("rtl-icarus", "default RTL engine in Icarus, tiles", _icarus),
    Rung("rtl-mac", "mac engine in Verilator", _rtl),
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
