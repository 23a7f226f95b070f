"""Folds keep the rate, cover every product, and waste little."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.emit.rtl.fold import fold
from fsrcnnx.emit.rtl.lanes import lanes
from fsrcnnx.emit.rtl.plan import Build, make
from tests.networks import random_layer, random_network


@settings(max_examples=60)
@given(cycles=st.integers(1, 64), inputs=st.integers(1, 9), outputs=st.integers(1, 24),
       kernel=st.sampled_from([1, 3]))
def test_a_fold_covers_all_products_within_its_cycles(cycles, inputs, outputs, kernel):
    layer = random_layer(np.random.default_rng(0), "c", inputs, outputs, kernel)
    found = fold(layer, lanes(layer), cycles)
    assert found.cycles <= cycles
    assert found.outs * found.fold_out >= outputs > found.outs * (found.fold_out - 1)
    assert found.ins[0] * found.fold_in >= inputs * kernel**2
    products = found.outs * found.ins[0] * found.cycles
    assert products >= layer.macs


def test_one_cycle_means_one_multiplier_per_product():
    layer = random_layer(np.random.default_rng(0), "c", 3, 4, 3, prelu=False)
    assert fold(layer, lanes(layer), 1).multipliers == layer.macs


def test_a_deconvolution_multiplies_by_no_inserted_zero():
    layer = random_layer(np.random.default_rng(0), "d", 23, 1, 3, stride=2, kind="deconv",
                         prelu=False)
    assert fold(layer, lanes(layer), 1).multipliers == 9 * 23
    assert [lane.inputs for lane in lanes(layer)] == [23, 46, 46, 92]


def test_more_cycles_never_need_more_multipliers():
    network = random_network(np.random.default_rng(0))
    totals = [make(network, Build(cycles_per_pixel=n)).multipliers for n in range(1, 40)]
    assert totals == sorted(totals, reverse=True)
