"""What is fuzzed: the readers of files; whole files of each kind, and how they are spoilt.

May import numpy and hypothesis; torch, h5py, onnx and Pillow only where they are needed.

    reader = READERS["onnx"]; data = reader.spoilt.example(); reader.read(path_of(data))
"""

from __future__ import annotations

import functools
import io
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

ODD = [0, 1, -1, 2, 255, 256, 65535, 1 << 31, (1 << 31) - 1, -(1 << 31), (1 << 32) - 1, 1 << 62,
       (1 << 63) - 1, -(1 << 63)]
NUMBERS = st.one_of(st.sampled_from(ODD), st.integers(-(1 << 63), (1 << 63) - 1))
FLOATS = st.floats(width=32)
WORDS = st.text(max_size=40)


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Args:
        suffix: Of its files.
        read: Reads a file; ends, or raises an error of the project's.
        spoilt: Makes files, spoilt by their structure or byte by byte.
    """

    suffix: str
    read: Callable[[Path], object]
    spoilt: st.SearchStrategy[bytes]


@st.composite
def _bytes(draw, whole: Callable[[], list[bytes]]) -> bytes:
    """A whole file with a few bytes changed, a part taken out, doubled or cut off."""
    data = bytearray(draw(st.sampled_from(whole())))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            data[at:at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == 1:
            data[at:at + 8] = struct.pack("<q", draw(NUMBERS))
        elif kind == 2:
            data[at:at + 4] = struct.pack(">I", draw(NUMBERS) % (1 << 32))
        elif kind == 3:
            del data[at:at + draw(st.integers(1, 64))]
        elif kind == 4:
            data[at:at] = data[at:at + draw(st.integers(1, 64))]
        else:
            del data[at:]
    return bytes(data)


# ---------------------------------------------------------------- ONNX
@functools.cache
def _onnx() -> list[bytes]:
    from fsrcnnx.exact.onnx.write import encode
    from tests.foreign import plain
    from tests.networks import random_network

    network = random_network(np.random.default_rng(1), channels=(2,), kernels=(3, 3), anchor=True)
    return [plain(), encode(network)]


@st.composite
def _spoilt_onnx(draw) -> bytes:
    """A model with fields of its messages changed, by what protobuf says that they are."""
    import onnx

    model = onnx.load_from_string(draw(st.sampled_from(_onnx())))
    for _ in range(draw(st.integers(1, 3))):
        message = model
        while True:
            fields = message.ListFields()
            if not fields:
                break
            field, value = draw(st.sampled_from(fields))
            many = hasattr(value, "append") or hasattr(value, "add")
            inside = field.message_type is not None
            if inside and draw(st.integers(0, 9)):
                message = draw(st.sampled_from(list(value))) if many else value
                continue
            if many and (inside or draw(st.booleans())):
                at = draw(st.integers(0, len(value) - 1))
                if draw(st.booleans()):
                    del value[at]
                elif inside:
                    value.add().CopyFrom(value[at])
                else:
                    value.append(value[at])
            elif inside:
                message.ClearField(field.name)
            else:
                new = draw({1: FLOATS, 2: FLOATS, 9: WORDS, 12: st.binary(max_size=64)}.get(
                    field.type, NUMBERS.map(lambda n: n % (1 << 31)) if field.type in (5, 13, 14)
                    else NUMBERS))
                try:
                    if many:
                        value[draw(st.integers(0, len(value) - 1))] = new
                    else:
                        setattr(message, field.name, new)
                except (ValueError, TypeError):
                    pass  # not of this field
            break
    return model.SerializePartialToString()


def _read_onnx(path: Path) -> None:
    from fsrcnnx.exact.onnx import bytes as onnx_bytes
    from fsrcnnx.exact.onnx import io as onnx_io
    from fsrcnnx.exact.onnx.adopt import adopt
    from fsrcnnx.learn.float_onnx import read_row
    from fsrcnnx.learn.incoming import is_float

    each(lambda: onnx_io.load(path),
         lambda: read_row(path) if is_float(path) else adopt(onnx_bytes.read_bytes(path), "m.onnx"))


def each(*readings: Callable[[], object]) -> None:
    """Read a file in several ways; each may refuse it."""
    from fsrcnnx.errors import FsrcnnxError

    refused = None
    for reading in readings:
        try:
            reading()
        except FsrcnnxError as error:
            refused = error
    if refused:
        raise refused


# ---------------------------------------------------------------- weights and checkpoints
def _saved(content) -> bytes:
    import torch

    data = io.BytesIO()
    torch.save(content, data)
    return data.getvalue()


def _weights() -> list:
    from tests.hostile.learn import content

    return [content(), dict(content()["float"])]


@st.composite
def _spoilt_weights(draw) -> bytes:
    """Weights with another thing in one place or two."""
    import torch

    whole = draw(st.sampled_from(range(2)).map(lambda at: _weights()[at]))
    for _ in range(draw(st.integers(1, 2))):
        at = whole
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], (dict, list)) and at[key] and draw(st.integers(0, 5)):
                at = at[key]
                continue
            old = at[key]
            shape = draw(st.lists(st.integers(0, 5), max_size=5))
            kind = draw(st.sampled_from([torch.float32, torch.float64, torch.int8, torch.int64,
                                         torch.bool, torch.float16, torch.complex64]))
            choices = [None, draw(NUMBERS), draw(FLOATS), draw(WORDS), [], {}, {draw(WORDS): old},
                       [old], torch.zeros(shape, dtype=kind), torch.zeros(shape).to_sparse()]
            if isinstance(old, torch.Tensor) and old.is_floating_point():
                choices += [old * draw(FLOATS), old[None], old.expand(3, *old.shape),
                            torch.full_like(old, draw(FLOATS)), old.to(kind)]
            if isinstance(at, dict) and draw(st.integers(0, 4)) == 0:
                del at[key]
            else:
                at[key] = choices[draw(st.integers(0, len(choices) - 1))]
            break
    return _saved(whole)


def _read_weights(path: Path) -> None:
    from fsrcnnx.learn import incoming, store

    each(lambda: store.load(path), lambda: incoming.read(path))


# ---------------------------------------------------------------- HDF5
@st.composite
def _spoilt_hdf5(draw) -> bytes:
    """A training or an evaluation file whose data sets have other shapes, types and storage."""
    import h5py

    data, evaluation = io.BytesIO(), draw(st.booleans())
    names = ["lr/0", "hr/0"] if evaluation else ["lr", "hr"]
    with h5py.File(data, "w") as file:
        for name, scale in zip(names, (1, 2), strict=True):
            if draw(st.integers(0, 9)) == 0:
                continue
            side = draw(st.integers(0, 9)) * scale
            shape = [side] * 2 if evaluation else [draw(st.integers(0, 3)), side, side]
            if draw(st.integers(0, 2)) == 0:
                shape = draw(st.lists(st.integers(0, 9), max_size=4))
            kind = draw(st.sampled_from(["u1", "f4", "f8", "i8", "u2", "S3", "?", "c8", ">f2"]))
            value = draw(st.sampled_from([0, 99, 255, 1, 300, -3]))
            options = draw(st.sampled_from([{}, {"compression": "gzip"}, {"shuffle": True},
                                            {"fletcher32": True}, {"compression": "lzf"}]))
            array = np.full(shape, value).astype(kind)
            if draw(st.integers(0, 5)) == 0:  # much is claimed, nothing is stored
                huge = [draw(st.sampled_from([1, 1 << 20, 1 << 40])) for _ in shape or [1]]
                file.create_dataset(name, huge, "u1", chunks=tuple(min(n, 64) for n in huge))
            else:
                file.create_dataset(name, data=array, **(options if array.size and shape else {}))
        for name in draw(st.lists(st.sampled_from(["scale", "note", "made_of", "lr"]), max_size=2)):
            file.attrs[name] = draw(st.one_of(WORDS.filter(lambda w: "\0" not in w), FLOATS))
    return data.getvalue()


def _hdf5() -> list[bytes]:
    import h5py

    made = []
    for lr, hr, shape in (("lr", "hr", (2,)), ("lr/0", "hr/0", ())):
        data = io.BytesIO()
        with h5py.File(data, "w") as file:
            file[lr] = np.full((*shape, 9, 9), 99, "u1")
            file[hr] = np.full((*shape, 18, 18), 99, "u1")
        made.append(data.getvalue())
    return made


def _read_hdf5(path: Path) -> None:
    from fsrcnnx.learn import data

    each(lambda: data.read_patches(path, 2), lambda: data.read_pictures(path, 2))


# ---------------------------------------------------------------- pictures
@functools.cache
def _pictures() -> list[bytes]:
    from PIL import Image

    rng, made = np.random.default_rng(1), []
    for mode, depth in (("L", 1), ("RGB", 3), ("RGBA", 4)):
        image = Image.fromarray(rng.integers(0, 256, (9, 12, depth), np.uint8).squeeze(), mode)
        for kind in ("png", "tiff", "bmp", "gif", "webp", "jpeg", "ppm"):
            data = io.BytesIO()
            try:
                image.save(data, kind, dpi=(72, 72))
            except (OSError, KeyError):
                continue  # not of this mode
            made.append(data.getvalue())
    return made


@st.composite
def _spoilt_png(draw) -> bytes:
    """A PNG of chunks that are changed, doubled, left out or new, their sums right."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body))

    side = st.one_of(st.integers(0, 20), st.sampled_from([1 << 16, (1 << 31) - 1, 1 << 31]))
    depth, kind = draw(st.sampled_from([1, 2, 4, 8, 16, 3])), draw(st.sampled_from([0, 2, 3, 4, 6]))
    head = struct.pack(">IIBBBBB", draw(side), draw(side), depth, kind, 0, 0,
                       draw(st.integers(0, 2)))
    body = zlib.compress(bytes(draw(st.integers(0, 3000))))
    chunks = [(b"IHDR", head)]
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(
            b"PLTE tRNS iCCP pHYs gAMA tEXt zTXt iTXt eXIf acTL fcTL IDAT sBIT IHDR".split()))
        chunks.append((kind, draw(st.one_of(st.binary(max_size=60), st.just(
            b"a\0\0" + zlib.compress(bytes(1 << 20)))))))
    chunks += [(b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def _read_picture(path: Path) -> None:
    from fsrcnnx.media.pictures.read import read_picture

    read_picture(path)


# ---------------------------------------------------------------- YUV4MPEG2
def _y4m() -> list[bytes]:
    return [b"YUV4MPEG2 W4 H2 F25:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + bytes(range(12))) * 2,
            b"YUV4MPEG2 W3 H2 F30000:1001 C444p10 XCOLORRANGE=FULL\nFRAME\n" + bytes(36)]


@st.composite
def _spoilt_y4m(draw) -> bytes:
    """A stream whose header has other words."""
    words = draw(st.lists(st.one_of(
        st.builds("{}{}".format, st.sampled_from("WHFIACX"), NUMBERS),
        st.sampled_from(["YUV4MPEG2", "W4", "H2", "F25:1", "F0:0", "F1:0", "Cmono", "C420", "C999",
                         "I", "W", "W1_0", "A:"]), WORDS), max_size=8))
    first = draw(st.sampled_from(["YUV4MPEG2 W4 H2 ", "YUV4MPEG2 ", "", " "]))
    return (first + " ".join(words)).encode("utf-8", "surrogatepass") + b"\n" + draw(
        st.sampled_from([b"", b"FRAME\n" + bytes(12), b"FRAME Ip\n" + bytes(5)]))


def _read_y4m(path: Path) -> None:
    from fsrcnnx import limits
    from fsrcnnx.media import y4m

    with path.open("rb") as stream:
        header = y4m.read_header(stream, path.name)
        # as whoever reads a video does: frames over the limit are refused before
        if header and header.width * header.height <= limits.PIXELS:
            for _ in y4m.read_frames(stream, header, path.name):
                pass


READERS = {
    "onnx": Reader(".onnx", _read_onnx, st.one_of(_spoilt_onnx(), _bytes(_onnx))),
    "weights": Reader(".pth", _read_weights, st.one_of(
        _spoilt_weights(), _bytes(lambda: [_saved(one) for one in _weights()]),
        st.builds(pickle.dumps, st.recursive(st.one_of(WORDS, NUMBERS, FLOATS), st.lists)))),
    "hdf5": Reader(".h5", _read_hdf5, st.one_of(_spoilt_hdf5(), _bytes(_hdf5))),
    "pictures": Reader(".png", _read_picture, st.one_of(_spoilt_png(), _bytes(_pictures))),
    "y4m": Reader(".y4m", _read_y4m, st.one_of(_spoilt_y4m(), _bytes(_y4m))),
}
