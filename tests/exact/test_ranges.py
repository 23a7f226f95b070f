"""The range proof: sound on every input of small networks, reached where it is tight."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from tests.networks import extreme_pictures, random_network, random_picture


def _accumulators(network, lr):
    """Every layer's accumulators, from the golden model's own parts."""
    x = lr.astype(np.int64)[:, :, None]
    outputs = golden.trace(network, lr)
    for layer in network.layers:
        forward = golden.convolve if layer.kind == "conv" else golden.deconvolve
        acc = forward(x, layer)
        if network.anchor and layer is network.layers[-1]:
            nearest = lr.astype(np.int64).repeat(network.scale, 0).repeat(network.scale, 1)
            up = network.acc_frac(len(network.layers) - 1) - network.in_format.frac
            acc += (nearest << up)[:, :, None]
        yield acc
        x = outputs[layer.name]


def _within(network, lr):
    outputs = golden.trace(network, lr)
    for bound, acc in zip(ranges.prove(network), _accumulators(network, lr), strict=True):
        flat, out = acc.reshape(-1, acc.shape[2]), outputs[bound.name]
        assert (flat >= bound.acc_lo).all() and (flat <= bound.acc_hi).all(), bound.name
        assert Format(True, bound.acc_width, 0).holds(flat)
        assert (out >= bound.out_lo).all() and (out <= bound.out_hi).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), weight_bits=st.integers(2, 8), scale=st.integers(1, 4),
       anchor=st.booleans())
def test_no_picture_leaves_the_proved_range(seed, weight_bits, scale, anchor):
    rng = np.random.default_rng(seed)
    network = random_network(rng, channels=(3, 2), kernels=(3, 1, 3), scale=scale,
                             weight_bits=weight_bits, anchor=anchor)
    for lr in (*extreme_pictures(5, 6).values(), random_picture(rng, 5, 6)):
        _within(network, lr)


def _tiny(weights, bias):
    """A 1x1 network on 2-bit pixels: every input can be tried."""
    layer = Layer("c", "conv", np.array(weights, np.int64).reshape(1, 1, 3, 3),
                  Format(True, 4, 2), np.array([bias], np.int64), Format(False, 8, 4),
                  stride=1, padding=1)
    return Network("tiny_x1", (layer,), in_format=Format(False, 1, 2)).check()


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_reached_by_some_input(seed):
    rng = np.random.default_rng(seed)
    network = _tiny(rng.integers(-8, 8, 9), int(rng.integers(-20, 20)))
    seen = [golden.convolve(np.array(bits).reshape(3, 3, 1), network.layers[0])[1, 1, 0]
            for bits in itertools.product((0, 1), repeat=9)]
    bound = ranges.prove(network)[0]
    # the bias counts only in its own direction, since a partial sum may lack it
    bias = int(network.layers[0].bias[0])
    assert bound.acc_hi[0] == max(seen) - min(bias, 0)
    assert bound.acc_lo[0] == min(seen) - max(bias, 0)


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
