"""BatchNormalization: folded where every factor is a power of two, refused otherwise."""

import numpy as np
import onnx
import pytest

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.adopt import adopt
from tests.foreign import MAP, PIXEL, foreign, plain, with_activation
from tests.networks import random_picture

PLAIN = adopt(plain(), "net.onnx").network


def normalised(scale, var, epsilon=0.25, bias=True, quantised=True, **more):
    """The plain file with a BatchNormalization behind its first convolution."""
    f = foreign()
    given = f.parameters("a", (3, 1, 3, 3), 3)
    given = given if quantised else ["a.weight", "a.bias"]
    x = f.conv(f.quant("lr", PIXEL, "x"), "a", given if bias else given[:1])
    held = [f.constant(f"bn_{n}", value) for n, value in enumerate(
        (scale, [0.5, -0.25, 0.125], [0.0625, 0.5, -1], var))]
    x = f.node("BatchNormalization", [x, *held], "bn", epsilon=epsilon, **more)
    f.quant(f.deconv(f.quant(f.prelu(x, "a"), MAP, "m")), PIXEL, "y")
    return f.data()


@pytest.mark.parametrize("bias", [True, False])
def test_a_batch_normalisation_of_powers_of_two_is_folded(bias, tmp_path):
    path = tmp_path / "bn.onnx"
    path.write_bytes(normalised([1, -2, 0.5], [0.75, 3.75, 0.0], bias=bias))  # 1, -1, 1
    adopted = adopt(path.read_bytes(), "bn.onnx")
    layer, other = adopted.network.layers[0], PLAIN.layers[0]
    factor = np.array([1, -1, 1])
    assert (layer.weight == other.weight * factor.reshape(-1, 1, 1, 1)).all()
    given = other.bias * 2.0**-15 if bias else 0
    want = (given - np.array([0.0625, 0.5, -1])) * factor + [0.5, -0.25, 0.125]
    assert (layer.bias * 2.0**-15 == want).all()
    assert any(line == "bn (BatchNormalization) folded into a" for line in adopted.rewrites)
    lr = random_picture(np.random.default_rng(2), 9, 8)
    assert (onnx_io.run_qonnx(path, lr, adopted.network) == golden.run(adopted.network, lr)).all()


def test_factors_apart_make_weights_wider_and_stay_exact(tmp_path):
    path = tmp_path / "bn.onnx"
    path.write_bytes(normalised([1, 4, -0.5], [0.75] * 3))
    network = adopt(path.read_bytes(), "bn.onnx").network
    layer, other = network.layers[0], PLAIN.layers[0]
    assert layer.weight_format == Format(True, 11, 8)
    assert (layer.weight == other.weight * np.reshape([2, 8, -1], (3, 1, 1, 1))).all()
    lr = random_picture(np.random.default_rng(2), 9, 8)
    assert (onnx_io.run_qonnx(path, lr, network) == golden.run(network, lr)).all()


@pytest.mark.parametrize(("data", "message"), [
    (lambda: normalised([1, 1.5, 1], [0.75] * 3),
     r"node bn \(BatchNormalization\): scales channel 1 by 1.5, behind weights that are quantised "
     r"already.*allowed: powers of two .*fix: fold the BatchNormalization into the convolution "
     r"before its weights are quantised"),
    (lambda: normalised([1, 0, 1], [0.75] * 3), "scales channel 1 by 0, behind"),
    (lambda: normalised([1, 2.0**-20, 1], [0.75] * 3), "scales from .* need 28 bits as one format"),
    (lambda: normalised([1, 1, 1], [0.75, -0.25, 1]), "input var plus attribute epsilon is not"),
    (lambda: normalised([1, 1], [0.75] * 3), r"input scale of shape \(2,\); allowed: \(3,\)"),
    (lambda: normalised([1, 1, np.nan], [0.75] * 3), r"input scale \(bn_0\) holds nan"),
    (lambda: normalised([1] * 3, [0.75] * 3, quantised=False),
     r"node bn .*: the weights of a_c before it are not quantised; allowed: weights through a "
     r"Quant node; fix: fold the BatchNormalization"),
])
def test_other_batch_normalisations_are_refused(data, message):
    with pytest.raises(ModelError, match=message):
        adopt(data(), "f")


def test_a_batch_normalisation_elsewhere_is_refused():
    def after_prelu(f, x, name):
        held = [f.constant(f"bn_{n}", np.ones(3)) for n in range(4)]
        return f.node("BatchNormalization", [f.prelu(x, name), *held], "bn", epsilon=0.0)
    with pytest.raises(ModelError, match=r"node bn \(BatchNormalization\): stands elsewhere than "):
        adopt(with_activation(after_prelu), "f")


def test_the_oldest_form_has_an_attribute_more():
    data = normalised([1, 1, 1], [0.75] * 3)
    model = onnx.load_model_from_string(data)
    model.opset_import[0].version = 7
    norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    norm.attribute.append(onnx.helper.make_attribute("spatial", 1))
    old = adopt(model.SerializeToString(), "f").network
    assert old.content_hash() == adopt(data, "f").network.content_hash()
    norm.attribute[-1].i = 0
    with pytest.raises(ModelError, match="attribute spatial is 0; allowed: 1"):
        adopt(model.SerializeToString(), "f")


def test_training_mode_is_refused():
    model = onnx.load_model_from_string(normalised([1, 1, 1], [0.75] * 3, training_mode=1))
    model.opset_import[0].version = 15
    with pytest.raises(ModelError, match="attribute training_mode is 1; allowed: 0; fix: export"):
        adopt(model.SerializeToString(), "f")
