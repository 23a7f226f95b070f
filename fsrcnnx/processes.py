"""Programs that we start: whatever ends the block that waits for one ends all that it started too.

May import the errors, interrupts and the standard library. Each leads a process group of its own,
so that compilers under make under Verilator are found; Ctrl-C in the terminal is ours to handle.
SIGKILL runs no code of ours, so what it ends leaves its children running: Linux can end a child
with its parent, but Python can ask for that only between fork and exec, unsafe beside threads.

    run(["g++", "--version"]).stdout
    with child(["ffmpeg", ...], stdout=PIPE) as process: process.stdout.read()
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fsrcnnx.errors import ToolError
from fsrcnnx.interrupts import held

GRACE = 3.0  # seconds to go in peace


def _alive(group: int) -> bool:
    """Whether a process of a group runs; one that has ended and waits to be reaped does not."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # it has gone meanwhile
            state, _, own = entry.read_text(
                encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            if int(own) == group and state not in "ZX":
                return True
    return False


def end(process: subprocess.Popen, polite: int = signal.SIGTERM, grace: float = GRACE) -> None:
    """End a process and its group: asked first, then killed.

    Args:
        process: The leader of its group.
        polite: Signal that asks.
        grace: Seconds that they have, together.
    """
    until = time.monotonic() + grace
    number = polite
    while True:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        while time.monotonic() < until and (process.poll() is None or _alive(process.pid)):
            time.sleep(0.01)
        if number == signal.SIGKILL or not (process.poll() is None or _alive(process.pid)):
            break
        number, until = signal.SIGKILL, time.monotonic() + grace
    process.wait()


@contextmanager
def child(command: Sequence[str | Path], *, polite: int = signal.SIGTERM, grace: float = GRACE,
          **options) -> Iterator[subprocess.Popen]:
    """Start a program; if an exception leaves the block it ends, with all that it started.

    Args:
        command: Program and arguments.
        polite: Signal that asks it to end.
        grace: Seconds after which it is killed.
        options: As for subprocess.Popen; stdin is empty unless given.

    Yields:
        The process. After the block it has ended and its pipes are closed.

    Raises:
        ToolError: If it cannot be started.
    """
    process = None
    try:
        with held():  # a signal between its start and our knowing of it would let it escape
            try:
                process = subprocess.Popen(
                    [str(word) for word in command], process_group=0,
                    **{"stdin": subprocess.DEVNULL, **options})
            except OSError as error:
                raise ToolError(f"cannot be started ({error.strerror})", where=command[0],
                                allowed="a program that this system runs") from error
        yield process
        process.wait()
    except BaseException:
        if process:
            with held():
                end(process, polite, grace)
        raise
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr) if process else ():
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()


def run(command: Sequence[str | Path], *, given: str | None = None, seconds: float | None = None,
        polite: int = signal.SIGTERM, grace: float = GRACE, **options
        ) -> subprocess.CompletedProcess:
    """Run a program to its end, its output kept unless it goes elsewhere.

    Args:
        command: Program and arguments.
        given: Text for its standard input.
        seconds: Longest time that it may take.
        polite: As `child`.
        grace: As `child`.
        options: As for subprocess.Popen.

    Returns:
        Exit code, stdout and stderr as text.

    Raises:
        ToolError: If it cannot be started.
        subprocess.TimeoutExpired: If it takes longer.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
             "encoding": "utf-8", "errors": "replace",
             "stdin": subprocess.DEVNULL if given is None else subprocess.PIPE}
    with child(command, polite=polite, grace=grace, **{**pipes, **options}) as process:
        out, said = process.communicate(given, timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, said)
