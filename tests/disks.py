"""Disks that are full: a small one that is mounted, and for whoever may not, small files.

May import pytest and the standard library.

    with small_disk(folder, "24k"): ...            # skips where nothing can be mounted
    with small_files(8 << 10): ...                 # EFBIG, and SIGXFSZ to what is started
"""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk over a folder for the block.

    Args:
        folder: The folder.
        size: Of the disk, as mount takes it.
    """
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here ({done.stderr.strip()}); run it as root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let no file grow beyond a size in the block, for this process and what it starts.

    Args:
        size: Bytes.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
