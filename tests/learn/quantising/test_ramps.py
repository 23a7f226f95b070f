"""Ramps: the lines are golden's pixels, now and after each change that is tried or made."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsrcnnx.exact import even, golden
from fsrcnnx.learn.quantising.lines import MARGIN, Step
from fsrcnnx.learn.quantising.ramps import Ramps
from tests.learn.quantising.test_ground import networks
from tests.networks import random_network


def change(network, data):
    """A step of a weight or a bias of a layer, the network with it, and its index."""
    index = data.draw(st.integers(0, len(network.layers) - 1))
    layer, last = network.layers[index], index == len(network.layers) - 1
    out = data.draw(st.integers(0, layer.out_channels - 1))
    bias, weight = layer.bias.copy(), layer.weight.copy()
    if data.draw(st.booleans()):
        raw = data.draw(st.integers(1, 1 << max(network.shift(index), 1)))
        bias[out] += raw
        step = Step(-1 if last and len(bias) == 1 else out, -1, 0, 0, raw)
    else:
        source = data.draw(st.integers(0, layer.in_channels - 1))
        ky, kx = (data.draw(st.integers(0, layer.kernel - 1)) for _ in range(2))
        raw = -1 if weight[out, source, ky, kx] > 0 else 1
        weight[out, source, ky, kx] += raw
        s, p = layer.stride, layer.padding
        py, px = (ky - p) % s, (kx - p) % s
        step = Step(py * s + px, source, (py + p - ky) // s, (px + p - kx) // s, raw) \
            if layer.kind == "deconv" else Step(out, source, ky - p, kx - p, raw)
    layers = (*network.layers[:index], replace(layer, weight=weight, bias=bias),
              *network.layers[index + 1:])
    return index, step, replace(network, layers=layers).check()


@given(networks())
@settings(max_examples=10, deadline=None)
def test_lines_are_what_golden_makes_of_ramps(network):
    s, (before, after) = network.scale, even.reach(network)
    for turned, line in enumerate(Ramps(network).lines):
        ramp = np.tile(line.maps[0].astype(int), (before + 1 + after, 1))
        hr = golden.run(network, ramp.T if turned else ramp)
        inside = (hr.T if turned else hr)[s * before : s * (before + 1)]
        ends = slice(s * before, s * (ramp.shape[1] - after))
        assert (np.clip(np.rint(line.pixels), 0, 255)[:, ends] == inside[:, ends]).all()
    assert Ramps(network).back >= even.measure(network).back


@given(networks(), st.data())
@settings(max_examples=20, deadline=None)
def test_a_trial_tells_what_the_changed_network_does_and_a_move_makes_it(network, data):
    index, step, changed = change(network, data)
    ramps, want = Ramps(network), Ramps(changed)
    assert ramps.trial(index, [step]) == pytest.approx(want.excess)
    if index == ramps.last:
        parts = [np.array([part]) for part in (step.channel, step.source, step.dy, step.dx,
                                               step.raw)]
        near = ramps.near(*parts)
        assert near.gain() == pytest.approx(near.gain(np.array([0])))
    ramps.move(index, step)
    assert ramps.excess == pytest.approx(want.excess) and ramps.back == want.back
    for line, other in zip(ramps.lines, want.lines, strict=True):
        assert (line.pixels == other.pixels).all()


def test_what_moves_do_near_steps_back_is_what_they_do_there():
    network = random_network(np.random.default_rng(5), channels=(3, 2), kernels=(3, 1, 3))
    ramps = Ramps(network)
    assert ramps.excess > 0 and ramps.back > 1
    last = network.layers[-1]
    steps = [Step(phase, source, 0, 0, way) for phase in range(4)
             for source in range(last.in_channels) for way in (1, -1)]
    near = ramps.near(*(np.array([getattr(step, key) for step in steps])
                        for key in ("channel", "source", "dy", "dx", "raw")))
    gains = near.gain()
    pairs = near.gain(np.array([0]), np.array([3]))
    for line, pixels, added in near.parts:
        for number, step in enumerate(steps):
            own = step if line is ramps.lines[0] else ramps._along(ramps.last, step)[1]
            sums = line.sums[-1].copy()
            sums[own.channel] += line.delta(ramps.last, own)
            after = line.laid(sums)
            assert np.isin(np.round(pixels + added[:, number], 6), np.round(after, 6)).all()
    assert gains.shape == (len(steps),) and pairs.shape == (1,)


def test_a_ramp_that_steps_back_is_seen():
    network = random_network(np.random.default_rng(5), channels=(3, 2), kernels=(3, 1, 3))
    assert even.measure(network).back > 1 and Ramps(network).back > 1


def test_a_step_back_counts_where_pixels_round_to():
    network = random_network(np.random.default_rng(5), channels=(3, 2), kernels=(3, 1, 3))
    one, two = np.random.default_rng(6).uniform(0, 6, (2, 4000)) + 100
    judged = Ramps(network).lines[0].judged(one, two)
    falls = np.rint(one) - np.rint(two) > 1
    assert ((judged > MARGIN) == falls).all()
    assert (falls & (one - two < 1.1)).any() and (~falls & (one - two > 1.9)).any()
    # it presses a little before
    assert (judged[~falls] > 0).any()
    assert (judged[one - two < 1 - MARGIN] == 0).all()
