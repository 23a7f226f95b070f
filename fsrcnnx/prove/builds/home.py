"""Where builds and the logs of tools are kept: a folder of our own, tagged as ours.

May import platformdirs, the ground and the standard library. It lies in the user's cache folder or
where FSRCNNX_CACHE says.

    home()                                         # ~/.cache/fsrcnnx/fsrcnnx-builds

Source: Cache Directory Tagging Specification 0.6 (B. Ford), for the tag.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import platformdirs

from fsrcnnx.errors import InputError
from fsrcnnx.files import read_limited, scratch
from fsrcnnx.interrupts import held
from fsrcnnx.prove.builds.mine import check_mine

VARIABLE = "FSRCNNX_CACHE"
FOLDER = "fsrcnnx-builds"
TAG = "CACHEDIR.TAG"
TAGGED = ("Signature: 8a477f597d28d172789f06886806bc55\n"
          "# The folder of builds of fsrcnnx; it can be deleted.\n")
MINE = f"set {VARIABLE} to one, or `chmod go-w` if it is yours"
LOGS = "logs"
LOGGED = b"# kept by fsrcnnx for a month\n"  # the first line of a log
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
    check_ours(folder)


def check_ours(cache: Path) -> None:
    """Refuse a folder that is not mine, or not tagged: it may hold what is dear to somebody.

    Args:
        cache: What should be the folder of builds.

    Raises:
        InputError: If it is another's, or without our tag.
    """
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
                remove(entry)
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


def remove(path: Path) -> None:
    """Remove a file or a folder, whichever it is; of a link, the link.

    Args:
        path: It.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
