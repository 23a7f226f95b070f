"""Learned rounding: starts at the weights, ends on the grid, is better than the nearest."""

import copy

import pytest
import torch

from fsrcnnx.learn import models
from fsrcnnx.learn.calibrate import Bits, uniform
from fsrcnnx.learn.equalise import equalise, fitted_formats
from fsrcnnx.learn.quantnet import QuantNet, on_grid, qat_run, to_network
from fsrcnnx.learn.rounding import choose_rounding, settle

STEPS = 60


@pytest.fixture
def x():
    """Noise, (4, 1, 12, 12)."""
    return torch.randint(256, (4, 1, 12, 12), generator=torch.Generator().manual_seed(1)) / 256


@pytest.fixture
def module(x):
    """A network of 3-bit weights."""
    generator = torch.Generator().manual_seed(2)
    model = models.build("d6s4m1f3l3a_x2", generator=generator)
    with torch.no_grad():
        model.deconv.weight.normal_(0, 0.1, generator=generator)
    equalise(model, x)
    return QuantNet(model, fitted_formats(model, uniform(model, Bits(3, 8))))


def weights(module):
    """Weights by layer name, as the module has them."""
    return {name: getattr(module.model, name).weight.detach().clone() for name in module.formats}


def test_the_start_is_the_weights_and_the_end_is_on_the_grid(module, x):
    before = weights(module)
    choose_rounding(module, STEPS)
    for name, value in weights(module.train()).items():
        to = module.formats[name].weight
        inside = before[name].clamp(to.lo * to.step, to.hi * to.step)
        torch.testing.assert_close(value, inside, atol=1e-3 * to.step, rtol=1e-3)
    settle(module)
    for name, value in weights(module).items():
        to = module.formats[name].weight
        assert torch.equal(value, on_grid(value, to))
        assert (value - before[name].clamp(to.lo * to.step, to.hi * to.step)).abs().max() < to.step


def test_what_is_learned_is_better_than_the_nearest(module, x):
    with torch.no_grad():
        target = module.model(x)
        nearest = float(((module.eval()(x) - target) ** 2).mean())
    learned = copy.deepcopy(module)
    choose_rounding(learned, STEPS)
    optimiser = torch.optim.Adam(learned.parameters(), lr=3e-2)
    for _ in range(STEPS):
        optimiser.zero_grad()
        ((learned.train()(x) - target) ** 2).mean().backward()
        optimiser.step()
    with torch.no_grad():
        before = learned.eval()(x)
        assert torch.equal(before, learned(x))  # evaluation does not count as a step
        settle(learned)
        assert torch.equal(learned(x), before)
        assert float(((before - target) ** 2).mean()) < 0.7 * nearest
    lr = (x[0, 0] * 256).numpy().astype("uint8")
    assert qat_run(learned, lr).shape == (24, 24)
    assert to_network(learned).layers[0].weight_format.width == 3
