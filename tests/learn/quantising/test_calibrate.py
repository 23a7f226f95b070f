"""Formats chosen for values: the least error, or the finest that still covers them."""

import pytest
import torch

from fsrcnnx.learn.quantising.calibrate import covering_format, nearest_format


@pytest.mark.parametrize("bits", [3, 4, 6])
def test_a_few_large_values_take_the_range_by_error_but_not_by_cover(bits):
    values = torch.cat([torch.linspace(-0.2, 0.2, 95), torch.full((5,), 2.0)])
    by_error, by_cover = nearest_format(values, True, bits), covering_format(values, bits, 0.9)
    assert by_cover.frac > by_error.frac
    assert by_cover.hi * by_cover.step >= values.abs().quantile(0.9)
    finer = by_cover.hi * by_cover.step / 2
    assert finer < values.abs().quantile(0.9)


def test_what_must_be_reached_is_reached():
    to = covering_format(torch.full((8,), 0.01), 4, 0.9, least=0.25)
    assert to.hi * to.step >= 0.25 and to.frac == 4
