"""HDF5 files of pixels: written whole even where a disk is full, read within limits.

May import numpy, h5py and the ground.

    with written(Path("train.h5")) as (file, check):
        file["lr"] = patches
        check()                                    # an InputError once the disk is full
    with opened("train.h5") as source:
        lr = source.pixels("lr", 3)                # uint8 (N, p, p)

A file from elsewhere is a stranger: only data that lies in the file itself is read, neither through
links nor from raw files beside it, and nothing is allocated before what it claims to hold is held
against limits and against its own size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.files import atomic, regular

FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}  # by HDF5's numbers
AT_ONCE = 1 << 24  # pixels brought to uint8 at a time
OVERSHOOT = 64  # of a bicubic beyond 0..255, at most a quarter of a step from black to white

SUFFIXES = (".h5", ".hdf5")


class _Kept:
    """A file for h5py whose writes never fail: HDF5 crashes where one does, even at its end.

    After the first that the disk refuses, or that Ctrl-C interrupts, all is kept in memory, for
    HDF5 reads it back; whoever writes asks `check` often, so that it is little.
    """

    def __init__(self, path: Path):
        self.file, self.at = path.open("w+b", buffering=0), 0
        self.error: BaseException | None = None
        self.rest: list[tuple[int, bytes]] = []

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset from the start, or from the end."""
        self.at = offset + (self._end() if whence == 2 else 0)
        return self.at

    def tell(self) -> int:
        """Where the next byte goes."""
        return self.at

    def _end(self) -> int:
        return max([self.file.seek(0, 2), *(at + len(data) for at, data in self.rest)])

    def write(self, data: memoryview) -> int:
        """Write all of it, to the file or to memory."""
        data = bytes(data)
        try:
            if self.error is None:
                done = 0
                while done < len(data):  # a nearly full disk takes a part
                    self.file.seek(self.at + done)
                    done += self.file.write(data[done:])
        except BaseException as error:  # an interruption ends the writing as well
            self.error = error
        if self.error is not None:
            self.rest.append((self.at, data))
        self.at += len(data)
        return len(data)

    def readinto(self, buffer: memoryview) -> int:
        """Read what was written, zeros where nothing was."""
        view = memoryview(buffer).cast("B")
        self.file.seek(self.at)
        have = self.file.read(len(view))
        view[:] = have + bytes(len(view) - len(have))
        for at, data in self.rest:
            lo, hi = max(at, self.at), min(at + len(data), self.at + len(view))
            if lo < hi:
                view[lo - self.at:hi - self.at] = data[lo - at:hi - at]
        self.at += len(view)
        return len(view)

    def read(self, size: int) -> bytes:
        """Read as `readinto` does; h5py knows a file by this."""
        buffer = bytearray(size)
        self.readinto(memoryview(buffer))
        return bytes(buffer)

    def truncate(self, size: int) -> int:
        """Set the size; HDF5 asks for what it has written, at its end."""
        try:
            if self.error is None:
                self.file.truncate(size)
        except BaseException as error:
            self.error = error
        return size

    def flush(self) -> None:
        """Nothing is buffered."""

    def check(self) -> None:
        """Raise what the disk said."""
        if self.error is not None:
            raise self.error


@contextmanager
def written(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """Write an HDF5 file, whole or not at all.

    Args:
        path: File.

    Yields:
        The open file, and what is to be called after each write: it raises what the disk said.

    Raises:
        InputError: If it cannot be written.
    """
    with atomic(path) as part:
        kept = _Kept(part)
        with kept.file:
            with h5py.File(kept, "w") as file:
                yield file, kept.check
            kept.check()


@dataclass(eq=False)
class Source:
    """An HDF5 file that is read.

    Args:
        path: Its path, for errors.
        file: The open file.
        left: Pixels that it may still give.
    """

    path: str
    file: h5py.File
    left: int = field(init=False)

    def __post_init__(self):
        self.left = min(limits.DATA_PIXELS, limits.DATA_RATIO * Path(self.path).stat().st_size)

    def _is(self, key: str, kind: type) -> bool:
        """Whether a name is a hard link to an object of the kind; no other link is followed."""
        *folders, name = key.split("/")
        group = self.file["/".join(folders)] if folders else self.file
        return isinstance(group.get(name, getlink=True), h5py.HardLink) \
            and group.get(name, getclass=True) is kind

    def is_data(self, *keys: str) -> bool:
        """Whether every name is a dataset in the file itself."""
        return all(self._is(key, h5py.Dataset) for key in keys)

    def names(self, key: str) -> list[str]:
        """Names of a group in the file itself; none if it is no group."""
        return list(self.file[key]) if self._is(key, h5py.Group) else []

    def check(self, key: str, ndim: int) -> tuple[int, ...]:
        """Hold what a dataset claims against the limits, before any of it is read.

        Args:
            key: Its name.
            ndim: Dimensions that it must have.

        Returns:
            Its shape.

        Raises:
            InputError: If it is no plain data, or too much.
        """
        def need(ok: bool, what: str, allowed: str) -> None:
            if not ok:
                raise InputError(what, where=f"{self.path}: dataset {key}", allowed=allowed,
                                 fix="prepare the file again, or take another")

        need(self.is_data(key), "not in the file itself", "plain data in the file itself")
        data = self.file[key]
        need(not data.is_virtual and not data.external, "refers to other files",
             "plain data in the file itself")
        need(data.dtype.kind in "uif", f"type {data.dtype}"[:80], "integers or floating point")
        need(data.shape is not None and len(data.shape) == ndim and 0 not in data.shape,
             f"of shape {data.shape}", f"{ndim} dimensions, each at least 1")
        need(math.prod(data.shape[-2:]) <= limits.DATA_PICTURE, f"of shape {data.shape}",
             f"pictures of at most {limits.DATA_PICTURE} pixels")
        made = data.id.get_create_plist()
        filters = [made.get_filter(index)[0] for index in range(made.get_nfilters())]
        need(set(filters) <= set(FILTERS) and len({1, 32000} & set(filters)) < 2
             and len(set(filters)) == len(filters), f"filters {filters}"[:80],
             f"none, or one each of {', '.join(FILTERS.values())}, gzip without lzf")
        chunk = math.prod(data.chunks) * data.dtype.itemsize if filters else 0
        need(chunk <= limits.CHUNK_BYTES, f"compressed in chunks of {chunk} bytes",
             f"chunks of at most {limits.CHUNK_BYTES} bytes")
        if filters:
            stored: list[int] = []
            data.id.chunk_iter(lambda info: stored.append(info.size))
            need(max(stored, default=0) <= chunk * 9 // 8 + 64, "a chunk larger than its data",
                 f"about {chunk} bytes")
        need(math.prod(data.shape) <= self.left,
             f"of shape {data.shape}: more than such a file can hold",
             f"{limits.DATA_PIXELS} pixels in all, {limits.DATA_RATIO} for each byte of the file")
        return data.shape

    def raw(self, key: str, most: int) -> bytes:
        """Read a dataset of at most so many bytes; an InputError if it is none."""
        size, = self.check(key, 1)
        data = self.file[key]
        if data.dtype != np.uint8 or size > most:
            raise InputError(f"{size} values of type {data.dtype}"[:80], fix="prepare it again",
                             where=f"{self.path}: dataset {key}", allowed=f"{most} bytes at most")
        return data[:].tobytes()

    def pixels(self, key: str, ndim: int) -> np.ndarray:
        """Read a dataset of pixels of any type as uint8.

        Args:
            key: Its name.
            ndim: Dimensions that it must have.

        Returns:
            uint8, 0..255: what a bicubic left beyond is clipped.

        Raises:
            InputError: If it is no plain data, too much, damaged, or holds what no pixel is.
        """
        shape = self.check(key, ndim)
        where = f"{self.path}: dataset {key}"
        self.left -= math.prod(shape)
        pixels, data = np.empty(shape, np.uint8), self.file[key]
        rows, top = max(1, AT_ONCE // math.prod(shape[1:])), -np.inf
        for start in range(0, shape[0], rows):
            try:
                raw = data[start:start + rows]
            except (OSError, ValueError, TypeError) as error:
                raise InputError(f"cannot be read ({' '.join(str(error).split())[:120]})",
                                 where=where, allowed="data that is whole",
                                 fix="prepare the file again") from None
            if raw.dtype.kind == "f" and not np.isfinite(raw).all():
                raise InputError("holds NaN or infinity", where=where, allowed="0..255",
                                 fix="prepare the file again")
            if raw.min() < -OVERSHOOT or raw.max() > 255 + OVERSHOOT:
                raise InputError(f"values of {raw.min()} to {raw.max()}", where=where,
                                 allowed="0..255", fix="scale them to 0..255")
            top = max(top, float(raw.max()))
            pixels[start:start + rows] = raw if raw.dtype == np.uint8 \
                else np.clip(np.rint(raw), 0, 255)
        if data.dtype.kind == "f" and 0 < top <= 1:
            raise InputError(f"values of up to {top:g}", where=where, allowed="0..255",
                             fix="multiply them by 255")
        return pixels


@contextmanager
def opened(path: str | Path) -> Iterator[Source]:
    """Open a file of `written`, or of another tool.

    Args:
        path: HDF5 file.

    Yields:
        The file.

    Raises:
        InputError: If it is missing, or no HDF5.
    """
    path = Path(path)
    allowed, fix = "an HDF5 file of prepare", "run prepare again"
    try:
        regular(path, allowed)
    except InputError as error:
        raise InputError(error.what, where=str(path), allowed=allowed,
                         fix="run prepare first, or check the path") from None
    try:
        file = h5py.File(path, "r")
    except (OSError, ValueError):
        raise InputError("not an HDF5 file, or corrupt", where=str(path), allowed=allowed,
                         fix=fix) from None
    with file:
        try:
            yield Source(str(path), file)
        except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
            # what h5py raises for damaged groups and headers
            raise InputError(f"corrupt ({' '.join(str(error).split())[:120]})", where=str(path),
                             allowed=allowed, fix=fix) from None
