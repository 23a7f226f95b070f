"""Collapsible blocks and skips of others: folded and carried, the very function of their module."""

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.learn import blocks, incoming, skips, sums
from fsrcnnx.learn.linear import Linear
from fsrcnnx.learn.rows import Choice
from tests.learn.collapsible import Ecbsr, Expanded, QuickSR, Sesr, started
from tests.learn.others import apart
from tests.learn.test_checkpoint import taken
from tests.learn.test_float_onnx import attribute, edited, exported, node

FLOAT = 2e-6


@pytest.mark.parametrize(("scale", "act", "identity"), [
    (2, "prelu", False), (3, "relu", True), (4, "prelu", True)])
def test_an_ecbsr(tmp_path, scale, act, identity):
    net = started(Ecbsr(2, 4, scale, identity, act))
    choice = {"identity": True} if identity else {}
    found = taken(tmp_path, {f"module.{key}": value for key, value in net.state_dict().items()},
                  **choice, **({} if act == "prelu" else {"slope": 0.0}))
    assert apart(net, found.model) < FLOAT
    assert found.model.name == f"n4t3f3t4pa_x{scale}"
    says = " ".join(found.says)
    assert "4 edge-oriented blocks of an ECBSR folded, 20 branches" in says
    assert ("do not add what they are given" in says) != identity
    assert "the LR pixel is added to the output, as published" in says


def test_what_no_file_says_of_an_ecbsr_shows_if_it_is_wrong(tmp_path):
    net = started(Ecbsr(1, 4, 2, True))
    for choice in ({}, {"identity": True, "anchor": False}):
        assert apart(net, taken(tmp_path, net.state_dict(), **choice).model) > 0.01


def test_a_fold_that_forgets_the_border_is_caught(tmp_path, monkeypatch):
    """Zeros around what the 1x1 gives, as usual: the same inside, other pixels at the border."""
    net = started(Ecbsr(0))

    def padded_by_zeros(first, second, **_):
        weight = np.einsum("omkl,mi->oikl", second.weight, first.weight[:, :, 0, 0])
        return Linear(weight, second.weight[:, :, 1, 1] @ first.bias + second.bias)
    monkeypatch.setattr(blocks, "then", padded_by_zeros)
    assert apart(net, taken(tmp_path, net.state_dict()).model) > 0.001


def test_the_plain_network_of_the_same_authors(tmp_path):
    net = started(Ecbsr(1))
    state = {key: value for key, value in net.state_dict().items() if "conv1x1" not in key}
    found = taken(tmp_path, state)
    assert found.model.name == "n4n4f3t3pa_x2" and "edge-oriented" not in " ".join(found.says)
    assert taken(tmp_path, state, anchor=False).model.name == "n4n4f3t3p_x2"


@pytest.mark.parametrize(("options", "ones", "name"), [
    ({}, True, "n4n8n8n4f5f3f3f1f5pa_x2"),
    ({"act": nn.PReLU, "m": 1, "scale": 3}, True, "n4n8n4f5f3f1f5pa_x3"),
    ({"kernel": 1}, True, "n4n8n8f5f3f3f1pa_x2"),  # the sum costs no line memory, the layer less
    ({"m": 1}, False, "n5n9n5f5f3f1f5p_x2")])
def test_a_sesr(tmp_path, options, ones, name):
    net = started(Sesr(**options), ones=ones)
    found = taken(tmp_path, net.state_dict(), **({} if "act" in options else {"slope": 0.0}))
    assert apart(net, found.model) < FLOAT and found.model.name == name
    assert "linear blocks of an SESR folded" in " ".join(found.says)
    assert ("its anchor is a layer of its own" in " ".join(found.says)) != ones


def test_what_a_skip_costs_is_said(tmp_path):
    """Beside two layers, of which one 3x3 reads what is carried: two lines of four maps."""
    found = taken(tmp_path, started(Sesr()).state_dict(), slope=0.0)
    assert f"{2 * 4 * 8 * 1920 / 1000:.1f} kbit of line memory more" in " ".join(found.says)
    assert f"multiplications a pixel: {found.model.macs:,}, of 804" in " ".join(found.says)


def test_slopes_have_to_be_said_of_a_skip_too(tmp_path):
    with pytest.raises(ModelError, match="no slopes behind every layer.*--slope 0 if it is ReLU"):
        taken(tmp_path, started(Sesr()).state_dict())


def test_a_sesr_that_was_collapsed_where_it_was_trained(tmp_path):
    net = started(Sesr(m=1))
    state = net.state_dict()
    for name in ("conv_first", "residual_block.0", "conv_last"):
        expand, squeeze = (state.pop(f"{name}.{part}.weight") for part in (
            "conv_expand", "conv_squeeze"))
        weight = torch.einsum("om,mikl->oikl", squeeze[:, :, 0, 0], expand)
        if name == "residual_block.0":
            weight[range(4), range(4), 1, 1] += 1
        state[f"{name}.conv_expand.weight"] = weight
        state[f"{name}.conv_expand.bias"] = state.pop(f"{name}.conv_squeeze.bias")
    found = taken(tmp_path, state, slope=0.0)
    assert apart(net, found.model) < FLOAT and "folded" not in " ".join(found.says)


def test_a_skip_that_is_carried_wrongly_is_caught(tmp_path, monkeypatch):
    net = started(Sesr())
    monkeypatch.setattr(skips, "identity", lambda channels: 1.01 * np.eye(channels)[
        :, :, None, None])
    assert apart(net, taken(tmp_path, net.state_dict(), slope=0.0).model) > 1e-4


@pytest.mark.parametrize(("ones", "name"), [(True, "n4n4f3t3pa_x2"), (False, "n5n5f3t3p_x2")])
def test_a_quicksrnet_without_its_clips(tmp_path, ones, name):
    net = started(QuickSR(act=nn.ReLU), ones=ones)
    net.clip_output = nn.Identity()
    found = taken(tmp_path, net.state_dict(), slope=0.0)
    assert apart(net, found.model) < FLOAT and found.model.name == name


def spoilt(net, **values):
    state = started(net).state_dict()
    for key, value in values.items():
        state[key.replace("__", ".")] = value
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(("content", "says"), [
    (spoilt(Ecbsr(), backbone__1__conv1x1_sbx__mask=None), "conv1x1_sbx: no mask; allowed"),
    (spoilt(Ecbsr(), backbone__1__conv1x1_sbx__scale=torch.zeros(4)), r"scale of shape \(4,\)"),
    (spoilt(Ecbsr(), backbone__1__conv1x1_3x3__k1=torch.zeros(4, 7, 3, 3)), r"k1 of shape \(4, 7"),
    (spoilt(Ecbsr(), backbone__1__conv3x3__weight=torch.zeros(4, 4, 5, 5)), r"weight of shape"),
    (spoilt(Ecbsr(), backbone__1__conv3x3__weight=torch.zeros(3, 4, 3, 3),
            backbone__1__conv3x3__bias=torch.zeros(3)), "as of the branches before"),
    (spoilt(Ecbsr(), other__k0=torch.zeros(4, 4, 1, 1)), "other.k0: of a collapsible block"),
    (spoilt(Ecbsr(), backbone__1__conv1x1_sbx__weight=torch.zeros(4)), "sbx.k0: of a collapsible"),
    (spoilt(Ecbsr(), backbone__1__conv1x1_3x3__k0=torch.zeros(2000, 4, 1, 1)), "k0 of shape"),
    (spoilt(Sesr(), conv_first__conv_squeeze__weight=torch.zeros(4, 9, 3, 3)), "conv_squeeze: we"),
    (spoilt(Sesr(), conv_first__conv_squeeze__weight=torch.zeros(4, 8, 1, 1)), r"\(1..1024, 9, 1"),
    (spoilt(Sesr(), anchor__net__weight=torch.zeros(4, 3, 1, 1)), r"anchor.net: weight of shape"),
    (spoilt(Ecbsr(act="relu"), backbone__0__conv1x1_sbx__bias=torch.full((4,), torch.inf)),
     "NaN or infinity"),
])
def test_a_block_that_does_not_fit_is_named(tmp_path, content, says):
    with pytest.raises(ModelError, match=says) as caught:
        taken(tmp_path, content, slope=0.0)
    assert len(str(caught.value)) < 600


def test_blocks_beyond_the_limits_are_refused_before_they_are_folded(tmp_path, monkeypatch):
    state = {}
    for at in range(3):
        state |= {f"backbone.{at}.conv1x1_3x3.k0": torch.zeros(1, 1024, 1, 1),
                  f"backbone.{at}.conv1x1_3x3.k1": torch.zeros(1024, 1, 3, 3)}
    monkeypatch.setattr(blocks, "then", lambda *_, **__: pytest.fail("it was folded"))
    with pytest.raises(ModelError, match="weights so far, folded"):
        taken(tmp_path, state)


class Centred(nn.Module):
    """A network that sees pixels less a half, as SESR's authors write it."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        net = self.net
        first = net.conv_first(x - 0.5)
        maps = net.residual_block(first) + first
        return net.depth_to_space(net.conv_last(maps) + torch.cat([x] * 4, 1))


class Residuals(nn.Module):
    """Blocks of two convolutions and a skip, and a skip past them all, as EDSR; parallel ones."""

    def __init__(self):
        super().__init__()
        self.head, self.tail = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.one, self.two = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 3, 3, padding=1)
        self.last, self.side = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        head = self.head(x)
        block = head + self.two(torch.relu(self.one(head))) * 0.5
        both = torch.relu(self.last(block)) - torch.relu(self.side(head))
        return self.shuffle(self.tail(both + head / 4))


@pytest.mark.parametrize(("net", "name"), [
    (started(Sesr()), "n4n8n8n4f5f3f3f1f5pa_x2"),
    (started(Sesr(m=1, act=nn.PReLU), ones=False), "n5n9n5f5f3f1f5p_x2"),
    (started(Centred(started(Sesr(m=1)))), "n1n4n8n4f1f5f3f1f5pa_x2"),
    (started(QuickSR(act=nn.ReLU), ones=False), "n5n5f3t3p_x2")])
def test_skips_in_a_file(tmp_path, net, name):
    found = incoming.read(exported(net, tmp_path / "net.onnx"))
    if not isinstance(net, QuickSR):  # whose clip at the end is left out
        assert apart(net, found.model) < FLOAT
    assert found.model.name == name
    assert "held against the file in onnxruntime" in found.says[-1]


def test_any_skips_of_a_file_are_carried(tmp_path):
    net = started(Residuals())
    found = incoming.read(exported(net, tmp_path / "net.onnx"))
    assert apart(net, found.model) < FLOAT
    assert sum("what skips from" in line for line in found.says) == 2


def test_linear_blocks_of_a_file_are_folded(tmp_path):
    net = started(nn.Sequential(Expanded(1, 4, 5, nn.ReLU()), Expanded(4, 4, 3, nn.ReLU(), True),
                                Expanded(4, 9, 3, nn.Identity()), nn.PixelShuffle(3)))
    found = incoming.read(exported(net, tmp_path / "net.onnx"))
    assert apart(net, found.model) < FLOAT and found.model.name == "n4n4f5f3f3p_x3"
    assert "6 convolutions folded into 3: no activation between" in found.says


def test_what_would_fold_wrongly_stays_two_layers(tmp_path):
    """1x1 with a bias, then 3x3: a fold would be wrong at the border."""
    net = started(nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 3, padding=1), nn.ReLU(),
                                nn.Conv2d(2, 4, 3, padding=1), nn.PixelShuffle(2)))
    found = incoming.read(exported(net, tmp_path / "net.onnx"))
    assert apart(net, found.model) < FLOAT and found.model.name == "n2n2f1f3f3p_x2"


def behind_shuffle(model):
    """A picture that is enlarged otherwise, added at the end."""
    last = model.graph.node[-1]
    was, last.output[0] = last.output[0], "laid"
    model.graph.initializer.append(helper.make_tensor("by", 1, [4], [1, 1, 2, 2]))
    model.graph.node.extend([
        helper.make_node("Resize", [model.graph.input[0].name, "", "by"], ["large"], "up",
                         mode="linear"),
        helper.make_node("Add", ["laid", "large"], [was], "sum")])


def _named(model):
    """The first layer of the chain sees a constant."""
    conv = node(model, "Conv", 1)
    conv.input[0] = "fixed"
    return helper.make_tensor("fixed", 1, [1, 1, 2, 2], [0.0] * 4)


@pytest.mark.parametrize(("net", "edit", "says"), [
    (QuickSR(anchor=False), None, "clips feature maps to 0..1; allowed.*--slope 0, which leaves"),
    (nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2)), behind_shuffle,
     r"up \(Resize\): enlarges the LR pixel by linear.*30.7 kbit.*fix: train it with the nearest"),
    (Sesr(), lambda m: attribute(m, "DepthToSpace", "blocksize", 3), r"allowed: \(9, 4, any, any"),
    (Sesr(), lambda m: m.graph.initializer.append(_named(m)), "found where a layer should be")])
def test_what_a_graph_may_not_hold(tmp_path, net, edit, says):
    path = exported(started(net), tmp_path / "net.onnx")
    with pytest.raises((ModelError, InputError), match=says) as caught:
        incoming.read(edited(path, edit) if edit else path)
    assert len(str(caught.value)) < 600


def test_sums_are_bounded(tmp_path, monkeypatch):
    path = exported(started(Sesr()), tmp_path / "net.onnx")
    monkeypatch.setattr(sums, "MOST", 100)
    with pytest.raises(ModelError, match="weights in sums of layers so far; allowed: up to 100"):
        incoming.read(path)


def test_options_of_checkpoints_are_refused_of_a_file(tmp_path):
    path = exported(started(Sesr(m=1)), tmp_path / "net.onnx")
    for choice, says in ((Choice(anchor=True), "--anchor, of an ONNX file"),
                         (Choice(identity=False), "--no-identity, of an ONNX file")):
        with pytest.raises(InputError, match=says):
            incoming.read(path, choice)
