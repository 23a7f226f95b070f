"""The raster's numbers: clocks by hand, and room for the rate at every width."""

import numpy as np
import pytest

from fsrcnnx.emit.rtl.adders import slope_cycles
from fsrcnnx.emit.rtl.plan import Build, make
from fsrcnnx.emit.rtl.raster import raster
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import formats
from fsrcnnx.exact.formats import Format
from tests.networks import random_network

X2 = {"scale": 2, "windows": [(1, 1), (0, 0), (1, 1), (1, 1), (0, 0), (0, 1)]}


def test_1080p_takes_one_column_and_one_line_more():
    found = raster(**X2, interval=1, beat=4, max_width=1920, latency=90)
    assert (found.pad, found.gap, found.after, found.drain) == (1, 1, 4, 4)
    assert found.frame_clocks(1920, 1080) == 1921 * 1081
    assert found.frame_clocks(1, 1) == 4 * 2  # a line is no shorter than the memory takes


def test_the_output_decides_where_it_is_slower():
    found = raster(**X2, interval=1, beat=1, max_width=64, latency=90)
    assert found.line_beats(10) == 40
    assert found.frame_clocks(10, 8) == 40 * 8
    assert found.frame_clocks(10, 1) == 40


@pytest.mark.parametrize("scale", [3, 4])
def test_a_word_with_one_pixel_takes_as_long_as_a_whole_one(scale):
    found = raster(scale, [(1, 1)], interval=1, beat=scale**2, max_width=50, latency=9)
    assert all(found.line_beats(width) <= found.slots(width) for width in range(1, 51))


def test_steps_that_are_far_apart():
    found = raster(**X2, interval=16, beat=1, max_width=64, latency=90)
    assert found.frame_clocks(10, 8) == 16 * 11 * 9
    assert found.fifo_depth < 64


@pytest.mark.parametrize("beat", [1, 2, 4])
@pytest.mark.parametrize("max_width", [1, 2, 13, 300])
def test_the_ring_holds_any_line(beat, max_width):
    found = raster(**X2, interval=1, beat=beat, max_width=max_width, latency=90)
    assert found.ring_words * 2 >= max_width + 1


def test_two_lines_are_enough_for_1920():
    assert raster(**X2, interval=1, beat=4, max_width=1920, latency=90).ring_words <= 2048


@pytest.mark.parametrize(("slope", "adders"), [
    (0, 0), (1, 0), (64, 0), (3, 1), (7, 1), (-7, 1), (-1, 1), (-8, 1), (5, 1), (85, 3), (-5, 2)])
def test_a_slope_takes_an_adder_for_each_signed_digit_but_a_positive_one(slope, adders):
    assert formats.adders(np.array([slope])).tolist() == [adders]


def test_a_layer_waits_for_its_longest_slope():
    layer = random_network(np.random.default_rng(1)).layers[0]
    assert slope_cycles(layer) == 1 + formats.adders(layer.slope).max()


def test_adders_refuse_a_pace_and_beats_of_their_own():
    network = random_network(np.random.default_rng(1), channels=(), kernels=(3,))
    for build, allowed in ((Build("adders", cycles_per_pixel=2), "1 with --engine adders"),
                           (Build("adders", pixels_per_beat=3), "its square"),
                           (Build("mac", pixels_per_beat=4), "1 or 2")):
        with pytest.raises(InputError) as error:
            make(network, build)
        assert allowed in str(error.value)


def test_adders_refuse_a_slope_too_wide_for_a_constant():
    network = random_network(np.random.default_rng(1), channels=(2,), kernels=(1, 3))
    wide = network.layers[0].__class__(**{
        **network.layers[0].__dict__, "slope_format": Format(True, 33, 7)})
    network = network.__class__(**{**network.__dict__, "layers": (wide, network.layers[1])})
    with pytest.raises(Unrepresentable, match="slopes"):
        make(network, Build("adders"))
    assert make(network, Build("mac")).multipliers > 0
