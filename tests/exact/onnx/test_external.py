"""Weights in a second file: that of torch's newer exporter is read, every other one refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.onnx.external import embed
from tests.foreign import foreign


def laid_out(folder, **entries):
    """A model of whose tensors the first two lie in net.onnx.data; what they were."""
    model = foreign().whole().model()
    data, was = b"", []
    for tensor in model.graph.initializer[:2]:
        was.append(numpy_helper.to_array(tensor))
        given = {"location": "net.onnx.data", "offset": len(data), "length": len(tensor.raw_data)}
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        for key, value in {**given, **entries}.items():
            tensor.external_data.add(key=key, value=str(value))
        tensor.data_location = TensorProto.EXTERNAL
    (folder / "net.onnx.data").write_bytes(data)
    return model, was


def test_the_second_file_is_read(tmp_path):
    model, was = laid_out(tmp_path)
    assert embed(model, tmp_path / "net.onnx")
    for tensor, value in zip(model.graph.initializer, was, strict=False):
        assert (numpy_helper.to_array(tensor) == value).all()
    onnx.checker.check_model(model.SerializeToString())
    assert not embed(model, tmp_path / "net.onnx")


@pytest.mark.parametrize(("entries", "says"), [
    ({"location": "/etc/passwd"}, "lies in /etc/passwd; allowed: in net.onnx.data beside it"),
    ({"location": "../net.onnx.data"}, "lies in ../net.onnx.data"),
    ({"location": "x\x1b[2J" * 99}, "lies in"),
    ({"offset": 9}, "allowed: within"), ({"offset": -1}, "allowed: within"),
    ({"length": 1 << 40}, "allowed: within"), ({"length": "9" * 5000}, "allowed: within"),
    ({"offset": "²"}, "allowed: within"), ({"basepath": "/"}, "allowed: within"),
])
def test_any_other_is_refused(tmp_path, entries, says):
    model, _ = laid_out(tmp_path, **entries)
    with pytest.raises(ModelError, match=says) as caught:
        embed(model, tmp_path / "net.onnx")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 600


@pytest.mark.parametrize("make", ["gone", "link", "folder", "large"])
def test_the_second_file_is_a_plain_one(tmp_path, make):
    model, _ = laid_out(tmp_path)
    path = tmp_path / "net.onnx.data"
    data = path.read_bytes()
    path.unlink()
    if make == "link":
        (tmp_path / "other").write_bytes(data)
        path.symlink_to("other")
    elif make == "folder":
        path.mkdir()
    elif make == "large":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"net.onnx.data: its data"):
        embed(model, tmp_path / "net.onnx")


def test_many_tensors_of_one_range_are_not_all_of_memory(tmp_path):
    model, _ = laid_out(tmp_path)
    size = 1 << 20
    (tmp_path / "net.onnx.data").write_bytes(bytes(size))
    first = model.graph.initializer[0]
    del first.external_data[:], model.graph.initializer[1:]
    for key, value in (("location", "net.onnx.data"), ("length", str(size))):
        first.external_data.add(key=key, value=value)
    first.dims[:] = np.int64([size // 4]).tolist()
    for number in range(99):
        model.graph.initializer.add().CopyFrom(first)
        model.graph.initializer[-1].name = f"t{number}"
    with pytest.raises(ModelError, match="allowed: within"):
        embed(model, tmp_path / "net.onnx")
