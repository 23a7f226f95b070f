"""Bytes of an .onnx file as onnx's own message: held against the limits before it is parsed.

May import onnx, the limits, the files and the errors. Parsing turns two bytes into an empty node
of a hundred, so that a small file could fill the memory; here the fields are counted first, where
they lie in the file. Whoever reads an .onnx file reads it through here.

    model = parse(read_bytes(Path("model.onnx")), "model.onnx")

Source: Protocol Buffers, "Encoding": a field is a key (number << 3 | wire type) and its value.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from fsrcnnx import limits
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.files import read_limited

VARINT, EIGHT, BLOCK, FOUR = 0, 1, 2, 5  # wire types; those of groups are not used by ONNX
FIX = "export the model again"


def read_bytes(path: Path) -> bytes:
    """Read a model file.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        ModelError: If it is missing, unreadable or too large.
    """
    try:
        return read_limited(path, limits.MODEL_BYTES)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=path,
                         allowed="an .onnx file") from error
    except InputError as error:
        raise ModelError(error.what, where=path, allowed=error.allowed) from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of variable length: its value, and where it ends."""
    value = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise IndexError("an integer of more than ten bytes")


def count_fields(data: bytes, kind: Descriptor, most: int) -> int:
    """Count the fields of a message and of all messages in it, without parsing any.

    Args:
        data: The message as bytes.
        kind: What it is.
        most: Where to stop counting.

    Returns:
        Fields, and elements of packed integers; above `most` there are more.

    Raises:
        IndexError: If the bytes are no such message.
    """
    found, todo = 0, [(0, len(data), kind)]
    while todo:
        at, end, kind = todo.pop()
        while at < end and found <= most:
            key, at = _varint(data, at)
            number, wire = key >> 3, key & 7
            found += 1
            if wire == VARINT:
                _, at = _varint(data, at)
            elif wire in (EIGHT, FOUR):
                at += 8 if wire == EIGHT else 4
            elif wire == BLOCK:
                size, at = _varint(data, at)
                field = kind.fields_by_number.get(number)
                if field is not None and field.message_type is not None:
                    todo.append((at, at + size, field.message_type))
                elif field is not None and field.cpp_type not in (
                        field.CPPTYPE_STRING, field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
                    found += size  # packed integers, a byte or more each
                at += size
            else:
                raise IndexError(f"wire type {wire}")
        if at > end:
            raise IndexError("a field beyond its message")
    return found


def parse(data: bytes, file: str) -> onnx.ModelProto:
    """Parse a file's bytes.

    Args:
        data: Content of an .onnx file.
        file: Its name, for errors.

    Returns:
        The message, its graph not empty.

    Raises:
        ModelError: If the bytes are no ONNX model, or one beyond the limits.
    """
    if not data:
        raise ModelError("the file is empty", where=file, allowed="a QONNX file", fix=FIX)
    try:
        if count_fields(data, onnx.ModelProto.DESCRIPTOR, limits.ONNX_FIELDS) > limits.ONNX_FIELDS:
            raise ModelError(f"more than {limits.ONNX_FIELDS} fields", where=file,
                             allowed=f"networks of up to {limits.LAYERS} layers, their weights as "
                             "raw data")
        model = onnx.load_model_from_string(data)
    except (IndexError, DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ModelError("corrupt, not an ONNX file", where=file, allowed="a QONNX file",
                         fix=FIX) from error
    if not model.HasField("graph") or not model.graph.node:
        raise ModelError("no graph in it, not an ONNX model", where=file,
                         allowed="a QONNX file", fix=FIX)
    return model
