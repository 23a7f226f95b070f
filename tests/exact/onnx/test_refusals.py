"""The strict reader: a planted fault per rule, refused by node, attribute and allowed value."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.write import encode
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7), channels=(3, 2), kernels=(3, 1, 3), anchor=True)
DATA = encode(NETWORK)


class Planted:
    """A copy of the good file that a test spoils.

    Args:
        data: The good file's bytes.
    """

    def __init__(self, data: bytes = DATA):
        self.model = onnx.load_model_from_string(data)
        self.graph = self.model.graph
        # a spoilt file must be refused for what it holds, not for its hash
        del self.model.metadata_props[:]

    def node(self, name: str) -> onnx.NodeProto:
        return next(node for node in self.graph.node if node.name == name)

    def sign(self) -> None:
        """Claim to be a file of ours, whose stored values are the quantised ones."""
        self.model.metadata_props.add(key="content_hash", value=NETWORK.content_hash())

    def attribute(self, name: str, key: str, value) -> None:
        node = self.node(name)
        kept = [a for a in node.attribute if a.name != key]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(key, value)])

    def constant(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self.tensor(name)).copy()

    def tensor(self, name: str) -> TensorProto:
        return next(tensor for tensor in self.graph.initializer if tensor.name == name)

    def put(self, name: str, value) -> None:
        self.tensor(name).CopyFrom(numpy_helper.from_array(np.asarray(value), name))

    def put_float(self, name: str, value) -> None:
        self.put(name, np.asarray(value, np.float32))

    def put_first(self, name: str, value: float) -> None:
        array = self.constant(name)
        array.flat[0] = value
        self.put(name, array)

    def bypass(self, name: str) -> None:
        """Take a node out: its users read its input."""
        node = self.node(name)
        for user in self.graph.node:
            for index, source in enumerate(user.input):
                if source == node.output[0]:
                    user.input[index] = node.input[0]
        self.graph.node.remove(node)

    def append(self, op: str, inputs: list[str], output: str, **attributes) -> None:
        self.graph.node.append(helper.make_node(op, inputs, [output], name=output, **attributes))

    def insert(self, op: str, before: str, **attributes) -> None:
        """Put a node on the first input of another."""
        user = self.node(before)
        node = helper.make_node(op, [user.input[0]], ["planted"], name="planted", **attributes)
        user.input[0] = "planted"
        self.graph.node.insert(list(self.graph.node).index(user), node)


def rename_operator(p: Planted, name: str, op: str) -> None:
    p.node(name).op_type = op


def add_input(p: Planted) -> None:
    p.graph.input.append(helper.make_tensor_value_info("lr2", TensorProto.FLOAT, [1, 1, "H", "W"]))


def add_output(p: Planted) -> None:
    p.graph.output.append(
        helper.make_tensor_value_info("deconv", TensorProto.FLOAT, [1, 1, "H", "W"]))


def external(p: Planted) -> None:
    onnx.external_data_helper.set_external_data(p.tensor("conv0_weight"), "weights.bin")
    p.tensor("conv0_weight").data_location = TensorProto.EXTERNAL
    p.tensor("conv0_weight").ClearField("raw_data")


def output_without_quant(p: Planted) -> None:
    p.graph.node.remove(p.node("deconv_quant"))
    p.node("deconv_anchor").output[0] = "hr"


def second_user(p: Planted) -> None:
    p.append("Relu", ["conv0_quant"], "stray")


def anchor_of_a_map(p: Planted) -> None:
    p.node("lr_nearest").input[0] = "conv1_quant"


def anchor_at_the_first_layer(p: Planted) -> None:
    p.insert("Add", "conv1_prelu")
    p.node("planted").input.append("lr_quant")


def anchor_of_sizes(p: Planted) -> None:
    p.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 8, 8]), "sizes"))
    p.node("lr_nearest").input.append("sizes")


def opset(p: Planted, domain: str, version: int) -> None:
    for entry in p.model.opset_import:
        if entry.domain == domain:
            entry.version = version


def local_function(p: Planted) -> None:
    p.model.functions.append(helper.make_function(
        "local", "Quant", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])],
        [helper.make_opsetid("", 13)]))


def group(p: Planted) -> None:
    p.attribute("conv1", "group", 3)
    p.put_float("conv1_weight", p.constant("conv1_weight")[:, :1])


def wrong_channels(p: Planted) -> None:
    p.put_float("conv1_weight", p.constant("conv1_weight")[:, :2])


def graph_input(p: Planted, dtype: int, shape: list) -> None:
    p.graph.input[0].CopyFrom(helper.make_tensor_value_info("lr", dtype, shape))


SCALE = "conv0_weight_quant_scale"
FAULTS = {
    # structure
    "unsupported operator": (lambda p: rename_operator(p, "conv0_prelu", "Elu"),
                             r"node conv0_prelu \(Elu\): unsupported operator Elu; allowed: Quant"),
    "foreign domain": (lambda p: setattr(p.node("conv0"), "domain", "com.microsoft"),
                       r"node conv0 .*unsupported operator Conv of com.microsoft"),
    "float quantiser": (lambda p: rename_operator(p, "conv0_quant", "FloatQuant"),
                        r"node conv0_quant .*FloatQuant of qonnx.custom_op.general"),
    "bipolar quantiser": (lambda p: rename_operator(p, "conv0_quant", "BipolarQuant"),
                          r"node conv0_quant .*unsupported operator BipolarQuant"),
    "old opset": (lambda p: opset(p, "", 10), r"opset 10 of ai.onnx; allowed: 11\.\.23"),
    "future opset": (lambda p: opset(p, "", 24), r"opset 24 of ai.onnx; allowed: 11\.\.23"),
    "no opset": (lambda p: p.model.ClearField("opset_import"), r"opset missing of ai.onnx"),
    "unknown QONNX opset": (lambda p: opset(p, "qonnx.custom_op.general", 3),
                            r"node lr_quant .*opset 3 of qonnx.custom_op.general; allowed: 1 or 2"),
    "local function": (local_function, r"functions in the model"),
    "two inputs": (add_input, r"2 graph inputs \(lr, lr2\); allowed: 1"),
    "two outputs": (add_output, r"2 graph outputs \(hr, deconv\); allowed: 1"),
    "uint8 input": (lambda p: graph_input(p, TensorProto.UINT8, ["N", 1, "H", "W"]),
                    r"graph input 'lr' has element type uint8; allowed: float"),
    "colour input": (lambda p: graph_input(p, TensorProto.FLOAT, ["N", 3, "H", "W"]),
                     r"graph input 'lr' has shape \('N', 3, 'H', 'W'\); allowed: \(N, 1, H, W\)"),
    "flat input": (lambda p: graph_input(p, TensorProto.FLOAT, ["N", "W"]),
                   r"graph input 'lr' has shape \('N', 'W'\)"),
    "double weights": (lambda p: p.put("conv0_weight",
                                       p.constant("conv0_weight").astype(np.float64)),
                       r"conv0_weight.*element type double; allowed: float"),
    "external data": (external, r"the data of conv0_weight lies in an external file"),
    "fan-out": (second_user, r"node stray \(Relu\): not part of the chain"),
    "unfinished chain": (lambda p: p.node("conv1").input.__setitem__(0, "conv9_quant"),
                         r"not a valid ONNX file"),
    # missing Quant
    "weight without Quant": (lambda p: p.bypass("conv0_weight_quant"),
                             r"node conv0 \(Conv\): weight 'conv0_weight' has no Quant"),
    "bias without Quant": (lambda p: p.bypass("conv0_bias_quant"),
                           r"node conv0 \(Conv\): bias 'conv0_bias' has no Quant"),
    "slope without Quant": (lambda p: p.bypass("conv0_slope_quant"),
                            r"node conv0_prelu \(PRelu\): slope 'conv0_slope' has no Quant"),
    "map without Quant": (lambda p: p.bypass("conv0_quant"),
                          r"node conv0_prelu .*the input of conv1 comes from it without a Quant"),
    "input without Quant": (lambda p: p.bypass("lr_quant"),
                            r"node conv0 \(Conv\): its input 'lr' is the graph's input; "
                            r"allowed: .*Quant"),
    "output without Quant": (output_without_quant,
                             r"node deconv_anchor .*graph's output comes from it without a Quant"),
    "Quant twice": (lambda p: p.insert("Relu", "conv0_prelu"),
                    r"node planted \(Relu\): found where a layer should be"),
    # Quant parameters
    "scale": (lambda p: p.put_float(SCALE, 0.3),
              r"node conv0_weight_quant \(Quant\): scale 0.3.*allowed: a positive power of two"),
    "negative scale": (lambda p: p.put_float(SCALE, -0.5), r"conv0_weight_quant .*scale -0.5"),
    "zero scale": (lambda p: p.put_float(SCALE, 0), r"conv0_weight_quant .*scale 0;"),
    "NaN scale": (lambda p: p.put_float(SCALE, np.nan), r"conv0_weight_quant .*holds nan"),
    "scale per channel": (lambda p: p.put_float(SCALE, np.reshape([.5, .25, .5], (3, 1, 1, 1))),
                          r"conv0_weight_quant .*scale differs between channels"),
    "scale of too many axes": (
        lambda p: p.put_float("conv0_bias_quant_scale", [[p.constant("conv0_bias_quant_scale")]]),
        r"conv0_bias_quant .*scale has more axes than the bias; allowed: 1 or fewer"),
    "scale of no value": (lambda p: p.put_float(SCALE, np.zeros(0)), r"conv0_weight_quant .*scale"),
    "computed scale": (lambda p: p.node("conv0_quant").input.__setitem__(1, "conv0"),
                       r"node conv0_quant .*input scale \(conv0\) is not a constant"),
    "zero point": (lambda p: p.put_float("conv0_quant_zero_point", 1),
                   r"node conv0_quant \(Quant\): zero point 1; allowed: 0"),
    "half a bit": (lambda p: p.put_float("conv0_quant_bits", 7.5),
                   r"node conv0_quant .*bit width 7.5; allowed: 2\.\.62, whole"),
    "one signed bit": (lambda p: p.put_float("conv0_quant_bits", 1), r"conv0_quant .*bit width 1;"),
    "too many bits": (lambda p: p.put_float("conv0_quant_bits", 63), r"conv0_quant .*width 63"),
    "map too wide for float32": (lambda p: p.put_float("conv0_quant_bits", 26),
                                 r"conv0_quant .*bit width 26; allowed: 1\.\.24 unsigned"),
    "half up": (lambda p: p.attribute("conv0_quant", "rounding_mode", "HALF_UP"),
                r"conv0_quant .*attribute rounding_mode is HALF_UP; allowed: ROUND"),
    "floor of a weight": (lambda p: p.attribute("conv0_weight_quant", "rounding_mode", "FLOOR"),
                          r"conv0_weight_quant .*attribute rounding_mode is FLOOR"),
    "narrow map": (lambda p: p.attribute("conv0_quant", "narrow", 1),
                   r"node conv0_quant .*attribute narrow is 1; allowed: 0 for feature maps"),
    "signed 2": (lambda p: p.attribute("conv0_quant", "signed", 2), r"attribute signed is 2"),
    "signed of text": (lambda p: p.attribute("conv0_quant", "signed", "1"),
                       r"node conv0_quant .*attribute signed is '1'; allowed: a int"),
    "unknown attribute": (lambda p: p.attribute("conv0_quant", "axis", 1),
                          r"node conv0_quant .*attribute axis; allowed: signed, narrow"),
    "unsigned weights": (lambda p: (p.put_float("conv0_weight", abs(p.constant("conv0_weight"))),
                                    p.attribute("conv0_weight_quant", "signed", 0)),
                         r"node conv0_weight_quant .*signed is 0 for the weight; allowed: 1"),
    # values
    "NaN weight": (lambda p: p.put_first("conv0_weight", np.nan),
                   r"node conv0_weight_quant .*input weight \(conv0_weight\) holds nan"),
    "infinite bias": (lambda p: p.put_first("conv0_bias", np.inf),
                      r"node conv0_bias_quant .*\(conv0_bias\) holds inf; allowed: finite"),
    "weight off the grid": (
        lambda p: (p.sign(), p.put_first("conv0_weight", p.constant(SCALE) * 1.5)),
        r"conv0_weight_quant .*is not on the grid; allowed: -128\.\.127 times 2\^-"),
    "weight out of range": (
        lambda p: (p.sign(), p.put_first("conv0_weight", p.constant(SCALE) * 128)),
        r"conv0_weight_quant .*out of range; allowed: -128\.\.127 times 2\^-"),
    "weight out of the narrow range": (
        lambda p: (p.sign(), p.put_first("conv0_weight", p.constant(SCALE) * -128),
                   p.attribute("conv0_weight_quant", "narrow", 1)),
        r"conv0_weight_quant .*out of range; allowed: -127\.\.127 times 2\^-"),
    "bias finer than the accumulator": (
        lambda p: (p.put_float("conv0_bias_quant_scale", 2.0**-40),
                   p.put_float("conv0_bias", [2.0**-40] * 3)),
        r"conv0_bias_quant .*not on the accumulator's grid; allowed: multiples of 2\^-"),
    "bias of another shape": (lambda p: p.put_float("conv0_bias", [0] * 4),
                              r"node conv0 .*bias of shape \(4,\); allowed: \(3,\)"),
    "slopes along the width": (lambda p: p.put_float("conv0_slope", [0] * 3),
                               r"node conv0_prelu .*slope of shape \(3,\); allowed: \(3, 1, 1\)"),
    "kernel not square": (lambda p: p.put_float("conv0_weight", np.zeros((3, 1, 3, 1))),
                          r"node conv0 .*weight of shape \(3, 1, 3, 1\); allowed: .*square"),
    "channels that do not fit": (wrong_channels, r"layer conv1: 2 input channels; allowed: 3"),
    # geometry
    "group": (group, r"node conv1 \(Conv\): attribute group is 3; allowed: 1"),
    "dilation": (lambda p: p.attribute("conv0", "dilations", [2, 2]),
                 r"node conv0 .*attribute dilations is \[2, 2\]; allowed: \[1, 1\]"),
    "conv stride": (lambda p: p.attribute("conv0", "strides", [2, 2]),
                    r"node conv0 .*attribute strides is \[2, 2\]; allowed: \[1, 1\]"),
    "conv pads": (lambda p: p.attribute("conv0", "pads", [0, 0, 0, 0]),
                  r"node conv0 .*pads is \[0, 0, 0, 0\]; allowed: \[1, 1, 1, 1\]"),
    "auto_pad": (lambda p: p.attribute("conv0", "auto_pad", "SAME_UPPER"),
                 r"node conv0 .*auto_pad is SAME_UPPER; allowed: NOTSET"),
    "kernel_shape": (lambda p: p.attribute("conv0", "kernel_shape", [5, 5]),
                     r"node conv0 .*kernel_shape is \[5, 5\]; allowed: \[3, 3\]"),
    "even kernel": (lambda p: (p.put_float("conv0_weight", np.zeros((3, 1, 2, 2))),
                               p.attribute("conv0", "kernel_shape", [2, 2])),
                    r"node conv0 .*kernel_shape \[2, 2\]; allowed: odd kernels"),
    "deconv strides": (lambda p: p.attribute("deconv", "strides", [2, 1]),
                       r"node deconv .*strides is \[2, 1\]; allowed: \[2, 2\]"),
    "deconv pads": (lambda p: p.attribute("deconv", "pads", [0, 0, 0, 0]),
                    r"node deconv \(ConvTranspose\): attribute pads is \[0, 0, 0, 0\]; allowed: "
                    r"\[1, 1, 1, 1\]"),
    "output_padding": (lambda p: p.attribute("deconv", "output_padding", [0, 0]),
                       r"node deconv .*output_padding is \[0, 0\]; allowed: \[1, 1\]"),
    "output_shape": (lambda p: p.attribute("deconv", "output_shape", [8, 8]),
                     r"node deconv .*attribute output_shape; allowed: auto_pad"),
    # anchor
    "anchor linear": (lambda p: p.attribute("lr_nearest", "mode", "linear"),
                      r"node lr_nearest \(Resize\): .*linear, asymmetric, floor; allowed: nearest"),
    "anchor rounding": (lambda p: p.attribute("lr_nearest", "nearest_mode", "ceil"),
                        r"node lr_nearest .*nearest, asymmetric, ceil"),
    "anchor scales": (lambda p: p.put_float("lr_nearest_scales", [1, 1, 3, 3]),
                      r"node lr_nearest .*input scales; allowed: 1, 1, 2, 2"),
    "anchor sizes": (anchor_of_sizes, r"node lr_nearest .*input scales; allowed: .*without sizes"),
    "anchor of a map": (anchor_of_a_map,
                        r"node deconv .*adds 'conv1_quant'; allowed: .*input 'lr_quant'"),
    "anchor elsewhere": (anchor_at_the_first_layer,
                         r"node conv1 .*added to its result; allowed: .*last layer only"),
    "anchor through another operator": (
        lambda p: (rename_operator(p, "lr_nearest", "Relu"),
                   p.node("lr_nearest").ClearField("attribute"),
                   p.node("lr_nearest").input.__delitem__(slice(1, 3))),
        r"node lr_nearest \(Relu\): found on the branch"),
}


def test_the_unspoilt_file_loads():
    assert decode(Planted().model.SerializeToString(), "m").content_hash() == NETWORK.content_hash()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_refused(name, tmp_path):
    plant, message = FAULTS[name]
    planted = Planted()
    plant(planted)
    path = tmp_path / "bad.onnx"
    path.write_bytes(planted.model.SerializeToString())
    with pytest.raises(ModelError, match=message) as caught:
        onnx_io.load(path)
    assert "bad.onnx" in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
