"""Only our own ONNX files are replaced without being named."""

import os
import shutil

import onnx
import pytest

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.exact.onnx.model import SHIPPED
from fsrcnnx.exact.onnx.own import check_replaceable, ours

NAMES = ("model.onnx", "model_float.onnx", "model_uint8.onnx")


def foreign(path):
    """The same file from another tool."""
    model = onnx.load(path)
    model.producer_name = "another"
    onnx.save(model, path)


def crowded(path):
    """One of ours, with more fields than any network has."""
    model = onnx.load(path)
    model.graph.initializer.add(dims=[1] * (limits.ONNX_FIELDS + 1))
    return model


IN_THE_WAY = {
    "another's": foreign,
    "no ONNX": lambda path: path.write_bytes(b"nothing like protobuf"),
    "empty": lambda path: path.write_bytes(b""),
    "a huge one": lambda path: os.truncate(path, limits.MODEL_BYTES + 1),
    "many fields": lambda path: onnx.save(crowded(path), path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_is_not_ours_is_left_alone(tmp_path, what):
    check_replaceable(tmp_path, NAMES)
    for name in NAMES:
        shutil.copy(SHIPPED / "fsrcnn-x_x2" / name, tmp_path)
        assert ours(tmp_path / name)
    check_replaceable(tmp_path, NAMES)
    IN_THE_WAY[what](tmp_path / "model_float.onnx")
    with pytest.raises(InputError, match=r"model_float\.onnx: in the way, and not an ONNX"):
        check_replaceable(tmp_path, NAMES)
