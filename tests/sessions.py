"""Who is at work: the live processes of a session, for tests that watch what a command starts.

May import the standard library.

    session(process.pid)                           # {4711: b"sleep\\x0077\\x00"}
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def session(leader: int) -> dict[int, bytes]:
    """Find the live processes of a session, whatever groups they are in.

    Args:
        leader: Process that leads it, by start_new_session.

    Returns:
        Process -> its command line, each word ended by a zero byte.
    """
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):  # it has ended meanwhile
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] not in "ZX":
                found[int(entry.name)] = (entry / "cmdline").read_bytes()
    return found


def kill(leader: int, seconds: float = 5) -> None:
    """Kill every process of a session, and those that they start meanwhile.

    Args:
        leader: Process that leads it.
        seconds: How long to look for more.
    """
    until = time.monotonic() + seconds
    while (found := session(leader)) and time.monotonic() < until:
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
