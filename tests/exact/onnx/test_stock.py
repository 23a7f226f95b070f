"""model_uint8.onnx of layers too wide for float32: digits of weights, sums in float64."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Layer, Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx import stock as onnx_stock
from fsrcnnx.exact.onnx.stock import digits, encode_uint8
from tests.networks import extreme_pictures, random_network, random_picture

FSRCNN = {"channels": (56, 12, 12, 12, 12, 12, 56), "kernels": (5, 1, 3, 3, 3, 3, 1, 9)}
FSRCNN_X = {"channels": (23, 12, 12, 12, 23), "kernels": (3, 1, 3, 3, 1, 3)}


def mismatches(network, path, lr):
    onnx_io.save_uint8(network, path)
    return int((onnx_io.run_uint8(path, lr) != golden.run(network, lr)).sum())


def cancelling():
    """Large weights that cancel: float32 loses the small one between them."""
    weight = np.zeros((1, 1, 3, 3), np.int64)
    weight[0, 0, 1] = 1 << 20, 1, -1 << 20
    layer = Layer("c", "conv", weight, Format(True, 22, 1), np.zeros(1, np.int64), PIXEL, padding=1)
    return Network("cancel_x1", (layer,)).check()


@pytest.mark.parametrize(("shape", "bits"), [(FSRCNN, (8, 8)), (FSRCNN_X, (12, 12)),
                                             (FSRCNN_X, (16, 16))],
                         ids=["fsrcnn-w8a8", "w12a12", "w16a16"])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_wide_networks_are_exact(tmp_path, shape, bits, signed):
    rng = np.random.default_rng(11)
    network = random_network(rng, **shape, weight_bits=bits[0], activation_bits=bits[1],
                             anchor=signed, signed=signed)
    assert ranges.float32_exact(network)
    for lr in (random_picture(rng, 23, 19), *extreme_pictures(7, 9).values()):
        assert mismatches(network, tmp_path / "model_uint8.onnx", lr) == 0
    model = onnx.load(tmp_path / "model_uint8.onnx")
    assert {node.domain for node in model.graph.node} == {""}


def test_a_float32_convolution_of_such_a_layer_is_wrong(tmp_path, monkeypatch):
    lr = np.full((3, 9), 77, np.uint8)
    network = cancelling()
    assert mismatches(network, tmp_path / "m.onnx", lr) == 0
    monkeypatch.setattr(ranges, "FLOAT32_EXACT", 1 << 60)
    assert mismatches(network, tmp_path / "m.onnx", lr) > 0


def test_a_lost_digit_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_stock, "digits", lambda *a: digits(*a)[:-1])
    assert mismatches(cancelling(), tmp_path / "m.onnx", np.eye(9, dtype=np.uint8) * 255) > 0


@pytest.mark.parametrize("width", [2, 8, 12, 17, 24])
def test_digits_add_up_and_are_few(width):
    rng = np.random.default_rng(width)
    to = Format(True, width, 0)
    weight = rng.integers(to.lo, to.hi + 1, (3, 23, 3, 3))
    layer = Layer("c", "conv", weight, to, np.zeros(3, np.int64), PIXEL, padding=1)
    lo, hi = np.full(23, -128), np.full(23, 127)
    found = digits(layer, lo, hi)
    assert (sum(digit << bits for digit, bits in found) == weight).all()
    for digit, _ in found:
        bounds = ranges.acc_bounds(replace(layer, weight=digit), lo, hi)
        assert np.abs(bounds).max() <= 1 << 24
    assert len(found) == {2: 1, 8: 1, 12: 2, 17: 2, 24: 3}[width]


def test_what_is_beyond_float64_is_refused(tmp_path):
    network = random_network(np.random.default_rng(5), channels=(6, 4), kernels=(3, 3, 3),
                             weight_bits=30, activation_bits=24)
    with pytest.raises(ModelError, match=r"layer conv1: values up to \d+, .*allowed: 2\^53"):
        onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ModelError, match="sums beyond float32, even digit by digit"):
        layer = replace(cancelling().layers[0], weight_format=Format(True, 62, 1))
        digits(layer, np.array([0]), np.array([1 << 26]))


def test_three_files_have_open_sizes_names_and_metadata(tmp_path):
    """Batch, height and width are symbols; nodes are named after layers; the hash is there."""
    network = random_network(np.random.default_rng(3), anchor=True)
    network = replace(network, meta={"training_data": "T91", "psnr": "36.1 dB"})
    for save in (onnx_io.save, onnx_io.save_uint8, onnx_io.save_float):
        save(network, tmp_path / "m.onnx")
        model = onnx.load(tmp_path / "m.onnx")
        onnx.checker.check_model(onnx.shape_inference.infer_shapes(model, strict_mode=True),
                                 full_check=True)
        shapes = [[dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
                  for value in (*model.graph.input, *model.graph.output)]
        assert shapes == [["N", 1, "H", "W"], ["N", 1, "2*H", "2*W"]]
        assert (model.graph.input[0].name, model.graph.output[0].name) == ("lr", "hr")
        layers = {layer.name for layer in network.layers}
        names = [node.name for node in model.graph.node]
        assert layers <= set(names) and len(set(names)) == len(names)
        assert all(name.split("_")[0] in layers | {"lr", "luma"} for name in names)
        assert {entry.domain: entry.version for entry in model.opset_import}[""] == 13
        meta = {entry.key: entry.value for entry in model.metadata_props}
        assert {"architecture", "scale", "fsrcnnx_version", "training_data", "psnr"} <= set(meta)
        assert network.content_hash() in (meta.get("content_hash"),
                                          meta.get("integer_content_hash"))
    assert encode_uint8(network)
