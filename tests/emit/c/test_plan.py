"""The plan of a C reference: what a line reads, which type holds what, names, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsrcnnx import names
from fsrcnnx.emit.c.enlarge import weights
from fsrcnnx.emit.c.plan import PREFIX, make, prefix_of, reach
from fsrcnnx.errors import InputError, ModelError, Unrepresentable
from fsrcnnx.exact import tdc
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Layer, Network
from tests.family import FAMILY, network
from tests.networks import random_layer, random_network

WIDE = Format(True, 40, 20)
FINE = Format(True, 8, 4)


def one(**options) -> Network:
    """A network of one layer, 1x1, that passes a pixel on."""
    layer = Layer("only", "conv", np.array([[[[1]]]]), Format(True, 8, 0), np.array([0]), PIXEL)
    return Network("one", (replace(layer, **options),))


@given(kernel=st.integers(1, 11), stride=st.integers(2, 5), extra=st.integers(0, 4))
def test_a_deconvolution_reads_the_lines_of_its_phases(kernel, stride, extra):
    """Derived from the scatter here, from the phases there."""
    twice = kernel - stride + extra
    if extra >= stride or twice % 2 or twice < 0:
        return
    layer = random_layer(np.random.default_rng(1), "deconv", 2, 1, kernel, kind="deconv",
                         stride=stride, padding=twice // 2)
    before, after = reach(layer)
    side, first = tdc.window(layer)
    assert before <= first and after <= side - 1 - first
    assert max(before, after) == max(first, side - 1 - first)


@pytest.mark.parametrize("name", FAMILY)
def test_a_ring_holds_what_a_line_reads_and_no_more(name):
    """Line y of a layer finds all that it reads written, and nothing of it written over."""
    plan = make(network(np.random.default_rng(1), name, narrow=True))
    for before, stage in zip(plan.stages, plan.stages[1:], strict=False):
        assert stage.lag - before.lag == stage.after  # the last line that it reads is just made
        assert stage.lines == stage.before + stage.after + 1


def test_memory_is_the_sum_of_its_parts():
    plan = make(random_network(np.random.default_rng(0)))  # 5, 3, 3, 5 channels; 3, 1, 3, 1, 3
    rings = 1 * 5 + 3 * 3 + 1 * 3 + 2 * 5  # bytes a column: lines times channels
    assert (plan.bytes_per_column, plan.bytes_fixed) == (rings + 2 * 4, 2 * 4 + 7)
    assert plan.work_bytes(960) == 960 * plan.bytes_per_column + plan.bytes_fixed
    assert [part.size for part in plan.parts] == sorted((p.size for p in plan.parts), reverse=True)


@pytest.mark.parametrize(("options", "sums", "values"), [
    ({}, "int32_t", "int32_t"),
    # a sum of 255 * 2^k, then 255 * 2^k and a slope's bits
    ({"weight": np.array([[[[1 << 23]]]]), "weight_format": Format(True, 25, 0)}, "int32_t",
     "int32_t"),
    ({"weight": np.array([[[[1 << 24]]]]), "weight_format": Format(True, 26, 0)}, "int64_t",
     "int64_t"),
    ({"weight": np.array([[[[1 << 20]]]]), "weight_format": Format(True, 25, 0),
      "slope": np.array([1]), "slope_format": Format(True, 8, 4)}, "int32_t", "int64_t"),
    ({"bias": np.array([(1 << 31) - 256])}, "int32_t", "int32_t"),
    ({"bias": np.array([(1 << 31) - 255])}, "int64_t", "int64_t"),
    ({"bias": np.array([255 - (1 << 31)])}, "int32_t", "int32_t"),
    ({"bias": np.array([-(1 << 31)])}, "int64_t", "int64_t"),  # its magnitude has no int32
    ({"weight_format": Format(True, 40, 32)}, "int32_t", "int64_t"),  # 32 bits are shifted off
])
def test_a_type_holds_every_sum_and_no_more(options, sums, values):
    stage = make(one(**options)).stages[0]
    assert (stage.sums, stage.values) == (sums, values)


def test_a_factor_fits_its_type_though_the_product_does():
    """A map of 40 bits whose weights are all 0: the sum is small, what is multiplied is not."""
    first = one(out_format=WIDE, weight_format=Format(True, 30, 22)).layers[0]
    last = one(weight=np.array([[[[0]]]])).layers[0]
    network = Network("zero", (replace(first, name="a"), replace(last, name="b")))
    assert [stage.sums for stage in make(network).stages] == ["int32_t", "int64_t"]


@pytest.mark.parametrize(("network", "says"), [
    (replace(one(), prescale=6), "prescale 6; allowed: 1, 2, 3, 4, 5, 7, 8"),
    (replace(one(weight_format=FINE), prescale=2, in_format=Format(True, 8, 7)),
     "prescale 2 of luma in ap_fixed"),
    (replace(one(), in_format=Format(False, 17, 8)), "input: luma in ap_ufixed<17"),
    (one(out_format=Format(False, 17, 8)), "output: luma in ap_ufixed<17"),
    (one(weight_format=Format(True, 8, 63)), "layer only: a shift by 63 bits"),
    (one(weight_format=FINE, slope=np.array([1]), slope_format=Format(True, 8, -1)),
     "slopes of -1 fraction bits"),
    (one(weight_format=Format(True, 8, 8), slope=np.array([1]), slope_format=Format(True, 62, 61),
         out_format=Format(False, 16, 69)), "values reach"),
])
def test_what_c_cannot_hold_is_said(network, says):
    with pytest.raises(Unrepresentable) as caught:
        make(network)
    assert says in str(caught.value)


def test_a_kernel_of_every_allowed_prescale_is_whole():
    for scale in range(1, 9):
        raw, divisor = weights(scale)
        assert raw.shape == (scale, 5) and (raw.sum(1) == divisor).all()
        np.testing.assert_array_equal(raw, raw[::-1, ::-1])


# --- names ---------------------------------------------------------------------------------


@given(st.from_regex(names.NETWORK, fullmatch=True))
def test_any_name_gives_a_prefix(name):
    assert PREFIX.fullmatch(prefix_of(name))


@pytest.mark.parametrize("prefix", ["", "9", "_a", "a-b", "a b", "a\n", "ä", "a" * 65, "a(){}int b",
                                    "a/../b", '"'])
def test_a_prefix_is_an_identifier(prefix):
    with pytest.raises(InputError, match="--prefix: prefix"):
        make(one(), prefix)


@pytest.mark.parametrize("name", ["a*/b", 'a"b', "a\nb", "../a", "a\\", "??/"])
def test_a_name_that_would_be_code_is_refused(name):
    with pytest.raises(ModelError):
        make(replace(one(), name=name))
    with pytest.raises(ModelError):
        make(one(name=name))
