"""Builds kept by content: made once, whole or not at all, also when two processes want the same.

May import the ground, the folder of builds and the standard library. Each carries a list of its
files with their hashes: what is damaged is made again. Unused for a month, or the oldest beyond
4 GB: dropped when the next is made. Nothing goes but by our names and our marks.

    folder, seconds = cached(home(), key, lambda scratch: compile_into(scratch), ["sim"])
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.files import FULL, read_limited, scratch
from fsrcnnx.interrupts import held
from fsrcnnx.owned import read_list, whole, write_list
from fsrcnnx.prove.builds.home import LOGGED, LOGS, VARIABLE, check_ours, home, remove

KIND = "a build"
KEY = re.compile(r"(?:icarus|verilator|hls|c|runtime|graph)-[0-9a-f]{24}")
SCRATCH = re.compile(rf"({KEY.pattern})-[a-z0-9_]{{8}}")  # as tempfile names them
LOCK = re.compile(rf"({KEY.pattern})\.lock")
LOG = re.compile(r"(?:failed-)?[a-z0-9-]+-[a-z0-9_]{8}\.log")
MONTH = 30 * 24 * 3600.0
LIMIT = 4 << 30  # bytes


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


@contextmanager
def _locked(cache: Path, key: str, wait: bool = True) -> Iterator[bool]:
    """Have a build for oneself; yields whether it was to be had."""
    path = cache / f"{key}.lock"
    while True:
        # not through a link: it would touch, or make, a file elsewhere
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as handle:
            os.utime(handle.fileno())  # it is in use
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            # whoever had it may have dropped the build and its lock file meanwhile
            if os.fstat(handle.fileno()).st_nlink:
                yield True
                return


def find(cache: Path, key: str, runs: Sequence[str] = ()) -> Path | None:
    """Look a build up.

    Args:
        cache: Folder of builds.
        key: Name of the build, as KEY.
        runs: Files of it that are programs.

    Returns:
        Its folder, or None if it is not there or damaged.
    """
    final = cache / key
    if not whole(final, KIND) or not all(os.access(final / name, os.X_OK) for name in runs):
        return None
    with suppress(OSError):  # somebody else's
        os.utime(final)  # it is in use
    return final


def cached(cache: Path, key: str, make: Callable[[Path], None], runs: Sequence[str] = ()
           ) -> tuple[Path, float]:
    """Give the folder of a build, making it if it is not there or damaged.

    Args:
        cache: Folder of builds.
        key: Name of this one, as KEY.
        make: Fills a scratch folder beside it, or raises.
        runs: Files of it that are programs.

    Returns:
        cache / key, and the seconds that making it took, 0 if it was there.

    Raises:
        InputError: If the cache cannot be written.
    """
    final = cache / key
    try:
        check_ours(cache)
        with _locked(cache, key):
            for left in cache.glob(f"{key}-*"):
                if SCRATCH.fullmatch(left.name):
                    remove(left)  # whoever was making it was killed
            if find(cache, key, runs):
                return final, 0.0
            start = time.perf_counter()
            remove(final)
            with scratch(cache, f"{key}-") as folder:
                make(folder)
                write_list(folder, KIND)
                with held():
                    folder.rename(final)
            seconds = time.perf_counter() - start
    except OSError as error:
        if error.errno not in FULL and not str(error.filename).startswith(str(cache)):
            raise
        raise InputError(f"cannot be written ({error.strerror})", where=cache,
                         allowed="a folder with room",
                         fix=f"make room there, or set {VARIABLE} to another folder") from error
    with suppress(OSError):  # the build is there, whatever cannot be dropped
        sweep(cache, key)
    return final, seconds


def keep(key: str, make: Callable[[Path], None]) -> Path:
    """Give the folder of a build in the user's cache, as `cached`.

    Args:
        key: Name of the build, as KEY.
        make: Fills a scratch folder, or raises.

    Returns:
        The folder.

    Raises:
        InputError: If the cache cannot be written.
    """
    return cached(home(), key, make)[0]


def sweep(cache: Path, keep: str = "") -> None:
    """Drop old builds and logs, and what was left by processes that were killed.

    Another process may do the same at the same time: what has gone meanwhile is passed over.

    Args:
        cache: Folder of builds.
        keep: Name of the build that stays whatever it takes.

    Raises:
        InputError: If the folder does not carry our tag.
        OSError: If it cannot be read.
    """
    check_ours(cache)
    now, builds = time.time(), []
    for path in cache.iterdir():
        with suppress(OSError):
            if left := SCRATCH.fullmatch(path.name):
                _drop(cache, left[1], path)
            elif KEY.fullmatch(path.name) and read_list(path, KIND) is not None:
                builds.append((path.stat().st_mtime, path))
    builds.sort(reverse=True)
    total = 0
    for used, path in builds:
        with suppress(OSError):
            total += sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        if path.name != keep and (now - used > MONTH or total > LIMIT):
            _drop(cache, path.name, path)
    for path in (*cache.glob("*.lock"), *(cache / LOGS).glob("*.log")):
        with suppress(OSError, InputError):  # a pipe may bear the name
            if now - path.lstat().st_mtime > MONTH and _unused(path):
                path.unlink()


def _unused(path: Path) -> bool:
    """Whether a file is a lock of ours, which is empty, without a build, or a log that we kept."""
    if path.is_symlink() or path.parent.is_symlink():
        return False
    if lock := LOCK.fullmatch(path.name):
        return not os.path.lexists(path.with_name(lock[1])) and read_limited(path, 0) == b""
    return bool(LOG.fullmatch(path.name)) \
        and read_limited(path, limits.SOURCE_BYTES).startswith(LOGGED)


def _drop(cache: Path, key: str, path: Path) -> None:
    """Remove a build, or a part of one, unless somebody is making it."""
    with suppress(OSError), _locked(cache, key, wait=False) as ours:
        if ours:
            remove(path)
