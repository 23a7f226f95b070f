"""Builds kept by content: made once, whole or not at all, also when two processes want the same.

May import the standard library.

    folder, seconds = cached(Path("build/hls"), key, lambda scratch: compile_into(scratch))
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def content_key(files: Iterable[Path], root: Path, *extra: str) -> str:
    """Hash files and whatever else decides a build.

    Args:
        files: Paths below root.
        root: Folder that names are taken relative to.
        extra: Versions, flags.

    Returns:
        24 hex digits.
    """
    digest = hashlib.sha256("|".join(extra).encode())
    for path in sorted(files):
        digest.update(f"|{path.relative_to(root)}|".encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def cached(cache: Path, key: str, make: Callable[[Path], None]) -> tuple[Path, float]:
    """Give the folder of a build, making it if it is not there.

    Args:
        cache: Folder of builds.
        key: Name of this one.
        make: Fills a scratch folder beside it, or raises.

    Returns:
        cache / key, and the seconds that making it took, 0 if it was there.
    """
    cache.mkdir(parents=True, exist_ok=True)
    final, seconds = cache / key, 0.0
    with (cache / f"{key}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not final.is_dir():
            start = time.perf_counter()
            scratch = Path(tempfile.mkdtemp(dir=cache, prefix=f"{key}-"))
            try:
                make(scratch)
                scratch.rename(final)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            seconds = time.perf_counter() - start
    return final, seconds
