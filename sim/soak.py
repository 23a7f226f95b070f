# SPDX-License-Identifier: Apache-2.0
"""Soak: beats that follow the protocol or not, by the million, through a core of each engine.

May import the emitter, the emulator, the simulators and numpy. Frames of random sizes are damaged
at random, rubbish goes between them, sizes pass the limits, resets come in mid-frame; soak_tb.sv
adds gaps and stalls. What leaves must be, bit for bit, the frames that `video.repaired` says, and
the errors those that it counts: no frame that leaves is ever malformed, and the good frame that
comes next is exact. Recovery is bounded: no beat waits longer than `bound` clocks of a ready sink.

    python -m sim.soak --beats 1000000
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from fsrcnnx import processes, tools
from fsrcnnx.cli.console import guard
from fsrcnnx.emit.rtl.build import Build
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.emit.rtl.raster import Raster
from fsrcnnx.errors import CheckError
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.network import Network
from fsrcnnx.prove.simulation import verilated
from fsrcnnx.prove.simulation.compile import OPTIMISED, VERILATOR_FLAGS
from fsrcnnx.prove.simulation.simulate import unheld
from sim.bench_subpixel import expected
from sim.video import FAULTS, Beat, fuzz, repaired, video
from tests.networks import random_network

FLAGS = (*VERILATOR_FLAGS, *OPTIMISED)
TB = Path(__file__).with_name("soak_tb.sv")
# not square, and a width that is a power of two: limits that are swapped, or a bit short, are seen
MAX_WIDTH, MAX_HEIGHT = 32, 12
SATURATE = 66_000  # faults, more than error_count_o holds
ENGINES = ("adders", "mac")
SOAKED = ("adders", "rows", "mac")
CORES = {  # network, core; more than ten layers, so that their numbers have two digits
    "adders": ({"channels": (3, 2, *[1] * 9), "kernels": (3, *[1] * 10, 3), "anchor": True},
               {"engine": "adders"}),
    # the anchor passes the inner layer aside, the last layer stores sums of rows
    "rows": ({"channels": (1, 8), "kernels": (1, 3, 3), "weight_bits": 3, "anchor": True},
             {"engine": "adders"}),
    "small": ({"channels": (), "kernels": (3,)}, {"engine": "adders"}),
    "anchor": ({"channels": (3,), "kernels": (3, 3), "anchor": True}, {"engine": "adders"}),
    "folded": ({"channels": (4,), "kernels": (1, 3), "anchor": True},
               {"cycles_per_pixel": 6, "multiplier_bits": 25}),
    "mac": ({"channels": (2, *[1] * 10), "kernels": (3, *[1] * 10, 3)}, {"cycles_per_pixel": 4}),
}


@dataclass(frozen=True)
class Session:
    """What is sent from one reset to the next.

    Args:
        beats: All of it, a good frame last.
        sent: How many of these are sent before the reset comes, whatever comes then.
        wait: Clocks from then to the reset.
        length: Clocks of the reset, 4 or more.
    """

    beats: list[Beat]
    sent: int
    wait: int
    length: int


def _frame(rng: np.random.Generator, width: int = MAX_WIDTH,
           height: int = MAX_HEIGHT) -> np.ndarray:
    """A frame of a random size up to this one, often of the greatest width or height."""
    size = [most if random.random() < 0.15 else random.randint(1, most)
            for most in (height, width)]
    return rng.integers(0, 256, size)


def _rubbish() -> list[Beat]:
    """Beats that begin no frame: without its start, or of a size that is not allowed."""
    wrong = [(0, 3), (3, 0), (MAX_WIDTH + 1, 3), (3, MAX_HEIGHT + 1), (MAX_HEIGHT, MAX_WIDTH),
             (2*MAX_WIDTH - 1, 1), (1, 2*MAX_WIDTH - 1)]
    made = []
    for _ in range(random.randint(1, 9)):
        width, height = random.choice(wrong)
        made.append(Beat(random.getrandbits(8), random.getrandbits(1), random.getrandbits(1),
                         width, height))
    return made


def sessions(beats: int, more: int = SATURATE) -> list[Session]:
    """Make beats to send, at least so many.

    Args:
        beats: Number of beats.
        more: Number of faults at the end, which fill the error count.

    Returns:
        Sessions; the last one ends in good frames that no reset cuts off.
    """
    rng, made = np.random.default_rng(random.getrandbits(32)), []
    while beats > 0:
        sent: list[Beat] = []
        for _ in range(random.randint(1, 40)):
            kind = random.random()
            if kind < 0.35:
                sent += video(_frame(rng))
            elif kind < 0.5:  # the same size again and again
                size = _frame(rng, 9, 6).shape
                sent += [b for _ in range(4) for b in video(rng.integers(0, 256, size))]
            elif kind < 0.65:
                name, fault = random.choice(list(FAULTS.items()))
                size = rng.integers(2, (MAX_HEIGHT, 12))
                damaged = fault(video(rng.integers(0, 256, size)))
                if name == "too wide":
                    damaged = [replace(b, width=MAX_WIDTH + 1) for b in damaged]
                sent += damaged
            elif kind < 0.85:
                sent += fuzz(video(_frame(rng)), MAX_WIDTH)
            else:
                sent += _rubbish()
        sent += video(_frame(rng, 9, 6))
        cut = random.randint(1, len(sent))
        made.append(Session(sent, cut, random.randint(1, 3000), random.randint(4, 9)))
        beats -= cut
    last = [*made[-1].beats, *[Beat(0, 1, 0, 0, 1)] * more, *video(_frame(rng))]
    return [*made[:-1], replace(made[-1], beats=last, sent=len(last))]


def bound(made: Raster) -> int:
    """Say how many clocks of a ready sink a beat may have to wait.

    Args:
        made: Raster of the core.

    Returns:
        Clocks: what waits at the output leaves; pixels that wait before the core go through it,
        at worst each a frame of another size, for which it is emptied; then a greatest frame is
        filled up.
    """
    line = max(made.interval * made.slots(MAX_WIDTH), made.line_beats(MAX_WIDTH))
    emptied = made.interval * made.slots(1) * (made.drain + made.pad) + made.latency
    pixels = made.fifo_depth * (made.frame_clocks(1, 1) + emptied)
    held = made.ring_words * made.scale**3 // made.beat
    return held + pixels + line * (made.drain + MAX_HEIGHT + made.pad) + 2*made.latency


def compiled(rtl: Path, files: list[str], simulator: str, folder: Path) -> list[str]:
    """Compile a core with the driver; give the command."""
    names = []
    for path in (*(rtl / name for name in files), TB):
        shutil.copy(path, folder)
        names.append(path.name)
    if simulator == "icarus":
        done = processes.run([tools.find("iverilog"), "-g2012", "-s", "soak_tb", "-o", "soak",
                              *names], cwd=folder, stderr=subprocess.STDOUT)
        code, said, command = done.returncode, done.stdout, [str(tools.find("vvp")), "-n"]
    else:
        with verilated.runtime(folder / "obj", FLAGS):
            code, said = verilated.compile(folder, [
                *FLAGS, "--top-module", "soak_tb", "-Mdir", "obj", "-o", "../soak",
                *names])
        command = []
    if code:
        raise CheckError(f"cannot be compiled: {said.strip()[-300:]}", where=simulator)
    return [*command, str(folder / "soak")]


def _differ(network: Network, out: list[str], made: list[Session], beat: int) -> tuple[int, int]:
    """Hold what left against the repaired frames: frames and errors, or CheckError."""
    emulate, at, frames, errors = Emulator(network, threads=1), 0, 0, 0
    for number, session in enumerate(made):
        end = next(i for i in range(at, len(out)) if out[i].startswith("E"))
        got, counted = out[at:end], int(out[end].split()[1])
        whole = session.sent == len(session.beats)
        want: list[str] = []
        wanted, faults = repaired(session.beats, MAX_WIDTH, MAX_HEIGHT)
        for frame in wanted:
            if len(want) >= len(got) and not whole:
                break
            frames += 1
            pixels = emulate(frame).astype(np.int64)
            digits = -(-beat * network.out_format.width // 4)
            want += [f"{b['out_data_o']:0{digits}x} {b['out_keep_o']:0{beat}b} "
                     f"{b['out_sof_o']} {b['out_eol_o']}"
                     for b in expected(pixels, beat, network.out_format.width)]
        if got != want[: None if whole else len(got)]:
            first = next((i for i, pair in enumerate(zip(got, want, strict=False))
                          if pair[0] != pair[1]), min(len(got), len(want)))
            raise CheckError(
                f"beat {first} after reset {number}: {got[first:first + 1] or 'none'}, "
                f"wanted {want[first:first + 1] or 'none'}", where="soak")
        if counted > faults or (whole and counted != min(faults, 65535)):
            raise CheckError(f"{counted} errors counted after reset {number}, {faults} made",
                             where="soak")
        errors, at = errors + counted, end + 1
    return frames, errors


def soak(engine: str, beats: int, seed: int, simulator: str = "verilator",
         fault: tuple[str, str, str] | None = None, more: int = SATURATE) -> str:
    """Send beats through a core of an engine and hold what leaves against the repaired frames.

    Args:
        engine: A name of CORES: an engine, or a core that is sooner compiled.
        beats: Number of beats, at least; the faults that fill the counter come on top.
        seed: Seed of everything.
        simulator: `verilator` or `icarus`.
        fault: File of the core, and what to replace in it by what.
        more: Number of faults at the end, which fill the error count.

    Returns:
        What was sent and seen, in words.

    Raises:
        CheckError: If anything is wrong.
    """
    random.seed(seed)
    network_of, options = CORES[engine]
    network = random_network(np.random.default_rng(seed), **network_of)
    sizes = {"max_width": MAX_WIDTH, "max_height": MAX_HEIGHT}
    raster = make(network, Build(**sizes, **options)).raster
    with tempfile.TemporaryDirectory() as scratch:
        folder, work = Path(scratch), Path(scratch) / "work"
        work.mkdir()
        told = emit(network, folder / "rtl", **sizes, **options)
        if fault:
            path = folder / "rtl" / fault[0]
            text = path.read_text(encoding="utf-8")
            assert fault[1] in text, "the fault has nowhere to go"
            path.write_text(text.replace(*fault[1:]), encoding="utf-8")
        command = compiled(folder / "rtl", told["files"], simulator, work)
        made = sessions(beats, more)
        with (work / "beats.txt").open("w", encoding="ascii") as file:
            for session in made:
                file.writelines(f"0 {b.data} {b.sof} {b.eol} {b.width} {b.height}\n"
                                for b in session.beats[: session.sent])
                if session is not made[-1]:
                    file.write(f"1 {session.wait} {session.length} 0 0 0\n")
        done = subprocess.run([*command, f"+dir={work}", f"+limit={bound(raster)}",
                               f"+id={told['content_hash'][:8]}", f"+seed={seed}"],
                              capture_output=True, encoding="utf-8", check=False)
        broken = unheld(done.stdout + done.stderr)
        said = next((line for line in done.stdout.splitlines() if line.startswith("soak_tb: ")),
                    f"soak_tb: FAIL {broken or 'it said nothing'}")
        if "done" not in said:
            raise CheckError(said.removeprefix("soak_tb: "), where=engine)
        sent, longest = (int(word) for word in said.split()[3::2])
        out = (work / "out.txt").read_text(encoding="ascii").splitlines()
        frames, errors = _differ(network, out, made, raster.beat)
        if broken:
            raise CheckError(broken, where=engine)
    return (f"{sent:,} beats, {len(made) - 1:,} resets, {errors:,} faults counted, {frames:,} "
            f"frames exact; longest wait {longest:,} of {bound(raster):,} clocks")


@click.command()
@click.option("--beats", default=1_000_000, show_default=True, help="Beats for each core.")
@click.option("--seed", default=1, show_default=True)
@click.option("--core", "cores", type=click.Choice(list(CORES)), multiple=True, default=SOAKED,
              show_default=True)
@click.option("--sim", type=click.Choice(["verilator", "icarus"]), default="verilator",
              show_default=True)
@click.option("--faults", default=SATURATE, show_default=True,
              help="Faults at the end, to fill the error count.")
def main(beats, seed, cores, sim, faults):
    """Soak a core of each engine, and one that stores sums of rows."""
    for core in cores:
        began = time.monotonic()
        told = soak(core, beats, seed, sim, more=faults)
        click.echo(f"{core}: {told}; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    guard(main)
