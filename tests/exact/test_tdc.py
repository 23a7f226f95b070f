"""TDC gathers what the golden model scatters, and what it convolves and shuffles."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsrcnnx.exact import golden, tdc
from tests.networks import random_layer

LEGAL = [(k, s, p) for k in range(1, 10) for s in range(1, 5) for p in range(k + s)
         if 0 <= s - k + 2 * p < s]


def _layer(kernel, stride, padding, seed=0):
    return random_layer(np.random.default_rng(seed), "d", 2, 2, kernel, stride=stride,
                        kind="deconv", padding=padding)


@pytest.mark.parametrize(("kernel", "stride", "padding"), LEGAL)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 6), width=st.integers(1, 6))
def test_gather_equals_scatter(kernel, stride, padding, seed, height, width):
    layer = _layer(kernel, stride, padding, seed)
    x = np.random.default_rng(seed).integers(-128, 128, (height, width, 2))
    np.testing.assert_array_equal(tdc.gather(x, layer), golden.deconvolve(x, layer))


@pytest.mark.parametrize(("kind", "stride"), [("conv", 1), ("shuffle", 2), ("shuffle", 3)])
@given(seed=st.integers(0, 2**32 - 1), kernel=st.sampled_from([1, 3, 5]),
       height=st.integers(1, 6), width=st.integers(1, 6))
def test_phases_of_the_other_kinds(kind, stride, seed, kernel, height, width):
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, "l", 2, 3, kernel, stride=stride, kind=kind)
    layer = replace(layer, bias=rng.integers(-1000, 1000, layer.bias.shape))
    x = rng.integers(-128, 128, (height, width, 2))
    np.testing.assert_array_equal(tdc.gather(x, layer), golden.accumulate(x, layer))
    assert tdc.window(layer) == (kernel, kernel // 2)


@pytest.mark.parametrize(("kernel", "stride", "padding"), LEGAL)
def test_every_tap_is_used_once(kernel, stride, padding):
    layer = _layer(kernel, stride, padding)
    assert sum(phase.weight.size for phase in tdc.phases(layer)) == layer.weight.size


def test_the_default_deconvolution_has_1_2_2_4_taps():
    phases = tdc.phases(_layer(3, 2, 1))
    assert [phase.weight[0, 0].size for phase in phases] == [1, 2, 2, 4]
    assert tdc.window(_layer(3, 2, 1)) == (2, 0)


def test_swapped_phases_are_seen():
    layer = _layer(3, 2, 1)
    x = np.random.default_rng(1).integers(-128, 128, (4, 4, 2))
    got = tdc.gather(x, layer)
    got[0::2, 0::2], got[0::2, 1::2] = got[0::2, 1::2].copy(), got[0::2, 0::2].copy()
    assert (got != golden.deconvolve(x, layer)).any()


def test_a_phase_without_taps_reaches_from_the_pixel_itself():
    assert tdc.reach(kernel=1, stride=2, padding=0, phase=1) == tdc.Reach(0, ())
