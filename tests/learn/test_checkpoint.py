"""Checkpoints of others: every layout gives the very function that its module computes."""

from collections import OrderedDict
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from fsrcnnx import limits
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.onnx.model import SHIPPED
from fsrcnnx.learn import incoming, store
from fsrcnnx.learn.rows import Choice
from tests.learn.others import Espcn, Named, Plain, Srcnn, apart, seeded

FLOAT = 1e-6  # float32, another order of additions


def taken(tmp_path, content, **choice):
    """Write a file and take it in."""
    torch.save(content, tmp_path / "net.pth")
    return incoming.read(tmp_path / "net.pth", Choice(**choice))


@pytest.mark.parametrize(("scale", "act"), list(
    product((2, 3, 4), ("channel", "shared", "relu"))))
def test_named_blocks(tmp_path, scale, act):
    net = seeded(Named(scale=scale, act=act))
    found = taken(tmp_path, net.state_dict(), scale=scale)
    assert apart(net, found.model) < FLOAT
    assert found.model.name == f"d6s3m1f5l9{'p4' * (scale > 2)}_x{scale}"
    assert ("taken as 0, ReLU" in " ".join(found.says)) == (act == "relu")


@pytest.mark.parametrize(("d", "s", "m", "kernels", "pads"), [
    (1, 1, 0, (1, 3), (1, 1)), (3, 5, 4, (3, 2), (0, 0)), (4, 4, 2, (7, 6), (2, 0))])
def test_any_sizes(tmp_path, d, s, m, kernels, pads):
    net = seeded(Named(d, s, m, 2, kernels=kernels, pads=pads))
    found = taken(tmp_path, net.state_dict(), scale=2)
    assert apart(net, found.model) < FLOAT
    shape = found.model.shape
    assert (shape.d, shape.s, shape.m, shape.first, shape.last) == (d, s, m, *kernels)


@pytest.mark.parametrize(("padding", "extra"), [(3, 0), (4, 2)])
def test_a_padding_that_the_weights_do_not_tell(tmp_path, padding, extra):
    net = seeded(Named(scale=3, pads=(padding, extra)))
    found = taken(tmp_path, net.state_dict(), scale=3, padding=padding)
    assert apart(net, found.model) < FLOAT
    other = taken(tmp_path, net.state_dict(), scale=3, padding=7 - padding)
    assert apart(net, other.model) > 0.01  # what the check would see


@pytest.mark.parametrize("one", [False, True])
def test_plain_names_and_activations_elsewhere(tmp_path, one):
    net = seeded(Plain(one=one))
    found = taken(tmp_path, net.state_dict(), scale=2)
    assert apart(net, found.model) < FLOAT and found.model.name == "d5s4m1f3l4_x2"
    assert ("one PReLU of one slope" in " ".join(found.says)) == one


def test_an_unnamed_sequence(tmp_path):
    net = seeded(nn.Sequential(*Named().first_part, *Named().mid_part, Named().last_part))
    assert apart(net, taken(tmp_path, net.state_dict(), scale=2).model) < FLOAT


@pytest.mark.parametrize("kernels", [(9, 1, 5), (9, 5, 5)])
def test_srcnn(tmp_path, kernels):
    net = seeded(Srcnn(kernels))
    found = taken(tmp_path, net.state_dict(), scale=3)
    assert apart(net, found.model) < FLOAT
    assert found.model.prescale == 3
    assert found.model.name == "n5n4f{}f{}f{}_x3".format(*kernels)


@pytest.mark.parametrize(("scale", "act", "choice"), [
    (2, "channel", {}), (3, "shared", {}), (4, "relu", {"slope": 0.0}),
    (2, "leaky", {"slope": 0.2})])
def test_espcn(tmp_path, scale, act, choice):
    """Published layers in named blocks; the file does not say whether tanh or ReLU is between."""
    net = seeded(Espcn(scale, act))
    found = taken(tmp_path, net.state_dict(), **choice)
    assert apart(net, found.model) < FLOAT
    assert found.model.name == f"n5n4f5f3f3p_x{scale}"
    assert f"PixelShuffle (as ESPCN), channels 5, 4, kernels 5, 3, 3, x{scale}" in found.says[0]
    assert "whether the LR pixel is added to the output: taken as not" in " ".join(found.says)


def test_an_fsrcnn_with_a_pixel_shuffle_for_its_deconvolution(tmp_path):
    net = seeded(nn.Sequential(*Named().first_part, *Named(m=3).mid_part, *Espcn(3, d=6).last_part))
    found = taken(tmp_path, net.state_dict())
    assert apart(net, found.model) < FLOAT
    assert found.model.name == "n6n3t4n6f5f1f3t3f1f3p_x3"


@pytest.mark.parametrize("wrap", [
    lambda state: {"state_dict": state, "epoch": 3, "best": torch.tensor(1.5)},
    lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    lambda state: {"params": state}, lambda state: {"net": state},
    lambda state: {"params_ema": state, "params": {k: v * 2 for k, v in state.items()}},
    lambda state: {"model": {"state_dict": state}},
    lambda state: OrderedDict((f"module.{key}", value) for key, value in state.items()),
    lambda state: {"state_dict": {f"module.net.{key}": value for key, value in state.items()}},
    lambda state: {key: nn.Parameter(value) for key, value in state.items()},
])
def test_wherever_the_weights_lie(tmp_path, wrap):
    net = seeded(Named())
    assert apart(net, taken(tmp_path, wrap(net.state_dict()), scale=2).model) < FLOAT


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(tmp_path, dtype):
    net = seeded(Named()).to(dtype)
    found = taken(tmp_path, net.state_dict(), scale=2)
    assert apart(net.float(), found.model) < FLOAT
    assert any(str(dtype).removeprefix("torch.") in line for line in found.says)


def test_half_precision_costs_a_trained_network_little():
    """Whole levels are of random weights, whose pixels reach hundreds of times 255."""
    net, half = (store.load(SHIPPED / "fsrcnnx-a_x2" / "weights.pth") for _ in range(2))
    half.load_state_dict({key: value.half().float() for key, value in net.state_dict().items()})
    x = torch.randint(0, 256, (1, 1, 40, 50), generator=torch.Generator().manual_seed(1)) / 256
    with torch.no_grad():
        gap = 256 * (net(x) - half(x)).square().mean().sqrt()
    assert 0 < gap < 0.1  # levels, RMS, on noise, where sums are greatest


def test_the_older_form_of_torch_files(tmp_path):
    net = seeded(Named())
    torch.save(net.state_dict(), tmp_path / "old.model", _use_new_zipfile_serialization=False)
    found = incoming.read(tmp_path / "old.model", Choice(2))
    assert apart(net, found.model) < FLOAT


@pytest.mark.parametrize("divisor", [255, 256, 1])
def test_biases_alone_make_up_for_the_range_of_pixels(tmp_path, divisor):
    net = seeded(Named())
    found = taken(tmp_path, net.state_dict(), scale=2, divisor=divisor)
    assert apart(net, found.model, divisor) < FLOAT
    state, ours = net.state_dict(), found.model.state_dict()
    assert (ours["feature.weight"] == state["first_part.0.weight"]).all()
    assert (ours["act.feature.weight"] == state["first_part.1.weight"]).all()
    want = state["first_part.0.bias"].double() * divisor / 256
    assert (ours["feature.bias"] == want.float()).all()


def test_a_slope_that_no_file_holds(tmp_path):
    net = seeded(Named(act="leaky"))
    found = taken(tmp_path, net.state_dict(), scale=2, slope=0.2)
    assert apart(net, found.model) < FLOAT and "taken as 0.2" in " ".join(found.says)


def changed(**values):
    """The state of a small network with other tensors; None takes one away."""
    state = seeded(Named()).state_dict()
    for key, value in values.items():
        key = key.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


@pytest.mark.parametrize(("content", "choice", "says"), [
    (changed(), {}, r"the scale is not in the file.*allowed: 2, 3, 4; fix: say it, by --scale"),
    (changed(mid_part__2__weight=torch.zeros(3, 3, 5, 5)), {"scale": 2},
     r"mid_part.2: weights of shape \(3, 3, 5, 5\); allowed: \(3, 3, 3, 3\) for a mapping"),
    (changed(first_part__0__weight=torch.zeros(6, 3, 5, 5)), {"scale": 2},
     r"first_part.0: weights of shape \(6, 3, 5, 5\); allowed: \(any, 1, any, any\).*on luma"),
    (changed(last_part__weight=torch.zeros(12, 6, 3, 3)), {"scale": 2},
     r"last_part: weights of shape \(12, 6, 3, 3\); allowed: \(6, 1, any, any\) for the deconv"),
    (seeded(Espcn(act="relu")).state_dict(), {},
     "no slopes behind every layer.*not the tanh of ESPCN.*fix: --slope 0 if it is ReLU"),
    (seeded(Espcn()).state_dict(), {"scale": 3}, "--scale 3; allowed: 2, the stride of its last"),
    (seeded(Espcn()).state_dict(), {"padding": 1}, "--padding, and no deconvolution"),
    (seeded(Espcn(colours=3)).state_dict(), {}, r"first_part.0: weights of shape.*on luma"),
    (changed(last_part__weight=torch.zeros(4, 6, 2, 2)), {}, "last_part: a kernel of 2x2; allowed"),
    (changed(mid_part__2__k0=torch.zeros(3, 3, 1, 1)), {},
     "mid_part.2.k0: of a collapsible block; allowed.*fix: collapse it where it was trained"),
    (changed(first_part__0__weight=torch.zeros(6, 1, 4, 4)), {"scale": 2}, "an odd side"),
    (changed(first_part__0__weight=torch.zeros(6, 1, 3, 5)), {"scale": 2}, "square kernels"),
    (changed(first_part__0__bias=torch.zeros(5)), {"scale": 2}, r"bias of shape \(5,\); allowed"),
    (changed(first_part__1__weight=torch.zeros(5)), {"scale": 2}, r"slopes of shape \(5,\)"),
    (changed(mid_part__3__weight=None), {"scale": 2}, "mid_part.2: no slopes behind it, and other"),
    (changed(first_part__0__bias=torch.full((6,), torch.nan)), {"scale": 2}, "NaN or infinity"),
    (changed(first_part__0__bias=torch.full((6,), 1e300, dtype=torch.float64)), {"scale": 2},
     "holds NaN or infinity, as float32"),
    (changed(a__running_mean=torch.zeros(3)), {"scale": 2}, "BatchNormalization.*fix: export"),
    (changed(a__weight=torch.zeros(3, dtype=torch.int64)), {"scale": 2}, "an? int64 tensor"),
    (changed(a__weight_g=torch.zeros(3)), {"scale": 2}, r"a.weight_g: a tensor of shape \(3,\)"),
    (changed(a__weight=torch.zeros(1, 1).expand(1 << 20, 1 << 20)), {"scale": 2}, "values so far"),
    (changed(a__weight=7), {"scale": 2}, "net.pth: a.weight: 7; allowed: dense floating-point"),
    (changed(), {"scale": 2, "padding": 5}, "padding 5; allowed: 4"),
    (changed(), {"scale": 2, "slope": 0.5}, "--slope, and the file has slopes"),
    ({f"{n}.weight": torch.zeros(1) for n in range(9 * limits.LAYERS)}, {}, "576 tensors; allowed"),
    ({"conv.weight": torch.zeros(1, 1, 3, 3)}, {"scale": 2},
     "1 convolutions; allowed: 3 of an.*fix: .*edge-SR"),
    ({3: torch.zeros(1)}, {}, "a key is 3; allowed: text"),
    ({"model": {"epoch": 3}}, {}, r"no state dictionary in it \(found: 'epoch'\); allowed"),
    ([torch.zeros(1)], {}, r"no state dictionary in it \(found: a list\)"),
    ({"float": {}}, {}, "weights of fsrcnnx itself.*fix: `fsrcnnx quantise` takes it"),
    (seeded(Srcnn()).state_dict(), {"scale": 2, "padding": 1}, "--padding, and no deconvolution"),
])
def test_what_does_not_fit_is_named(tmp_path, content, choice, says):
    with pytest.raises(ModelError, match=says) as caught:
        taken(tmp_path, content, **choice)
    assert len(str(caught.value)) < 600 and str(caught.value).isprintable()


def test_a_file_of_code_is_no_checkpoint(tmp_path):
    torch.save(Named(), tmp_path / "net.pth")  # the module itself: its class would be imported
    with pytest.raises(InputError, match=r"holds tests.learn.others Named.*fix: save its tensors"):
        incoming.read(tmp_path / "net.pth", Choice(2))


def test_names_cannot_drive_a_terminal(tmp_path):
    state = {"\x1b[2J\n" + key: value for key, value in changed().items()}
    state["\x1b[2J\nx.weight"] = torch.zeros(2, 2)
    with pytest.raises(ModelError) as caught:
        taken(tmp_path, state, scale=2)
    assert str(caught.value).isprintable()


def test_every_shape_has_one_name():
    from fsrcnnx.learn.shapes import MODELS, SCALES, find, name_of, pads

    spelt = [f"d3s2m1f5l{kernel}p{padding}_x{scale}" for scale in SCALES
             for kernel in range(scale, 12) for padding in pads(kernel, scale)[1:]]
    assert len(spelt) > 9
    spelt += ["d4s2m0f1l3p1a_x3", "n3n2f3f1f5_x4", "n3n2f3f1f5p_x4", "n3t3n2f5t3f1f3pa_x2",
              "n16t4f3t5p_x3", "n7f3f1p_x2"]
    for name in (*MODELS, *spelt):
        assert name_of(*find(name)) == name
    for kernel, scale in product(range(2, 12), SCALES):  # by the formula of the output's size
        assert kernel < scale or list(pads(kernel, scale)) == [
            p for p in range(kernel) if 0 <= scale - kernel + 2 * p < scale]


def test_a_planted_fault_shows_in_the_comparison(tmp_path):
    net = seeded(Named())
    found = taken(tmp_path, net.state_dict(), scale=2)
    with torch.no_grad():
        found.model.shrink.bias[0] += np.float32(1e-3)
    assert apart(net, found.model) > FLOAT
