"""Run whole pictures through an emitted core in Verilator or Icarus, in bulk.

May import numpy, the ground, the formats, simulation.compile, simulation.core and the standard
library. The clock, the handshakes and the checks are in sim/photo_tb.sv, so that
simulation time is the simulator's.

    simulate(Path("build/rtl"), [lr]).frames[0]     # raw luma (H, W) -> raw luma (s*H, s*W)
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import processes
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact.formats import Format
from fsrcnnx.prove.builds.home import keep_log
from fsrcnnx.prove.simulation import verilated
from fsrcnnx.prove.simulation.compile import Build, build
from fsrcnnx.prove.simulation.core import Core, check_frames, read_core


@dataclass(frozen=True, eq=False)
class Result:
    """What a simulation gave.

    Args:
        frames: Raw luma (s*H, s*W) each, as small integers as hold the output's format (uint8 for
            8 unsigned bits); only the complete ones after a fault.
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


# an assertion of a module that does not hold: Icarus goes on after it, Verilator stops at it
BROKEN = re.compile(
    r"^ERROR: (?:\S*/)?([\w.]+:\d+):|%Error: (?:\S*/)?([\w.]+:\d+): Assertion", re.M)


def unheld(text: str) -> str:
    """Name the first assertion of a module that a simulation said does not hold.

    Args:
        text: What it said.

    Returns:
        A sentence with the file and the line; empty if all hold.
    """
    found = BROKEN.search(text)
    return f"an assertion does not hold: {found[1] or found[2]}" if found else ""


class SimulationFault(CheckError):
    """The core hung or broke its stream protocol; `result` holds what came out before."""

    result: Result


def _hang_limit(core: Core, frames: Sequence[np.ndarray], idle: int, stall: int) -> int:
    """Clocks without any beat that no working core can need: all layers draining some lines."""
    line = (max(frame.shape[1] for frame in frames) + 64) * core.cycles_per_pixel
    slow = 100 / (100 - min(max(idle, stall), 99))
    return int(8 * line * (len(core.layers) + 1) * slow) + 10_000


def _watch(process: subprocess.Popen, total: int,
           progress: Callable[[float], None] | None) -> str:
    """Follow a simulation's lines to its end; return all of them."""
    text = []
    for line in process.stdout:
        text.append(line)
        if progress and (at := re.match(r"photo_tb: lines (\d+)", line)):
            progress(int(at[1]) / total)
    process.wait()
    return "".join(text)


def _stored(to: Format) -> np.dtype:
    """How a pixel stands in a file: the low byte first, whatever the machine's order."""
    return to.dtype.newbyteorder("<")


def _read_frames(path: Path, sizes: list[tuple[int, int]], to: Format) -> tuple[np.ndarray, ...]:
    """Cut the raw output into frames (height, width), leaving out an incomplete end."""
    if not path.exists():  # it found nothing to run on
        return ()
    data = path.read_bytes()
    raw = np.frombuffer(data[: len(data) // to.dtype.itemsize * to.dtype.itemsize], _stored(to))
    raw, start, frames = raw.astype(to.dtype), 0, []
    if to.signed:  # the driver leaves 0 above the sign bit
        above = 8 * to.dtype.itemsize - to.width
        raw = raw << above >> above
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
        frames: Raw luma (H, W) each, integers in the core's input format, of any sizes up to its
            maximum.
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
    # plusargs and $fopen do not take every name
    with verilated.plain(Path(tempfile.gettempdir())) as work:
        return _run(core, made, frames, simulator, work, idle, stall, seed, trace, progress)


def _run(core: Core, made: Build, frames: Sequence[np.ndarray], simulator: str, work: Path,
         idle: int, stall: int, seed: int, trace: bool,
         progress: Callable[[float], None] | None) -> Result:
    """Run a build in an empty folder; as `simulate`."""
    (work / "sizes.txt").write_text("".join(f"{f.shape[1]} {f.shape[0]}\n" for f in frames),
                                    encoding="utf-8")
    (work / "pixels.bin").write_bytes(b"".join(
        np.asarray(f).astype(_stored(core.in_format)).tobytes() for f in frames))
    command = [*made.command, f"+dir={work}", f"+idle={idle}", f"+stall={stall}",
               f"+seed={seed & 0x7FFFFFFF}", f"+limit={_hang_limit(core, frames, idle, stall)}"]
    if simulator == "verilator":
        command += ["+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFFFFFF + 1}"]
    total = core.scale * sum(f.shape[0] for f in frames)
    start = time.perf_counter()
    with processes.child(command, cwd=work, stdout=subprocess.PIPE, text=True,
                         stderr=subprocess.STDOUT, errors="replace", encoding="utf-8") as process:
        text = _watch(process, total, progress)
    seconds = time.perf_counter() - start
    done = re.search(r"photo_tb: done frames (\d+) cycles (\d+)", text)
    fault = re.search(r"photo_tb: FAIL (.*)", text)
    if (broken := unheld(text)) and not fault:
        raise CheckError(broken, where=simulator, fix=keep_log(text, work.name))
    if process.returncode != 0 or not (done or fault):
        raise ToolError(f"the simulation ended with code {process.returncode}",
                        where=simulator, fix=keep_log(text, work.name))
    sizes = [(f.shape[0] * core.scale, f.shape[1] * core.scale) for f in frames]
    streams = tuple(_read_stream(work / f"stream_{index}.hex")
                    for index in range(len(core.layers) + 1)) if trace else ()
    result = Result(_read_frames(work / "out.bin", sizes, core.out_format),
                    int(done[2]) if done else 0, seconds, made.seconds, streams)
    if fault:
        error = SimulationFault(fault[1], where=core.folder.name, fix=keep_log(text, work.name))
        error.result = result
        raise error
    return result
