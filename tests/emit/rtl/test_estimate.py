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


def test_maps_carried_past_layers_take_the_lines_that_import_prints():
    """Those of SESR-M3 of 16 channels: 983.0 kbit, as docs/bring-your-own.md has it."""
    lines = pytest.importorskip("fsrcnnx.learn.skips", reason="torch is not installed").lines

    def bits(*channels):
        network = random_network(np.random.default_rng(1), channels=channels,
                                 kernels=(5, 3, 3, 3, 1, 3), anchor=True)
        return make(network, Build(max_width=1920)).line_bits

    more = bits(16, 32, 32, 32, 16) - bits(16, 16, 16, 16, 16)
    assert more == 1000 * sum(lines(kernel, 16) for kernel in (3, 3, 1)) == 983_040
    assert bits(16, 32, 16, 16, 16) - bits(16, 16, 16, 16, 16) == more / 2  # past a layer less


def test_a_core_with_multipliers_is_refused():
    with pytest.raises(InputError, match="engine mac; allowed: --engine adders"):
        estimate(make(small(), Build()))


@pytest.mark.sim
@pytest.mark.slow
def test_a_core_takes_about_what_yosys_counts(tmp_path):
    told = estimate(planned())
    emit(small(), tmp_path / "rtl", engine="adders", **SIZE)
    check(told, pnr.takes(netlist.mapped(tmp_path / "rtl")[0], "fsrcnnx_top"))
