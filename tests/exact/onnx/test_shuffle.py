"""Sub-pixel convolutions in ONNX: DepthToSpace wherever it is exact, refused where it is not."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.write import encode
from tests.exact.onnx.test_adopt import Edited
from tests.exact.onnx.test_refusals import Planted
from tests.networks import random_network, random_picture, sloped

# its last layer has all that a shuffle may have: anchor and slope
NETWORK = sloped(random_network(np.random.default_rng(7), channels=(3, 2), kernels=(3, 1, 3),
                                anchor=True, last="shuffle"))
SHUFFLE, CHAIN = "shuffle_shuffle", ("shuffle", "shuffle_anchor", "shuffle_prelu", "shuffle_quant")


def move(planted: Planted, behind: str) -> None:
    """Put the DepthToSpace behind another node of the last layer."""
    planted.bypass(SHUFFLE)
    if behind != "shuffle":  # the anchor is added to sums in LR: the pixel itself
        planted.node("shuffle_anchor").input[1] = "lr_quant"
        planted.graph.node.remove(planted.node("lr_nearest"))
    if behind == "shuffle_quant":
        planted.node(behind).output[0] = "phases"
        planted.append("DepthToSpace", ["phases"], "hr", blocksize=2, mode="CRD")
    else:
        planted.insert("DepthToSpace", CHAIN[CHAIN.index(behind) + 1], blocksize=2, mode="CRD")


@pytest.mark.parametrize("mode", ["CRD", "DCR"])
@pytest.mark.parametrize("behind", CHAIN)
def test_wherever_it_stands_it_is_the_same_network(tmp_path, behind, mode):
    planted = Planted(encode(NETWORK))
    move(planted, behind)
    node = next(node for node in planted.graph.node if node.op_type == "DepthToSpace")
    planted.attribute(node.name, "mode", mode)
    assert decode(planted.model.SerializeToString(), "m").content_hash() == NETWORK.content_hash()
    onnx.save(planted.model, tmp_path / "moved.onnx")
    lr = random_picture(np.random.default_rng(1), 5, 7)
    hr = golden.run(NETWORK, lr)
    assert len(np.unique(hr)) > 20
    assert (onnx_io.run_qonnx(tmp_path / "moved.onnx", lr) == hr).all()


def test_swapped_phases_are_seen(tmp_path):
    planted = Planted(encode(NETWORK))
    bias = planted.constant("shuffle_bias")
    bias[[1, 2]] = bias[[2, 1]]
    planted.put("shuffle_bias", bias)
    onnx.save(planted.model, tmp_path / "swapped.onnx")
    lr = random_picture(np.random.default_rng(1), 5, 7)
    wrong = onnx_io.run_qonnx(tmp_path / "swapped.onnx", lr) != golden.run(NETWORK, lr)
    assert wrong.any() and not wrong[::2, ::2].any() and not wrong[1::2, 1::2].any()


def colour(p: Planted) -> None:
    """Three channels: there the two modes differ."""
    for name in ("shuffle_weight", "shuffle_bias"):
        p.put(name, p.constant(name).repeat(3, 0))


def behind_a_deconvolution(p: Planted) -> None:
    p.node("shuffle").op_type = "ConvTranspose"


def slope_for_each(p: Planted) -> None:
    move(p, "shuffle_prelu")
    p.put_float("shuffle_slope", np.full((4, 1, 1), p.constant("shuffle_slope").item()))


def without(p: Planted, key: str) -> None:
    node = p.node(SHUFFLE)
    kept = [attribute for attribute in node.attribute if attribute.name != key]
    node.ClearField("attribute")
    node.attribute.extend(kept)


FAULTS = {
    "a blocksize of 1": (lambda p: p.attribute(SHUFFLE, "blocksize", 1),
                         r"node shuffle_shuffle \(DepthToSpace\): attribute blocksize is 1; "
                         r"allowed: 2\.\.16"),
    "a negative blocksize": (lambda p: p.attribute(SHUFFLE, "blocksize", -2), "blocksize is -2"),
    "a huge blocksize": (lambda p: p.attribute(SHUFFLE, "blocksize", 2**62),
                         r"blocksize is 4611686018427387904; allowed: 2\.\.16"),
    "a blocksize of text": (lambda p: p.attribute(SHUFFLE, "blocksize", "2"),
                            "not a valid ONNX file: .*blocksize"),
    "no blocksize": (lambda p: without(p, "blocksize"), "not a valid ONNX file: .*blocksize"),
    "another mode": (lambda p: p.attribute(SHUFFLE, "mode", "RCD"), "mode is RCD; allowed: DCR"),
    "an unknown attribute": (lambda p: p.attribute(SHUFFLE, "group", 1),
                             "not a valid ONNX file: .*group"),
    "another scale": (lambda p: p.attribute(SHUFFLE, "blocksize", 3),
                      r"node shuffle \(Conv\): 4 output channels .*allowed: 9, one per pixel"),
    "colour": (colour, r"node shuffle \(Conv\): 12 output channels .*allowed: 4, one per pixel"),
    "twice": (lambda p: p.insert("DepthToSpace", "shuffle_prelu", blocksize=2),
              "a second DepthToSpace behind one layer"),
    "twice in a row": (lambda p: p.insert("DepthToSpace", SHUFFLE, blocksize=2),
                       r"node planted \(DepthToSpace\): a second DepthToSpace behind one layer"),
    "behind a deconvolution": (behind_a_deconvolution,
                               r"\(ConvTranspose\): a DepthToSpace behind it; allowed: behind the"),
    "in front of the last layer": (
        lambda p: p.insert("DepthToSpace", "shuffle", blocksize=2),
        r"node conv1 \(Conv\): 2 output channels in front of a DepthToSpace of 2"),
    "behind the input": (lambda p: p.insert("DepthToSpace", "conv0", blocksize=2),
                         r"node lr_quant \(Quant\): a DepthToSpace behind it"),
    "a slope for each phase": (slope_for_each, r"slope of shape \(4, 1, 1\); .*or a single one"),
    "in the anchor's branch": (
        lambda p: (setattr(p.node("lr_nearest"), "op_type", "DepthToSpace"),
                   p.node("lr_nearest").ClearField("attribute"),
                   p.node("lr_nearest").input.__delitem__(slice(1, 3)),
                   p.attribute("lr_nearest", "blocksize", 2)),
        r"node lr_nearest \(DepthToSpace\): found on the branch of the added LR pixel"),
    "the anchor of a moved one": (
        lambda p: (move(p, "shuffle_anchor"),
                   p.node("shuffle_anchor").input.__setitem__(1, "conv1_quant")),
        "adds 'conv1_quant'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_where_it_is_not_exact_it_is_refused(name):
    plant, message = FAULTS[name]
    planted = Planted(encode(NETWORK))
    plant(planted)
    with pytest.raises(ModelError, match=message):
        decode(planted.model.SerializeToString(), "m")


def pixel_shuffle(rng: np.random.Generator) -> Edited:
    """A file of Brevitas with a PixelShuffle behind its last convolution, bias in float."""
    edited = Edited()
    node = edited.node("ConvTranspose")
    node.op_type = "Conv"
    kept = [a for a in node.attribute if a.name not in ("output_padding", "strides")]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("strides", [1, 1])])
    quant = next(n for n in edited.graph.node if n.output[0] == node.input[1])
    edited.give(quant, 0, rng.normal(0, 0.2, (4, 3, 3, 3)))
    edited.give(node, 2, rng.normal(0, 0.2, 4) + 0.3)
    last = next(n for n in edited.graph.node if node.output[0] in n.input)
    last.input[0] = "pixels"
    edited.graph.node.insert(list(edited.graph.node).index(last), helper.make_node(
        "DepthToSpace", [node.output[0]], ["pixels"], blocksize=2, mode="CRD"))
    return edited


@pytest.mark.parametrize("activation", [None, "PRelu", "Relu"])
def test_a_file_of_brevitas_is_imported(tmp_path, activation):
    rng = np.random.default_rng(3)
    edited = pixel_shuffle(rng)
    if activation:
        node = next(n for n in edited.graph.node if "pixels" in n.input)
        node.input[0] = "acted"
        edited.graph.node.insert(list(edited.graph.node).index(node), helper.make_node(
            activation, ["pixels", "slope"][:2 if activation == "PRelu" else 1], ["acted"]))
        edited.graph.initializer.append(numpy_helper.from_array(np.float32([0.3]), "slope"))
    adopted = edited.adopt()
    network = adopted.network
    assert [(layer.kind, layer.stride) for layer in network.layers] == [
        ("conv", 1), ("conv", 1), ("shuffle", 2)]
    assert {change.role for change in adopted.changes if change.layer == network.layers[-1].name} \
        == {"bias", *["slope"] * (activation == "PRelu")}
    onnx_io.save(network, tmp_path / "model.onnx")
    onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    onnx_io.save_float(network, tmp_path / "model_float.onnx", adopted.values)
    # the original with its constants rounded by the stated rule
    for index, layer in enumerate(network.layers):
        edited.give(edited.node("Conv", index), 2, layer.bias * 2.0 ** -network.acc_frac(index))
        if layer.slope is not None and (index < 2 or activation == "PRelu"):
            edited.give(edited.node("PRelu", index), 1,
                        layer.slope.reshape(-1, 1, 1) * layer.slope_format.step)
    onnx.save(edited.model, tmp_path / "rounded.onnx")
    for size in ((1, 1), (6, 5)):
        lr = random_picture(rng, *size)
        hr = golden.run(network, lr)
        for name in ("model", "rounded"):
            assert (onnx_io.run_qonnx(tmp_path / f"{name}.onnx", lr, network) == hr).all()
        assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr) == hr).all()
        assert onnx_io.run_float(tmp_path / "model_float.onnx", lr).shape == hr.shape
    assert len(np.unique(hr)) > 20


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_sums_in_float64_are_laid_out_too(tmp_path, scale):
    network = random_network(np.random.default_rng(5), channels=(4,), kernels=(3, 3), scale=scale,
                             weight_bits=16, activation_bits=14, last="shuffle", anchor=True)
    assert any("layer shuffle" in sentence for sentence in ranges.float32_exact(network))
    onnx_io.save_uint8(network, tmp_path / "model_uint8.onnx")
    for size in ((1, 1), (9, 8)):
        lr = random_picture(np.random.default_rng(0), *size)
        assert (onnx_io.run_uint8(tmp_path / "model_uint8.onnx", lr)
                == golden.run(network, lr)).all()


def test_the_float_file_is_the_unrounded_network(tmp_path):
    network = random_network(np.random.default_rng(5), channels=(), kernels=(5,), scale=3,
                             last="shuffle", anchor=True)
    onnx_io.save_float(network, tmp_path / "model_float.onnx")
    lr = random_picture(np.random.default_rng(0), 7, 6)
    luma = onnx_io.run_float(tmp_path / "model_float.onnx", lr)
    np.testing.assert_array_equal(np.clip(np.rint(luma), 0, 255), golden.run(network, lr))


def test_a_file_of_ours_is_adopted_as_it_is():
    adopted = adopt(encode(NETWORK), "model.onnx")
    assert not adopted.changes
    assert adopted.network.content_hash() == NETWORK.content_hash()
    assert adopted.values["shuffle"].slope.shape == (1,)
