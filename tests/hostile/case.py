"""One hostile input: what lies in an empty folder, the command that runs there, a good answer.

May import the standard library and tests.sessions. Each file beside this one lists the cases of an
area as CASES.

    answer = run(case, scratch)
    print(case.name, answer.faults)                # () is a good answer
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.sessions import kill, session

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 600  # characters of an error line that a person still reads


@dataclass(frozen=True)
class Case:
    """A hostile input and the answer that it should get.

    Args:
        name: Unique, a few words joined by `-`.
        args: Arguments of the program; it runs in a folder of its own that only `make` filled.
        make: Lays the inputs into that folder.
        code: Exit code of a good answer.
        says: Pattern that the one error line (or, for code 0, all output) must contain.
        keeps: Patterns (as Path.match) of what may be there afterwards, for code 0; a folder that
            is kept is kept with all that is in it.
        program: `fsrcnnx`, or `make` (then the project's Makefile is used), or another executable.
        env: Environment variables beside the present ones.
        seconds: Longest time of an answer.
        megabytes: Most memory (resident) of an answer.
        stop: Seconds after which the program gets `stop_signal`; None: never.
        stop_signal: For `stop`.
        stop_when: Pattern in a command line of what the program started; the seconds of `stop`
            begin when it is seen. None: with the program.
    """

    name: str
    args: tuple[str, ...]
    make: Callable[[Path], object] = lambda folder: None
    code: int = 2
    says: str = ""
    keeps: tuple[str, ...] = ()
    program: str = "fsrcnnx"
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 120
    megabytes: int = 2048
    stop: float | None = None
    stop_signal: int = signal.SIGTERM
    stop_when: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a program did with a hostile input.

    Args:
        faults: What was wrong with it, in words; none: it answered well.
        traceback: Whether a traceback was printed.
        leftovers: Files, folders and processes that it left behind.
        output: Everything that it printed.
        seconds: How long it took.
    """

    faults: tuple[str, ...]
    traceback: bool
    leftovers: tuple[str, ...]
    output: str
    seconds: float


def _tree(folder: Path) -> dict[str, tuple]:
    """Every file and folder below one: its kind, size and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = ("file", path.stat().st_size,
                           path.read_bytes() if path.stat().st_size < 1 << 24 else b"")
        else:
            found[name] = ("folder",)
    return found


def _kept(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path, or a folder that it is in, is expected."""
    path = Path(name)
    return any(part.match(pattern) for part in (path, *path.parents) for pattern in patterns)


def _seen(pattern: str, leader: int) -> bool:
    """Whether a process of a session has a command line with a pattern in it."""
    return any(re.search(pattern.encode(), line) for line in session(leader).values())


def _high_water(process: int) -> int:
    """Most memory that a process has had since it runs its program, in MB; 0 if it has ended."""
    try:
        found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) // 1024 if found else 0


def run(case: Case, scratch: Path) -> Answer:
    """Lay a case out, run it and judge the answer.

    Args:
        case: The case.
        scratch: An empty folder; the program's TMPDIR lies in it too, and must be empty at the end.

    Returns:
        The answer.
    """
    home, temporary = scratch / "home", scratch / "tmp"
    home.mkdir()
    temporary.mkdir()
    case.make(home)
    before = _tree(home)
    program = {"fsrcnnx": [sys.executable, "-m", "fsrcnnx"],
               "make": ["make", "--no-print-directory", "-f", str(ROOT / "Makefile")],
               }.get(case.program, [case.program])
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), **case.env}
    start, own = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (scratch / "out").open("wb") as out:
        process = subprocess.Popen([*program, *case.args], cwd=home, env=env, stdout=out,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                   start_new_session=True)
        late, stopped, peak = False, False, 0
        since = start if case.stop_when is None else None
        while (pid := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            spent = time.monotonic() - start
            if since is None and _seen(case.stop_when, process.pid):
                since = time.monotonic()
            if case.stop is not None and not stopped and since is not None \
                    and time.monotonic() - since > case.stop:
                process.send_signal(case.stop_signal)
                stopped = True
            if spent > case.seconds and not late:
                late = True
                process.kill()
            peak = max(peak, _high_water(process.pid))
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(pid[1])
        # the system counts what this process had when it started the other
        if pid[2].ru_maxrss > own:
            peak = pid[2].ru_maxrss // 1024
    spent = time.monotonic() - start
    time.sleep(0.05 if case.stop is None else 1)
    alive = [line.replace(b"\0", b" ").decode(errors="replace")[:80]
             for line in session(process.pid).values()]
    kill(process.pid)  # each by itself: what it started may lead groups of its own
    output = (scratch / "out").read_text(errors="replace")
    return _judge(case, process.returncode, output, before, home, temporary, alive, late, peak,
                  spent, stopped)


def _judge(case: Case, code: int, output: str, before: dict, home: Path, temporary: Path,
           alive: list[str], late: bool, peak: int, spent: float,
           stopped: bool) -> Answer:
    """Hold what happened against what the case asks for."""
    faults = []
    after = _tree(home)
    lines = [line for line in output.splitlines() if "rror:" in line or "***" in line]
    if late:
        faults.append(f"no answer within {case.seconds} s")
    elif case.stop is not None and not stopped:
        faults.append("it ended before it could be stopped")
    elif code != case.code:
        faults.append(f"exit code {code}, wanted {case.code}")
    traceback = "Traceback (most recent call last)" in output or "Segmentation" in output \
        or "a defect of this program" in output
    if traceback:
        faults.append("a traceback, or a defect")
    if case.code not in (0, 130, 143) and not late:
        if len(lines) != 1:
            faults.append(f"{len(lines)} error lines, wanted 1")
        if any(len(line) > LONGEST for line in lines):
            faults.append(f"an error line of more than {LONGEST} characters")
    said = output if case.code in (0, 130, 143) else "\n".join(lines)
    if case.says and not re.search(case.says, said):
        faults.append(f"does not say {case.says!r}")
    if peak > case.megabytes:
        faults.append(f"{peak} MB of memory, allowed {case.megabytes}")
    changed = [name for name, what in before.items()
               if after.get(name) != what and not _kept(name, case.keeps)]
    if changed:
        faults.append(f"inputs changed: {', '.join(changed[:3])}")
    left = [name for name in after if name not in before and not _kept(name, case.keeps)]
    left += [f"tmp/{path.name}" for path in temporary.iterdir()
             if path.name != ".ses"] + alive  # onnxruntime leaves an identity of its own
    if left:
        faults.append(f"left behind: {', '.join(left[:3])}")
    return Answer(tuple(faults), traceback, tuple(left), output, spent)


