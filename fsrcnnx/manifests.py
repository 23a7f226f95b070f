"""manifest.json and files.f of emitted folders and projects, as a stranger might have written them.

Imports the ground. What is in them becomes SystemVerilog, Tcl, scripts of Yosys, sizes of arrays:
every value that is used has a type and a range here, every file a plain name inside the folder.

    read(Path("core"), "network", "content_hash")["network"], sources(Path("core"))
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from fsrcnnx import limits, names
from fsrcnnx.errors import InputError
from fsrcnnx.files import read_limited

MANIFEST, LIST = "manifest.json", "files.f"
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
HASH = re.compile(r"[0-9a-f]{64}")
FORMAT = re.compile(r"ap_u?fixed<[0-9]{1,2},-?[0-9]{1,4}>")
PART = re.compile(r"[A-Za-z0-9_-]+")
PART_SAYS = "letters, digits, - and _"


def is_file(name: object) -> bool:
    """Tell whether something may be the name of a file in an emitted folder."""
    return isinstance(name, str) and len(name) <= limits.FILE_NAME and bool(FILE.fullmatch(name))


def is_part(name: object) -> bool:
    """Tell whether something may be an FPGA part; it becomes a word of Tcl."""
    return isinstance(name, str) and len(name) <= limits.NAME and bool(PART.fullmatch(name))


Check = tuple[Callable[[object], bool], str]


def _text(pattern: re.Pattern, says: str) -> Check:
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)), says


def _whole(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most, f"{least}..{most}, whole"


def _each(most: int, one: Callable[[object], bool], says: str) -> Check:
    return (lambda value: isinstance(value, list) and len(value) <= most and all(map(one, value)),
            says)


def _is_layer(entry: object) -> bool:
    """Whether an entry of `layers` describes one, of a core or of an HLS project."""
    sizes = {"channels": limits.CHANNELS * limits.SCALE**2, "pixels": limits.SCALE**2}
    return isinstance(entry, dict) and names.is_layer(entry.get("name")) and (
        names.is_layer(entry.get("layer", "a"))) and all(
            type(entry.get(key, 1)) is int and 1 <= entry.get(key, 1) <= most
            for key, most in sizes.items())


SIDE = _whole(1, limits.FRAME_SIDE)
CHECKS: dict[str, Check] = {
    "network": (names.is_network, names.NETWORK_SAYS),
    "content_hash": _text(HASH, "64 hex digits"),
    "top": (names.is_layer, names.LAYER_SAYS), "hls_top": (names.is_layer, names.LAYER_SAYS),
    "prefix": (names.is_prefix, names.PREFIX_SAYS), "part": (is_part, PART_SAYS),
    "in_format": _text(FORMAT, "ap_[u]fixed<W,I>"), "out_format": _text(FORMAT, "ap_[u]fixed<W,I>"),
    "scale": _whole(1, limits.SCALE), "prescale": _whole(1, limits.SCALE),
    "width": SIDE, "height": SIDE, "max_width": SIDE, "max_height": SIDE,
    "cycles_per_pixel": _whole(1, limits.CYCLES),
    "files": _each(limits.FILES, is_file, "names of files in the folder"),
    # an HLS project has up to five stages a layer
    "layers": _each(5 * limits.LAYERS + 1, _is_layer, "entries with the name of a layer"),
}


def check(manifest: object, where: Path, *needed: str) -> dict:
    """Hold what a manifest says against types and ranges.

    Args:
        manifest: Its content.
        where: File, for errors.
        *needed: Keys that it must have.

    Returns:
        The manifest.

    Raises:
        InputError: Naming the key and what is allowed.
    """
    if not isinstance(manifest, dict) or not set(needed) <= set(manifest):
        lacks = sorted(set(needed) - set(manifest)) if isinstance(manifest, dict) else ["an object"]
        raise InputError(f"not a manifest, it lacks {', '.join(lacks)}", where=where,
                         allowed=f"JSON with {', '.join(needed)}", fix="make the folder again")
    for key, (good, says) in CHECKS.items():
        if key in manifest and not good(manifest[key]):
            raise InputError(f"{key} is {repr(manifest[key])[:99]}", where=where, allowed=says,
                             fix="make the folder again")
    return manifest


def read(folder: Path, *needed: str) -> dict:
    """Read the manifest of a folder.

    Args:
        folder: An emitted folder, or an HLS project.
        *needed: Keys that the manifest must have.

    Returns:
        The manifest; the values of CHECKS are of their types and in their ranges.

    Raises:
        InputError: If it is missing, no such file, too large, or says what it may not.
    """
    path = Path(folder) / MANIFEST
    try:
        found = json.loads(read_limited(path, limits.MANIFEST_BYTES))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path, allowed="a manifest",
                         fix="make the folder again") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not a manifest ({error})", where=path, allowed="JSON",
                         fix="make the folder again") from None
    return check(found, path, *needed)


def prefix(manifest: dict) -> str:
    """Give the prefix of a core's modules, packages and files.

    Args:
        manifest: As `read` gives it.

    Returns:
        The prefix; our own if the manifest says none.
    """
    return manifest.get("prefix", names.PREFIX)


def top(manifest: dict) -> str:
    """Give the name of a folder's top module.

    Args:
        manifest: As `read` gives it.

    Returns:
        The name.
    """
    return manifest.get("top", f"{prefix(manifest)}_top")


def inside(folder: Path, name: str, where: Path) -> Path:
    """Find a file of a folder by its name.

    Args:
        folder: The folder.
        name: The file's name, from a list.
        where: The list, for errors.

    Returns:
        The file's path; it is a plain one and lies in the folder, not behind a link out of it.

    Raises:
        InputError: If the name is not plain, or no such file is there.
    """
    path = Path(folder) / name
    if not is_file(name):
        raise InputError(f"file name {name!r}", where=where,
                         allowed="letters, digits, '.', '_' and '-', no folder",
                         fix="make the folder again")
    if not path.is_file():
        raise InputError(f"{name} is missing", where=where, allowed="files of the folder",
                         fix="make the folder again")
    if not path.resolve().is_relative_to(Path(folder).resolve()):
        raise InputError(f"{name} is a link out of the folder", where=where,
                         allowed="files of the folder", fix="make the folder again")
    if path.stat().st_size > limits.SOURCE_BYTES:
        raise InputError(f"{name} has {path.stat().st_size} bytes", where=where,
                         allowed=f"up to {limits.SOURCE_BYTES}", fix="make the folder again")
    return path


def sources(folder: Path) -> tuple[str, ...]:
    """Read the file list of an emitted folder.

    Args:
        folder: The folder.

    Returns:
        Its sources in reading order, all of them there.

    Raises:
        InputError: If the list is missing or empty, or names what is no file of the folder; or if a
            source reads a memory from a file: tools go on in silence where they do not find it.
    """
    path = Path(folder) / LIST
    try:
        text = read_limited(path, limits.MANIFEST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({getattr(error, 'strerror', 'not UTF-8')})", where=path,
                         allowed="a list of files", fix="make the folder again") from error
    lines = [line.split("//")[0].strip(" \t\r") for line in text.split("\n")]
    found = [line for line in lines if line and not line.startswith("#")]
    if not 0 < len(found) <= limits.FILES:
        raise InputError(f"{len(found) or 'no'} files", where=path,
                         allowed=f"one file a line, up to {limits.FILES}",
                         fix="make the folder again")
    for name in found:
        source = inside(folder, name, path)
        if b"$readmem" in read_limited(source, limits.SOURCE_BYTES):
            raise InputError("reads a memory from a file", where=source,
                             allowed="memories as constants in the sources", fix="emit it again")
    return tuple(found)


def copy_sources(folder: Path, to: Path) -> tuple[str, ...]:
    """Copy what a tool reads of an emitted folder: its sources.

    Args:
        folder: The folder.
        to: Another one.

    Returns:
        The sources, as `sources` gives them.

    Raises:
        InputError: As `sources`.
    """
    found = sources(folder)
    for name in found:
        shutil.copyfile(Path(folder) / name, to / name)
    return found
