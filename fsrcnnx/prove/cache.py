"""Builds kept by content: made once, whole or not at all, also when two processes want the same.

May import platformdirs, the ground and the standard library. They lie in the user's cache folder,
or where FSRCNNX_CACHE says. Each carries a list of its files with their hashes: what is damaged is
made again. Unused for a month, or the oldest beyond 4 GB: dropped when the next is made.

    folder, seconds = cached(home(), key, lambda scratch: compile_into(scratch), ["sim"])
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import platformdirs

from fsrcnnx.errors import InputError
from fsrcnnx.files import FULL, scratch
from fsrcnnx.interrupts import held
from fsrcnnx.owned import whole, write_list

VARIABLE = "FSRCNNX_CACHE"
KIND = "a build"
LOGS = "logs"
KEY = re.compile(r"[a-z0-9]+-[0-9a-f]{24}")
MONTH = 30 * 24 * 3600.0
LIMIT = 4 << 30  # bytes
log = logging.getLogger(__name__)


def home() -> Path:
    """Find the folder of builds, and make it.

    Returns:
        It: FSRCNNX_CACHE, else the user's; one for this process alone where that cannot be written.

    Raises:
        InputError: If FSRCNNX_CACHE cannot be written.
    """
    asked = os.environ.get(VARIABLE)
    path = Path(asked).absolute() if asked else platformdirs.user_cache_path("fsrcnnx")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        if asked:
            raise InputError(f"cannot be written ({error.strerror})", where=path,
                             allowed="a folder that can be written or made",
                             fix=f"set {VARIABLE} to another folder, or unset it") from error
        return _temporary(path, error.strerror)


@lru_cache(maxsize=1)
def _temporary(instead_of: Path, reason: str) -> Path:
    """A folder of builds that ends with this process, but for logs."""
    folder = Path(tempfile.mkdtemp(prefix="fsrcnnx-cache-"))

    def clear() -> None:
        for entry in folder.iterdir():
            if entry.name != LOGS:
                _remove(entry)
        with suppress(OSError):  # it holds logs
            folder.rmdir()

    atexit.register(clear)
    log.warning("%s cannot be written (%s): builds are not kept; %s=FOLDER says where else",
                instead_of, reason, VARIABLE)
    return folder


def keep_log(text: str, name: str) -> str:
    """Keep what a tool said.

    Args:
        text: All of it.
        name: What the file is called.

    Returns:
        What to do about it, in words: where to look.
    """
    path = home() / LOGS / f"{name}.log"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    except OSError as error:
        return f"make room: {path} cannot be written ({error.strerror})"
    return f"see {path}"


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
        with path.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            # whoever had it may have dropped the build and its lock file meanwhile
            if path.exists() and os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                yield True
                return


def _remove(path: Path) -> None:
    """Remove a file or a folder, whichever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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
        with _locked(cache, key):
            for left in cache.glob(f"{key}-*"):
                _remove(left)  # whoever was making it was killed
            if find(cache, key, runs):
                return final, 0.0
            start = time.perf_counter()
            _remove(final)
            with scratch(cache, f"{key}-") as folder:
                make(folder)
                write_list(folder, KIND)
                with held():
                    folder.rename(final)
        sweep(cache, key)
    except OSError as error:
        if error.errno not in FULL and not str(error.filename).startswith(str(cache)):
            raise
        raise InputError(f"cannot be written ({error.strerror})", where=cache,
                         allowed="a folder with room",
                         fix=f"make room there, or set {VARIABLE} to another folder") from error
    return final, time.perf_counter() - start


def sweep(cache: Path, keep: str = "") -> None:
    """Drop old builds and logs, and what was left by processes that were killed.

    Args:
        cache: Folder of builds.
        keep: Name of the build that stays whatever it takes.
    """
    now, builds = time.time(), []
    for path in cache.iterdir():
        if KEY.fullmatch(path.name):
            builds.append((path.stat().st_mtime, path))
        elif (key := KEY.match(path.name)) and path.suffix != ".lock":
            _drop(cache, key[0], path)
    builds.sort(reverse=True)
    total = 0
    for used, path in builds:
        total += sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        if path.name != keep and (now - used > MONTH or total > LIMIT):
            _drop(cache, path.name, path)
    for path in [*cache.glob(f"{LOGS}/*.log"), *cache.glob("*.lock")]:
        with suppress(OSError):
            if now - path.stat().st_mtime > MONTH and not (cache / path.stem).exists():
                path.unlink()


def _drop(cache: Path, key: str, path: Path) -> None:
    """Remove a build, or a part of one, unless somebody is making it."""
    with suppress(OSError), _locked(cache, key, wait=False) as ours:
        if ours:
            _remove(path)
