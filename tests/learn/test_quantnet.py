"""Rounding in training: the contract's values, a gradient, noise of the same power."""

import numpy as np
import pytest
import torch

from fsrcnnx.exact.formats import Format, quantise
from fsrcnnx.learn.quantnet import Noise, on_grid

TO = Format(True, 4, 2)  # -2 to 1.75 in quarters


def test_values_are_the_contracts():
    x = torch.linspace(-3, 3, 193, dtype=torch.float64)  # halves of a step among them
    want = quantise(x.numpy(), TO) * TO.step
    np.testing.assert_array_equal(on_grid(x, TO).numpy(), want)
    assert (want != np.floor(x.numpy() / TO.step + 0.5).clip(TO.lo, TO.hi) * TO.step).any()


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
