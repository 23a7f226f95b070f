"""The range proof: sound on every input of small networks, reached where it is tight."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.errors import ModelError
from fsrcnnx.exact import affine, golden, ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import KINDS, Layer, Network
from tests.networks import extreme_pictures, random_network, random_picture

# (height, width, bits): every frame of these is tried, 2^(height * width * bits) each
SMALL = [(1, 1, 2), (1, 7, 1), (7, 1, 1), (2, 3, 1), (3, 3, 1), (2, 2, 2), (1, 4, 2)]


def accumulators(network, lr):
    """Every layer's complete sums (H, W, phases, out) and its input (H, W, in)."""
    x = lr.astype(np.int64)[:, :, None]
    outputs = golden.trace(network, lr)
    for index, layer in enumerate(network.layers):
        s = layer.stride
        acc = golden.accumulate(x, layer)
        if network.anchor and index == len(network.layers) - 1:
            up = network.acc_frac(index) - network.in_format.frac
            acc += (lr.astype(np.int64).repeat(s, 0).repeat(s, 1) << up)[:, :, None]
        height, width = lr.shape
        phases = acc.reshape(height, s, width, s, -1).transpose(0, 2, 1, 3, 4)
        yield phases.reshape(height, width, s * s, -1), x
        x = outputs[layer.name]


def positive_parts(layer, x):
    """The sum of all positive terms and of all negative ones: the ends of all partial sums."""
    parts = []
    for sign in (1, -1):
        same = replace(layer, weight=np.maximum(sign * layer.weight, 0),
                       bias=np.maximum(sign * layer.bias, 0))
        other = replace(layer, weight=np.maximum(-sign * layer.weight, 0), bias=layer.bias * 0)
        parts.append(golden.accumulate(np.maximum(x, 0), same)
                     + golden.accumulate(np.maximum(-x, 0), other))
    return parts[0], -parts[1]


def violations(network, proved, lr):
    """Names of layers where a picture leaves the proved range."""
    outputs = golden.trace(network, lr)
    found = []
    for layer, bound, (acc, x) in zip(network.layers, proved, accumulators(network, lr),
                                      strict=True):
        most, least = positive_parts(layer, x)
        out = outputs[layer.name]
        acted = golden.activate(acc, layer)
        sound = ((acc >= bound.sum_lo) & (acc <= bound.sum_hi)).all() and (
            (most <= bound.acc_hi) & (least >= bound.acc_lo)).all() and (
            (acc >= bound.acc_lo) & (acc <= bound.acc_hi)).all() and (
            (out >= bound.out_lo) & (out <= bound.out_hi)).all()
        sound &= Format(True, bound.acc_width, 0).holds(most)
        sound &= Format(True, bound.sum_width, 0).holds(acc)
        sound &= Format(True, bound.act_width, 0).holds(acted)
        found += [] if sound else [layer.name]
    return found


def frames(height, width, bits, lowest=0):
    """Every frame of a size: int64 (height, width) each."""
    for values in itertools.product(range(lowest, lowest + (1 << bits)), repeat=height * width):
        yield np.array(values).reshape(height, width)


@st.composite
def tiny(draw, bits):
    """Two or three layers of one to three channels on pixels of 1 or 2 bits."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layers, channels, frac = [], 1, 0
    count = draw(st.integers(2, 3))
    for index in range(count):
        last = index == count - 1
        kind = draw(st.sampled_from(KINDS)) if last else "conv"
        kernel = draw(st.sampled_from([2, 3] if kind == "deconv" else [1, 3]))
        out = 1 if last else draw(st.integers(1, 3))
        kernels = 4 if kind == "shuffle" else out
        shape = (kernels, channels, kernel, kernel)
        slope = rng.integers(-4, 8, out) if draw(st.booleans()) else None
        full = frac + 1 + (0 if slope is None else 2)
        frac = full - draw(st.integers(0, min(3, full + 1)))  # an anchor wants -1 or more
        layers.append(Layer(
            f"l{index}", kind, rng.integers(-4, 4, shape), Format(True, 3, 1),
            rng.integers(-6, 7, kernels), Format(draw(st.booleans()), 3, frac), slope,
            None if slope is None else Format(True, 4, 2), 1 if kind == "conv" else 2,
            {1: 0, 2: 0, 3: 1}[kernel]))
        channels = out
    return Network("tiny", tuple(layers), in_format=Format(draw(st.booleans()), bits, 0),
                   anchor=draw(st.booleans())).check()


@pytest.mark.parametrize("size", SMALL)
@given(st.data())
@settings(max_examples=4, deadline=None)
def test_no_input_of_a_small_network_leaves_the_proved_range(size, data):
    network = data.draw(tiny(size[2]))
    proved = ranges.prove(network)
    for lr in frames(*size, network.in_format.lo):
        assert violations(network, proved, lr) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), weight_bits=st.integers(2, 8), scale=st.integers(1, 4),
       anchor=st.booleans(), signed=st.booleans(), last=st.sampled_from(["deconv", "shuffle"]))
def test_no_picture_leaves_the_proved_range(seed, weight_bits, scale, anchor, signed, last):
    rng = np.random.default_rng(seed)
    network = random_network(rng, channels=(3, 2), kernels=(3, 1, 3), scale=scale, anchor=anchor,
                             weight_bits=weight_bits, signed=signed,
                             last=last if scale > 1 else "deconv")
    proved = ranges.prove(network)
    for lr in (*extreme_pictures(5, 6).values(), random_picture(rng, 5, 6)):
        assert violations(network, proved, lr) == []


def _one(weights, bias):
    """A 3x3 layer on pixels of 1 bit: every input can be tried."""
    layer = Layer("c", "conv", np.array(weights, np.int64).reshape(1, 1, 3, 3),
                  Format(True, 4, 2), np.array([bias], np.int64), Format(False, 8, 4),
                  stride=1, padding=1)
    return Network("tiny_x1", (layer,), in_format=Format(False, 1, 2)).check()


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_reached_by_some_input(seed):
    rng = np.random.default_rng(seed)
    network = _one(rng.integers(-8, 8, 9), int(rng.integers(-20, 20)))
    seen = [golden.convolve(np.array(bits).reshape(3, 3, 1), network.layers[0])[1, 1, 0]
            for bits in itertools.product((0, 1), repeat=9)]
    bound = ranges.prove(network)[0]
    assert (bound.sum_lo[0, 0], bound.sum_hi[0, 0]) == (min(seen), max(seen))
    # in the accumulator the bias counts in its own direction only: a partial sum may lack it
    bias = int(network.layers[0].bias[0])
    assert bound.acc_hi[0] == max(seen) - min(bias, 0)
    assert bound.acc_lo[0] == min(seen) - max(bias, 0)


def _twins(shift):
    """Two channels of the same sum, and their difference, which is nearly always 0."""
    weight = np.random.default_rng(1).integers(-8, 8, (1, 1, 3, 3)).repeat(2, 0)
    first = Layer("twins", "conv", weight, Format(True, 4, 0), np.array([5, 5]),
                  Format(True, 16, -shift), padding=1)
    second = Layer("difference", "conv", np.array([100, -100]).reshape(1, 2, 1, 1),
                   Format(True, 8, 0), np.array([3]), Format(True, 20, -shift))
    return Network("twins_x1", (first, second), in_format=Format(False, 8, 0)).check()


def test_what_channels_have_in_common_cancels():
    bound = ranges.prove(_twins(0))[1]
    assert (bound.sum_lo.item(), bound.sum_hi.item()) == (3, 3)
    assert bound.acc_width > 18 and bound.sum_width == 3
    bound = ranges.prove(_twins(2))[1]  # rounded: half a step each, and nothing more
    assert bound.sum_lo.item() >= -98 and bound.sum_hi.item() <= 104


def test_phases_of_a_deconvolution_have_their_own_bounds():
    weight = np.zeros((1, 1, 2, 2), np.int64)
    weight[0, 0] = [[1, 2], [-3, 4]]
    layer = Layer("d", "deconv", weight, Format(True, 4, 0), np.array([0]), Format(True, 16, 0),
                  stride=2)
    bound = ranges.prove(Network("d_x2", (layer,), in_format=Format(False, 8, 0)).check())[0]
    assert bound.sum_hi[:, 0].tolist() == [255, 510, 0, 1020]
    assert bound.sum_lo[:, 0].tolist() == [0, 0, -765, 0]


@pytest.mark.parametrize(("lo", "hi", "width"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-128, 127, 8),
                                                 (-129, 0, 9), (0, 128, 9), (-2, -1, 2)])
def test_signed_width(lo, hi, width):
    assert ranges.signed_width(lo, hi) == width


def test_float32_violations_name_the_layer():
    network = random_network(np.random.default_rng(0))
    assert ranges.float32_exact(network) == []
    wide = replace(network.layers[1], slope_format=Format(True, 20, 18),
                   slope=network.layers[1].slope << 11)
    layers = (network.layers[0], wide, *network.layers[2:])
    found = ranges.float32_exact(replace(network, layers=layers))
    assert found and "layer conv1" in found[0]


def test_sums_beyond_int64_are_refused():
    layer = Layer("c", "conv", np.full((1, 1, 1, 1), 1 << 55), Format(True, 60, 0),
                  np.zeros(1, np.int64), Format(False, 8, -48))
    with pytest.raises(ModelError, match="layer c: sums beyond 62 bits"):
        ranges.prove(Network("huge_x1", (layer,)).check())


# --- planted faults ------------------------------------------------------------------------


def _found(network, size):
    proved = ranges.prove(network)
    return any(violations(network, proved, lr) for lr in frames(*size))


def test_lines_without_rounding_are_caught(monkeypatch):
    network = replace(_twins(2), in_format=Format(False, 1, 0))
    first, second = network.layers
    weight = first.weight.copy()
    weight[1] = np.roll(weight[1], 1)
    network = replace(network, layers=(replace(first, weight=weight), second))
    assert not _found(network, (3, 3, 1))
    right = affine.relax

    def smooth(*args):
        line = right(*args)
        return replace(line, low=line.low + 0.5, high=line.high - 0.5)

    monkeypatch.setattr(affine, "relax", smooth)
    assert _found(network, (3, 3, 1))


def test_forgetting_the_border_is_caught(monkeypatch):
    """A layer that gives at least 4 inside, 0 beyond the frame."""
    first = Layer("bright", "conv", np.ones((1, 1, 1, 1), np.int64), Format(True, 4, 0),
                  np.array([4]), Format(False, 8, 0))
    second = Layer("sum", "conv", np.ones((1, 1, 3, 3), np.int64), Format(True, 4, 0),
                   np.array([0]), Format(False, 8, 0), padding=1)
    network = Network("border_x1", (first, second), in_format=Format(False, 1, 0)).check()
    assert not _found(network, (2, 2, 1))
    assert ranges.prove(network)[1].sum_lo.item() == 4
    monkeypatch.setattr(affine, "_inside", lambda first, count, *_: np.ones((1, count), bool))
    assert _found(network, (2, 2, 1))


def test_a_forgotten_anchor_is_caught():
    network = replace(_one(np.arange(-4, 5), 2), anchor=True).check()
    assert not _found(network, (3, 3, 1))
    proved = ranges.prove(replace(network, anchor=False))
    assert any(violations(network, proved, lr) for lr in frames(3, 3, 1))
