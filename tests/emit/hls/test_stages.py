"""The plan: TDC kernels, types decided once, names that hls4ml could confuse."""

from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx.emit.hls.stages import lay_out
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from tests.family import FAMILY, network, unsigned
from tests.networks import random_layer, random_network


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kernel", range(3, 10))
def test_a_deconvolution_is_its_phases_convolved(kernel, scale):
    rng = np.random.default_rng(kernel * 10 + scale)
    phases_are_convolved(rng, random_layer(rng, "up", 2, 1, kernel, stride=scale, kind="deconv",
                                           prelu=False), [7])


@pytest.mark.parametrize(("kernel", "scale"), [(1, 2), (3, 3), (5, 4)])
def test_a_shuffle_is_its_kernels_convolved(kernel, scale):
    rng = np.random.default_rng(kernel * 10 + scale)
    last = random_layer(rng, "up", 2, 1, kernel, stride=scale, kind="shuffle", prelu=False)
    phases_are_convolved(rng, last, rng.integers(-999, 999, scale**2))


def phases_are_convolved(rng, last, bias):
    """Hold the plan's convolution and biases against golden."""
    scale, last = last.stride, replace(last, bias=np.array(bias))
    first = random_layer(rng, "in", 1, 2, 1, out_format=Format(True, 8, 7))
    net = random_network(rng)
    net = replace(net, layers=(replace(first, weight_format=Format(True, 8, 7)),
                               replace(last, out_format=Format(False, 8, 8)))).check()
    stage = next(s for s in lay_out(net, 6, 5) if s.name == "up")
    x = rng.integers(-128, 128, (5, 6, 2))
    padded = np.pad(x, (stage.pad, stage.pad, (0, 0)))
    raw = np.rint(stage.attributes["weight_data"] * 2.0**last.weight_format.frac).astype(int)
    rows, cols = raw.shape[:2]
    sums = sum(padded[r : r + 5, c : c + 6] @ raw[r, c] for r in range(rows) for c in range(cols))
    sums = sums + np.ldexp(stage.attributes["bias_data"], net.acc_frac(1)).astype(int)
    out = sums.reshape(5, 6, scale, scale).transpose(0, 2, 1, 3)
    want = golden.accumulate(x, last)[:, :, 0]
    np.testing.assert_array_equal(out.reshape(want.shape), want)


def test_types_by_hand():
    net = random_network(np.random.default_rng(3), channels=(2,), kernels=(3, 3), anchor=True)
    first, last = net.layers
    stages = {stage.name: stage for stage in lay_out(net, 5, 4)}
    assert list(stages) == ["lr", "conv0", "conv0_prelu", "deconv", "deconv_anchor",
                            "deconv_subpixel"]
    assert stages["lr"].types == {"result": "ap_ufixed<8,0>"}
    assert stages["conv0"].types["result"] == stages["conv0"].types["accum"]
    assert stages["conv0"].types["weight"] == str(first.weight_format)
    assert stages["conv0_prelu"].types == {
        "slope": str(first.slope_format),
        "result": f"{str(first.out_format)[:-1]},AP_RND_CONV,AP_SAT,0>"}
    assert stages["deconv"].types["result"] == stages["deconv"].types["accum"]
    assert stages["deconv_anchor"].types == {"result": "ap_ufixed<8,0,AP_RND_CONV,AP_SAT,0>"}
    assert stages["deconv_subpixel"].channels == 1 and stages["deconv"].channels == 4
    assert last.stride == stages["deconv_subpixel"].attributes["block"]


def test_a_sum_without_activation_is_rounded_by_the_convolution():
    net = unsigned(random_network(np.random.default_rng(3), prelu=False))
    for stage in lay_out(net, 5, 4)[1:]:
        assert stage.types["result"].startswith("ap_ufixed<8,")
        assert stage.types["result"].endswith("AP_RND_CONV,AP_SAT,0>")


@pytest.mark.parametrize("name", FAMILY)
def test_every_member_has_a_plan(name):
    net = network(np.random.default_rng(1), name)
    stages = lay_out(net, 1920, 1080)
    assert [s.name for s in stages if s.products[0]] == [layer.name for layer in net.layers]


@pytest.mark.parametrize("name", ["CONV1", "lr", "conv0_prelu", "input", "zp2d_x", "clone_lr"])
def test_names_that_hls4ml_would_confuse(name):
    net = random_network(np.random.default_rng(3))
    layers = (net.layers[0], net.layers[1], replace(net.layers[2], name=name), *net.layers[3:])
    with pytest.raises(ModelError, match="rename the layer"):
        lay_out(replace(net, layers=layers), 5, 4)


@pytest.mark.parametrize(("width", "height", "option"), [
    (0, 5, "--width"), (5, -1, "--height"), (16385, 5, "--width")])
def test_frame_sizes(width, height, option):
    with pytest.raises(InputError, match=f"{option}.*1..16384"):
        lay_out(random_network(np.random.default_rng(3)), width, height)


def test_slopes_coarser_than_one():
    net = random_network(np.random.default_rng(3))
    first = replace(net.layers[0], slope_format=Format(True, 8, -3))
    with pytest.raises(ModelError, match="conv0"):
        lay_out(replace(net, layers=(first, *net.layers[1:])), 5, 4)
