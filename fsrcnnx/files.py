"""Files and folders that appear whole or not at all.

Imports the errors and interrupts only. Whole folders are in owned.

    with atomic(Path("report.json")) as part:      # .report.1234.part.json
        part.write_text("{}")
    with scratch() as folder:                      # gone afterwards, whatever happens
        (folder / "a").write_text("")
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fsrcnnx.errors import InputError
from fsrcnnx.interrupts import held

# no room on a device, for a user, in a file
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def carried(folder: str, holding: str) -> Path:
    """Find a folder of sources that the package carries; in a checkout it is a link.

    Args:
        folder: Its name.
        holding: A file in it.

    Returns:
        Its path.

    Raises:
        InputError: If it is missing.
    """
    path = Path(__file__).resolve().parent / folder
    if not (path / holding).is_file():
        raise InputError(f"the sources are missing ({holding})", where=path,
                         fix="install from a complete checkout")
    return path


def regular(path: Path, kind: str) -> Path:
    """Refuse what is no plain file: a folder, and what would never end or never begin to be read.

    Args:
        path: File to read; a link to one will do.
        kind: What it is to be, with an article, for the error.

    Returns:
        The path.

    Raises:
        InputError: If it is missing, a folder, a pipe, a socket or a device.
    """
    if path.is_file():
        return path
    if path.is_dir():
        what = "a folder"
    else:
        what = "not a regular file" if path.exists() else "no such file"
    raise InputError(what, where=path, allowed=kind, fix="check the path")


def read_limited(path: Path, most: int) -> bytes:
    """Read a file that a stranger may have made: a plain one, and not too large for memory.

    Args:
        path: The file.
        most: Largest size in bytes.

    Returns:
        Its content.

    Raises:
        OSError: If it cannot be read.
        InputError: If it is no plain file, or too large; what, allowed and where are said.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device might never end
        raise InputError("not a plain file", where=path, allowed="a file")
    if status.st_size > most:
        raise InputError(f"{status.st_size} bytes, too large", where=path,
                         allowed=f"up to {most} bytes")
    with open(path, "rb") as file:
        return file.read(most)


def check_folder(folder: Path) -> None:
    """Refuse a folder that files cannot be written to.

    Args:
        folder: The folder.

    Raises:
        InputError: If it is missing or not writable.
    """
    if not folder.is_dir():
        raise InputError("the folder does not exist", where=folder, allowed="an existing folder",
                         fix="create it")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"the folder is not writable ({error.strerror})", where=folder,
                         allowed="a writable folder", fix="choose another output") from None


def check_apart(outputs: Iterable[Path], inputs: Iterable[str | Path] = ()) -> None:
    """Refuse to write over what is read, by whatever name, and over what is no plain file.

    Args:
        outputs: Files to write; folders among them are only held against the inputs.
        inputs: Files that are read.

    Raises:
        InputError: If an output is an input, a link, a pipe, a socket or a device.
    """
    # not Path.resolve: that one fails on a link to itself
    read = {os.path.realpath(path) for path in inputs}
    for path in outputs:
        if os.path.realpath(path) in read:
            raise InputError("the output is the input", where=path, allowed="another file",
                             fix="choose another output")
        if path.is_dir():
            continue
        if path.is_symlink():
            raise InputError("a link, which would be replaced", where=path,
                             allowed="a new or plain file", fix="name the file itself")
        if path.exists() and not path.is_file():
            raise InputError("a pipe, a socket or a device, which would be replaced", where=path,
                             allowed="a new or plain file", fix="choose another output")


def check_output(path: Path, inputs: Iterable[str | Path] = (),
                 suffixes: Sequence[str] = ()) -> None:
    """Refuse a file that could not be written, or over what must stay, before any work for it.

    Args:
        path: File to write.
        inputs: Files that are read meanwhile.
        suffixes: Endings that it may have, in lower case; any if none are given.

    Raises:
        InputError: If it is a folder, an input, no plain file or of another suffix, or its folder
            is missing or not writable.
    """
    if path.is_dir():
        raise InputError("the output is a folder", where=path, allowed="a file name",
                         fix="add a file name")
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"suffix {path.suffix!r}, which is not written here", where=path,
                         allowed=" ".join(suffixes), fix="name the output so")
    check_folder(path.parent)
    check_apart([path], inputs)


@contextmanager
def atomic(path: str | Path, *raised: type[Exception]) -> Iterator[Path]:
    """Write beside a file, then rename: an error or a kill leaves the old file as it was.

    Args:
        path: File to write; an existing plain one is replaced, and its permissions stay.
        *raised: What the writing library raises, beside OSError, where a file cannot be written.

    Yields:
        Hidden path in the same folder, of the same suffix, to write to.

    Raises:
        InputError: If the file cannot be written, or is a link, a pipe, a socket or a device.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        check_apart([path])
        mode = stat.S_IMODE(path.stat().st_mode) & 0o777 if path.is_file() else None
        if mode is not None:  # nobody else reads the new one while it grows
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode & 0o600 | 0o600))
        yield part
        check_apart([path])  # again: it may have taken long
        with held():
            if mode is not None:
                part.chmod(mode)
            os.replace(part, path)
    except (OSError, *raised) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        full = getattr(error, "errno", None) in FULL
        raise InputError(f"cannot be written ({reason})", where=path,
                         allowed="a disk with room for it" if full
                         else "a file in an existing, writable folder",
                         fix="make room, or choose another output" if full
                         else "choose another output") from error
    finally:
        with held():
            part.unlink(missing_ok=True)


@contextmanager
def scratch(parent: Path | None = None, prefix: str = "fsrcnnx-") -> Iterator[Path]:
    """Make a folder for the block; it goes with all that is in it, also when the block is stopped.

    Args:
        parent: Where; the system's temporary folder if None.
        prefix: What its name begins with.

    Yields:
        The folder, with an absolute path.

    Raises:
        InputError: If the system's temporary folder is full.
    """
    folder = None
    try:
        with held():
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).absolute()
        yield folder
    except OSError as error:
        if parent or error.errno not in FULL:
            raise
        raise InputError(f"cannot be written ({error.strerror})", where=tempfile.gettempdir(),
                         fix="make room there, or set TMPDIR to another folder") from error
    finally:
        if folder:
            with held():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def made(path: Path) -> Iterator[None]:
    """Make a folder to write into; an error takes away what was made here and holds nothing.

    Args:
        path: Folder, with those above it.

    Raises:
        InputError: If it cannot be made.
    """
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror})", where=path,
                         allowed="a new or existing folder", fix="choose another output") from error
    try:
        yield
    except BaseException:
        for folder in new:
            with suppress(OSError):  # it holds something, or another process was faster
                folder.rmdir()
        raise
