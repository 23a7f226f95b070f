"""Flat frames and ramps: the short cut is golden's bits, and each kind of unevenness is seen."""

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.errors import Unrepresentable
from fsrcnnx.exact import even, golden
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.even import Even
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.media.pictures.resample import bicubic
from tests.networks import random_network, sloped

MODELS = Path(__file__).parents[2] / "models"
VIDEO = Format(False, 10, 10)
# name -> exact grays of 256, greatest error, greatest spread inside a constant frame; greatest
# error in its ring, greatest step back on a ramp: no network may get worse
SHIPPED = {
    "fsrcnn-s_x2": Even(256, 256, 0, 0, 7, 2), "fsrcnn_x2": Even(256, 256, 0, 0, 4, 2),
    "fsrcnn_x3": Even(256, 256, 0, 0, 7, 1), "fsrcnn_x4": Even(256, 256, 0, 0, 13, 1),
    "fsrcnn-x_x2": Even(256, 256, 0, 0, 5, 1), "fsrcnn-x_x2_w4a8": Even(256, 256, 0, 0, 15, 3),
    "fsrcnn-x_x3": Even(256, 256, 0, 0, 11, 3), "optimal-fsrcnn_x2": Even(256, 256, 0, 0, 6, 1),
    "fsrcnnx-a_x2": Even(256, 256, 0, 0, 3, 2), "fsrcnnx-b_x2": Even(256, 256, 0, 0, 4, 1),
    "fsrcnnx-b_x2_w4a8": Even(256, 256, 0, 0, 21, 1),
    "fsrcnnx-a_x2_w4a6": Even(256, 256, 0, 0, 13, 2),
    "fsrcnnx-a_x2_w4a8": Even(256, 256, 0, 0, 5, 2),
    "fsrcnnx-a_x2_w4a8-mixed": Even(256, 256, 0, 0, 8, 2),
    "fsrcnnx-a_x2_w6a6": Even(256, 256, 0, 0, 6, 2),
    "fsrcnnx-a_x2_w6a8": Even(256, 256, 0, 0, 7, 1),
    "fsrcnnx-a_x2_w8a8d2": Even(256, 256, 0, 0, 8, 2),
    "fsrcnnx-c_x2_w4a6": Even(256, 256, 0, 0, 9, 3), "espcn-s_x2": Even(256, 256, 0, 0, 6, 1),
    "fsrcnn-x_x2_w8a9": Even(256, 256, 0, 0, 4, 1),
    "fsrcnnx-a_x2_w8a9": Even(256, 256, 0, 0, 4, 1),
    "srcnn-955_x2": Even(256, 256, 0, 0, 3, 1), "srcnn_x2": Even(256, 256, 0, 0, 4, 2),
}


def worse(network: Network, than: Even, got: Even | None = None) -> list[str]:
    """Name what is worse than recorded; without `got`, of the insides alone."""
    blocks, gray = even.interiors(network), even.levels(network)[:, None, None]
    inside = (int((blocks == gray).all((1, 2)).sum()), int(np.abs(blocks - gray).max()),
              int(np.ptp(blocks, (1, 2)).max()))
    found = ["exact"] if inside[0] < than.exact else []
    found += [name for name, value in zip(("error", "spread"), inside[1:], strict=True)
              if value > getattr(than, name)]
    if got:
        assert (got.exact, got.error, got.spread) == inside
        found += [name for name in ("ring", "back") if getattr(got, name) > getattr(than, name)]
    return found


@pytest.fixture(scope="module", params=SHIPPED)
def name(request):
    """Name of a shipped model."""
    return request.param


@pytest.fixture(scope="module")
def shipped(name):
    """Its integer network."""
    return onnx_io.load(MODELS / name / "model.onnx")



def insides(network: Network, level: int, more: int = 2) -> np.ndarray:
    """(n, s, s): the blocks of a constant frame that see no border, of the golden model itself."""
    s, (before, after) = network.scale, even.reach(network)
    side = before + more + after
    hr = golden.run(network, np.full((side, side), level))
    blocks = hr.reshape(side, s, side, s).swapaxes(1, 2)
    return blocks[before : before + more, before : before + more].reshape(-1, s, s)


@st.composite
def networks(draw) -> Network:
    """Small networks of each kind: scales, kernels, widths, formats, anchors, slopes."""
    kind = draw(st.sampled_from(["deconv", "deconv", "shuffle", "conv"]))
    scale = {"deconv": draw(st.integers(1, 4)), "shuffle": draw(st.integers(2, 4)),
             "conv": 1}[kind]
    odd = st.sampled_from([1, 3, 5])
    last = draw(st.sampled_from([k for k in range(1, 10) if k >= scale and (scale > 1 or k % 2)])
                if kind == "deconv" else odd)
    network = random_network(
        np.random.default_rng(draw(st.integers(0, 2**32))), channels=(3, 2), scale=scale, last=kind,
        kernels=(draw(odd), draw(odd), last), weight_bits=draw(st.sampled_from([4, 8])),
        activation_bits=draw(st.sampled_from([6, 8])), anchor=draw(st.booleans()),
        prelu=draw(st.booleans()), signed=draw(st.booleans()),
        **dict.fromkeys(("in_format", "out_format"), draw(st.sampled_from([PIXEL, VIDEO]))))
    return sloped(network) if draw(st.booleans()) else network


@given(networks(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_short_cut_is_goldens_bits(network, data):
    level = data.draw(st.integers(0, network.in_format.hi))
    got = even.interiors(network)
    assert got.shape == (network.in_format.hi + 1, network.scale, network.scale)
    assert (insides(network, level) == got[level]).all()


def test_the_short_cut_is_goldens_bits_on_shipped_networks(shipped):
    got = even.interiors(shipped)
    for level in (0, 1, 90, 179, 255):
        assert (insides(shipped, level) == got[level]).all()


@given(networks(), st.data())
@settings(max_examples=20, deadline=None)
def test_the_smallest_frame_tells_all_of_a_larger_one(network, data):
    """One level alone, by a frame twice as large."""
    level, s = data.draw(st.integers(0, network.in_format.hi)), network.scale
    side = 2 * (sum(even.reach(network)) + 1)
    hr = golden.run(network, np.full((side, side), level))
    ring = max(np.abs(edge - level).max() for edge in (hr[0], hr[-1], hr[:, 0], hr[:, -1]))

    def only(lrs: np.ndarray) -> np.ndarray:
        """The network at one level, an exact one at all others."""
        hrs = lrs.repeat(s, 1).repeat(s, 2)
        if len(lrs) > 1:
            hrs[level] = golden.run(network, lrs[level])
        return hrs

    assert even.measure(network, only).ring == ring


def test_reaches_are_those_of_an_impulse():
    network = random_network(np.random.default_rng(1), kernels=(5, 1, 3, 1, 9), scale=3)
    before, after = even.reach(network)
    for axis in (0, 1):
        plane = np.full((41, 41), 99)
        plane[20, 20] = 255
        changed = golden.run(network, plane) != golden.run(network, np.full((41, 41), 99))
        seen = np.flatnonzero(changed.reshape(41, 3, 41, 3).any((1, 3)).any(axis))
        assert (seen[0], seen[-1]) == (20 - after, 20 + before)


def test_the_example():
    """A gray that a user saw as a grid of 176, 178 and 180."""
    network = onnx_io.load(MODELS / "fsrcnnx-a_x2_w4a6" / "model.onnx")
    assert set(even.interiors(network)[179].ravel()) == {179}


@pytest.mark.parametrize("prescale", [2, 3, 4])
def test_enlarging_before_keeps_a_plane_flat(prescale):
    for level in range(256):
        assert (bicubic(np.full((5, 7), level, np.uint8), prescale) == level).all()


def test_figures_are_told_in_words():
    assert str(Even(256, 222, 1, 2, 5, 3)) == (
        "222 of 256 grays exact, at most 1 off and 2 between phases inside, 5 off in the outermost "
        "ring; steps back on ramps: at most 3")


def test_all_that_is_shipped_is_recorded():
    assert {path.parent.name for path in MODELS.glob("*/model.onnx")} == set(SHIPPED)


def test_no_shipped_network_got_worse_inside(name, shipped):
    assert worse(shipped, SHIPPED[name]) == []


def test_no_shipped_network_got_worse(name, shipped):
    assert worse(shipped, SHIPPED[name], even.measure(shipped, Emulator(shipped).stack)) == []


@pytest.mark.parametrize("name", ["fsrcnn-x_x3", "fsrcnnx-a_x2_w4a6"], indirect=True)
def test_the_golden_model_measures_the_same(name, shipped):
    assert even.measure(shipped) == SHIPPED[name]


def nearest(lrs: np.ndarray) -> np.ndarray:
    """An even enlargement by 2."""
    return lrs.repeat(2, 1).repeat(2, 2)


@pytest.fixture(scope="module")
def exact():
    """A shipped network that is exact on every gray."""
    return onnx_io.load(MODELS / "optimal-fsrcnn_x2" / "model.onnx")


def test_a_bias_off_by_a_step_is_caught(exact):
    last = exact.layers[-1]
    one = 1 << exact.shift(len(exact.layers) - 1)
    faulty = replace(exact, layers=(*exact.layers[:-1], replace(last, bias=last.bias + one)))
    assert worse(exact, SHIPPED["optimal-fsrcnn_x2"]) == []
    assert worse(faulty, SHIPPED["optimal-fsrcnn_x2"]) == ["exact", "error"]


def test_a_weight_of_one_phase_is_caught(exact):
    last = exact.layers[-1]
    weight = last.weight.copy()
    weight[0, 0, 3, 3] += 8 if weight[0, 0, 3, 3] < 0 else -8
    faulty = replace(exact, layers=(*exact.layers[:-1], replace(last, weight=weight))).check()
    changed = even.interiors(faulty) != even.interiors(exact)
    assert changed.any(0).sum() == 1
    assert worse(faulty, SHIPPED["optimal-fsrcnn_x2"]) == ["exact", "error", "spread"]


@pytest.mark.parametrize(("where", "want"), [
    ((0, 5), (256, 0, 0, 3, 0)),        # the ring: top, bottom, left, right
    ((-1, 5), (256, 0, 0, 3, 0)),
    ((5, 0), (256, 0, 0, 3, 0)),
    ((5, -1), (256, 0, 0, 3, 0)),
    ((1, 1), (256, 0, 0, 0, 0)),        # a pixel that is neither
])
def test_where_a_pixel_is_wrong_says_which_figure(exact, where, want):
    def faulty(lrs):
        hrs = nearest(lrs)
        hrs[:, *where] += 3
        return hrs

    assert astuple(even.measure(exact, faulty))[1:] == want


def test_phases_that_part_and_ramps_that_fall_are_seen(exact):
    grid = np.array([[0, 0], [0, 2]])

    def parted(lrs):
        hrs = nearest(lrs)
        return hrs + np.tile(grid, lrs.shape) * (hrs == 7)

    assert even.measure(exact, parted) == Even(256, 255, 2, 2, 2, 2)

    def folded(lrs):
        return nearest(lrs if len(lrs) > 1 else np.where(lrs == 100, 95, lrs))

    assert even.measure(exact, folded) == Even(256, 256, 0, 0, 0, 4)


def test_both_directions_of_a_ramp_are_measured(exact):
    for axis in (1, 2):
        def faulty(lrs, axis=axis):
            rises = np.diff(lrs, axis=axis).any()
            return nearest(np.where(lrs == 100, 95, lrs) if rises else lrs)

        assert even.measure(exact, faulty).back == 4


@pytest.mark.parametrize(("enters", "leaves", "says"), [
    (PIXEL, VIDEO, "gray levels"), (PIXEL, Format(True, 8, 7), "gray levels"),
    (Format(False, 13, 13), Format(False, 13, 13), "8192 gray levels")])
def test_what_has_no_gray_levels_to_keep_is_refused(enters, leaves, says):
    network = random_network(np.random.default_rng(2), channels=(2,), kernels=(3, 3),
                             in_format=enters, out_format=leaves, weight_bits=14)
    for measured in (even.levels, even.interiors, even.measure):
        with pytest.raises(Unrepresentable, match=rf"random_x2: {says}.*allowed"):
            measured(network)
