"""Folds keep the rate, cover every product, and waste little."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.emit.rtl.build import Build
from fsrcnnx.emit.rtl.fold import fold, per_multiplier
from fsrcnnx.emit.rtl.lanes import lanes
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.exact.formats import Format
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


def test_two_products_share_a_multiplier_where_they_fit():
    rng = np.random.default_rng(0)
    for weight_bits, enters, bits, count in (
            (8, Format(False, 8, 8), 25, 2), (8, Format(False, 8, 8), 24, 1),
            (4, Format(False, 8, 8), 18, 2), (6, Format(True, 6, 4), 18, 1),
            (2, Format(False, 18, 8), 64, 1), (2, Format(True, 18, 8), 64, 2)):
        layer = random_layer(rng, "c", 3, 5, 3, weight_bits=weight_bits)
        assert per_multiplier(layer, enters, bits) == count
    layer = random_layer(rng, "c", 3, 5, 3, prelu=False)
    assert fold(layer, lanes(layer), 1, 2).multipliers == 3 * 27  # five outputs: two pairs and one


def test_slopes_take_multipliers_only_where_they_change():
    layer = random_layer(np.random.default_rng(0), "c", 1, 12, 1)
    assert fold(layer, lanes(layer), 1).multipliers == 12
    folded = fold(layer, lanes(layer), 12)
    assert folded.fold_out > 1 and folded.multipliers == 2 * folded.outs
