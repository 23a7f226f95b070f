"""Whether an ONNX file is one of ours: only such a one is replaced without being named.

May import the bytes of ONNX files and the errors.

    check_replaceable(Path("models/mine_x2"), ("model.onnx",))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.onnx.bytes import parse, read_bytes

PRODUCER = "fsrcnnx"


def ours(path: Path) -> bool:
    """Tell whether we wrote an ONNX file.

    Args:
        path: A file.

    Returns:
        True if it is an ONNX file that names us as its producer.
    """
    try:
        return parse(read_bytes(path), str(path)).producer_name == PRODUCER
    except ModelError:  # whatever lies there
        return False


def check_replaceable(folder: Path, names: Sequence[str]) -> None:
    """Refuse to write files over those of another.

    Args:
        folder: Where they will be written.
        names: What they are called.

    Raises:
        InputError: Naming the first that is there and is not ours.
    """
    for name in names:
        path = folder / name
        if path.is_symlink() or (path.exists() and not (path.is_file() and ours(path))):
            raise InputError("in the way, and not an ONNX file that fsrcnnx wrote", where=path,
                             allowed="a folder without it, or with our own",
                             fix="choose another output, or rename it")
