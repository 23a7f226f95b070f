"""The ground: what it tells is golden's, now and after each change that is tried."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.exact import even
from fsrcnnx.learn.quantising.ground import MARGIN, Ground
from tests.networks import random_network, sloped


@st.composite
def networks(draw):
    """Small networks: with and without anchor, slopes, more than one pixel a phase."""
    kind = draw(st.sampled_from(["deconv", "shuffle", "conv"]))
    scale = draw(st.integers(2, 3)) if kind != "conv" else 1
    network = random_network(
        np.random.default_rng(draw(st.integers(0, 2**32))), channels=(3, 2), scale=scale, last=kind,
        kernels=(3, 1, draw(st.sampled_from([3, 5]))), weight_bits=draw(st.sampled_from([4, 8])),
        activation_bits=draw(st.sampled_from([6, 8])), anchor=draw(st.booleans()))
    if draw(st.booleans()):
        *inner, last = sloped(network).layers
        network = replace(network, layers=(*inner, replace(last, slope=None, slope_format=None)))
    return network.check()


def outside(network):
    """Whether each (level, phase) comes out as another level, by the golden model."""
    blocks, gray = even.interiors(network), even.levels(network)[:, None, None]
    return (blocks != gray).reshape(gray.size, -1)


@given(networks())
@settings(max_examples=30, deadline=None)
def test_what_lies_outside_is_what_golden_gets_wrong(network):
    ground = Ground(network)
    assert (ground.outside == outside(network)).all()
    assert (ground.excess[outside(network)] >= MARGIN).all()
    assert ground.exact == int((~outside(network)).all(1).sum())


@given(networks(), st.data())
@settings(max_examples=30, deadline=None)
def test_a_trial_tells_what_the_changed_network_does(network, data):
    """Of a bias by itself, and of a weight, in each layer; some change no map."""
    index = data.draw(st.integers(0, len(network.layers) - 1))
    layer, ground = network.layers[index], Ground(network)
    last = index == len(network.layers) - 1
    out = data.draw(st.integers(0, len(layer.bias) - 1))
    source = data.draw(st.integers(0, layer.in_channels - 1))
    steps = data.draw(st.integers(1, 1 << max(network.shift(index), 1)))
    bias, weight = layer.bias.copy(), layer.weight.copy()
    bias[out] += steps
    ky, kx = (data.draw(st.integers(0, layer.kernel - 1)) for _ in range(2))
    way = -1 if weight[out, source, ky, kx] > 0 else 1
    weight[out, source, ky, kx] += way
    s, shuffle = layer.stride, layer.kind == "shuffle"
    phase = out if shuffle else (ky - layer.padding) % s * s + (kx - layer.padding) % s
    every = out if shuffle or not last else -1  # channel of what a bias changes
    deltas = np.stack([np.full(256, float(steps)), way * ground.maps[index][:, source]])
    tried = ground.trial(index, np.array([every, phase if last else out]), deltas)
    moves = ((every, -1, steps), (phase if last else out, source, way))
    for got, change, move in zip(tried, ({"bias": bias}, {"weight": weight}), moves, strict=True):
        layers = (*network.layers[:index], replace(layer, **change), *network.layers[index + 1:])
        want, moved = Ground(replace(network, layers=layers).check()), Ground(network)
        assert got == pytest.approx(want.excess.sum())
        moved.move(index, *move)
        assert (moved.sums[-1] == want.sums[-1]).all() and (moved.excess == want.excess).all()


def test_nothing_tried_is_nothing_told():
    ground = Ground(random_network(np.random.default_rng(3)))
    assert ground.trial(0, np.empty(0, int), np.empty((0, 256))).shape == (0,)
