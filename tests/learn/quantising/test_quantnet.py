"""Rounding in training: the contract's values, a gradient, noise of the same power."""

import numpy as np
import pytest
import torch

from fsrcnnx.exact.formats import Format, quantise, signed_digits
from fsrcnnx.learn.quantising.noise import Noise
from fsrcnnx.learn.quantising.quantnet import on_grid

TO = Format(True, 4, 2)  # -2 to 1.75 in quarters


def test_values_are_the_contracts():
    x = torch.linspace(-3, 3, 193, dtype=torch.float64)  # halves of a step among them
    want = quantise(x.numpy(), TO) * TO.step
    np.testing.assert_array_equal(on_grid(x, TO).numpy(), want)
    assert (want != np.floor(x.numpy() / TO.step + 0.5).clip(TO.lo, TO.hi) * TO.step).any()


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_few_digits_are_the_nearest_there_are(digits):
    to = Format(True, 8, 7)
    x = torch.linspace(-1.1, 1.1, 977, dtype=torch.float64, requires_grad=True)
    y = on_grid(x, to, digits=digits)
    raw = (y.detach() / to.step).numpy()
    allowed = np.array([n for n in range(-128, 128) if signed_digits(n) <= digits])
    assert set(raw) == set(allowed)
    near = np.abs(x.detach().numpy()[:, None] / to.step - allowed).min(1)
    np.testing.assert_allclose(np.abs(x.detach().numpy() / to.step - raw), near)
    y.sum().backward()
    assert x.grad.sum() == ((x >= -1) & (x <= 127 / 128)).sum()


@pytest.mark.parametrize("noisy", [False, True])
def test_the_gradient_passes_where_nothing_saturates(noisy):
    x = torch.tensor([-5.0, -1.1, 0.3, 1.2, 4.0], requires_grad=True)
    noise = Noise(torch.Generator().manual_seed(1)) if noisy else None
    (on_grid(x, TO, noise) * torch.arange(1, 6)).sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 4, 0]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_noise_has_the_power_of_rounding_and_depends_on_the_generator_alone(layout, monkeypatch):
    x = torch.zeros(2, 6, 40, 50).to(memory_format=layout)
    y, z = (on_grid(x, TO, Noise(torch.Generator().manual_seed(seed))) for seed in (3, 4))
    again = on_grid(x, TO, Noise(torch.Generator().manual_seed(3)))
    assert y.abs().max() <= TO.step / 2
    assert y.var() == pytest.approx(TO.step**2 / 12, rel=0.05)
    assert torch.equal(y, again) and not torch.equal(y, z)
    assert y.is_contiguous(memory_format=layout)
    monkeypatch.setattr(Noise, "POOL", 100)  # a map larger than the pool
    small = on_grid(x, TO, Noise(torch.Generator().manual_seed(3)))
    assert small.var() == pytest.approx(TO.step**2 / 12, rel=0.05)
