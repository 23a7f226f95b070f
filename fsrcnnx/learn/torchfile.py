"""Torch files that hold plain data and dense tensors, and nothing else: read and written.

May import torch, the limits and the ground.

    save({"name": "fsrcnn-x_x2", "float": model.state_dict()}, Path("weights.pth"))
    content = read(Path("weights.pth"), limits.MODEL_BYTES)

`torch.load` with `weights_only` runs no code of a file, but it makes sparse and quantised tensors,
buffers of any size, and what a zip archive unpacks to. So the archive's directory and the names in
its pickles are looked at before. Of two readers that see one file each may find other content in
it: what is looked at is what torch is given.
"""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from pathlib import Path

import torch

from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, read_limited, regular

# dense tensors, parameters, and the dictionaries that a module's state is in
PLAIN = re.compile(r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)"
                   r"|torch (Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Storage")
ARCHIVE = b"PK\x03\x04"  # what torch takes for a zip archive begins so; all else it unpickles
LEGACY_PICKLES = 5  # in a file of PyTorch before 1.6: magic, protocol, system, content, keys


def on_cpu(content):
    """Bring tensors to the CPU.

    Args:
        content: A tensor, or plain data with tensors in dictionaries, lists and tuples.

    Returns:
        The same, on the CPU.
    """
    if isinstance(content, torch.Tensor):
        return content.cpu()
    if isinstance(content, dict):
        return {key: on_cpu(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(map(on_cpu, content))
    return content


def save(content: dict, path: Path) -> None:
    """Write a torch file whole or not at all; it loads on every device.

    Args:
        content: What to save.
        path: File.

    Raises:
        InputError: If it cannot be written.
    """
    data = io.BytesIO()  # torch's own writer does not say why a disk refuses
    torch.save(on_cpu(content), data)
    with atomic(path) as part:
        part.write_bytes(data.getbuffer())


def _check(pickle: bytes, number: int = 1) -> None:
    """Refuse pickles, one behind the other, that name more than plain data and dense tensors."""
    stream = io.BytesIO(pickle)
    for _ in range(number):
        for code, argument, _ in pickletools.genops(stream):
            if code.name in ("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4") \
                    and not (code.name == "GLOBAL" and PLAIN.fullmatch(argument)):
                raise ValueError(f"holds {argument or code.name}")


def _checked(data: bytes) -> io.BytesIO:
    """Look at a torch file that unpacks to no more than it is; what was seen, and no more of it."""
    if not data.startswith(ARCHIVE):  # where a zip's own directory is looked for: at the end
        _check(data, LEGACY_PICKLES)
        return io.BytesIO(data)
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(again, "w") as seen:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("compressed")
        if sum(entry.file_size for entry in entries) > len(data):
            raise ValueError("unpacks to more than its size")
        # torch asks for names in upper or lower case alike
        if len({entry.filename.lower() for entry in entries}) < len(entries):
            raise ValueError("two entries of one name")
        if bad := archive.testzip():
            raise ValueError(f"damaged at {bad}")
        for entry in entries:
            content = archive.read(entry)
            if entry.filename.lower().endswith(".pkl"):
                _check(content)
            seen.writestr(entry.filename, content)
    again.seek(0)
    return again


def read(path: Path, most: int) -> object:
    """Read a torch file.

    Args:
        path: A plain file.
        most: Largest size in bytes.

    Returns:
        Its content, tensors on the CPU.

    Raises:
        InputError: If it is too large, no torch file, damaged, or holds anything but plain data
            and dense tensors.
    """
    try:
        data = read_limited(regular(path, "a torch file"), most)
        stream, legacy = _checked(data), not data.startswith(ARCHIVE)
        content = torch.load(stream, map_location="cpu", weights_only=True)
        if legacy and stream.tell() != len(data):
            raise ValueError(f"{len(data) - stream.tell()} bytes behind its end")
        return content
    except (InputError, MemoryError, torch.OutOfMemoryError):
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path,
                         fix="check the file") from None
    except Exception as error:  # torch and pickle raise many kinds for what is none of theirs
        why = str(error).partition("\n")[0][:80] if type(error) is ValueError \
            else type(error).__name__
        raise InputError(f"no torch file of plain data ({why})", where=path) from None
