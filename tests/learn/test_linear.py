"""Two convolutions as one: equal in every pixel, the borders too, or refused with the reason."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad

from fsrcnnx.learn.linear import Inexact, Linear, add, identity, then


def made(out, inner, kernel, bias=True, seed=1):
    rng = np.random.default_rng(seed + kernel)
    return Linear(rng.normal(size=(out, inner, kernel, kernel)),
                  rng.normal(size=out) if bias else np.zeros(out))


def run(linear, x, padding=None):
    around = linear.kernel // 2 if padding is None else padding
    return conv2d(x, torch.from_numpy(linear.weight), torch.from_numpy(linear.bias),
                  padding=around)


@pytest.mark.parametrize(("kernels", "bias", "bias_pads"), [
    ((3, 1), True, False), ((5, 1), True, False), ((1, 1), True, False), ((1, 3), False, False),
    ((1, 5), True, True)])
def test_a_fold_equals_both_in_every_pixel(kernels, bias, bias_pads):
    first, second = made(5, 2, kernels[0], bias), made(3, 5, kernels[1])
    for size in ((1, 1), (1, 6), (7, 8)):
        x = torch.randn(1, 2, *size, dtype=torch.float64)
        between = run(first, x)
        if bias_pads:  # what the 1x1 makes of zeros lies around it
            between = run(first, pad(x, [kernels[1] // 2] * 4))
        want = run(second, between, 0 if bias_pads else None)
        torch.testing.assert_close(run(then(first, second, bias_pads=bias_pads), x), want)


@pytest.mark.parametrize(("kernels", "says"), [
    ((3, 3), "3x3, then 3x3: between them is a border of zeros"),
    ((1, 3), "1x1 with a bias, then 3x3: it is padded by zeros")])
def test_what_differs_at_the_border_is_refused_and_does_differ(kernels, says):
    first, second = made(5, 2, kernels[0]), made(3, 5, kernels[1])
    with pytest.raises(Inexact, match=says):
        then(first, second)
    if kernels[0] == 1:  # the fold that is refused: right inside, wrong in the outermost pixels
        x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
        gap = (run(then(first, second, bias_pads=True), x) - run(second, run(first, x))).abs()
        assert gap[..., 1:-1, 1:-1].max() < 1e-12 < 1e-2 < gap[..., 0, :].max()


def test_branches_are_added():
    one, two = made(4, 4, 3).weight, made(1, 4, 1).weight
    x = torch.randn(1, 4, 5, 3, dtype=torch.float64)
    zero = np.zeros(4)
    torch.testing.assert_close(run(Linear(add(one, two), zero), x),
                               run(Linear(one, zero), x) + run(Linear(two, zero[:1]), x))
    torch.testing.assert_close(run(Linear(identity(4), zero), x), x)
