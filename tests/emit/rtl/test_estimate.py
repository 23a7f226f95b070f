"""Estimates: memory is counted, logic is near what Yosys counts."""

from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx.emit.rtl.estimate import estimate
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.plan import Build, make
from fsrcnnx.errors import InputError
from fsrcnnx.prove import netlist, pnr
from tests.networks import random_network

NEAR = 0.15  # of what Yosys counts
SIZE = {"max_width": 256, "max_height": 64}
# of small(), by Yosys 0.70
COUNTED = {"LUT sites": 2452, "flip-flops": 3272, "block RAMs": 5, "multipliers": 0}


def small():
    """A network of a small core."""
    return random_network(np.random.default_rng(1), kernels=(3, 1, 3), channels=(4, 3),
                          weight_bits=4)


def planned(**size):
    """The plan of its core."""
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    return make(small(), Build("adders", **SIZE | size))


def check(told, counted):
    """Hold an estimate against a count."""
    assert told.lut == pytest.approx(counted["LUT sites"], rel=NEAR)
    assert told.ff == pytest.approx(counted["flip-flops"], rel=NEAR)
    assert (told.blocks, told.multipliers) == (counted["block RAMs"], counted["multipliers"])


def test_a_core_takes_about_what_was_counted():
    check(estimate(planned()), COUNTED)


def test_an_estimate_that_lost_a_layer_would_be_seen():
    plan = planned()
    with pytest.raises(AssertionError):
        check(estimate(replace(plan, layers=plan.layers[1:])), COUNTED)


def test_memory_is_counted_bit_by_bit():
    plan = planned(max_width=1920)
    told, raster = estimate(plan), plan.raster
    assert told.ram_bits == plan.line_bits + 8 * raster.fifo_depth + 2 * 32 * raster.ring_words
    wide = estimate(planned(max_width=3840))
    assert wide.blocks > told.blocks and wide.lut < 1.2 * told.lut


def test_a_core_with_multipliers_is_refused():
    with pytest.raises(InputError, match="engine mac; allowed: --engine adders"):
        estimate(make(small(), Build()))


@pytest.mark.sim
@pytest.mark.slow
def test_a_core_takes_about_what_yosys_counts(tmp_path):
    told = estimate(planned())
    emit(small(), tmp_path / "rtl", engine="adders", **SIZE)
    check(told, pnr.takes(netlist.mapped(tmp_path / "rtl")[0], "fsrcnnx_top"))
