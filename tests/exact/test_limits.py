"""What a file may ask for is limited, and held before anything is allocated for it."""

import resource
import time
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fsrcnnx import limits
from fsrcnnx.errors import FormatError, ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.bytes import count_fields, parse
from fsrcnnx.exact.onnx.read import decode, layer_names
from fsrcnnx.exact.onnx.runnable import check_runnable
from fsrcnnx.exact.onnx.stock import encode_float, encode_uint8
from fsrcnnx.exact.onnx.view import OnnxView
from fsrcnnx.exact.onnx.write import encode
from fsrcnnx.names import is_layer
from tests.networks import random_layer, random_network

RNG = np.random.default_rng(3)
NETWORK = random_network(np.random.default_rng(0))
INNER = random_layer(RNG, "inner", 1, 1, 1)


def wide(out, into, kernel):
    """A layer with weights of 1."""
    weight = np.broadcast_to(np.int64(1), (out, into, kernel, kernel))
    return replace(INNER, weight=weight, bias=np.zeros(out, np.int64), slope=None,
                   slope_format=None, padding=kernel // 2)


@pytest.mark.parametrize(("layer", "message"), [
    (replace(INNER, name="a\nb"), r"layer 'a\\nb': a layer name that is no identifier; allowed: "),
    (replace(INNER, name="a" * 65), "no identifier; allowed: letters.* at most 64"),
    (replace(INNER, name=None), "layer None: a layer name"),
    (wide(limits.CHANNELS + 1, 1, 1), "1025 output channels; allowed: 1..1024"),
    (wide(1, limits.CHANNELS + 1, 1), "1025 input channels; allowed: 1..1024"),
    (wide(1, 1, limits.KERNEL + 2), "33 lines of kernel; allowed: 1..31"),
    (wide(0, 1, 1), "0 output channels"),
    (replace(INNER, kind="deconv", stride=17), "17 stride; allowed: 1..16"),
    (replace(INNER, weight=INNER.weight[0]), "weights of shape"),
])
def test_a_layer_beyond_the_limits_is_refused(layer, message):
    with pytest.raises(ModelError, match=message):
        layer.check()


def test_a_layer_at_the_limits_passes():
    wide(limits.CHANNELS, 1, limits.KERNEL).check()
    replace(INNER, kind="deconv", stride=limits.SCALE).check()


@pytest.mark.parametrize(("change", "message"), [
    ({"name": "a\n$system(x)"}, r"network 'a\\n\$system\(x\)': a network name that cannot be one; "
                                "allowed: letters, digits"),
    ({"name": ""}, "network ''"), ({"name": 7}, "network 7"), ({"name": "x" * 65}, "at most 64"),
    ({"layers": (INNER,) * 65}, "65 layers; allowed: up to 64"),
    ({"layers": (wide(1024, 1024, 3),)}, "9437184 weights; allowed: up to 4194304"),
    ({"meta": {"a": "b" * 4097}}, "metadata 'a': 'bbb.*allowed: text of up to 4096"),
    ({"meta": {"a" * 65: ""}}, "keys of up to 64"), ({"meta": {"a": 1}}, "metadata 'a': 1"),
    ({"meta": {str(at): "" for at in range(257)}}, "257 texts in the metadata"),
])
def test_a_network_beyond_the_limits_is_refused(change, message):
    with pytest.raises(ModelError, match=message) as caught:
        replace(NETWORK, **change).check()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("frac", [-513, 513, 10**9])
def test_a_format_beyond_the_limits_is_refused(frac):
    with pytest.raises(FormatError, match=r"fraction bits; allowed: -512\.\.512"):
        Format(True, 8, frac)


@pytest.mark.parametrize("text", ["ap_fixed<8,99999>", "ap_fixed<٨,1>",
                                  f"ap_fixed<{'9' * 5000},1>"])
def test_a_format_of_many_digits_is_none(text):
    with pytest.raises(FormatError, match="not a format"):
        Format.parse(text)


def refuse(data, message):
    """Read bytes; hold the refusal, its time and its memory against what is sane."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(ModelError, match=message) as caught:
        decode(data, "m.onnx")
    assert time.monotonic() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # KiB
    assert len(str(caught.value)) < 600


def field(number, data):
    """A length-delimited field."""
    size, head = len(data), b""
    while size > 127:
        head += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + head + bytes([size]) + data


@pytest.mark.parametrize("graph", [
    field(1, b"") * (1 << 19),  # nodes
    field(5, b"") * (1 << 19),  # initializers
    field(1, field(5, b"") * (1 << 19)),  # attributes of a node
    field(1, field(5, field(8, b"\0" * (1 << 19)))),  # packed integers of an attribute
    field(1, field(5, b"\x40\0" * (1 << 19))),  # the same, each by itself
    field(5, field(7, b"\0" * (1 << 19))),  # packed integers of a tensor
    field(5, b"\x08\0" * (1 << 19)),  # dimensions of a tensor
    field(11, field(2, field(1, field(2, field(1, b"") * (1 << 19))))),  # of an input
], ids=["nodes", "tensors", "attributes", "packed", "unpacked", "ints", "dims", "shape"])
def test_a_file_of_millions_of_parts_is_refused_unparsed(graph):
    refuse(field(7, graph), "m.onnx: more than 262144 fields; allowed: networks of up to 64 layers")


def test_fields_are_counted_as_they_are():
    model = onnx.load_model_from_string(encode(NETWORK))

    def each(message):
        found = 0
        for what, value in message.ListFields():
            values = value if what.is_repeated else [value]
            found += len(values)
            found += sum(each(one) for one in values) if what.message_type else 0
        return found

    assert count_fields(encode(NETWORK), model.DESCRIPTOR, 10**6) == each(model)


@pytest.mark.parametrize("data", [b"\xff", b"\x3a\x7f\x00", b"\x3b", b"\x0a" + b"\xff" * 12,
                                  b"\x3a"])
def test_what_is_no_message_is_corrupt(data):
    with pytest.raises(ModelError, match="corrupt, not an ONNX file"):
        parse(data, "m.onnx")


def changed(change, data=None):
    """Bytes of a file after a change of its message."""
    model = onnx.load_model_from_string(data or encode(NETWORK))
    change(model)
    return model.SerializeToString()


def set_dims(*dims, data=None):
    """A change that gives the first weights other dimensions, and other data or not."""
    def change(model):
        tensor = next(t for t in model.graph.initializer if t.name == "conv0_weight")
        del tensor.dims[:]
        tensor.dims.extend(dims)
        tensor.raw_data = data or tensor.raw_data
    return change


@pytest.mark.parametrize(("dims", "data"), [
    ((1 << 62, 1 << 62, 1, 1), None), ((1 << 40, 1, 3, 3), None), ((5, 1, 3, -3), None),
    ((4096, 1025, 1, 1), None), ((5, 1, 3, 4096), None), ((5, 1, 3, 3) + (1,) * 5, None),
    ((4096, 1025, 1, 1), bytes(4 * 4096 * 1025)),
])
def test_huge_dimensions_are_refused(dims, data):
    refuse(changed(set_dims(*dims, data=data)), "axes and 4194304 values|not a valid ONNX file")


def test_thin_shapes_do_not_make_a_large_one():
    def change(model):
        for name, shape in (("conv0_weight", (2048, 1, 1, 1)), ("conv0_weight_quant_scale",
                                                                (1, 2048, 1, 1))):
            tensor = next(t for t in model.graph.initializer if t.name == name)
            value = np.full(shape, 0.5, np.float32)
            value.flat[0] = 0.25
            tensor.CopyFrom(numpy_helper.from_array(value, name))
        del model.metadata_props[:]

    with pytest.raises(ModelError, match=r"scale of shape \(1, 2048, 1, 1\)"):
        adopt(changed(change), "m.onnx")


def test_more_layers_than_a_network_has_are_refused_as_they_are_found():
    deep = random_network(np.random.default_rng(1), channels=(1,) * 63, kernels=(1,) * 64)
    assert len(decode(encode(deep), "m.onnx").layers) == limits.LAYERS

    def change(model):
        graph = model.graph
        named = {node.name: node for node in graph.node}
        conv, quant = named["conv62"], named["conv62_quant"]
        more = helper.make_node("Conv", [quant.output[0], *conv.input[1:]], ["more"], name="more")
        after = helper.make_node("Quant", ["more", *quant.input[1:]], ["more_quant"],
                                 name="more_quant", domain=quant.domain, signed=1, narrow=0,
                                 rounding_mode="ROUND")
        at = list(graph.node).index(named["deconv"])
        named["deconv"].input[0] = "more_quant"
        graph.node.insert(at, after)
        graph.node.insert(at, more)

    refuse(changed(change, encode(deep)), r"more than 64 layers; allowed: up to 64")


def test_weights_that_many_layers_share_count_each_time():
    view = OnnxView.parse(encode(NETWORK), "m.onnx")
    for _ in range(4):
        view.spend(1 << 20, view.graph.node[0])
    with pytest.raises(ModelError, match="4194305 weights so far; allowed: up to 4194304"):
        view.spend(1, view.graph.node[0])


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="m.onnx: 1099511627776 bytes, too large; allowed: up"):
        onnx_io.load(path)


def test_data_in_another_file_is_refused():
    def change(model):
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../../etc/passwd"

    refuse(changed(change), "lies in an external file")
    for data in (encode_uint8(NETWORK), encode_float(NETWORK)):
        runs_not(changed(change, data), "lies in another file")


def runs_not(data, message):
    """Hold the refusal of a file that onnxruntime would run."""
    with pytest.raises(ModelError, match=message):
        check_runnable(parse(data, "m.onnx"), "m.onnx")


def add_node(op, *inputs, **attributes):
    """A change that puts a node behind the end."""
    def change(model):
        model.graph.node.append(helper.make_node(op, list(inputs), ["end"], name="end",
                                                 **attributes))
    return change


def add_constant(value, op):
    """A change that puts a node with a constant behind the end."""
    def change(model):
        model.graph.initializer.append(numpy_helper.from_array(value, "huge"))
        add_node(op, "hr", "huge")(model)
    return change


@pytest.mark.parametrize(("change", "message"), [
    (add_node("Loop", "hr"), "operator Loop"), (add_node("Expand", "hr"), "operator Expand"),
    (add_node("Conv", "hr", domain="com.evil"), "operator Conv com.evil"),
    (add_node("ConvTranspose", "hr", strides=[1 << 30] * 2), "attribute strides of 1073741824"),
    (add_node("ConvTranspose", "hr", strides=[32, 32]), "attribute strides of 32; allowed: up to"),
    (add_node("ConvTranspose", "hr", output_shape=[999, 999]), "attribute output_shape of 999"),
    (add_node("DepthToSpace", "hr", blocksize=17), "attribute blocksize of 17; allowed: up to"),
    (add_node("Conv", "hr", pads=[-7] * 4), "attribute pads of -7"),
    (add_constant(np.zeros((1, 1, 999, 999), np.float32), "Add"), "a single value, or"),
    (add_constant(np.zeros((99, 1, 1, 1), np.float32), "Mul"), "a single value, or"),
    (add_constant(np.zeros((9, 1, 1, 1, 1), np.float32), "Mul"), "up to 4 axes"),
    (add_constant(np.float32([1, 1, 1e9, 1e9]), "Resize"), "scales of up to 16"),
    (add_constant(np.float32([1, 1, np.nan, 1]), "Resize"), "scales of up to 16"),
    (add_constant(np.zeros((1 << 20, 1, 1, 1), np.float32), "Conv"), "up to 1024 channels"),
    (add_constant(np.zeros((1, 1, 999, 999), np.float32), "ConvTranspose"), "channels, 31 lines"),
    (add_node("Conv", "hr", pads=[999] * 4), "attribute pads of 999; allowed: up to 31"),
    (add_node("ConvTranspose", "hr", dilations=[99, 99]), "attribute dilations of 99"),
    (add_node("Conv", "hr", "hr"), "hr is computed; allowed: a constant"),
    (add_node("Resize", "hr", "", "hr"), "hr is computed; allowed: a constant"),
    (add_constant(np.zeros((1, 1, 3, 3), np.float32), "ConvTranspose"), "adds 2 lines or columns"),
    (add_node("Conv", "hr", pads=[2] * 4), "adds 4 lines or columns"),
    (add_node("Conv", "hr", auto_pad="VALID"), "attribute auto_pad"),
    (add_node("Relu", "late"), "late comes later, or from nowhere"),
])
def test_a_file_that_would_run_away_is_not_run(change, message):
    runs_not(changed(change, encode_float(NETWORK)), message)


def chain(number, op, *constants, **attributes):
    """A change to a graph that is a row of one operator."""
    def change(model):
        del model.graph.node[:]
        for at, value in enumerate(constants):
            model.graph.initializer.append(numpy_helper.from_array(value, f"constant{at}"))
        for at in range(number):
            model.graph.node.append(helper.make_node(
                op, [f"x{at - 1}" if at else model.graph.input[0].name,
                     *[f"constant{place}" for place in range(len(constants))]],
                [f"x{at}" if at < number - 1 else "hr"], name=f"n{at}", **attributes))
    return change


@pytest.mark.parametrize(("allowed", "number", "row"), [
    (4, 8, ("Resize", np.float32([]), np.float32([1, 1, 2, 2]))),
    (1, 2, ("Resize", np.float32([]), np.float32([1, 1, 16, 16]))),
    (2, 3, ("ConvTranspose", np.zeros((1, 1, 4, 4), np.float32), {"strides": [4, 4]})),
    (4, 5, ("DepthToSpace", {"blocksize": 2})),
    (512, 513, ("Conv", np.zeros((1, 1, 1, 1), np.float32)))])
def test_a_row_of_nodes_that_runs_away_together_is_not_run(allowed, number, row):
    attributes = row[-1] if isinstance(row[-1], dict) else {}
    constants = row[1:-1] if attributes else row[1:]
    for length, refused in ((allowed, False), (number, True)):
        data = changed(chain(length, row[0], *constants, **attributes), encode_float(NETWORK))
        if refused:
            runs_not(data, r"enlarges to (32|64|256) times the picture; allowed: up to 16"
                     "|513 nodes of Conv or ConvTranspose; allowed: up to 512")
        else:
            check_runnable(parse(data, "m.onnx"), "m.onnx")


def test_a_subgraph_is_not_run():
    body = helper.make_graph([helper.make_node("Identity", ["hr"], ["x"])], "body", [], [])
    runs_not(changed(add_node("Identity", "hr", body=body), encode_float(NETWORK)),
             "attribute body")


TEXTS = st.lists(st.one_of(st.text(max_size=100), st.sampled_from(
    ["a", "a_1", "a_2", "a b", "b" * 70, "lr", "a_weight", "c/Conv"])), max_size=12)


@given(TEXTS)
def test_any_node_names_become_different_layer_names(texts):
    found = layer_names([onnx.NodeProto(name=text, op_type="Conv") for text in texts])
    assert len(set(found)) == len(found) == len(texts)
    assert all(is_layer(name) for name in found)


def test_a_constant_that_is_copied_again_and_again_is_refused():
    def change(model):
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.zeros(1 << 20, np.float32), "big"))
        for at in range(5):
            graph.node.insert(at, helper.make_node("Cast", [f"big{at - 1}" if at else "big"],
                                                   [f"big{at}"], to=TensorProto.FLOAT))
        del model.metadata_props[:]

    with pytest.raises(ModelError, match="5242880 weights so far"):
        adopt(changed(change), "m.onnx")
