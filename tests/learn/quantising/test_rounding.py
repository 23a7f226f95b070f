"""Staircases: start near the weights, end on the grid, better than on its nearest value."""

import copy
from dataclasses import replace

import pytest
import torch

from fsrcnnx.exact.formats import Format
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import fitted_formats
from fsrcnnx.learn.quantising.quantnet import QuantNet, grid, on_grid, qat_run, to_network
from fsrcnnx.learn.quantising.rounding import FLAT, STEEP, Staircase, settle, soften, steepness
from fsrcnnx.learn.training.fit import WARM_UP

STEPS = 60


@pytest.fixture
def x():
    """Noise, (4, 1, 12, 12)."""
    return torch.randint(256, (4, 1, 12, 12), generator=torch.Generator().manual_seed(1)) / 256


@pytest.fixture
def module(x, equalised):
    """A network of 3-bit weights."""
    model = equalised(x)
    return QuantNet(model, fitted_formats(model, uniform(model, Bits(3, 8))))


def weights(module):
    """Weights by layer name, as the module has them."""
    return {name: getattr(module.model, name).weight.detach().clone() for name in module.formats}


def test_stairs_get_steeper_as_the_rate_falls():
    """By torch's own cycle, as the training loop makes it."""
    steps, peak = 400, 5e-3
    optimiser = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, peak, steps, pct_start=WARM_UP)
    rates, slopes = [], []
    for count in range(steps):
        rates.append(cycle.get_last_lr()[0] / peak)
        slopes.append(float(steepness(torch.tensor(count), steps)))
        optimiser.step()
        cycle.step()
    rising = int(WARM_UP * steps)
    assert slopes[:rising] == [FLAT] * rising and slopes[-1] == STEEP
    assert slopes == sorted(slopes)
    assert sum(slope < 4 * FLAT for slope in slopes) > steps / 2  # late, that is
    for rate, slope in zip(rates[rising:], slopes[rising:], strict=True):
        assert slope == STEEP or slope == pytest.approx(FLAT / rate ** 2, rel=0.1)


@pytest.mark.parametrize("digits", [0, 1])
def test_a_staircase_is_a_ramp_at_first_and_steps_at_last(digits):
    to = Format(True, 4, 3)
    points = grid(to, digits) * to.step
    weight = torch.linspace(-1.2, 1.2, 4001)
    stairs = Staircase(to, digits, STEPS)
    inside = weight.clamp(points[0], points[-1])
    widest = (points[1:] - points[:-1]).max()
    assert (stairs(weight) - inside).abs().max() < 0.15 * widest
    stairs.count.fill_(STEPS)
    end = stairs(weight)
    settled = on_grid(weight, to, digits=digits)
    assert (end.diff() >= 0).all()
    assert ((end - settled).abs() > 1e-3 * to.step).float().mean() < 0.03
    stairs.eval()
    assert torch.equal(stairs(weight), settled) and len(settled.unique()) == len(points)


def test_the_grid_is_a_fixed_point_at_every_steepness():
    to = Format(True, 4, 3)
    stairs = Staircase(to, 0, STEPS)
    points = grid(to) * to.step
    for count in range(STEPS + 2):
        stairs.count.fill_(count)
        assert torch.equal(stairs(points), points.float())


def test_the_gradient_is_that_of_the_function():
    stairs = Staircase(Format(True, 4, 3), 0, 2).double()
    weight = torch.linspace(-0.9, 0.8, 31, dtype=torch.float64, requires_grad=True)
    stairs.count.fill_(1)
    slope = torch.autograd.grad(stairs(weight).sum(), weight)[0]
    stairs.count.fill_(1)
    above = stairs(weight + 1e-6)
    stairs.count.fill_(1)
    torch.testing.assert_close(slope, (above - stairs(weight - 1e-6)) / 2e-6, rtol=1e-3, atol=1e-3)
    assert STEEP > FLAT


def test_the_end_is_on_the_grid(module):
    before = weights(module)
    soften(module, STEPS)
    for name, value in weights(module.train()).items():
        to = module.formats[name].weight
        inside = before[name].clamp(to.lo * to.step, to.hi * to.step)
        torch.testing.assert_close(value, inside, atol=0.15 * to.step, rtol=0)
    settle(module)
    for name, value in weights(module).items():
        assert torch.equal(value, on_grid(before[name], module.formats[name].weight))


def test_layers_of_8_bits_round_straight_through(module):
    wide = replace(module.formats["deconv"], weight=Format(True, 8, 7))
    module.formats["deconv"] = wide
    soften(module, STEPS)
    assert "deconv" not in module.stairs and len(module.stairs) == len(module.formats) - 1
    layer = module.model.deconv
    rounded = on_grid(layer.weight, wide.weight)
    assert not torch.equal(layer.weight, rounded)
    bare, layer.weight.data = module.train()(torch.zeros(1, 1, 3, 3)), rounded.detach()
    assert torch.equal(module(torch.zeros(1, 1, 3, 3)), bare)
    settle(module)
    assert not module.stairs


def test_what_is_learned_is_better_than_the_nearest(module, x):
    with torch.no_grad():
        target = module.model(x)
        nearest = float(((module.eval()(x) - target) ** 2).mean())
    learned = copy.deepcopy(module)
    soften(learned, STEPS)
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
