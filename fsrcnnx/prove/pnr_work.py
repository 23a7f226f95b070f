"""The folder of a place and route: a netlist, and what each seed gave, whole or not at all.

May import the ground and the standard library. Its mark says of what build it is; a run that was
killed goes on where it was, one of another build is refused. What was left there is used only while
its hash is the one that was noted.

    work = open_work(Path("core-pnr"), {"network": "a", "key": "1f..."})
    work.keep("netlist.json", text); work.held("netlist.json")
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, check_folder, made, read_limited

MARK = "fsrcnnx_pnr.json"
FIX = "choose another -o, or remove that folder"


@dataclass(frozen=True)
class Work:
    """A folder of place and route.

    Args:
        folder: Where.
        of: What it is of: network, content_hash, key and what else decides.
    """

    folder: Path
    of: dict

    def keep(self, name: str, content: bytes) -> Path:
        """Write a file, and note that it is whole.

        Args:
            name: Its name.
            content: What is in it.

        Returns:
            Its path.
        """
        with atomic(self.folder / name) as part:
            part.write_bytes(content)
        self.note(name)
        return self.folder / name

    def note(self, *names: str) -> None:
        """Note that files are whole as they are now.

        Args:
            *names: Their names.
        """
        noted = _mark(self.folder)["files"]
        noted |= {name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
                  for name in names}
        _write(self.folder, self.of, noted)

    def names(self) -> list[str]:
        """Name the files that were noted; whether they are whole, `held` tells."""
        return list(_mark(self.folder)["files"])

    def held(self, name: str) -> bytes | None:
        """Read a file if it is as it was noted.

        Args:
            name: Its name.

        Returns:
            Its content, or None if it has to be made.
        """
        noted = _mark(self.folder)["files"].get(name)
        try:
            content = read_limited(self.folder / name, limits.CHECKPOINT_BYTES)
        except (OSError, InputError):
            return None
        return content if hashlib.sha256(content).hexdigest() == noted else None


def _write(folder: Path, of: dict, noted: dict) -> None:
    """Write the mark."""
    with atomic(folder / MARK) as part:
        part.write_text(json.dumps({"of": of, "files": noted}, indent=2) + "\n", encoding="utf-8")


def _mark(folder: Path) -> dict:
    """Read the mark.

    Raises:
        InputError: If there is none of ours.
    """
    try:
        mark = json.loads(read_limited(folder / MARK, limits.MANIFEST_BYTES))
        if isinstance(mark["of"], dict) and isinstance(mark["files"], dict):
            return mark
    except (OSError, ValueError, TypeError, KeyError, RecursionError, InputError):
        pass
    raise InputError(f"in the way, and not a folder of place and route by its {MARK}",
                     where=folder, allowed="such a folder, or none", fix=FIX)


def check_work(folder: Path, of: dict) -> dict | None:
    """Refuse a folder in the way, before any tool is asked for.

    Args:
        folder: Where the work is to be.
        of: What it is to be of; `network` and `content_hash` among it.

    Returns:
        What the work in it is of; None if there is none.

    Raises:
        InputError: If it is of another network, or holds something else.
    """
    if folder.is_symlink():
        raise InputError("a link", where=folder, allowed="a folder", fix=FIX)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    was = _mark(folder)["of"]
    if was.get("content_hash") != of["content_hash"]:
        raise InputError(
            f"place and route of another network, {str(was.get('network'))[:limits.NAME]} "
            f"{str(was.get('content_hash'))[:12]}", where=folder,
            allowed=f"{of['network']} {of['content_hash'][:12]}", fix=FIX)
    return was


def open_work(folder: Path, of: dict) -> Work:
    """Open a folder of place and route, or make it.

    Args:
        folder: Where.
        of: What it is of; `network`, `content_hash`, `device` and `key` among it.

    Returns:
        The folder.

    Raises:
        InputError: If it is of another network or build, holds something else, or cannot be
            written.
    """
    was = check_work(folder, of)
    if was is not None:
        if was.get("key") != of["key"]:
            differs = sorted(key for key in of if was.get(key) != of[key] and key != "key")
            raise InputError("place and route of another build of this network "
                             f"({', '.join(differs) or 'other sources'})", where=folder,
                             allowed="the same sources, device and options", fix=FIX)
        check_folder(folder)
        return Work(folder, of)
    try:
        with made(folder.parent):
            folder.mkdir(exist_ok=True)
        _write(folder, of, {})
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=folder,
                         fix="choose a writable folder") from error
    return Work(folder, of)
