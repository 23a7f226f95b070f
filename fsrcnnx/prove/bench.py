"""The benchmark: every exact engine on the same frame in the same run, as ratios side by side.

May import numpy, the ground, exact and the contenders. Each contender lives in a process of its
own, so that its peak memory is its own, and they take turns, so that what else the machine does
meets them all. Seconds are medians, without the enlargement of an SRCNN's input; a ratio is the
median over the rounds. Outputs are compared bit for bit.

    rows = bench(Model.open("fsrcnn-x_x2"), (512, 512)); table(COLUMNS, rows)
"""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median

import numpy as np

from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.interrupts import held, stoppable
from fsrcnnx.media.pictures.resample import bicubic
from fsrcnnx.processes import GRACE
from fsrcnnx.prove.contenders import CONTENDER, Absent

BASE = "emulate"       # ratios are to its time
TURN = 1.0             # seconds that a fast contender runs for in its turn
COLUMNS = ("frame", "contender", "seconds", "CPU seconds", "frames/s", "times emulate's", "peak MB",
           "mismatches", "result")


@dataclass(frozen=True)
class Row:
    """One contender on one frame size.

    Args:
        frame: Size, width x height.
        contender: Its name.
        seconds: Median of one frame; None if it did not run.
        cpu_seconds: CPU time of a frame, all threads and programs that it runs together; other load
            changes it less.
        ratio: Median over the rounds of its seconds over the emulator's; None without both.
        peak_mb: Greatest resident memory of its process, without programs that it runs, MB of 10^6
            bytes.
        mismatches: HR pixels that differ from `against`; None if it did not run.
        pixels: HR pixels compared.
        against: Contender compared with.
        result: PASS, REFERENCE, FAIL or SKIP(reason).
    """

    frame: str
    contender: str
    seconds: float | None
    cpu_seconds: float | None
    ratio: float | None
    peak_mb: float | None
    mismatches: int | None
    pixels: int
    against: str
    result: str

    def cells(self) -> list[str]:
        """The row as text under COLUMNS."""
        if self.seconds is None:
            return [self.frame, self.contender, *[""] * 6, self.result]
        ratio = "" if self.ratio is None else f"{self.ratio:.1f}"
        count = f"{self.mismatches}/{self.pixels}" if self.against != self.contender else ""
        return [self.frame, self.contender, f"{self.seconds:.3f}", f"{self.cpu_seconds:.3f}",
                f"{1 / self.seconds:.2f}", ratio, f"{self.peak_mb:.0f}", count, self.result]


def size_of(text: str) -> tuple[int, int]:
    """Read a frame size.

    Args:
        text: WIDTHxHEIGHT.

    Returns:
        (height, width).

    Raises:
        InputError: If it is not two integers, 1 to 99999.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise InputError(f"frame size {text!r}", where="--size",
                         allowed="WIDTHxHEIGHT, each 1 to 99999, e.g. 960x540")
    return int(match[2]), int(match[1])


def peak_bytes() -> int:
    """Greatest resident memory of this process so far.

    Returns:
        Bytes. Not getrusage's: that one counts the parent's memory before exec too.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def _cpu() -> float:
    """Processor seconds of this process and of what it ran: a simulation is a program."""
    ran = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ran.ru_utime + ran.ru_stime


def _serve(link: Connection, name: str, model: Model, lr: np.ndarray) -> None:
    """A contender's process: prepare, answer with the output, then with times, turn by turn."""
    try:
        with stoppable(), CONTENDER[name].prepare(model, lr.shape) as run:
            link.send(np.asarray(run(lr)))
            while turn := link.recv():
                seconds, end = [], time.perf_counter() + turn
                cpu = _cpu()
                while not seconds or time.perf_counter() < end:
                    start = time.perf_counter()
                    run(lr)
                    seconds.append(time.perf_counter() - start)
                cpu = (_cpu() - cpu) / len(seconds)
                link.send((median(seconds), cpu, peak_bytes()))
    except (Absent, ToolError) as reason:
        link.send(str(reason))
    except (EOFError, KeyboardInterrupt):
        pass  # the parent has gone, or ends us
    except Exception as error:
        link.send(error)


@contextmanager
def _process(name: str, model: Model, lr: np.ndarray) -> Iterator[Connection]:
    """Start a contender's process; it ends with the context."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_serve, args=(theirs, name, model, lr), daemon=True)
    with held():
        # Ctrl-C in the terminal is ours to handle: it would meet the worker in its imports
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            worker.start()
        finally:
            signal.signal(signal.SIGINT, before)
    theirs.close()
    try:
        yield ours
        ours.close()
        worker.join(5)
    finally:
        with held():
            _end(worker)


def _end(worker: BaseProcess) -> None:
    """End a process, by force if it does not go."""
    for stop in (worker.terminate, worker.kill):
        if worker.is_alive():
            stop()
            worker.join(2 * GRACE)  # it ends what it started, with a grace of its own


def _answer(link: Connection, name: str) -> object:
    """What a contender's process says next."""
    try:
        said = link.recv()
    except EOFError as error:
        raise CheckError("its process died", where=f"contender {name}",
                         fix="try a smaller frame: perhaps memory ran out") from error
    if isinstance(said, Exception):
        raise said
    return said


def bench(model: Model, shape: tuple[int, int], names: Sequence[str] = tuple(CONTENDER), *,
          rounds: int = 3, seed: int = 1, progress: Callable[[float], None] | None = None
          ) -> list[Row]:
    """Let contenders take turns on one frame of noise, enlarged before if the network wants it.

    Args:
        model: The opened model; it goes to the processes as it was read.
        shape: (height, width) of the LR frame.
        names: Contenders, by name.
        rounds: Turns of each.
        seed: Seed of the noise.
        progress: Called with the fraction done.

    Returns:
        One row per contender.

    Raises:
        InputError: If a name is unknown.
        CheckError: If a contender's process dies.
    """
    for name in names:
        if name not in CONTENDER:
            raise InputError(f"unknown contender {name!r}", where="--contenders",
                             allowed=", ".join(CONTENDER))
    network = model.network
    to = network.in_format
    lr = np.random.default_rng(seed).integers(to.lo, to.hi, shape, to.dtype, endpoint=True)
    if network.prescale > 1:  # raw values count from the least one, which bicubic takes for black
        large = bicubic(lr.astype(np.int64) - to.lo, network.prescale, to.hi - to.lo)
        lr = (large + np.int64(to.lo)).astype(to.dtype)
    outputs, skipped, turns = {}, {}, {}
    steps = iter(np.linspace(0, 1, (rounds + 1) * len(names) + 1)[1:])

    def step() -> None:
        if progress:
            progress(float(next(steps)))

    with _links(names, model, lr, skipped) as links:
        for name, link in links.items():
            said = _answer(link, name)
            if isinstance(said, str):
                skipped[name] = said
            else:
                outputs[name] = said
            step()
        for _ in range(rounds):
            for name in outputs:
                links[name].send(TURN)
                turns.setdefault(name, []).append(_answer(links[name], name))
                step()
    return [_row(name, shape, outputs, skipped, turns) for name in names]


@contextmanager
def _links(names: Sequence[str], model: Model, lr: np.ndarray, skipped: dict[str, str]
           ) -> Iterator[dict[str, Connection]]:
    """Start the contenders that take such a frame; end them all."""
    with ExitStack() as stack:
        links = {}
        for name in names:
            most = CONTENDER[name].most
            if most is not None and lr.size > most:
                skipped[name] = f"slow: only for frames of up to {most} pixels"
            else:
                links[name] = stack.enter_context(_process(name, model, lr))
        yield links


def _row(name: str, shape: tuple[int, int], outputs: dict, skipped: dict, turns: dict) -> Row:
    """Sum up one contender."""
    frame = f"{shape[1]}x{shape[0]}"
    if name in skipped:
        return Row(frame, name, *[None] * 5, 0, "", f"SKIP({skipped[name]})")
    against = "golden" if "golden" in outputs else next(iter(outputs))
    want, got = outputs[against], outputs[name]
    wrong = int((want != got).sum()) if want.shape == got.shape else want.size
    seconds, cpu, peaks = zip(*turns[name], strict=True)
    ratio = None
    if BASE in turns:
        ratio = median(a / b for a, (b, _, _) in zip(seconds, turns[BASE], strict=True))
    result = "FAIL" if wrong else "REFERENCE" if name == against else "PASS"
    return Row(frame, name, median(seconds), median(cpu), ratio, max(peaks) / 1e6, wrong, want.size,
               against, result)


def machine() -> str:
    """Say what the figures were measured on, and what else the machine was doing.

    Returns:
        Cores that this process may use, and the load averages.
    """
    loads = " ".join(f"{load:.1f}" for load in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))} cores, load averages {loads}"
