"""Damaged files: refused, or unchanged in content; never another network, never another error."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.write import encode
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7), channels=(3, 2), kernels=(3, 1, 3), anchor=True)
DATA = encode(NETWORK)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "the file is empty"),
    (b"hello, this is no model\n", "corrupt, not an ONNX file|not an ONNX model"),
    (DATA[: len(DATA) // 2], "corrupt, not an ONNX file"),
    (onnx.ModelProto(ir_version=8).SerializeToString(), "no graph in it"),
])
def test_files_that_are_no_model_are_refused(tmp_path, content, message):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        onnx_io.load(path)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"nothing\.onnx: cannot be read: No such file"):
        onnx_io.load(tmp_path / "nothing.onnx")
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        onnx_io.load(tmp_path)


@pytest.mark.parametrize(("key", "value", "message"), [
    ("scale", "3", "metadata scale is 3, the content's is 2"),
    ("content_hash", "0" * 64, "metadata content_hash is 0{64}, the content's is [0-9a-f]{64}"),
])
def test_metadata_that_contradicts_the_content_is_refused(key, value, message):
    model = onnx.load_model_from_string(DATA)
    next(prop for prop in model.metadata_props if prop.key == key).value = value
    with pytest.raises(ModelError, match=message):
        decode(model.SerializeToString(), "m.onnx")


@pytest.mark.parametrize("role", ["weight", "bias", "slope"])
def test_every_flipped_bit_of_a_constant_is_refused(role):
    raw = onnx.load_model_from_string(DATA)
    tensor = next(t for t in raw.graph.initializer if t.name == f"conv1_{role}").raw_data
    start = DATA.index(tensor)
    on_grid = 0
    for bit in range(8 * len(tensor)):
        flipped = bytearray(DATA)
        flipped[start + bit // 8] ^= 1 << bit % 8
        with pytest.raises(ModelError) as caught:
            decode(bytes(flipped), "m.onnx")
        on_grid += "content_hash" in str(caught.value)
    assert on_grid, "some flips must be seen by nothing but the hash"


@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, 255)), min_size=1,
                max_size=8))
@settings(max_examples=300, deadline=None)
def test_a_damaged_file_is_refused_or_unchanged_in_content(damage):
    data = bytearray(DATA)
    for at, mask in damage:
        data[at] ^= mask
    try:
        network = decode(bytes(data), "m.onnx")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert network.content_hash() == NETWORK.content_hash()


def test_the_hash_covers_everything_that_decides_a_bit():
    """Reader and hash agree: a network that differs anywhere has another hash."""
    layer = NETWORK.layers[0]
    others = [replace(NETWORK, anchor=False)] + [
        replace(NETWORK, layers=(replace(layer, **change), *NETWORK.layers[1:]))
        for change in ({"bias": layer.bias + 1}, {"slope": layer.slope ^ 1},
                       {"weight": layer.weight ^ 1},
                       {"out_format": replace(layer.out_format, width=9)})]
    hashes = {decode(encode(other), "m").content_hash() for other in (NETWORK, *others)}
    assert len(hashes) == len(others) + 1
