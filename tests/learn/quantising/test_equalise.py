"""Equalisation keeps the function; the split picture halves the step of every map."""

from dataclasses import replace

import pytest
import torch

from fsrcnnx.exact.formats import Format
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import MAP_PEAK, equalise, fitted_formats, weight_peak
from fsrcnnx.learn.quantising.picture import split_picture
from fsrcnnx.learn.quantising.quantnet import QuantNet


@pytest.fixture
def x():
    """Smooth pictures over the whole range, (4, 1, 24, 24)."""
    coarse = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    fine = torch.nn.functional.interpolate(coarse, (24, 24), mode="bicubic")
    return (fine.clamp(0, 1) * 255).round() / 256


@pytest.fixture
def model():
    """Fresh weights, a little off their start, as training leaves them."""
    generator = torch.Generator().manual_seed(4)
    model = models.build("fsrcnn-x_x2", generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.01)
    return model.eval()


@torch.no_grad()
def test_equalisation_keeps_the_output_and_the_ranges(model, x):
    want = model(x)
    equalise(model, x)
    torch.testing.assert_close(model(x), want, atol=1e-5, rtol=1e-5)
    y = x
    for name in model.names[:-1]:
        layer = getattr(model, name)
        assert layer.weight.abs().max() <= weight_peak(model, name) * 1.0001
        y = model.act[name](layer(y))
        assert (y.abs() > MAP_PEAK * 1.0001).float().mean() < 0.001


@torch.no_grad()
def test_a_wrong_factor_would_be_seen(model, x):
    want = model(x)
    equalise(model, x)
    model.shrink.weight[:, 0] *= 1.01
    assert (model(x) - want).abs().max() > 1e-3


@torch.no_grad()
def test_the_split_picture_is_rounded_with_less_error(x):
    """A network that only blurs: bright and dark halves at half the step leave about a quarter of
    the power of the error."""
    blur = torch.tensor([[0.03, 0.07, 0.02], [0.06, 0.64, 0.05], [0.04, 0.06, 0.03]])
    power = {}
    for split in (False, True):
        model = models.build("fsrcnn-x_x2").eval()
        for name in model.names[:-1]:  # the picture alone
            getattr(model, name).weight[1:] *= 1e-3
        model.map1.weight[0, 0] = model.map2.weight[0, 0] = blur
        equalise(model, x)
        want = model(x)
        if split:
            assert split_picture(model, x, uniform(model, Bits())) == model.names[:-1]
        formats = fitted_formats(model, uniform(model, Bits(16, 8, 16)))
        formats["deconv"] = replace(formats["deconv"], out=Format(False, 16, 16))
        got = QuantNet(model, formats).eval()(x)
        power[split] = float(((got - want) ** 2).mean())
    assert 0.1 * power[False] < power[True] < 0.4 * power[False]


@torch.no_grad()
def test_maps_without_a_picture_stay_whole(model, x):
    equalise(model, x)
    model.map1.weight[0].neg_()
    model.map1.bias[0].neg_()
    assert split_picture(model, x, uniform(model, Bits())) == ["feature", "shrink"]
