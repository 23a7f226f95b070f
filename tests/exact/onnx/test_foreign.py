"""QONNX files as other tools write them: other names, opsets, constants, and the same bits."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.layer import RELU_FORMAT
from fsrcnnx.exact.onnx.read import decode, layer_names
from fsrcnnx.exact.onnx.write import encode
from tests.networks import random_picture

QONNX = "qonnx.custom_op.general"


class Exporter:
    """Writes feature (3x3, 1 -> 4), PReLU or ReLU, deconv (3x3, x2) the way Brevitas exports it.

    Args:
        rng: Source of the weights.
        domain: Operator set of the Quant nodes.
        constant_nodes: Whether scales are Constant nodes instead of initializers.
    """

    def __init__(self, rng, domain: str = QONNX, constant_nodes: bool = False):
        self.rng, self.domain, self.constant_nodes = rng, domain, constant_nodes
        self.nodes, self.initializers = [], []

    def constant(self, name: str, value) -> str:
        tensor = numpy_helper.from_array(np.asarray(value, np.float32), name)
        if self.constant_nodes:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(tensor)
        return name

    def quant(self, path: str, source: str, to: Format, narrow: int = 0, op: str = "Quant",
              axes: int = 0) -> str:
        """A Quant node; its scale may have axes of length 1."""
        names = [self.constant(f"{path}/Constant_{i}_output_0", value)
                 for i, value in enumerate([np.full((1,) * axes, to.step), 0, to.width])]
        self.nodes.append(helper.make_node(
            op, [source, *names], [f"{path}/Quant_output_0"], name=f"{path}/Quant",
            domain=self.domain, signed=int(to.signed), narrow=narrow, rounding_mode="ROUND"))
        return self.nodes[-1].output[0]

    def weights(self, path: str, shape: tuple, to: Format, narrow: int = 0) -> str:
        """Float weights off the grid, some beyond the range, that the Quant rounds and clips."""
        value = self.rng.normal(0, to.hi * to.step / 2, shape)
        self.initializers.append(numpy_helper.from_array(value.astype(np.float32), path))
        return self.quant(f"/{path}_quant", path, to, narrow, axes=len(shape))

    def model(self, opset: int = 13, ir: int = 8, *, relu: bool = False, bias: bool = True,
              one_slope: bool = False, inputs_too: bool = False,
              anchor: tuple[str, str] | None = None, bias_frac: int = 15) -> bytes:
        weight = Format(True, 8, 7)
        x = pixel = self.quant("/inq/act_quant", "x.125", Format(False, 8, 8))
        sources = [x, self.weights("feature.weight", (4, 1, 3, 3), weight, narrow=1)]
        if bias:
            sources.append(self.weights("feature.bias", (4,), Format(True, 16, bias_frac)))
        self.nodes.append(helper.make_node("Conv", sources, ["c"], name="/feature/Conv",
                                           pads=[1, 1, 1, 1], kernel_shape=[3, 3]))
        if relu:
            self.nodes.append(helper.make_node("Relu", ["c"], ["r"], name="/act/Relu"))
        else:
            slope = self.weights("act.slope", (1,) if one_slope else (4, 1, 1), Format(True, 6, 5))
            self.nodes.append(helper.make_node("PRelu", ["c", slope], ["r"], name="/act/PRelu"))
        x = self.quant("/q/act_quant", "r", Format(not relu, 8, 6))
        sources = [x, self.weights("deconv.weight", (4, 1, 3, 3), weight)]
        self.nodes.append(helper.make_node(
            "ConvTranspose", sources, ["d"], name="/deconv/ConvTranspose", strides=[2, 2],
            pads=[1, 1, 1, 1], output_padding=[1, 1]))
        last = "d"
        if anchor:
            self.initializers.append(numpy_helper.from_array(
                np.array([1, 1, 2, 2], np.float32), "scales"))
            self.nodes.append(helper.make_node(
                "Resize", [pixel, "", "scales"], ["up"], name="/Resize", mode="nearest",
                coordinate_transformation_mode=anchor[0], nearest_mode=anchor[1],
                cubic_coeff_a=-0.75))
            self.nodes.append(helper.make_node("Add", ["up", "d"], ["sum"], name="/Add"))
            last = "sum"
        out = self.quant("/oq/act_quant", last, Format(False, 8, 8), op="IntQuant")
        inputs = [helper.make_tensor_value_info("x.125", TensorProto.FLOAT, [1, 1, 6, 5])]
        if inputs_too:
            inputs += [helper.make_tensor_value_info(t.name, TensorProto.FLOAT, t.dims)
                       for t in self.initializers]
        graph = helper.make_graph(
            self.nodes, "main_graph", inputs,
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, [1, 1, 12, 10])],
            self.initializers)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(self.domain, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=ir).SerializeToString()


CASES = {
    "PReLU": ({}, {}),
    "ReLU": ({}, {"relu": True}),
    "one slope for all": ({}, {"one_slope": True}),
    "no bias": ({}, {"bias": False}),
    "coarser bias": ({}, {"bias_frac": 13}),
    "Constant nodes": ({"constant_nodes": True}, {"opset": 20, "ir": 9}),
    "older domain": ({"domain": "onnx.brevitas"}, {}),
    "oldest opset, initializers as inputs": ({}, {"opset": 11, "ir": 3, "inputs_too": True}),
    "newest opset": ({}, {"opset": 23, "ir": 11}),
    "anchor of torch": ({}, {"anchor": ("asymmetric", "floor")}),
    "anchor of the ONNX default": ({}, {"anchor": ("half_pixel", "round_prefer_floor")}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_foreign_file_gives_the_bits_of_its_reference_execution(name, tmp_path):
    how, model = CASES[name]
    rng = np.random.default_rng(17)
    path = tmp_path / "brevitas.onnx"
    path.write_bytes(Exporter(rng, **how).model(**model))
    network = onnx_io.load(path)
    assert network.name == "brevitas" and network.anchor == ("anchor" in model)
    assert [layer.name for layer in network.layers] == ["feature", "deconv"]
    for size in ((6, 5), (19, 23), (1, 1)):
        lr = random_picture(rng, *size)
        hr = golden.run(network, lr)
        assert (onnx_io.run_qonnx(path, lr) == hr).all()
    assert size == (1, 1) and len(np.unique(golden.run(network, random_picture(rng, 9, 9)))) > 20
    again = decode(encode(network), "model.onnx")
    assert again.content_hash() == network.content_hash()


def test_what_a_quant_rounds_and_clips_is_read_as_its_result():
    network = decode(Exporter(np.random.default_rng(17)).model(), "m")
    weight = network.layers[0].weight
    value = np.random.default_rng(17).normal(0, 127 / 256, (4, 1, 3, 3)).astype(np.float32)
    assert (weight == np.clip(np.rint(value * 128), -127, 127)).all()
    assert abs(value).max() > 127 / 128, "one value must be clipped"


def test_relu_reads_as_zero_slopes():
    layer = decode(Exporter(np.random.default_rng(1)).model(relu=True), "m").layers[0]
    assert not layer.slope.any() and layer.slope_format == RELU_FORMAT


def test_a_missing_bias_reads_as_zero():
    layer = decode(Exporter(np.random.default_rng(1)).model(bias=False), "m").layers[0]
    assert layer.bias.tolist() == [0] * 4


def test_a_coarser_bias_is_brought_to_the_accumulator():
    fine, coarse = (decode(Exporter(np.random.default_rng(1)).model(bias_frac=frac), "m").layers[0]
                    for frac in (15, 12))
    assert (coarse.bias % 8 == 0).all() and (fine.bias % 8).any()


def test_float_slopes_as_brevitas_exports_them_are_refused_with_advice():
    model = onnx.load_model_from_string(Exporter(np.random.default_rng(1)).model())
    next(n for n in model.graph.node if n.op_type == "PRelu").input[1] = "act.slope"
    with pytest.raises(ModelError, match=r"node /act/PRelu \(PRelu\): slope 'act.slope' has no "
                                         r"Quant; .*fix: quantise the slope before exporting"):
        decode(model.SerializeToString(), "m.onnx")


@pytest.mark.parametrize(("names", "want"), [
    (["feature", "map_1"], ["feature", "map_1"]),
    (["/feature/Conv", "/body/0/Conv_3"], ["feature", "body_0"]),
    (["Conv_0", ""], ["Conv_0", "layer1"]),
    (["a.b", "a-b", "0"], ["a_b", "a_b_1", "layer_0"]),
    (["/Conv", "Straße"], ["Conv", "Stra_e"]),
])
def test_layer_names_become_identifiers(names, want):
    assert layer_names([onnx.NodeProto(name=name, op_type="Conv") for name in names]) == want
