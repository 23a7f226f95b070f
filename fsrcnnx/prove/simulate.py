"""Run whole pictures through an emitted core in Verilator or Icarus, in bulk.

May import numpy, the ground and the standard library. The clock, the handshakes and the checks are
in sim/photo_tb.sv, so that simulation time is the simulator's. Builds are cached by content under
build/sim; memories are read at run time, so that new weights need no new build.

    simulate(Path("build/rtl"), [lr]).frames[0]     # uint8 (H, W) -> uint8 (s*H, s*W)
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import tools
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.prove import verilated

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "sim" / "photo_tb.sv"
CACHE = ROOT / "build" / "sim"
TOOL = {"verilator": "verilator", "icarus": "iverilog"}
SIMULATORS = tuple(TOOL)
VERILATOR_FLAGS = (
    "--binary", "--timing", "-O3", "--timescale", "1ns/1ps", "-Wno-fatal", "-j", "2",
    # unreset registers start at random values: an output that depends on one differs from golden
    "--x-assign", "unique", "--x-initial", "unique", "-CFLAGS", "-O2",
)


@dataclass(frozen=True)
class Core:
    """What the manifest of an emitted folder says that a simulation needs.

    Args:
        folder: The emitted folder.
        files: Its sources, the package first.
        layers: Layer names in order.
        scale: Output size over input size.
        cycles_per_pixel: Clocks per LR pixel that the core was folded for.
        max_width: Widest LR frame.
        max_height: Highest LR frame.
    """

    folder: Path
    files: tuple[Path, ...]
    layers: tuple[str, ...]
    scale: int
    cycles_per_pixel: int
    max_width: int
    max_height: int


@dataclass(frozen=True)
class Build:
    """A compiled simulation.

    Args:
        command: How to start it.
        seconds: Time that building took, 0 if it was cached.
    """

    command: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class Result:
    """What a simulation gave.

    Args:
        frames: uint8 (s*H, s*W) each; only the complete ones after a fault.
        cycles: Clocks from the first pixel in to the last pixel out.
        seconds: Wall time of the simulation alone.
        build_seconds: Wall time of the build, 0 if it was cached.
        streams: With a trace, per layer stream the hex digits of every beat: uint8 (beats, digits)
            in ASCII, the most significant first; stream 0 is the input.
    """

    frames: tuple[np.ndarray, ...]
    cycles: int
    seconds: float
    build_seconds: float
    streams: tuple[np.ndarray, ...] = ()


class SimulationFault(CheckError):
    """The core hung or broke its stream protocol; `result` holds what came out before."""

    result: Result


def read_core(folder: Path) -> Core:
    """Read the manifest of an emitted folder.

    Args:
        folder: A folder that `fsrcnnx rtl` wrote.

    Returns:
        The core.

    Raises:
        InputError: If it is not such a folder, or a source is missing.
    """
    folder = Path(folder).resolve()
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        names = (folder / "files.f").read_text().split()
        core = Core(
            folder, tuple(folder / name for name in names),
            tuple(layer["name"] for layer in manifest["layers"]),
            *(int(manifest[key]) for key in
              ("scale", "cycles_per_pixel", "max_width", "max_height")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("not an emitted core", where=folder, fix="make one with `fsrcnnx rtl`",
                         allowed="a folder with manifest.json and files.f") from error
    for path in core.files:
        if not path.is_file():
            raise InputError("a source of the core is missing", where=path,
                             fix="emit the core again with `fsrcnnx rtl`")
    return core


def check_frames(frames: Sequence[np.ndarray], core: Core) -> None:
    """Hold frames against what the core accepts.

    Args:
        frames: Pictures.
        core: The core.

    Raises:
        InputError: Naming the frame and the sizes allowed.
    """
    if not frames:
        raise InputError("no frame to simulate", allowed="1 or more")
    for index, frame in enumerate(frames):
        if frame.ndim != 2 or frame.size == 0 or frame.dtype != np.uint8:
            raise InputError(f"shape {frame.shape} of {frame.dtype}", where=f"frame {index}",
                             allowed="uint8 (H, W), at least 1x1")
        height, width = frame.shape
        if width > core.max_width or height > core.max_height:
            raise InputError(
                f"{width}x{height} pixels, more than the core takes", where=f"frame {index}",
                allowed=f"up to {core.max_width}x{core.max_height}",
                fix="emit the core with a larger --max-width, or shrink the picture")


def _key(core: Core, simulator: str, trace: bool) -> str:
    """Hash of everything that decides a build."""
    version = tools.locate(TOOL[simulator]).version
    digest = hashlib.sha256(f"{simulator}|{version}|{trace}|{VERILATOR_FLAGS}".encode())
    for path in (*core.files, BENCH):
        digest.update(f"|{path.name}|".encode() + path.read_bytes())
    return digest.hexdigest()[:24]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock file, so that two processes do not build the same thing."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _compile(core: Core, simulator: str, trace: bool, folder: Path) -> None:
    """Compile core and bench into folder/sim, or raise ToolError naming the kept log."""
    sources = [str(path) for path in (*core.files, BENCH)]
    define = ["-DFSRCNNX_TRACE"] if trace else []
    tool, log = TOOL[simulator], folder / "build.log"
    with log.open("w") as handle:
        def run(command: list[str], env: dict[str, str] | None = None) -> int:
            return subprocess.run([str(tools.find(tool)), *command], cwd=core.folder, env=env,
                                  stdout=handle, stderr=subprocess.STDOUT, check=False).returncode
        if simulator == "verilator":
            with verilated.runtime(folder / "obj", CACHE, VERILATOR_FLAGS):
                code = run([*VERILATOR_FLAGS, *define, "--top-module", "photo_tb", "-Mdir",
                            str(folder / "obj"), "-o", str(folder / "sim"), *sources],
                           verilated.environment())
        else:
            code = run(["-g2012", "-s", "photo_tb", *define, "-o", str(folder / "sim"), *sources])
    if code != 0:
        kept = CACHE / f"failed-{folder.name}.log"
        shutil.copyfile(log, kept)
        first = next((line for line in log.read_text(errors="replace").splitlines()
                      if "rror" in line), "no message")
        raise ToolError(f"cannot compile the core: {first}", where=tool, fix=f"see {kept}")
    shutil.rmtree(folder / "obj", ignore_errors=True)


def build(rtl_dir: Path, simulator: str = "verilator", *, trace: bool = False) -> Build:
    """Compile an emitted core with the bulk driver, or take it from the cache.

    Args:
        rtl_dir: Emitted folder.
        simulator: `verilator` or `icarus`.
        trace: Whether it writes every layer stream.

    Returns:
        The build.

    Raises:
        InputError: If the folder or the simulator's name cannot be used.
        ToolError: If the simulator is missing or does not compile the core.
    """
    if simulator not in TOOL:
        raise InputError(f"unknown simulator {simulator!r}", allowed=", ".join(TOOL))
    core = read_core(rtl_dir)
    CACHE.mkdir(parents=True, exist_ok=True)
    key = f"{simulator}-{_key(core, simulator, trace)}"
    final, seconds = CACHE / key, 0.0
    with _locked(CACHE / f"{key}.lock"):
        if not final.is_dir():
            start = time.perf_counter()
            scratch = Path(tempfile.mkdtemp(dir=CACHE, prefix=f"{key}-"))
            try:
                _compile(core, simulator, trace, scratch)
                scratch.rename(final)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            seconds = time.perf_counter() - start
    runner = (str(tools.find("vvp")), "-n") if simulator == "icarus" else ()
    return Build((*runner, str(final / "sim")), seconds)


def _hang_limit(core: Core, frames: Sequence[np.ndarray], idle: int, stall: int) -> int:
    """Clocks without any beat that no working core can need: all layers draining some lines."""
    line = (max(frame.shape[1] for frame in frames) + 64) * core.cycles_per_pixel
    slow = 100 / (100 - min(max(idle, stall), 99))
    return int(8 * line * (len(core.layers) + 1) * slow) + 10_000


def _watch(process: subprocess.Popen, log: Path, total: int,
           progress: Callable[[float], None] | None) -> str:
    """Follow a simulation's lines to its end, keeping them in a log; return all of them."""
    text = []
    with log.open("w") as handle:
        for line in process.stdout:
            handle.write(line)
            text.append(line)
            if progress and (at := re.match(r"photo_tb: lines (\d+)", line)):
                progress(int(at[1]) / total)
    process.wait()
    return "".join(text)


def _read_frames(path: Path, sizes: list[tuple[int, int]]) -> tuple[np.ndarray, ...]:
    """Cut the raw output into frames (height, width), leaving out an incomplete end."""
    raw, start, frames = np.fromfile(path, np.uint8), 0, []
    for height, width in sizes:
        end = start + height * width
        if end > raw.size:
            break
        frames.append(raw[start:end].reshape(height, width))
        start = end
    return tuple(frames)


def _read_stream(path: Path) -> np.ndarray:
    """Read a trace: uint8 (beats, digits), ASCII hex digits."""
    raw = np.fromfile(path, np.uint8)
    digits = int(np.argmax(raw == ord("\n"))) if raw.size else 0
    whole = raw[: raw.size // (digits + 1) * (digits + 1)]
    return whole.reshape(-1, digits + 1)[:, :digits]


def simulate(
    rtl_dir: Path,
    frames: Sequence[np.ndarray],
    simulator: str = "verilator",
    *,
    idle: int = 0,
    stall: int = 0,
    seed: int = 1,
    trace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Run frames back to back through an emitted core.

    Args:
        rtl_dir: Emitted folder.
        frames: uint8 (H, W) luma each, of any sizes up to the core's maximum.
        simulator: `verilator` or `icarus`.
        idle: Chance of a gap before an input pixel, per cent 0..99.
        stall: Chance per clock that the output is not ready, per cent 0..99.
        seed: Seed of both.
        trace: Whether to keep every layer stream (a build of its own).
        progress: Called with the fraction done, 0..1.

    Returns:
        Frames, clocks and times.

    Raises:
        InputError: If a frame, the folder or an option cannot be used.
        ToolError: If the simulator is missing, does not compile the core, or crashes.
        SimulationFault: If the core hangs, frames its output wrongly or sends surplus beats.
    """
    core = read_core(rtl_dir)
    check_frames(frames, core)
    for name, percent in (("idle", idle), ("stall", stall)):
        if not 0 <= percent <= 99:
            raise InputError(f"{name} of {percent} per cent", allowed="0..99")
    made = build(rtl_dir, simulator, trace=trace)
    runs = CACHE / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=runs, prefix=f"{simulator}-"))
    (work / "sizes.txt").write_text("".join(f"{f.shape[1]} {f.shape[0]}\n" for f in frames))
    (work / "pixels.bin").write_bytes(b"".join(f.tobytes() for f in frames))
    command = [*made.command, f"+dir={work}", f"+idle={idle}", f"+stall={stall}",
               f"+seed={seed & 0x7FFFFFFF}", f"+limit={_hang_limit(core, frames, idle, stall)}"]
    if simulator == "verilator":
        command += ["+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFFFFFF + 1}"]
    total = core.scale * sum(f.shape[0] for f in frames)
    start = time.perf_counter()
    # the memories' paths are relative to the emitted folder
    process = subprocess.Popen(command, cwd=core.folder, stdout=subprocess.PIPE, text=True,
                               stderr=subprocess.STDOUT, errors="replace")
    try:
        text = _watch(process, work / "run.log", total, progress)
    finally:
        process.kill()
        process.wait()
    seconds = time.perf_counter() - start
    done = re.search(r"photo_tb: done frames (\d+) cycles (\d+)", text)
    fault = re.search(r"photo_tb: FAIL (.*)", text)
    if process.returncode != 0 or not (done or fault):
        raise ToolError(f"the simulation ended with code {process.returncode}",
                        where=simulator, fix=f"see {work / 'run.log'}")
    sizes = [(f.shape[0] * core.scale, f.shape[1] * core.scale) for f in frames]
    streams = tuple(_read_stream(work / f"stream_{index}.hex")
                    for index in range(len(core.layers) + 1)) if trace else ()
    result = Result(_read_frames(work / "out.bin", sizes), int(done[2]) if done else 0, seconds,
                    made.seconds, streams)
    if fault:
        error = SimulationFault(fault[1], where=core.folder.name, fix=f"see {work / 'run.log'}")
        error.result = result
        raise error
    shutil.rmtree(work)
    return result
