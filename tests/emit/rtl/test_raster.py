"""The raster's numbers: clocks by hand, and room for the rate at every width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.emit.rtl.build import Build, Video, whole
from fsrcnnx.emit.rtl.cells import slope_cycles
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.emit.rtl.raster import raster
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import formats
from fsrcnnx.exact.formats import Format
from tests.networks import random_network

X2 = {"scale": 2, "windows": [(1, 1), (0, 0), (1, 1), (1, 1), (0, 0), (0, 1)]}


def test_1080p_takes_one_column_and_one_line_more():
    found = raster(**X2, interval=1, beat=4, max_width=1920, latency=90)
    assert (found.pad, found.gap, found.after, found.drain) == (1, 1, 4, 4)
    assert found.latency == 2 + 90 + 4 + 12  # sequencer, layers, steps to the centre, output
    assert found.frame_clocks(1920, 1080) == 1921 * 1081
    assert found.frame_clocks(1, 1) == 5 * 2  # a line is no shorter than the memory takes


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
    assert slope_cycles(layer) == max(1, formats.adders(layer.slope).max())


def test_a_pace_that_cannot_be_is_refused():
    network = random_network(np.random.default_rng(1), channels=(), kernels=(3,))
    for build, allowed in ((Build("adders", cycles_per_pixel=2), "1 with --engine adders"),
                           (Build("mac", pixels_per_beat=3), "its square"),
                           (Build("mac", cycles_per_pixel=1, pixels_per_beat=1), "4 or more"),
                           (Build("mac", cycles_per_pixel=3, pixels_per_beat=1), "4 or more"),
                           (Build("mac", multiplier_bits=8), "9..64"),
                           (Build("mac", adders_per_stage=2), "none with --engine mac"),
                           (Build("adders", adders_per_stage=9), "1..8")):
        with pytest.raises(InputError) as error:
            make(network, build)
        assert allowed in str(error.value)


def test_a_beat_is_as_wide_as_the_pace_needs():
    network = random_network(np.random.default_rng(1), channels=(), kernels=(3,))
    beats = [make(network, Build(cycles_per_pixel=n)).build.pixels_per_beat for n in range(1, 6)]
    assert beats == [4, 2, 2, 1, 1]
    assert make(network, Build(pixels_per_beat=2)).build.cycles_per_pixel == 16
    assert make(network, Build("adders")).multipliers == 0


@pytest.mark.parametrize("engine", ["mac", "adders"])
def test_rtl_refuses_a_slope_too_wide(engine):
    network = random_network(np.random.default_rng(1), channels=(2,), kernels=(1, 3))
    wide = network.layers[0].__class__(**{
        **network.layers[0].__dict__, "slope_format": Format(True, 33, 7)})
    network = network.__class__(**{**network.__dict__, "layers": (wide, network.layers[1])})
    with pytest.raises(Unrepresentable, match="slopes"):
        make(network, Build(engine))


SMALL = random_network(np.random.default_rng(1), channels=(2,), kernels=(5, 3))


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 400), height=st.integers(1, 300), fps=st.sampled_from([24, 60, 119.88]),
       mhz=st.floats(0.1, 400), beat=st.sampled_from([None, 1, 2, 4]))
def test_a_video_is_kept_up_with_by_the_slowest_core_that_can(width, height, fps, mhz, beat):
    video = Video(width, height, fps, mhz)

    def steps(cycles):
        return max(width + 2, -(-4 // cycles), 2) * (height + 2) * cycles

    try:
        found = whole(SMALL, Build(video=video, pixels_per_beat=beat))
    except InputError as error:
        assert "clocks per frame" in str(error)
        assert steps(4 // (beat or 4)) > video.clocks
        return
    assert (found.max_width, found.max_height) == (width, height)
    cycles = found.cycles_per_pixel
    assert steps(cycles) <= video.clocks and cycles * found.pixels_per_beat >= 4
    assert steps(cycles + 1) > video.clocks or cycles == 4096


@pytest.mark.parametrize(("build", "says"), [
    (Build(video=Video(320, 240, 60, 1)), "4.64166 MHz or more"),
    (Build(video=Video(320, 240, 60, 100), cycles_per_pixel=4), "none beside --frame"),
    (Build(video=Video(320, 240, 60, 100), max_width=300), "320..")])
def test_a_video_that_cannot_be_is_refused(build, says):
    with pytest.raises(InputError) as error:
        make(random_network(np.random.default_rng(1)), build)
    assert says in str(error.value)
