"""Rewrites on the way in: the same network as the plain file's, and the bits of the original."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.onnx.adopt import adopt
from tests.foreign import MAP, PIXEL, Foreign, foreign, plain, same_bits, with_activation

PLAIN = adopt(plain(), "net.onnx").network


def identities() -> bytes:
    """An Identity at every tensor: input, constants, Quants, layers, output."""
    f = foreign().whole()
    nodes, f.nodes, same = f.nodes, [], {}
    for tensor in [t.name for t in f.tensors] + ["lr"]:
        same[tensor] = f.node("Identity", [tensor], f"{tensor}_i")
    for node in nodes:
        node.input[:] = [same.get(name, name) for name in node.input]
        f.nodes.append(node)
        same[node.output[0]] = f.node("Identity", [node.output[0]], f"{node.output[0]}_i")
    return f.data()


def odd_names() -> bytes:
    """Nodes without names or with one name, tensors of odd characters."""
    model = foreign().whole().model()
    odd = {}
    for number, node in enumerate(model.graph.node):
        node.name = "" if number % 2 else "Conv"
        odd[node.output[0]] = f"{number} /ü:\"$(x)\\{{}}'"
    for node in model.graph.node:
        node.output[0] = odd[node.output[0]]
        node.input[:] = [odd.get(name, name) for name in node.input]
    model.graph.output[0].name = odd[model.graph.output[0].name]
    return model.SerializeToString()


def constants(**values) -> bytes:
    """Slopes (0.25 for all) from a Constant node."""
    def activation(f, x, name):
        return f.node("PRelu", [x, f.node("Constant", [], "sl", **values)], "a_a")
    return with_activation(activation)


def shaped_slopes(f, x, name):
    """Slopes through Cast, Reshape, Squeeze and Unsqueeze of a double constant."""
    flat = f.constant("a.slope", [[0.25], [0.125], [-0.5]], np.float64)
    axes = [f.constant(f"axes{n}", value, np.int64) for n, value in enumerate(
        ([3, -1], [1, 2]))]
    x1 = f.node("Cast", [flat], "s1", to=TensorProto.FLOAT)
    x2 = f.node("Reshape", [x1, f.constant("shape", [0, 1, 1], np.int64)], "s2")
    x3 = f.node("Squeeze", [x2, axes[1]], "s3")
    x4 = f.node("Unsqueeze", [x3, f.constant("axes2", [1, -1], np.int64)], "s4")
    return f.node("PRelu", [x, x4], "a_a")


def slopes_of_16_bits(f, x, name):
    """Slopes in float16, cast to float: exact."""
    held = f.constant("a.slope", np.reshape([0.25, 0.125, -0.5], (3, 1, 1)), np.float16)
    return f.node("PRelu", [x, f.node("Cast", [held], "sf", to=TensorProto.FLOAT)], "a_a")


def dropout(f, x, name):
    """A Dropout of today's form, its mask unused, and a cast from float to float."""
    x = f.node("Dropout", [x, f.constant("ratio", 0.5), f.constant("training", False, bool)],
               ["drop", "mask"])
    return Foreign.prelu(f, f.node("Cast", [x], "cast", to=TensorProto.FLOAT), name)


def slope_of_all(slope, **more):
    """One slope for all channels, as LeakyRelu or as PRelu."""
    def leaky(f, x, name):
        return f.node("LeakyRelu", [x], "a_a", alpha=slope)
    return with_activation(lambda f, x, name: f.prelu(x, name, [slope])), with_activation(
        leaky, **more)


THE_PLAIN_ONE = {
    "identities": identities,
    "shaped constants": lambda: with_activation(shaped_slopes),
    "float16 slopes": lambda: with_activation(slopes_of_16_bits),
    "dropout and cast": lambda: with_activation(dropout),
    "initializers as inputs, IR 3": lambda: plain(ir=3, inputs_too=True),
    "initializers as inputs, IR 8": lambda: plain(inputs_too=True),
    "newest IR": lambda: plain(ir=onnx.IR_VERSION),
    "oldest opset": lambda: plain(opset=7),
    "newest opset": lambda: plain(opset=23, ir=11),
}


@pytest.mark.parametrize("name", THE_PLAIN_ONE)
def test_what_changes_no_value_gives_the_plain_network(name, tmp_path):
    data = THE_PLAIN_ONE[name]()
    assert adopt(data, "net.onnx").network.content_hash() == PLAIN.content_hash()


@pytest.mark.parametrize("name", ["identities", "shaped constants", "dropout and cast",
                                  "initializers as inputs, IR 3"])
def test_what_changes_no_value_gives_the_bits_of_the_file(name, tmp_path):
    same_bits(THE_PLAIN_ONE[name](), tmp_path)


def test_names_do_not_matter(tmp_path):
    adopted = same_bits(odd_names(), tmp_path)
    assert [layer.name for layer in adopted.network.layers] == ["a", "d"]  # of the parameters
    for ours, other in zip(adopted.network.layers, PLAIN.layers, strict=True):
        assert (ours.weight == other.weight).all() and (ours.bias == other.bias).all()


@pytest.mark.parametrize("values", [
    {"value_float": 0.25}, {"value_floats": [0.25]},
    {"value": numpy_helper.from_array(np.float32(0.25))},
    {"value": helper.make_tensor("t", TensorProto.FLOAT, [1], [0.25])}])
def test_constants_are_read_in_each_of_their_forms(values, tmp_path):
    network = adopt(constants(**values), "net.onnx").network
    assert (network.layers[0].slope * network.layers[0].slope_format.step == 0.25).all()
    # the strict reader takes them too
    scale = foreign().whole()
    scale.nodes.insert(0, helper.make_node("Constant", [], ["x_s"], value_float=2.0**-8))
    scale.tensors = [t for t in scale.tensors if t.name != "x_s"]
    assert adopt(scale.data(), "net.onnx").network.content_hash() == PLAIN.content_hash()


@pytest.mark.parametrize(("values", "message"), [
    ({"value_int": 1}, r"node a_a \(PRelu\): input slope \(sl\) has element type int64"),
    ({"value_ints": [1]}, r"input slope \(sl\) has element type int64; allowed: float"),
    ({"value_string": "1"}, r"node sl \(Constant\): attribute value_string; allowed: one of value"),
    ({"value": numpy_helper.from_array(np.float64(0.25))}, r"\(sl\) has element type double"),
    ({"value": numpy_helper.from_array(np.float16(0.25))}, r"\(sl\) has element type float16"),
    ({"sparse_value": helper.make_sparse_tensor(
        helper.make_tensor("v", TensorProto.FLOAT, [1], [0.25]),
        helper.make_tensor("i", TensorProto.INT64, [1], [0]), [3])},
     r"node sl \(Constant\): attribute sparse_value; allowed: one of value, value_float"),
])
def test_other_constants_are_refused(values, message):
    with pytest.raises(ModelError, match=message):
        adopt(constants(**values), "net.onnx")


@pytest.mark.parametrize("alpha", [0.125, -0.25, 0.0, 1.5])
def test_leaky_relu_is_one_slope_for_all_channels(alpha, tmp_path):
    one, leaky = slope_of_all(alpha)
    adopted = same_bits(leaky, tmp_path)
    assert adopted.network.content_hash() == adopt(one, "f").network.content_hash()
    layer = adopted.network.layers[0]
    assert (layer.slope * layer.slope_format.step == alpha).all()
    assert adopted.rewrites == (f"a_a (LeakyRelu) becomes one slope for all channels, {alpha:g}",)


def test_a_leaky_relu_off_the_grid_is_rounded_as_a_prelu_is():
    for bits, raw in ((8, 102), (4, 6)):
        adopted = adopt(slope_of_all(0.2)[1], "f", slope_bits=bits)
        assert adopted.network.layers[0].slope.tolist() == [raw] * 3 and not adopted.exact
        change = next(c for c in adopted.changes if c.role == "slope")
        assert 0 < change.greatest <= change.to.step / 2


@pytest.mark.parametrize(("change", "message"), [
    (lambda m: setattr(m, "ir_version", 99), r"IR version 99; allowed: 3\.\.\d+; fix"),
    (lambda m: setattr(m, "ir_version", 2), r"IR version 2; allowed: 3"),
    (lambda m: setattr(m.opset_import[0], "version", 6), r"opset 6 of ai.onnx; allowed: 7\.\.23"),
    (lambda m: setattr(m.graph.node[3], "op_type", "Elu"),
     r"unsupported operator Elu; allowed: Quant .*Clip.*fix: train it with ReLU"),
    (lambda m: m.graph.node.extend(
        helper.make_node("Identity", ["y"], [f"y{n}"]) for n in range(5000)),
     r"5008 nodes; allowed: up to 2048"),
])
def test_what_is_not_taken_at_all(change, message):
    model = foreign().whole().model()
    change(model)
    with pytest.raises(ModelError, match=message):
        adopt(model.SerializeToString(), "net.onnx")


def spoilt(op: str, extra=(), **attributes):
    """The plain file with a node behind its first convolution."""
    def activation(f, x, name):
        held = [f.constant(f"extra{n}", value, dtype) for n, (value, dtype) in enumerate(extra)]
        return f.prelu(f.node(op, [x, *held], "odd", **attributes), name)
    return activation


@pytest.mark.parametrize(("activation", "message"), [
    (spoilt("Dropout", [(0.5, np.float32), (True, bool)]),
     r"node odd \(Dropout\): input training_mode is true; allowed: false; fix: export"),
    (spoilt("Cast", to=TensorProto.FLOAT16),
     r"node odd \(Cast\): attribute to is float16; allowed: float"),
    (spoilt("Cast", to=TensorProto.DOUBLE), r"attribute to is double; allowed: float"),
    (spoilt("Reshape", [([1, 3, -1, 1], np.int64)]),
     r"node odd \(Reshape\): acts on a feature map; allowed: constants"),
    (spoilt("Transpose", perm=[0, 1, 3, 2]), r"node odd \(Transpose\): acts on a feature map"),
    (spoilt("LeakyRelu", alpha=float("nan")), r"attribute alpha is nan; allowed: a finite slope"),
])
def test_what_changes_values_is_refused(activation, message):
    with pytest.raises(ModelError, match=message):
        adopt(with_activation(activation), "f")


def test_a_mask_of_dropout_that_is_used_is_refused():
    f = foreign()
    x = f.node("Dropout", [f.conv(f.quant("lr", PIXEL, "x"), "a")], ["drop", "mask"])
    f.node("Cast", ["mask"], "cast", to=TensorProto.FLOAT)
    f.quant(f.deconv(f.quant(f.prelu(x, "a"), MAP, "m")), PIXEL, "y")
    with pytest.raises(ModelError, match=r"node drop \(Dropout\): its mask 'mask' is used"):
        adopt(f.data(), "f")


@pytest.mark.parametrize(("tensor", "value", "message"), [
    ("d.weight", np.zeros(3), r"node d \(ConvTranspose\): weight of shape \(3,\); allowed: four"),
    ("a.weight", np.zeros((0, 1, 3, 3)), r"weight of shape \(0, 1, 3, 3\); allowed: four axes"),
    ("a.bias", 0.5, r"node a \(Conv\): bias of shape \(\); allowed: \(3,\)"),
    ("a.bias", np.zeros((1, 3)), r"bias of shape \(1, 3\); allowed: \(3,\)"),
    ("a_w_s", np.full((100000, 1, 1, 1), 0.25), r"scale of shape \(100000, 1, 1, 1\); allowed"),
    ("a_w_b", [8, 8], "bit width"), ("a_w_b", 7.5, "bit width 7.5"),
    ("m_s", np.full((1, 1, 1, 7), 0.25),
     r"node m \(Quant\): scale of shape \(1, 1, 1, 7\); allowed: one value, or \(1, C, 1, 1\)"),
    ("m_s", np.full((1, 1, 1, 1, 1), 0.25), r"scale of shape \(1, 1, 1, 1, 1\)"),
])
def test_constants_of_other_shapes_are_refused(tensor, value, message):
    f = foreign().whole()
    f.tensors = [t for t in f.tensors if t.name != tensor]
    f.constant(tensor, value)
    with pytest.raises(ModelError, match=message):
        adopt(f.data(), "f")


def test_scales_per_channel_without_end_take_no_memory():
    f = foreign().whole()
    f.tensors = [t for t in f.tensors if t.name not in ("a_w_s", "a.bias")]
    f.constant("a_w_s", np.tile([0.25, 0.5], 50000).reshape(-1, 1, 1, 1, 1))
    f.constant("a.bias", np.zeros(100000))
    with pytest.raises(ModelError, match="scale has more axes than the weight; allowed: 4 or few"):
        adopt(f.data(), "f")
