"""The family: sizes as published, a start at nearest-neighbour upscaling, integers that agree."""

import numpy as np
import pytest
import torch

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.quantnet import LayerFormats, QuantNet, qat_run, to_network


@pytest.mark.parametrize(("name", "macs", "parameters"), [
    ("fsrcnn-x_x2", 3558, 3723), ("fsrcnn_x2", 12464, 12809), ("fsrcnn-s_x2", 3937, 4086),
    ("fsrcnnx-a_x2", 3492, 3647), ("srcnn_x2", 4 * 8032, 8225), ("srcnn_x3", 9 * 8032, 8225),
    ("srcnn-955_x4", 16 * 57184, 57377), ("n4n3f5f1f3_x2", 4 * 139, 154),
    ("espcn_x3", 22624, 22825), ("espcn-s_x2", 3524, 3596), ("n4t3f5f3t3p_x2", 532, 560)])
def test_sizes(name, macs, parameters):
    model = models.build(name)
    assert model.macs == macs
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("name", models.MODELS)
@torch.no_grad()
def test_training_starts_at_nearest_neighbour_upscaling(name):
    """Of what comes in: for an SRCNN, the enlarged picture itself."""
    model = models.build(name)
    x = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(1))
    repeated = x.repeat_interleave(model.scale, 2).repeat_interleave(model.scale, 3)
    hr = model(x)
    assert hr.shape == repeated.shape
    assert (hr - repeated).abs().max() < 0.05
    assert (hr - 1.1 * repeated).abs().max() > 0.05


def test_what_is_not_defined_is_said_so():
    with pytest.raises(ModelError, match="not defined at scale 4: its convolution is 3x3, "):
        models.build("fsrcnn-x_x4")
    with pytest.raises(ModelError, match=r"unknown model 'vdsr_x2'; allowed: fsrcnn-x_x2/3,"):
        models.build("vdsr_x2")
    with pytest.raises(ModelError, match="its convolutions are 9, 2 and 5 wide"):
        models.build("n8n4f9f2f5_x2")
    with pytest.raises(ModelError, match="unknown model 'n8n4f9f1f5_x5'"):
        models.build("n8n4f9f1f5_x5")


def test_a_shape_can_be_spelt_out():
    assert models.find("d16s9m4f3l3a_x2") == models.find("fsrcnnx-a_x2")
    model = models.build("d5s4m1f5l6_x3")
    assert model(torch.rand(1, 1, 4, 5)).shape == (1, 1, 12, 15) and not model.anchor


@pytest.mark.parametrize("name", ["d0s4m1f3l3_x2", "d5s4m1f4l3_x2", "d5s4m1f3l2_x3",
                                  "d5s4m1f3l9_x5", "d5s4_x2", "n0n4f3f3f3_x2", "n4n4f3f2f3_x2",
                                  "n4n4f3f3p_x2", "n4f4f3p_x2", "n4n0f3f3f3p_x2", "f3p_x2"])
def test_a_shape_that_is_none_is_refused(name):
    with pytest.raises(ModelError, match="spell a shape out"):
        models.build(name)


@pytest.mark.parametrize("name", ["fsrcnnx-a_x2", "fsrcnnx-a_x3", "fsrcnn-s_x4", "fsrcnn_x3",
                                  "srcnn_x2", "n8n4f3f3f3_x3", "n8n4f5f3f1p_x3", "n6f3f3pa_x2"])
def test_the_quantised_module_equals_its_integer_network(name):
    generator = torch.Generator().manual_seed(3)
    model = models.build(name, generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    inner = LayerFormats(Format(True, 8, 6), Format(True, 8, 6), Format(True, 8, 7))
    module = QuantNet(model, {label: inner if label in model.act
                              else LayerFormats(Format(True, 8, 7), None, PIXEL)
                              for label in model.names}).eval()
    lr = np.random.default_rng(2).integers(0, 256, (9, 6), dtype=np.uint8)
    hr = qat_run(module, lr)
    network = to_network(module)
    assert network.anchor == model.anchor
    assert (network.prescale, network.picture_scale) == (model.prescale, model.picture_scale)
    assert network.macs == model.macs and model.picture_scale == int(name[-1])
    np.testing.assert_array_equal(hr, golden.run(network, lr))
    assert len(np.unique(hr)) > 30


@pytest.mark.parametrize(("name", "says"), [
    ("d99999999s9999999m9999f3l3_x2", "10003 layers; allowed: up to 64"),
    ("d1025s1m1f3l3_x2", "1025 channels; allowed: up to 1024"),
    ("d9s1m1f33l3_x2", "33 pixels of a kernel's side; allowed: up to 31"),
    ("d1024s1024m1f3l3_x2", "11552768 weights; allowed: up to 4194304"),
    ("n1024n1024f31f31f31_x2", "weights; allowed"), ("n1t65f3t66p_x2", "66 layers; allowed"),
    (f"d{'9' * 5000}s1m1f3l3_x2", "characters"),
    ("d١s1m1f3l3_x2", "unknown model")])
def test_a_shape_beyond_the_limits_is_refused_before_it_is_made(monkeypatch, name, says):
    monkeypatch.setattr(models.Net, "__init__", lambda *_: pytest.fail("it was made"))
    with pytest.raises(ModelError, match=says) as caught:
        models.build(name, where="w.pth")
    assert str(caught.value).startswith("w.pth: ") and len(str(caught.value)) < 600


@pytest.mark.parametrize("name", [*models.MODELS, "d16s9m0f3l3a_x2", "n3n2f5f3f1pa_x4"])
def test_the_sizes_of_a_shape_are_those_of_its_network(name):
    model = models.build(name)
    sizes, layers = model.shape.sizes(model.scale), [getattr(model, layer) for layer in model.names]
    assert (sizes.layers, sizes.weights) == (len(layers), sum(x.weight.numel() for x in layers))
    assert sizes.channels == max(x.out_channels for x in layers)
    assert sizes.kernel == max(x.kernel_size[0] for x in layers)
