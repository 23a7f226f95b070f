"""The fast operators have the values and the gradients of torch's own."""

import pytest
import torch
from torch.nn import functional

from fsrcnnx.learn.operators import prelu, to_one


def gradients(run, *inputs):
    """Output and gradients of a function under a fixed weighting of its output."""
    leaves = [value.clone().requires_grad_() for value in inputs]
    y = run(*leaves)
    weighting = torch.randn(y.shape, generator=torch.Generator().manual_seed(9), dtype=y.dtype)
    (y * weighting).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves)]


@pytest.fixture
def noise():
    """A maker of float64 noise."""
    generator = torch.Generator().manual_seed(1)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_prelu(noise, layout):
    x, slope = noise(3, 5, 4, 6).contiguous(memory_format=layout), noise(5)
    x[0, 0, 0, 0] = 0
    want, got = gradients(functional.prelu, x, slope), gradients(prelu, x, slope)
    assert torch.equal(got[0], want[0])
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize(("kernel", "height", "width"), [
    (1, 3, 2), (5, 7, 9), (5, 1, 1), (5, 1, 4), (9, 4, 3)])
def test_to_one(noise, kernel, height, width):
    inputs = noise(2, 4, height, width), noise(1, 4, kernel, kernel), noise(1)
    want = gradients(lambda x, w, b: functional.conv2d(x, w, b, padding=kernel // 2), *inputs)
    torch.testing.assert_close(gradients(to_one, *inputs), want)
    turned = gradients(lambda x, w, b: to_one(x, w.flip(3), b), *inputs)
    assert torch.allclose(turned[0], want[0]) == (kernel == 1 or width == 1)
