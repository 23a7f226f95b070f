"""Files of Brevitas brought to the number contract: the stated rules, the same bits, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.write import encode
from tests.networks import random_network, random_picture

DATA = Path(__file__).parents[2] / "data"
TENSOR, CHANNEL = DATA / "brevitas_per_tensor.onnx", DATA / "brevitas_per_channel.onnx"


class Edited:
    """A Brevitas file that a test changes.

    Args:
        path: The file.
    """

    def __init__(self, path: Path = TENSOR):
        self.model = onnx.load(path)
        self.graph = self.model.graph

    def node(self, op: str, index: int = 0) -> onnx.NodeProto:
        return [node for node in self.graph.node if node.op_type == op][index]

    def tensor(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(
            next(t for t in self.graph.initializer if t.name == name)).copy()

    def give(self, node: onnx.NodeProto, index: int, value) -> None:
        """Let an input of a node be a constant of its own."""
        name = f"given_{node.name}_{index}"
        value = np.asarray(value, np.float32)
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        node.input[index] = name

    def weight_quant(self, layer: int = 0) -> onnx.NodeProto:
        source = self.node("Conv", layer).input[1]
        return next(node for node in self.graph.node if source in node.output)

    def attribute(self, node: onnx.NodeProto, name: str, value) -> None:
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])

    def adopt(self, **options):
        return adopt(self.model.SerializeToString(), "b.onnx", **options)


@pytest.mark.parametrize("path", [TENSOR, CHANNEL], ids=lambda path: path.stem)
def test_the_strict_reader_refuses_and_names_the_command(path):
    with pytest.raises(ModelError, match="`fsrcnnx import`"):
        onnx_io.load(path)


@pytest.mark.parametrize("path", [TENSOR, CHANNEL], ids=lambda path: path.stem)
def test_an_adopted_file_gives_the_bits_of_the_original_with_rounded_constants(path, tmp_path):
    adopted = adopt(path.read_bytes(), path.name)
    network, rng = adopted.network, np.random.default_rng(3)
    assert [layer.name for layer in network.layers] == ["feature", "map1", "deconv"]
    assert network.scale == 2
    onnx_io.save(network, tmp_path / "model.onnx")
    onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    assert onnx_io.load(tmp_path / "model.onnx").content_hash() == network.content_hash()
    # the original, bias and slopes still without a Quant, but rounded by the stated rule
    edited = Edited(path)
    for index, layer in enumerate(network.layers):
        op, at = ("Conv", index) if layer.kind == "conv" else ("ConvTranspose", 0)
        edited.give(edited.node(op, at), 2, layer.bias * 2.0 ** -network.acc_frac(index))
        if layer.slope is not None:
            edited.give(edited.node("PRelu", index), 1,
                        layer.slope.reshape(1, -1, 1, 1) * layer.slope_format.step)
    onnx.save(edited.model, tmp_path / "rounded.onnx")
    for size in ((1, 1), (6, 5), (13, 17)):
        lr = random_picture(rng, *size)
        hr = golden.run(network, lr)
        for name in ("model", "rounded"):
            assert (onnx_io.run_qonnx(tmp_path / f"{name}.onnx", lr, network) == hr).all()
        assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr) == hr).all()
    assert len(np.unique(hr)) > 20
    assert (onnx_io.run_qonnx(path, lr, network) != hr).any(), "unrounded, some pixels differ"


def test_the_float_values_are_those_of_the_file():
    edited = Edited()
    values = edited.adopt().values
    for index, name in enumerate(("feature", "map1")):
        assert (values[name].weight == edited.tensor(edited.weight_quant(index).input[0])).all()
        assert (values[name].bias == edited.tensor(f"{name}.bias")).all()
        slope = edited.tensor(edited.node("PRelu", index).input[1])
        assert (values[name].slope == slope.reshape(-1)).all()
    assert values["deconv"].weight.shape == (1, 3, 3, 3) and values["deconv"].slope is None


def test_bias_is_rounded_half_to_even_on_the_accumulator():
    edited = Edited()
    conv = edited.node("Conv")
    step = 2.0**-16  # input 2^-8, weights 2^-8
    edited.give(conv, 2, np.array([0.5, 1.5, -2.5]) * step)
    adopted = edited.adopt()
    assert adopted.network.acc_frac(0) == 16
    assert adopted.network.layers[0].bias.tolist() == [0, 2, -2]
    change = next(c for c in adopted.changes if (c.role, c.to.frac) == ("bias", 16))
    assert change.greatest == step / 2


def test_bias_beyond_32_bits_is_refused():
    edited = Edited()
    edited.give(edited.node("Conv"), 2, [0, 0, 2.0**15])
    with pytest.raises(ModelError, match=r"b.onnx: node \S+ \(Conv\): bias 32768 of channel 2 is "
                                         r"2.14748365e\+09 steps of 2\^-16; allowed: -2147483648"):
        edited.adopt()


@pytest.mark.parametrize(("slopes", "frac"), [
    ([0.25, 0.1, 0], 8), ([0.2, 0.1, -0.24], 9), ([-0.5, 0, 0], 8), ([1, 0.3, 0.2], 6),
    ([3.9, 0, 0], 5), ([0, 0, 0], 7), ([127.4, 0, 1], 0), ([200, 0, 1], -1)])
def test_slopes_are_as_fine_as_their_bits_hold(slopes, frac):
    edited = Edited()
    edited.give(edited.node("PRelu"), 1, np.reshape(slopes, (1, 3, 1, 1)))
    layer = edited.adopt().network.layers[0]
    assert layer.slope_format == Format(True, 8, frac)
    assert layer.slope.tolist() == np.rint(np.array(slopes) * 2.0**frac).astype(int).tolist()


def test_slopes_of_other_widths_and_one_for_all():
    edited = Edited()
    edited.give(edited.node("PRelu"), 1, [[[[0.3]]]])
    layer = edited.adopt(slope_bits=4).network.layers[0]
    assert layer.slope_format == Format(True, 4, 4) and layer.slope.tolist() == [5, 5, 5]


def test_every_round_proves_once(monkeypatch):
    """However many layers have slopes; here nothing needs a second round."""
    right, asked = ranges.prove, []
    monkeypatch.setattr(ranges, "prove", lambda network: asked.append(network) or right(network))
    found = Edited().adopt()
    assert sum(layer.slope is not None for layer in found.network.layers) > 1
    assert len(asked) == 1


def test_slopes_stay_coarse_enough_for_float32():
    edited = Edited()
    edited.give(edited.node("PRelu", 1), 1, np.full((1, 3, 1, 1), 0.4))
    network = edited.adopt(slope_bits=14).network
    layer = network.layers[1]
    assert layer.slope_format.frac < 14  # 0.4 * 2^14 fits 14 bits
    assert not ranges.float32_exact(network)
    finer = replace(layer, slope=layer.slope * 2, slope_format=Format(
        True, 14, layer.slope_format.frac + 1))
    assert ranges.float32_exact(replace(network, layers=(
        network.layers[0], finer, network.layers[2])))


def test_power_of_two_scales_per_channel_become_one_without_rounding():
    edited = Edited()
    quant = edited.weight_quant()
    weight = edited.tensor(quant.input[0])
    scale = np.array([2.0**-8, 2.0**-10, 2.0**-7]).reshape(3, 1, 1, 1)
    edited.give(quant, 1, scale)
    layer = edited.adopt().network.layers[0]
    # QONNX's Quant, signed and narrow, by itself
    want = np.clip(np.rint(weight / scale), -127, 127) * scale
    assert layer.weight_format.frac == 10
    assert (layer.weight * layer.weight_format.step == want).all()
    assert layer.weight_format.width == max(
        8, ranges.signed_width(int(layer.weight.min()), int(layer.weight.max()))) > 8


def test_the_committed_file_has_scales_per_channel():
    scales = [edited.tensor(edited.weight_quant(i).input[1])
              for edited in [Edited(CHANNEL)] for i in range(2)]
    assert any(len(np.unique(scale)) > 1 for scale in scales)
    assert "weight" in {c.role for c in adopt(CHANNEL.read_bytes(), "c").changes}


def test_scales_too_far_apart_are_refused():
    edited = Edited()
    quant = edited.weight_quant()
    edited.give(quant, 1, np.array([2.0**-8, 2.0**-20, 2.0**-7]).reshape(3, 1, 1, 1))
    with pytest.raises(ModelError, match=r"\(Quant\): scales from 9.53674316e-07 to 0.0078125 per "
                                         r"channel need 20 bits as one format; allowed: up to"):
        edited.adopt()


def test_a_quantised_bias_off_the_grid_is_rounded_and_one_on_it_stays():
    for bits, listed in ((8, False), (20, True)):
        edited = Edited()
        conv = edited.node("Conv")
        frac = 18 if listed else 12
        names = []
        for role, value in (("scale", 2.0**-frac), ("zero", 0), ("bits", bits)):
            edited.graph.initializer.append(
                numpy_helper.from_array(np.array(value, np.float32), f"b_{role}"))
            names.append(f"b_{role}")
        quant = onnx.helper.make_node(
            "Quant", [conv.input[2], *names], ["b_q"], name="b_q", signed=1, narrow=0,
            rounding_mode="ROUND", domain="qonnx.custom_op.general")
        edited.graph.node.insert(0, quant)
        conv.input[2] = "b_q"
        adopted = edited.adopt()
        assert [c.greatest > 0 for c in adopted.changes
                if (c.layer, c.role) == ("feature", "bias")] == ([True] if listed else [])


REFUSALS = {
    "other scale": (lambda e: e.give(e.weight_quant(), 1, 0.003),
                    r"\(Quant\): scale 0.003\S*; allowed: a positive power of two"),
    "other scales per channel": (
        lambda e: e.give(e.weight_quant(), 1, np.array([.25, .3, .5]).reshape(3, 1, 1, 1)),
        r"\(Quant\): scale 0.3\S*; allowed: a positive power of two"),
    "zero point of weights": (
        lambda e: (e.give(e.weight_quant(), 1, np.array([.25, .5, .5]).reshape(3, 1, 1, 1)),
                   e.give(e.weight_quant(), 2, 0.5)), r"zero point 0.5; allowed: 0"),
    "zero point": (lambda e: e.give(e.node("Quant"), 2, 3), r"zero point 3; allowed: 0"),
    "floor": (lambda e: e.attribute(e.node("Quant"), "rounding_mode", "FLOOR"),
              r"rounding_mode is FLOOR; allowed: ROUND; fix: round half to even"),
    "narrow map": (lambda e: e.attribute(e.node("Quant"), "narrow", 1),
                   r"attribute narrow is 1; allowed: 0 for feature maps"),
    "map scale per channel": (
        lambda e: e.give(next(n for n in e.graph.node if e.node("PRelu").output[0] in n.input), 1,
                         np.array([.25, .5, .5]).reshape(1, 3, 1, 1)), "scale differs between"),
    "groups": (lambda e: e.attribute(e.node("Conv"), "group", 3),
               r"\(Conv\): attribute group is 3; allowed: 1"),
    "dilation": (lambda e: e.attribute(e.node("Conv"), "dilations", [2, 2]),
                 r"\(Conv\): attribute dilations is \[2, 2\]; allowed: \[1, 1\]"),
    "float weight": (lambda e: e.give(e.node("Conv"), 1, np.zeros((3, 1, 3, 3))),
                     r"\(Conv\): weight \S+ has no Quant; allowed: weight through a Quant node"),
    "slopes of another shape": (
        lambda e: e.give(e.node("PRelu"), 1, np.zeros((1, 1, 1, 5))), "slope"),
    "slope out of range": (lambda e: e.give(e.node("PRelu"), 1, [[[[1e6]]]]),
                           r"\(PRelu\): slope 1000000; allowed: magnitudes up to"),
    "bias not finite": (lambda e: e.give(e.node("Conv"), 2, [0, np.nan, 0]),
                        r"\(Conv\): input bias \(\S+\) holds nan; allowed: finite"),
    "another operator": (lambda e: setattr(e.node("PRelu"), "op_type", "Mul"),
                         r"unsupported operator Mul; allowed: Quant"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_exact_is_refused(name):
    spoil, message = REFUSALS[name]
    edited = Edited()
    spoil(edited)
    with pytest.raises(ModelError, match=message):
        edited.adopt()


def test_a_file_of_ours_is_taken_as_it_is():
    network = random_network(np.random.default_rng(5), channels=(3, 2), kernels=(3, 1, 3))
    adopted = adopt(encode(network), "model.onnx")
    assert not adopted.changes
    assert adopted.network.content_hash() == network.content_hash()
    for name, layer in onnx_io.dequantise(network).items():
        assert (adopted.values[name].weight == layer.weight).all()
        assert (adopted.values[name].bias == layer.bias).all()
    assert decode(encode(adopted.network), "m").meta["imported_from"] == "model.onnx"
