"""Float ONNX files of others: exports of torch, old and new, give the very function of the file."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from fsrcnnx.errors import CheckError, ModelError
from fsrcnnx.exact.onnx.model import SHIPPED
from fsrcnnx.learn import incoming, store, sums
from fsrcnnx.learn.rows import Choice
from tests.learn.others import Espcn, Named, Srcnn, apart, seeded

FLOAT = 1e-6


def exported(net, path, dynamo=False, **options):
    """Export a network as torch does; the file."""
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's newer exporter is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.rand(1, 1, 12, 10),), str(path), dynamo=dynamo,
                          **({} if dynamo else {"opset_version": 13}) | options)
    return path


def edited(path, edit):
    """Change a file's model."""
    model = onnx.load(path)
    edit(model)
    onnx.save(model, path)
    return path


class Ended(nn.Module):
    """A network with a clamp behind it."""

    def __init__(self, net, low=0.0, high=1.0):
        super().__init__()
        self.net, self.low, self.high = net, low, high

    def forward(self, x):
        return self.net(x).clamp(self.low, self.high)


class Anchored(nn.Module):
    """A network that adds what it is given, repeated."""

    def __init__(self, net, scale):
        super().__init__()
        self.net, self.up = net, nn.Upsample(scale_factor=scale, mode="nearest")

    def forward(self, x):
        return self.net(x) + self.up(x)


class Early(nn.Module):
    """A network that adds what it is given to each sum before its PixelShuffle."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        sums, shuffle = self.net.last_part
        return shuffle(sums(self.net.first_part(x)) + x)


def normed(net):
    """The network with a BatchNormalization behind three of its convolutions."""
    generator = torch.Generator().manual_seed(5)
    for block, at in ((net.first_part, 0), (net.mid_part, 0), (net.mid_part, 2)):
        norm = nn.BatchNorm2d(block[at].out_channels)
        for value in (norm.weight, norm.bias, norm.running_mean):
            value.data.copy_(torch.randn(value.shape, generator=generator))
        norm.running_var.copy_(torch.rand(norm.running_var.shape, generator=generator) + 0.1)
        block[at] = nn.Sequential(block[at], norm)
    return net.eval()


@pytest.mark.parametrize("dynamo", [False, True])
def test_exports_of_torch(tmp_path, dynamo):
    for scale, act in ((2, "channel"), (3, "shared"), (4, "relu"), (2, "leaky")):
        net = seeded(Named(scale=scale, act=act))
        found = incoming.read(exported(net, tmp_path / f"{scale}.onnx", dynamo))
        assert apart(net, found.model) < FLOAT
        assert found.model.picture_scale == scale
    assert (tmp_path / "2.onnx.data").exists() == dynamo


@pytest.mark.parametrize("dynamo", [False, True])
def test_batch_normalization_is_folded(tmp_path, dynamo):
    net = normed(seeded(Named()))
    # training mode of the exporter keeps the BatchNormalization as a node
    keep = {} if dynamo else {"training": torch.onnx.TrainingMode.PRESERVE}
    path = exported(net, tmp_path / "net.onnx", dynamo, **keep)
    if not dynamo:
        assert sum(n.op_type == "BatchNormalization" for n in onnx.load(path).graph.node) == 3
    assert apart(net, incoming.read(path).model) < FLOAT


def test_a_clip_at_the_end_goes(tmp_path):
    net = seeded(Named())
    found = incoming.read(exported(Ended(net), tmp_path / "net.onnx"))
    assert apart(net, found.model) < FLOAT  # without it: pixels saturate
    assert "the output's clip to 0..1 left out: pixels saturate" in found.says
    path = exported(Ended(net, 0.0, 0.9), tmp_path / "low.onnx")
    with pytest.raises(ModelError, match=r"clipped to 0..0.9; allowed: 0..1, all pixels"):
        incoming.read(path)


def test_srcnn_says_no_scale(tmp_path):
    net = seeded(Srcnn())
    path = exported(net, tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="the scale is not in the file: an SRCNN works on enla"):
        incoming.read(path)
    found = incoming.read(path, Choice(scale=4))
    assert apart(net, found.model) < FLOAT and found.model.prescale == 4


def test_an_anchor(tmp_path):
    net = Anchored(seeded(Named(scale=3)), 3)
    found = incoming.read(exported(net, tmp_path / "net.onnx"))
    assert apart(net, found.model) < FLOAT and found.model.name == "d6s3m1f5l9p4a_x3"


@pytest.mark.parametrize(("opset", "dynamic"), [(13, False), (9, False), (9, True), (None, False)])
def test_a_pixel_shuffle_as_exporters_write_it(tmp_path, opset, dynamic):
    """DepthToSpace; before opset 11 in steps, of any size or of one; and the newer exporter's."""
    for scale, act in ((2, "leaky"), (3, "relu")):
        net, axes = seeded(Espcn(scale, act)), {"x": {0: "n", 2: "h", 3: "w"}}
        options = {"opset_version": opset, "input_names": ["x"]} if opset else {"dynamo": True}
        path = exported(net, tmp_path / f"{scale}.onnx", **options,
                        **{"dynamic_axes": axes} if dynamic else {})
        found = incoming.read(path)
        assert apart(net, found.model) < FLOAT and found.model.name == f"n5n4f5f3f3p_x{scale}"
        assert any("are a PixelShuffle" in line for line in found.says) == (opset == 9)


def test_depth_to_space_of_either_mode(tmp_path):
    net = seeded(Espcn())
    path = edited(exported(net, tmp_path / "net.onnx"),
                  lambda m: attribute(m, "DepthToSpace", "mode", "DCR"))
    assert apart(net, incoming.read(path).model) < FLOAT


@pytest.mark.parametrize("early", [False, True])
def test_an_anchor_of_a_pixel_shuffle(tmp_path, early):
    """The LR pixel, repeated behind the PixelShuffle, or added to each sum, as ECBSR does."""
    net = seeded(Espcn(3))
    net = Early(net) if early else Anchored(net, 3)
    found = incoming.read(exported(net, tmp_path / "net.onnx"))
    assert apart(net, found.model) < FLOAT and found.model.name == "n5n4f5f3f3pa_x3"


@pytest.mark.parametrize("spoil", [
    lambda m: attribute(m, "Transpose", "perm", [0, 1, 2, 4, 3, 5]),
    lambda m: attribute(m, "Transpose", "perm", [0, 1, 4, 3, 5, 2]),
    lambda m: node(m, "Reshape", 1).input.__setitem__(1, node(m, "Reshape").input[1]),
    lambda m: m.graph.node.insert(1, helper.make_node(  # that nothing uses
        "Transpose", [node(m, "Conv").output[0]], ["dead"], perm=[0, 1, 3, 2]))])
def test_other_orders_are_no_pixel_shuffle(tmp_path, spoil):
    path = exported(seeded(Espcn()), tmp_path / "net.onnx", opset_version=9)
    with pytest.raises(ModelError, match="acts on a feature map"):
        incoming.read(edited(path, spoil))


def test_our_own_file_comes_back_as_it_was():
    folder = SHIPPED / "fsrcnnx-a_x2"
    found = incoming.read(folder / "model_float.onnx")
    assert found.divisor == 256 and found.model.name == "fsrcnnx-a_x2"
    ours = store.load(folder / "weights.pth").state_dict()
    assert all((value == ours[key]).all() for key, value in found.model.state_dict().items())


def as_inputs(model):
    """Weights listed as inputs too, as of IR version 3."""
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(
            tensor.name, tensor.data_type, tensor.dims))


def as_constants(model):
    """Weights as Constant nodes, one of them through a Reshape."""
    graph = model.graph
    for tensor in list(graph.initializer):
        made = tensor.name
        if len(tensor.dims) == 1 and not made.endswith("_flat"):
            graph.node.insert(0, helper.make_node("Reshape", [f"{made}_flat", "to"], [made]))
            tensor.name = f"{made}_flat"
        graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], value=tensor))
    del graph.initializer[:]
    graph.initializer.append(numpy_helper.from_array(np.int64([-1]), "to"))


def identities(model):
    """An Identity behind every node, and a Dropout."""
    for node in list(model.graph.node):
        was = node.output[0]
        node.output[0] = f"{was}_was"
        at = list(model.graph.node).index(node) + 1
        model.graph.node.insert(at, helper.make_node("Identity", [f"{was}_was"], [was]))


def half_weights(model):
    """Weights in half precision, cast where they are used."""
    graph = model.graph
    for tensor in graph.initializer:
        value = numpy_helper.to_array(tensor).astype(np.float16)
        graph.node.insert(0, helper.make_node("Cast", [f"{tensor.name}_h"], [tensor.name], to=1))
        tensor.CopyFrom(numpy_helper.from_array(value, f"{tensor.name}_h"))


@pytest.mark.parametrize("edit", [as_inputs, as_constants, identities, half_weights])
def test_other_forms_of_the_same(tmp_path, edit):
    net = seeded(Named())
    for value in net.parameters():  # what half precision holds
        value.data = value.data.half().float()
    path = edited(exported(net, tmp_path / "net.onnx"), edit)
    assert apart(net, incoming.read(path).model) < FLOAT


def test_a_file_of_half_precision(tmp_path):
    net = seeded(Named())
    for value in net.parameters():
        value.data = value.data.half().float()

    def halve(model):
        for tensor in model.graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(
                numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
        del model.graph.value_info[:]
    found = incoming.read(edited(exported(net, tmp_path / "net.onnx"), halve))
    assert apart(net, found.model) < FLOAT and "float16 made float32" in found.says


def test_shared_initializers(tmp_path):
    net = seeded(Named(m=3))
    net.mid_part[4] = net.mid_part[2]  # one module in two places
    path = exported(net, tmp_path / "net.onnx")
    assert apart(net, incoming.read(path).model) < FLOAT


def node(model, op, at=0):
    return [entry for entry in model.graph.node if entry.op_type == op][at]


def behind(model, op, **attributes):
    """An operator behind the first layer."""
    conv = node(model, "Conv")
    was, conv.output[0] = conv.output[0], "odd"
    model.graph.node.insert(list(model.graph.node).index(conv) + 1,
                            helper.make_node(op, ["odd"], [was], "here", **attributes))


def laid(model, op):
    """A DepthToSpace behind a layer."""
    layer = node(model, op)
    was, layer.output[0] = layer.output[0], "sums"
    model.graph.node.insert(list(model.graph.node).index(layer) + 1, helper.make_node(
        "DepthToSpace", ["sums"], [was], "laid", blocksize=2))


def skip(model):
    """What a layer gives, added to what a later one gives."""
    first, second = node(model, "Conv", 1), node(model, "Conv", 2)
    was, second.output[0] = second.output[0], "late"
    model.graph.node.insert(list(model.graph.node).index(second) + 1, helper.make_node(
        "Add", ["late", first.output[0]], [was], "here"))


def attribute(model, op, name, value):
    entry = node(model, op)
    kept = [a for a in entry.attribute if a.name != name]
    del entry.attribute[:]
    entry.attribute.extend([*kept, helper.make_attribute(name, value)])


@pytest.mark.parametrize(("edit", "says"), [
    (lambda m: behind(m, "Tanh"),
     r"here \(Tanh\): unsupported operator Tanh; allowed.*fix: train it with ReLU, LeakyReLU"),
    (lambda m: behind(m, "ReduceMax"), "unsupported operator ReduceMax.*fix: .*edge-SR has one"),
    (lambda m: behind(m, "Relu"), "found where a layer should be"),
    (lambda m: attribute(m, "Conv", "group", 3), "attribute group is 3; allowed: 1"),
    (lambda m: attribute(m, "Conv", "pads", [0] * 4), r"attribute pads is \[0, 0, 0, 0\]"),
    (lambda m: attribute(m, "ConvTranspose", "output_padding", [0, 0]),
     r"attribute output_padding is \[0, 0\]; allowed: \[1, 1\]"),
    (lambda m: (attribute(m, "ConvTranspose", "strides", [8, 8]), attribute(
        m, "ConvTranspose", "output_padding", [7, 7])), "scale 8; allowed: 2, 3, 4"),
    (lambda m: m.graph.input[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", 3),
     r"has shape .1, 3, 12, 10.; allowed: .N, 1, H, W."),
    (lambda m: laid(m, "ConvTranspose"), r"\(ConvTranspose\): a DepthToSpace behind it; allowed"),
    (lambda m: laid(m, "Conv"), "a DepthToSpace before the last layer, or a second one"),
    (lambda m: skip(m), r"here \(Add\): adds feature maps; .*fix: a skip is taken in networks"),
    (lambda m: node(m, "PRelu").input.__setitem__(1, m.graph.input[0].name), "is not a constant"),
])
def test_what_does_not_fit_names_its_node(tmp_path, edit, says):
    path = exported(seeded(Named()), tmp_path / "net.onnx")
    with pytest.raises(ModelError, match=says) as caught:
        incoming.read(edited(path, edit))
    assert len(str(caught.value)) < 600


def test_a_scale_that_the_file_says_otherwise(tmp_path):
    path = exported(seeded(Named(scale=3)), tmp_path / "net.onnx")
    for choice, says in ((Choice(scale=2), "--scale 2; allowed: 3, the stride"),
                         (Choice(padding=3), "padding 3; allowed: 4, as the file says")):
        with pytest.raises(ModelError, match=says):
            incoming.read(path, choice)


def test_a_network_that_differs_from_its_file_is_caught(tmp_path, monkeypatch):
    path = exported(normed(seeded(Named())), tmp_path / "net.onnx",
                    training=torch.onnx.TrainingMode.PRESERVE)
    scaled = sums.scaled
    monkeypatch.setattr(sums, "scaled", lambda one, factor, offset, node: scaled(
        one, factor, offset * 1.01, node))
    with pytest.raises(CheckError, match="its pixels differ from the file's by up to"):
        incoming.read(path)
