"""Names on the way in: a module used twice, names that are taken, layers that leave room."""

import numpy as np
import onnx
import pytest

from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import adopt as onnx_adopt
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.read import decode, layer_names
from fsrcnnx.exact.onnx.stock import encode_float, encode_uint8
from fsrcnnx.exact.onnx.write import encode
from tests.foreign import MAP, PIXEL, foreign, plain, same_bits
from tests.networks import random_network

PLAIN = adopt(plain(), "net.onnx").network


def shared() -> bytes:
    """One module with its weights, bias and slopes used twice, scales per channel."""
    f = foreign()
    x = f.quant(f.prelu(f.conv(f.quant("lr", PIXEL, "x"), "a"), "a"), MAP, "m")
    f.constant("b.weight", f.rng.integers(-63, 64, (3, 3, 3, 3)) / 256)
    f.constant("b.bias", f.rng.integers(-800, 800, 3) * 2.0**-13)
    scale = np.reshape([2.0**-7, 2.0**-8, 2.0**-8], (3, 1, 1, 1))
    weight = f.quant("b.weight", MAP, "b_w", narrow=1, scale=scale)
    for turn in range(2):
        x = f.conv(x, f"b{turn}", [weight, "b.bias"])
        x = f.quant(f.node("PRelu", [x, "a.slope"], f"p{turn}"), MAP, f"n{turn}")
    f.quant(f.deconv(x), PIXEL, "y")
    return f.data()


def test_one_module_used_twice_is_two_layers_of_the_same_weights(tmp_path):
    network = same_bits(shared(), tmp_path).network
    assert [layer.name for layer in network.layers] == ["a", "b", "b_2", "d"]
    one, two = network.layers[1:3]
    assert (one.weight == two.weight).all() and (one.bias == two.bias).all()
    assert (one.slope == two.slope).all() and one.weight_format == Format(True, 8, 8)
    assert decode(encode(network), "again").content_hash() == network.content_hash()


def test_names_that_the_file_took_are_not_given_again(tmp_path):
    f = foreign().whole()
    for name in ("a_bias_adopted", "a_bias_adopted_scale", "a_slope_adopted_quant"):
        f.constant(name, 7)
    network = adopt(f.data(), "net.onnx").network
    assert network.content_hash() == PLAIN.content_hash()


def test_a_failure_of_our_rewriting_is_not_the_files_fault(monkeypatch):
    def spoil(draft):
        draft.graph.initializer.append(draft.graph.initializer[0])
    monkeypatch.setattr(onnx_adopt, "settle", spoil)
    with pytest.raises(RuntimeError, match=r"rewriting net.onnx has made it invalid: .*unique"):
        adopt(plain(), "net.onnx")


@pytest.mark.parametrize(("names", "want"), [
    (["a", "a_2", "a"], ["a", "a_2", "layer2"]),
    (["a", "a", "a"], ["a", "a_1", "a_2"]),
    (["lr", "hr", "lr_quant"], ["layer_lr", "layer_hr", "layer_lr_quant_2"]),
    (["conv", "conv_weight", "conv_digit0"], ["conv", "conv_weight_1", "conv_digit0_2"]),
    (["conv_quant", "conv"], ["conv_quant", "conv_1"]),
    (["feature", "feature_map", "lr_conv"], ["feature", "feature_map", "lr_conv"]),
])
def test_layer_names_leave_room_for_the_tensors_of_others(names, want):
    given = layer_names([onnx.NodeProto(name=name, op_type="Conv") for name in names])
    assert given == want


def test_no_layer_name_clashes_in_a_file_that_we_write():
    """Each role of a tensor, found by writing the files, as the name of another layer."""
    network = random_network(np.random.default_rng(3), channels=(3, 3), kernels=(3, 1, 3),
                             weight_bits=16, anchor=True)
    written = [onnx.load_model_from_string(data) for data in (
        encode(network), encode_uint8(network), encode_float(network))]
    taken = {name for model in written for part in (model.graph.node, model.graph.initializer)
             for entry in part for name in (entry.name, *getattr(entry, "output", ()))}
    roles = {name.removeprefix("conv1_") for name in taken if name.startswith("conv1_")}
    assert len(roles) > 20
    for role in sorted(roles):
        given = layer_names([onnx.NodeProto(name=name, op_type="Conv")
                             for name in ("conv1", f"conv1_{role}")])
        assert f"conv1_{role}" not in given, role
    for name in sorted(name for name in taken if not name.startswith(("conv", "deconv"))):
        assert layer_names([onnx.NodeProto(name=name, op_type="Conv")]) == [f"layer_{name}"]
