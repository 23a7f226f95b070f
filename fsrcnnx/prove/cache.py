"""Builds kept by content: made once, whole or not at all, also when two processes want the same.

May import platformdirs, the ground and the standard library. They lie in a folder of their own,
tagged as ours, in the user's cache folder or where FSRCNNX_CACHE says. Each carries a list of its
files with their hashes: what is damaged is made again. Unused for a month, or the oldest beyond
4 GB: dropped when the next is made. Nothing goes but by our names and our marks.

    folder, seconds = cached(home(), key, lambda scratch: compile_into(scratch), ["sim"])

Source: Cache Directory Tagging Specification 0.6 (B. Ford), for the tag.
"""

from __future__ import annotations

import atexit
import errno
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

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.files import FULL, read_limited, scratch
from fsrcnnx.interrupts import held
from fsrcnnx.owned import read_list, whole, write_list
from fsrcnnx.prove.mine import check_mine

VARIABLE = "FSRCNNX_CACHE"
FOLDER = "fsrcnnx-builds"
TAG = "CACHEDIR.TAG"
TAGGED = ("Signature: 8a477f597d28d172789f06886806bc55\n"
          "# The folder of builds of fsrcnnx; it can be deleted.\n")
MINE = f"set {VARIABLE} to one, or `chmod go-w` if it is yours"
KIND = "a build"
LOGS = "logs"
LOGGED = b"# kept by fsrcnnx for a month\n"  # the first line of a log
KEY = re.compile(r"(?:icarus|verilator|hls|runtime|graph)-[0-9a-f]{24}")
SCRATCH = re.compile(rf"({KEY.pattern})-[a-z0-9_]{{8}}")  # as tempfile names them
LOCK = re.compile(rf"({KEY.pattern})\.lock")
LOG = re.compile(r"(?:failed-)?[a-z0-9-]+-[a-z0-9_]{8}\.log")
MONTH = 30 * 24 * 3600.0
LIMIT = 4 << 30  # bytes
log = logging.getLogger(__name__)


def home() -> Path:
    """Find the folder of builds, and make it.

    Returns:
        It, in FSRCNNX_CACHE, else in the user's cache folder; one for this process alone where that
        cannot be written.

    Raises:
        InputError: If it cannot be written where it was asked for, is not ours, or open to others.
    """
    asked = os.environ.get(VARIABLE)
    path = Path(asked).absolute() if asked else platformdirs.user_cache_path("fsrcnnx")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_mine(path, MINE, above=True)
        _tag(path / FOLDER)
        with tempfile.TemporaryFile(dir=path / FOLDER):
            return path / FOLDER
    except OSError as error:
        if asked:
            raise InputError(f"cannot be written ({error.strerror})", where=path,
                             allowed="a folder that can be written or made",
                             fix=f"set {VARIABLE} to another folder, or unset it") from error
        return _temporary(path, error.strerror)


def _tag(folder: Path) -> None:
    """Make the folder of builds with its tag, at once: nobody sees it without."""
    if not folder.exists() or not any(folder.iterdir()):
        with scratch(folder.parent, f".{folder.name}-") as new:
            (new / TAG).write_text(TAGGED, encoding="utf-8")
            try:
                with held():
                    new.rename(folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another was faster
                    raise
    _check_ours(folder)


def _check_ours(cache: Path) -> None:
    """Refuse a folder that is not mine, or not tagged: it may hold what is dear to somebody."""
    check_mine(cache, MINE)
    try:
        ours = read_limited(cache / TAG, len(TAGGED)) == TAGGED.encode()
    except (FileNotFoundError, IsADirectoryError, InputError):
        ours = False
    if not ours:
        raise InputError(f"in the way, and not a folder of builds by its {TAG}", where=cache,
                         allowed="no such folder, or one that fsrcnnx made",
                         fix=f"set {VARIABLE} to another folder")


@lru_cache(maxsize=1)
def _temporary(instead_of: Path, reason: str) -> Path:
    """A folder of builds that ends with this process, but for logs."""
    folder = Path(tempfile.mkdtemp(prefix="fsrcnnx-cache-"))
    (folder / TAG).write_text(TAGGED, encoding="utf-8")

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
        Where to look, in words.
    """
    path = home() / LOGS / f"{name}.log"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(LOGGED + text.encode(errors="replace"))
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
        _check_ours(cache)
        with _locked(cache, key):
            for left in cache.glob(f"{key}-*"):
                if SCRATCH.fullmatch(left.name):
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
    _check_ours(cache)
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
            _remove(path)
