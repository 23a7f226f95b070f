"""The quadratic model: its derivatives are those of the loss, its moves the best there are."""

import itertools

import pytest
import torch
from torch import nn

from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import fitted_formats
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quadratic import DAMPING, Quadratic, curvature, weight_gradients
from fsrcnnx.learn.quantising.quantnet import QuantNet
from fsrcnnx.learn.training.losses import ERROR_FLOOR, joint_error


@pytest.mark.parametrize("layer", [
    nn.Conv2d(3, 2, 1), nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(1, 2, 5, padding=2),
    nn.ConvTranspose2d(3, 1, 3, 2, 1, 1), nn.ConvTranspose2d(2, 1, 3, 3, 0, 0),
    nn.ConvTranspose2d(2, 1, 4, 2, 1, 0), nn.ConvTranspose2d(2, 1, 9, 2, 4, 1),
    nn.ConvTranspose2d(2, 2, 9, 4, 4, 3)], ids=str)
def test_gradients_of_each_sample_are_those_of_autograd(layer):
    x = torch.randn(3, layer.in_channels, 5, 7)
    out = layer(x)
    gradient = torch.randn_like(out)
    got = weight_gradients(layer, x, gradient)
    for sample in range(3):
        want, = torch.autograd.grad(out, layer.weight, gradient * (
            torch.arange(3) == sample)[:, None, None, None], retain_graph=True)
        torch.testing.assert_close(got[sample], want.flatten(), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_model_is_that_of_the_loss():
    """Against autograd: the gradient exactly, the curvature within what few signs allow."""
    generator = torch.Generator().manual_seed(1)
    model = models.build("d2s1m1f3l3a_x2", generator=generator)
    module = QuantNet(model, fitted_formats(model, uniform(model, Bits(4, 12)))).eval()
    variables = Variables(module)
    x, y = torch.rand(4, 1, 6, 6, generator=generator), torch.rand(4, 2, 12, 12,
                                                                  generator=generator)
    gradient, bend = curvature(module, variables.gradients, lambda: (x, y), 1500, generator,
                               lambda: None)

    parts = [part.stored.requires_grad_() for part in (*variables.weights, *variables.biases)]
    hr = module(x)
    want = torch.cat([part.flatten() for part in torch.autograd.grad(joint_error(hr, y), parts,
                                                                     retain_graph=True)])
    torch.testing.assert_close(gradient.float(), want, rtol=1e-3, atol=1e-6)
    exact = 0.0
    for sample in range(len(x)):
        rows = torch.stack([torch.cat([part.flatten() for part in torch.autograd.grad(
            pixel, parts, retain_graph=True)]) for pixel in hr[sample].flatten()])
        error = ((hr[sample] - y[sample]) ** 2).mean() + ERROR_FLOOR
        exact = exact + (2 / len(rows) / error * rows.T @ rows).detach() / len(x)
    size = exact.diagonal().sqrt()
    alive = size > 1e-6
    off = ((bend.float() - exact) / (size[:, None] * size))[alive][:, alive]
    assert alive.sum() > 20 and off.abs().max() < 0.15


def quadratic(weights, biases, seed):
    """A random model with ties between its variables."""
    generator = torch.Generator().manual_seed(seed)
    size = weights + biases
    root = torch.randn(size, size + 2, generator=generator, dtype=torch.float64)
    bend, slope = root @ root.T / size, torch.randn(size, generator=generator, dtype=torch.float64)
    return Quadratic(slope, bend, weights), slope, bend + DAMPING * torch.diag(bend.diagonal())


@pytest.mark.parametrize("seed", range(6))
def test_biases_take_their_best_values(seed):
    model, slope, bend = quadratic(5, 3, seed)
    moved = torch.randn(5, dtype=torch.float64)
    best = torch.cat([moved, model.answer(moved)])
    assert (slope + bend @ best)[5:].abs().max() < 1e-9
    whole = slope @ best + best @ bend @ best / 2
    still = torch.cat([torch.zeros(5, dtype=torch.float64), model.answer(torch.zeros(5).double())])
    alone = slope @ still + still @ bend @ still / 2
    inside = model.gradient @ moved + moved @ model.curvature @ moved / 2
    torch.testing.assert_close(whole - alone, inside)


@pytest.mark.parametrize("seed", range(6))
def test_two_moves_are_the_best_that_there_are_for_each_weight(seed):
    model, _, _ = quadratic(7, 2, seed)
    ways = torch.tensor([[0.3], [-0.3]], dtype=torch.float64).repeat(1, 7)
    ways[0, 0] = 0  # at the end of its grid

    def gain(moved):
        return float(model.gradient @ moved + moved @ model.curvature @ moved / 2)

    singles, pairs = [], []
    for count, found in ((1, singles), (2, pairs)):
        for at in itertools.combinations(range(7), count):
            for way in itertools.product((0, 1), repeat=count):
                moved = torch.zeros(7, dtype=torch.float64)
                moved[list(at)] = ways[list(way), list(at)]
                found.append(gain(moved))
    moved = model.choose(ways, 2)
    assert moved[0] <= 0
    if min(pairs) / 2 < min(singles):
        assert gain(moved) == pytest.approx(min(pairs))
    else:
        assert gain(model.choose(ways, 1)) == pytest.approx(min(singles))
    every = model.choose(ways, 7)
    assert gain(every) <= gain(moved) and (every != 0).sum() <= 7


def test_moves_that_pay_only_together_are_found():
    bend = torch.tensor([[1.0, -0.9], [-0.9, 1.0]], dtype=torch.float64)
    slope = torch.tensor([-0.3, -0.3], dtype=torch.float64)
    whole = torch.block_diag(bend, torch.eye(1, dtype=torch.float64))
    model = Quadratic(torch.cat([slope, torch.zeros(1, dtype=torch.float64)]), whole, 2)
    ways = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    assert (slope + bend.diagonal() / 2 > 0).all()  # neither pays alone
    assert model.choose(ways, 2).tolist() == [1, 1]
    assert model.choose(ways, 1).tolist() == [0, 0]


def test_one_move_may_be_made_where_a_pair_would_be_better():
    model = Quadratic(torch.tensor([-0.9, -1.0, 0.0], dtype=torch.float64),
                      torch.tensor([[1.0, -0.5, 0], [-0.5, 1.0, 0], [0, 0, 1]]).double(), 2)
    ways = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    assert model.choose(ways, 1).tolist() == [0, 1]
    assert model.choose(ways, 2).tolist() == [1, 1]


def test_a_weight_moves_once():
    bend = 0.01 * torch.eye(3, dtype=torch.float64)
    model = Quadratic(torch.tensor([-9.0, -0.1, 0.0], dtype=torch.float64), bend, 2)
    ways = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    assert model.choose(ways, 2).tolist() == [1, 1]
    ways[0, 0] = 0  # it is at the end of its grid
    assert model.choose(ways, 2).tolist() == [0, 1]


def test_nothing_moves_at_the_best_point():
    model, _, _ = quadratic(6, 2, 1)
    model.gradient.zero_()
    assert not model.choose(torch.tensor([[1.0], [-1.0]]).double().repeat(1, 6), 6).any()
