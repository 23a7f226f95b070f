"""QuantizeLinear and DequantizeLinear of other tools, and scales that are no powers of two."""

import logging
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.scales import ScaleError
from tests.foreign import MAP, PIXEL, WEIGHT, Foreign, foreign, same_bits
from tests.learn.others import Espcn, seeded
from tests.learn.test_float_onnx import exported
from tests.networks import random_picture

TYPES = {True: np.int8, False: np.uint8}


class Linear(Foreign):
    """The same graphs, their quantisers as pairs of QuantizeLinear and DequantizeLinear."""

    form = "float"  # of the weights: quantised from float, or integers, perhaps clipped
    axis = None  # a scale for each channel along it

    def quant(self, source, to, output, narrow=0, scale=None):
        kind, given = TYPES[to.signed], next((t for t in self.tensors if t.name == source), None)
        scale = np.float32(to.step if scale is None else scale)
        zero, options = kind(0), {}
        if given is not None and self.axis is not None and given.dims[self.axis] > 1:
            scale = scale * np.float32(2) ** np.arange(given.dims[self.axis], dtype=np.float32)
            zero, options = np.zeros(len(scale), kind), {"axis": self.axis}
        names = [self.constant(f"{output}_s", scale), self.constant(f"{output}_z", zero, kind)]
        if given is None or self.form == "float":
            source = self.node("QuantizeLinear", [source, *names], f"{output}_q", **options)
        else:
            shape = [-1 if at == self.axis else 1 for at in range(4)]
            raw = numpy_helper.to_array(given) / scale.reshape(shape if scale.ndim else [])
            source = self.constant(f"{output}_q", np.clip(np.rint(raw), -128, 127), kind)
        if self.form == "clipped" and (narrow or to.width < 8):
            source = self.node("Clip", [source, self.constant(f"{output}_l", to.lo + narrow, kind),
                                        self.constant(f"{output}_h", to.hi, kind)], f"{output}_n")
        return self.node("DequantizeLinear", [source, *names], output, **options)


def linear(form="float", axis=None):
    """An empty graph with the weights of `foreign`."""
    graph = Linear(np.random.default_rng(1))
    graph.form, graph.axis = form, axis
    return graph


@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("form", ["float", "integers", "clipped"])
def test_pairs_are_quants(tmp_path, form, axis):
    adopted = same_bits(linear(form, axis).whole().data(), tmp_path)
    if axis is None:
        want = adopt(foreign().whole().data(), "net.onnx").network
        assert adopted.network.content_hash() == want.content_hash()
    assert any("become a Quant" in line for line in adopted.rewrites)


@pytest.mark.parametrize(("to", "narrow"), [(Format(True, 5, 6), 0), (Format(False, 6, 6), 0)])
def test_a_clip_between_leaves_fewer_bits(tmp_path, to, narrow):
    graph = linear("clipped")
    x = graph.prelu(graph.conv(graph.quant("lr", PIXEL, "x"), "a"), "a")
    graph.quant(graph.deconv(graph.quant(x, to, "m", narrow)), PIXEL, "y")
    assert same_bits(graph.data(), tmp_path).network.layers[0].out_format == to


def put(f, name, value, dtype=np.float32):
    """Another value of a constant."""
    f.tensors = [t for t in f.tensors if t.name != name]
    f.constant(name, value, dtype)


def renamed(f, output, source, at=0):
    """Another input of the node that gives a tensor."""
    next(n for n in f.nodes if n.output[0] == output).input[at] = source


def taken(f):
    """A tensor of integers that something else takes too."""
    f.node("Relu", ["m_q"], "odd")


def clipped(f, lo, hi):
    renamed(f, "m", f.node("Clip", ["m_q", f.constant("l", lo, np.int8),
                                    f.constant("h", hi, np.int8)], "m_c"))
    f.nodes.insert(next(i for i, n in enumerate(f.nodes) if n.output[0] == "m"), f.nodes.pop())


def attributed(f, **attributes):
    node = next(n for n in f.nodes if n.output[0] == "m")
    node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())


@pytest.mark.parametrize(("spoil", "says"), [
    (lambda f: put(f, "m_z", 3, np.int8), r"zero point 3; allowed: 0; fix: quantise symmetrically"),
    (lambda f: renamed(f, "m", f.constant("other", 0.5), 1), "another scale or zero point than"),
    (taken, r"node odd \(Relu\): takes integers; allowed: a DequantizeLinear"),
    (lambda f: clipped(f, -5, 100), r"integers clipped to -5..100; allowed: the range of a number"),
    (lambda f: clipped(f, -127, 127), "attribute narrow is 1; allowed: 0 for feature maps"),
    (lambda f: attributed(f, block_size=2), "attribute block_size is 2; allowed: 0"),
    (lambda f: put(f, "m_s", [0.5, 0.25, 0.5]), "scale differs between channels"),
    (lambda f: put(f, "m_s", np.full((1, 3, 1, 1), 0.5)), r"scale of shape \(1, 3, 1, 1\)"),
    (lambda f: put(f, "m_z", 0, np.int32), "integers of type int32; allowed: int8, uint8"),
    (lambda f: renamed(f, "m", "a_a"), "are no integers that are read; allowed: a constant"),
    (lambda f: renamed(f, "a_w", "a.bias"), "a constant of type float32; allowed: int8"),
    (lambda f: put(f, "a_w_s", [0.5, 0.25]), "scales of 2 channels, of 1; allowed: one, or one a"),
    (lambda f: put(f, "a_w_z", [0, 0], np.int8), "zero points of 2 channels, of 1; allowed"),
    (lambda f: put(f, "a_w_z", np.zeros(0), np.int8), "zero points of 0 channels, of 1; allowed"),
    (lambda f: next(t for t in f.tensors if t.name == "m_z").__setattr__("data_type", 99),
     "input 'm_z' is corrupt|not a valid ONNX"),
    (lambda f: renamed(f, "a_c", "a_w_q", 1), r"node a_c \(Conv\): takes integers; allowed"),
    (lambda f: renamed(f, "y", "m_q"), "another scale or zero point than the QuantizeLinear"),
    (lambda f: renamed(f, "y_q", "m_q"), r"\(QuantizeLinear\): takes integers"),
    (lambda f: f.nodes.pop(), "the graph's output is integers; allowed: a DequantizeLinear"),
])
def test_what_is_no_quant_names_its_node(spoil, says):
    graph = linear("integers").whole()
    spoil(graph)
    with pytest.raises(ModelError, match=says):
        adopt(graph.data(output="y" if any(n.output[0] == "y" for n in graph.nodes) else "y_q",
                         opset=21, ir=10), "net.onnx")


@pytest.mark.parametrize("make", [foreign, linear])
def test_a_scale_that_is_no_power_of_two_is_named_and_rounded(make):
    graph = make().whole()
    put(graph, "m_s", MAP.step * 1.02)
    put(graph, "a_w_s", WEIGHT.step * 0.9)
    with pytest.raises(ScaleError, match=r"Quant\): scale 0.00703124981; allowed: a positive power "
                       r"of two; the nearest is 2\^-7 = 0.0078125, 10.0% away, and of 2 Quants"):
        adopt(graph.data(), "net.onnx")
    adopted = adopt(graph.data(), "net.onnx", round_scales=True)
    assert adopted.rounded == 2 and not adopted.exact
    assert adopted.network.content_hash() == adopt(
        foreign().whole().data(), "net.onnx").network.content_hash()
    assert any("scale 0.0159375 rounded to 0.015625" in line for line in adopted.rewrites)


def test_scales_that_are_none_are_not_rounded():
    for wrong in (0, -1):
        graph = foreign().whole()
        put(graph, "m_s", wrong)
        with pytest.raises(ModelError, match=f"scale {wrong}; allowed: a positive power of two"):
            adopt(graph.data(), "net.onnx", round_scales=True)


@pytest.mark.parametrize(("kind", "zero", "to"), [
    (np.int8, -128, Format(False, 8, 6)), (np.uint8, 128, Format(True, 8, 6))])
def test_a_zero_point_that_moves_the_range_is_exact(tmp_path, kind, zero, to):
    graph = linear().whole()
    put(graph, "m_z", zero, kind)
    adopted = same_bits(graph.data(), tmp_path)
    assert adopted.exact and adopted.network.layers[0].out_format == replace(
        to, frac=MAP.frac)
    assert f"zero point {zero} of" in " ".join(adopted.rewrites)


def test_weights_with_a_zero_point_in_the_middle_are_exact(tmp_path):
    graph = linear("integers").whole()
    raw = next(numpy_helper.to_array(t) for t in graph.tensors if t.name == "a_w_q")
    put(graph, "a_w_q", raw.astype(np.int64) + 128, np.uint8)
    put(graph, "a_w_z", 128, np.uint8)
    adopted = same_bits(graph.data(), tmp_path)
    assert adopted.network.content_hash() == adopt(
        linear("integers").whole().data(), "net.onnx").network.content_hash()


def statically_quantised(folder, activations="QUInt8", **options):
    """A file of onnxruntime's static quantisation."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    net = seeded(Espcn(act="relu"))
    last = net.last_part[0]
    with torch.no_grad():
        last.weight.mul_(0.02)
        last.bias.mul_(0.1).add_(0.15)
    net.last_part = torch.nn.Sequential(last, torch.nn.Hardtanh(0, 1), net.last_part[1])
    path = exported(net, folder / "f.onnx", input_names=["x"],
                    dynamic_axes={"x": {2: "h", 3: "w"}})

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self):
            rng = np.random.default_rng(1)
            self.left = [{"x": rng.random((1, 1, 9, 8), np.float32)} for _ in range(3)]

        def get_next(self):
            return self.left.pop() if self.left else None

    logging.disable(logging.WARNING)
    try:
        quantization.quantize_static(
            path, folder / "q.onnx", Pictures(), quant_format=quantization.QuantFormat.QDQ,
            activation_type=getattr(quantization.QuantType, activations),
            weight_type=quantization.QuantType.QInt8, **options)
    finally:
        logging.disable(logging.NOTSET)
    return folder / "q.onnx"


@pytest.mark.parametrize(("activations", "per_channel"), [
    ("QUInt8", False), ("QUInt8", True), ("QInt8", False)])
def test_static_quantisation_of_onnxruntime(tmp_path, activations, per_channel):
    path = statically_quantised(tmp_path, activations, per_channel=per_channel)
    with pytest.raises(ScaleError, match="the nearest is 2"):
        adopt(path.read_bytes(), path.name)
    rounded = adopt(path.read_bytes(), path.name, round_scales=True).network
    assert [layer.kind for layer in rounded.layers] == ["conv", "conv", "shuffle"]

    # the same file with powers of two, as a tool that knows them writes it
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("_scale"):
            value = numpy_helper.to_array(tensor)
            power = 2.0 ** np.rint(np.log2(value))
            power = 2.0**-8 * np.ones_like(power) if tensor.name.startswith("/last_part") else power
            tensor.CopyFrom(numpy_helper.from_array(power.astype(np.float32), tensor.name))
    adopted = same_bits(model.SerializeToString(), tmp_path)
    lr = random_picture(np.random.default_rng(2), 9, 8)
    assert len(np.unique(golden.run(adopted.network, lr))) > 9
