"""Folders that we write whole, and replace only while they hold what we wrote and nothing else.

May import the errors, files, interrupts, limits and the standard library. Each carries SHA256SUMS,
the list of its files with their hashes: `sha256sum -c SHA256SUMS` checks it anywhere.

    with whole_folder(Path("core"), "an RTL folder") as folder:
        (folder / "files.f").write_text("")
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.files import made, read_limited, scratch
from fsrcnnx.interrupts import held

LIST = "SHA256SUMS"
VOID = "# empty folder: "
SHOWN = 3  # names in an error
OWN_FIX = "choose another output, or remove it yourself"


def _first(kind: str) -> str:
    """The first line of the list in a folder of a kind; sha256sum takes it for a comment."""
    return f"# written by fsrcnnx as {kind}; replaced while these files are all and unchanged"


def _walk(root: Path) -> tuple[dict[str, Path], list[str], list[str]]:
    """Every plain file below a folder by name, its folders, and what is neither."""
    files, folders, odd = {}, [], []
    for entry in sorted(root.rglob("*")):
        name = entry.relative_to(root).as_posix()
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            odd.append(name)
        elif entry.is_dir():
            folders.append(name)
        else:
            files[name] = entry
    return files, folders, odd


def _hash(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_list(folder: Path, kind: str) -> None:
    """List the files of a folder in it; empty folders stand as comments.

    Args:
        folder: The folder.
        kind: What it is, with an article.
    """
    files, folders, _ = _walk(folder)
    void = [name for name in folders if not any((folder / name).iterdir())]
    (folder / LIST).write_text("\n".join(
        [_first(kind), *(f"{VOID}{name}" for name in void),
         *(f"{_hash(path)}  {name}" for name, path in files.items() if name != LIST)]) + "\n",
        encoding="utf-8")


def read_list(folder: Path, kind: str) -> dict[str, str] | None:
    """Read the list that we left in a folder.

    Args:
        folder: The folder.
        kind: What it should be, with an article.

    Returns:
        Name -> SHA-256 of each file, name/ -> nothing for each empty folder, or None if there is
        no list of ours for this kind.
    """
    path = folder / LIST
    try:
        text = b"" if path.is_symlink() else read_limited(path, limits.MANIFEST_BYTES)
        first, *lines = text.decode().splitlines()
    except (OSError, ValueError, InputError):  # a stranger's, whatever it is
        return None
    if first != _first(kind):
        return None
    return {f"{line.removeprefix(VOID)}/" if line.startswith(VOID) else line[66:]: line[:64]
            for line in lines}


def foreign(folder: Path, kind: str) -> list[str]:
    """Look for what would be lost if a folder were replaced.

    Args:
        folder: The folder.
        kind: What it should be, with an article.

    Returns:
        What is in it that we did not write so, in words, in order; none: it may be replaced.
    """
    listed = read_list(folder, kind)
    if listed is None:  # it could be a whole disk: do not walk it
        return sorted(entry.name for entry in folder.iterdir())
    files, folders, odd = _walk(folder)
    found = [f"{name} (a link or a special file)" for name in odd]
    for name, path in files.items():
        if name == LIST:
            continue
        if name not in listed:
            found.append(name)
        elif _hash(path) != listed[name]:
            found.append(f"{name} (changed)")
    # the empty ones among them are listed as such
    holders = {parent.as_posix() for name in listed for parent in Path(name).parents} \
        | {name.removesuffix("/") for name in listed if name.endswith("/")}
    return sorted([*found, *(f"{name}/" for name in folders if name not in holders)])


def check(path: Path, kind: str) -> None:
    """Refuse an output folder that holds anything which we did not write.

    Args:
        path: The folder, if it is there.
        kind: What it should be, with an article.

    Raises:
        InputError: Naming what is in the way.
    """
    if path.is_symlink():
        raise InputError("a link, which would be replaced", where=path,
                         allowed=f"a new or empty folder, or {kind}", fix="name the folder itself")
    place = next(folder for folder in (*path.absolute().parents, path) if folder.exists())
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        raise InputError("nothing can be made in it", where=place, allowed="a writable folder",
                         fix="choose another output")
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"in the way, and not {kind}", where=path,
                         allowed=f"a new or empty folder, or {kind}", fix=OWN_FIX)
    found = foreign(path, kind)
    here = Path.cwd()
    if not found and path.resolve() in (here, *here.parents):
        raise InputError("the folder that you are in, or above it", where=path,
                         allowed="a folder below or elsewhere", fix="choose another output")
    if not found:
        return
    names = ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more"
                                        if len(found) > SHOWN else "")
    if read_list(path, kind) is None:
        raise InputError(f"in the way, and not {kind} by its {LIST}: holds {names}", where=path,
                         allowed=f"a new or empty folder, or {kind} as it was written", fix=OWN_FIX)
    raise InputError(f"in the way: holds what fsrcnnx did not write so: {names}", where=path,
                     allowed=f"a new or empty folder, or {kind} as it was written", fix=OWN_FIX)


def whole(folder: Path, kind: str) -> bool:
    """Tell whether a folder is what we wrote: nothing changed, missing or added.

    Args:
        folder: The folder, if it is one.
        kind: What it should be, with an article.

    Returns:
        True if it is.
    """
    if folder.is_symlink() or not folder.is_dir():
        return False
    listed = read_list(folder, kind)
    return (listed is not None and not foreign(folder, kind)
            and all((folder / name).exists() for name in listed))


def _clear(folder: Path, listed: dict[str, str]) -> None:
    """Delete the files that are listed, the list, and folders that are then empty."""
    files, folders, _ = _walk(folder)
    for name in (*listed, LIST):
        if name in files:
            files[name].unlink()
    for name in (*reversed(folders), "."):
        with suppress(OSError):  # something came into it meanwhile
            (folder / name).rmdir()


@contextmanager
def whole_folder(path: Path, kind: str) -> Iterator[Path]:
    """Fill a hidden folder, then move it into place: an error leaves the old one as it was.

    Args:
        path: Folder to write; one that is empty, or all ours, is replaced.
        kind: What it is, with an article, for the list and for errors.

    Yields:
        Empty folder to fill.

    Raises:
        InputError: If something else is in the way, or the folder cannot be written.
    """
    try:
        check(path, kind)
        with made(path.parent), scratch(path.parent.absolute(), f".{path.name}-") as hidden:
            folder, old = hidden / "new", hidden.with_name(f"{hidden.name}-old")
            folder.mkdir()
            yield folder
            write_list(folder, kind)
            check(path, kind)  # again: it may have taken long
            with held():
                _replace(path, folder, old, read_list(path, kind) or {})
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=path,
                         fix="choose a writable folder with room") from error


def _replace(path: Path, folder: Path, old: Path, listed: dict[str, str]) -> None:
    """Put a folder where another may be; a kill leaves one of them whole, under a name."""
    if not path.exists() or not any(path.iterdir()):
        os.replace(folder, path)
        return
    os.rename(path, old)
    try:
        os.rename(folder, path)
    except OSError:
        os.rename(old, path)
        raise
    _clear(old, listed)
    if old.exists():
        raise InputError(f"written; what came into the old one meanwhile is in {old.name}",
                         where=path, fix="look there")
