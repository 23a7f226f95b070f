"""Slopes: few signed digits by law, no dearer than allowed, and what is held stays."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fsrcnnx.exact.formats import adders, signed_digits
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising import slopes as slimming
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import equalise, fitted_formats
from fsrcnnx.learn.quantising.picture import carry_picture
from fsrcnnx.learn.quantising.quadratic import Quadratic, curvature
from fsrcnnx.learn.quantising.quantnet import QuantNet, on_grid, to_network
from fsrcnnx.learn.quantising.slopes import Slopes, limited, slim, usual_digits
from fsrcnnx.learn.training.fit import Batches
from fsrcnnx.learn.training.losses import joint_error

PLANTED = 21 / 32  # 21 = 16 + 4 + 1: three digits


@pytest.fixture
def batches(monkeypatch):
    """A few batches of noise, and of noise enlarged."""
    monkeypatch.setattr(slimming, "BATCHES", 6)
    generator = torch.Generator().manual_seed(1)
    lr = torch.randint(256, (12, 8, 8), generator=generator, dtype=torch.uint8)
    return Batches(lr, lr.repeat_interleave(2, 1).repeat_interleave(2, 2), 4, generator)


@pytest.fixture
def module(equalised, batches):
    """A small network whose slopes have three digits each."""
    model = equalised(batches.lr[:, None] / 256)
    with torch.no_grad():
        for act in model.act.values():
            act.weight.fill_(PLANTED)
    return QuantNet(model, fitted_formats(model, uniform(model, Bits(4, 8)))).eval()


def over(network, digits):
    """Layers with a slope of more digits."""
    return [layer.name for layer in network.layers
            if layer.slope is not None and (signed_digits(layer.slope) > digits).any()]


def price(network):
    """Adders of all slopes."""
    return sum(int(adders(layer.slope).sum()) for layer in network.layers[:-1])


def run(module, batches, digits=2, score=lambda: 30.0):
    """What was kept, and the dB at the end."""
    kept = []
    return kept, slim(module, digits, batches, score, kept.append, "test", progress=False)


@given(st.integers(-(1 << 40), 1 << 40))
def test_adders_are_those_of_the_canonical_form(raw):
    places, left = [], raw
    while left:
        digit = 2 - left % 4 if left % 2 else 0
        places.append(digit)
        left = (left - digit) // 2
    assert int(adders(np.int64(raw))) == sum(map(abs, places)) - (1 in places)


@pytest.mark.parametrize("digits", [1, 2])
def test_no_slope_has_more_digits_than_it_may(module, batches, digits):
    before = to_network(module)
    assert over(before, 2) == module.model.names[:-1] and not limited(module, digits)
    weights = {name: getattr(module.model, name).weight.clone() for name in module.model.names}
    kept, end = run(module, batches, digits)
    network = to_network(module)
    assert kept == [30.0] and end == 30.0 and limited(module, digits)
    assert not over(network, digits) and price(network) < price(before)
    for name, weight in weights.items():
        assert torch.equal(weight, getattr(module.model, name).weight)
    network.layers[1].slope[0] = 21
    assert over(network, digits) == [network.layers[1].name]


def test_formats_round_a_planted_slope_of_three_digits(module):
    rows = {name: replace(row, slope_digits=2 if row.slope else 0)
            for name, row in module.formats.items()}
    network = to_network(QuantNet(module.model, rows))
    assert not over(network, 2)
    assert {int(slope) for layer in network.layers[:-1] for slope in layer.slope} == {20}
    x = torch.rand(1, 1, 6, 7)
    assert not torch.equal(QuantNet(module.model, rows)(x), module(x))


def test_what_costs_too_much_is_taken_back(module, batches):
    other, start = copy.deepcopy(module), batches.generator.get_state()
    few = 30.0 - 1.5 * slimming.LOST
    scores = iter([30.0, 29.5, few, 29.995, few, 29.9])
    kept, _ = run(module, batches, 2, lambda: next(scores))
    assert kept == [29.995]  # the first must be; then the third is the last that may
    assert not list(scores)
    batches.generator.set_state(start)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slimming, "PRICES", slimming.PRICES[:3])
        run(other, batches)
    assert to_network(module).content_hash() == to_network(other).content_hash()


def test_what_must_be_and_costs_too_much_is_said(module, batches, caplog):
    scores = iter([30.0, 29.5, 29.4])  # and no more
    assert run(module, batches, 2, lambda: next(scores)) == ([29.5], 29.5)
    assert "slopes of 2 signed digits cost 0.500 dB" in caplog.text


def test_gradients_of_slopes_are_those_of_autograd(module):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        module.model.act["map1"].weight[0] = 0
    slopes = Slopes(module, 2)
    x, y = torch.rand(4, 1, 6, 6, generator=generator), torch.rand(4, 1, 12, 12,
                                                                  generator=generator)
    gradient, _ = curvature(module, slopes.gradients, lambda: (x, y), 1, generator, lambda: None)
    parts = [part.stored.requires_grad_() for part in (*slopes.slopes, *slopes.biases)]
    want = torch.cat([part.flatten() for part in torch.autograd.grad(joint_error(module(x), y),
                                                                     parts)])
    torch.testing.assert_close(gradient.float(), want, rtol=1e-3, atol=1e-6)
    assert (want != 0).sum() > 20


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cost", [0.0, 1e-3, 1.0])
def test_no_single_change_pays_where_choosing_ends(module, seed, cost):
    slopes, generator = Slopes(module, 2), torch.Generator().manual_seed(seed)
    start, biases = slopes.get()
    size = len(start) + len(biases)
    root = torch.randn(size, size + 2, generator=generator, dtype=torch.float64)
    gradient = torch.randn(size, generator=generator, dtype=torch.float64)
    model = Quadratic(gradient * 0.1, root @ root.T / size, len(start))
    moved = slopes.choose(model, start, cost)

    def whole(moved):
        raw = np.rint(((start + moved) * 32).numpy()).astype(int)
        assert (signed_digits(raw) <= 2).all()
        return float(model.gradient @ moved + moved @ model.curvature @ moved / 2
                     + cost * adders(raw).sum())

    least = whole(moved)
    for at in range(len(start)):
        for value in slopes.values[at]:
            other = moved.clone()
            other[at] = value - start[at]
            assert whole(other) > least - 1e-9
    if cost == 1.0:
        slopes.set(start + moved, biases)
        assert slopes.count() == price(to_network(module)) < len(start)


def test_slopes_that_carry_the_picture_stay(batches):
    model = models.build("fsrcnn-x_x2", generator=torch.Generator().manual_seed(3))
    x, bits = batches.lr[:, None] / 256, uniform(model, Bits(4, 8))
    equalise(model, x, kept=True)
    carried = carry_picture(model, x, bits)
    module = QuantNet(model, fitted_formats(model, bits, least=carried.weights)).eval()
    carried.freeze(module.model)
    run(module, batches)
    for name in model.names[:-1]:
        own, layer = carried.channels[name], getattr(module.model, name)
        assert (module.model.act[name].weight[own] == 1).all()
        assert (layer.bias[own[1:]] == layer.bias[own[0]]).all()
    assert not over(to_network(module), 2)


def test_digits_are_limited_where_weights_have_few_bits():
    assert usual_digits([Bits(4, 8), Bits()]) == usual_digits([Bits(7, 8)]) == 2
    assert usual_digits([Bits(8, 8, 8, 2)]) == 2
    assert usual_digits([Bits(), Bits(16, 16)]) == 0


def test_digits_of_slopes_and_of_weights_are_apart(module):
    rows = {name: replace(row, digits=1) for name, row in module.formats.items()}
    other = QuantNet(module.model, rows)
    slope = to_network(other).layers[0].slope
    assert (signed_digits(slope) == 3).all()
    weight = on_grid(module.model.map1.weight, rows["map1"].weight, digits=1)
    raw = (weight / rows["map1"].weight.step).detach().numpy().astype(int)
    assert (signed_digits(raw) <= 1).all()
