"""Lines on a terminal that say what is going on and live while it does; nothing in a pipe.

May import the standard library, and lazily tqdm.

    with working("synthesise with Yosys"): report = synth(folder, device)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def _living(view) -> Iterator[None]:
    """Draw a tqdm view once a second, so that its time goes on while its figures stand still."""
    over = threading.Event()

    def draw() -> None:
        while not over.wait(1):
            view.refresh()

    thread = threading.Thread(target=draw, daemon=True)
    if not view.disable:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread.is_alive():
            thread.join()


@contextmanager
def working(label: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr, if that is a terminal, what is going on and for how long it has been.

    Args:
        label: What is going on.

    Yields:
        Function that prints a line, which stays, and shows it as what is going on now.
    """
    from tqdm import tqdm

    with tqdm(desc=label, bar_format="{desc} ... {elapsed}", leave=False,
              disable=None) as view, _living(view):
        def say(line: str) -> None:
            tqdm.write(line, file=sys.stderr)
            view.set_description_str(line)
        yield say


@contextmanager
def status(label: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr, if that is a terminal, how far something is, in words, and since when.

    Args:
        label: What is going on.

    Yields:
        Function to call with how far it is.
    """
    from tqdm import tqdm

    with tqdm(desc=label, bar_format="{desc} ... {elapsed}", leave=False,
              disable=None) as view, _living(view):
        yield lambda text: view.set_description_str(f"{label}: {text}", refresh=False)


@contextmanager
def bar(label: str, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on stderr, if that is a terminal.

    Args:
        label: What is going on.
        shown: False to show nothing.

    Yields:
        Function to call with the fraction done, 0..1.
    """
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=label, bar_format=form, leave=False,
              disable=None if shown else True) as view, _living(view):
        yield lambda fraction: view.update(fraction - view.n)


@contextmanager
def counter(label: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a progress bar that counts, on stderr, if that is a terminal.

    Args:
        label: What is going on.
        unit: What is counted.

    Yields:
        Function to call with how many are done, and how many there are or None.
    """
    from tqdm import tqdm

    with tqdm(desc=label, unit=unit, leave=False, disable=None) as view, _living(view):
        def show(done: int, total: int | None) -> None:
            view.total = total
            view.update(done - view.n)
        yield show
