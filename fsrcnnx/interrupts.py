"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP unwind it alike, once, and never half-way.

May import the standard library. Signals belong to a process, so what has come is kept once for it.

    with stoppable() as asked, held(): os.replace("part", "whole")     # asked.number: what came
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 10.0  # seconds for which further signals cannot tear what the first one cleans up


@dataclass
class Asked:
    """What this process was asked to do.

    Args:
        number: The signal that asks it to stop, 0 if none has come.
        heard: When it was raised as KeyboardInterrupt, seconds of the monotonic clock; 0: not yet.
        held: How many blocks that must not be torn are running.
    """

    number: int = 0
    heard: float = 0.0
    held: int = 0

    def stop(self) -> None:
        """Unwind the main thread, unless it is unwinding already.

        Raises:
            KeyboardInterrupt: As Python does for Ctrl-C.
        """
        now = time.monotonic()
        if not self.heard or now - self.heard > PATIENCE:
            self.heard = now
            raise KeyboardInterrupt


_asked = Asked()


def _handle(number: int, frame: FrameType | None) -> None:
    """Stop now, or at the end of the block that must not be torn."""
    _asked.number = _asked.number or number
    if not _asked.held:
        _asked.stop()


@contextmanager
def stoppable() -> Iterator[Asked]:
    """Let each of STOPS raise KeyboardInterrupt in the block; what was ignored stays ignored.

    Yields:
        What was asked for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Asked()  # only the main thread hears signals
        return
    before = {number: signal.getsignal(number) for number in STOPS}
    _asked.number, _asked.heard = 0, 0.0
    try:
        for number, old in before.items():
            if old is not signal.SIG_IGN:  # as nohup and a shell's background ask for
                signal.signal(number, _handle)
        yield _asked
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def held() -> Iterator[None]:
    """Put a stop off to the end of the block: for what takes a moment and must not be torn.

    Raises:
        KeyboardInterrupt: At its end, if a signal came meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked.held += 1
    try:
        yield
    finally:
        _asked.held -= 1
    if _asked.number and not _asked.heard and not _asked.held:
        _asked.stop()
