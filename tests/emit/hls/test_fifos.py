"""FIFO depths, against a clocked model of the streams: nothing starves, nothing waits for long."""

import numpy as np
import pytest

from fsrcnnx.emit.hls.fifos import depths, lag
from fsrcnnx.emit.hls.stages import lay_out
from tests.emit.hls.streams import clocks
from tests.family import network

SIZES = [(1, 1), (1, 6), (7, 1), (5, 4), (17, 6)]
DEEP = 10**9


@pytest.mark.parametrize("anchor", [False, True])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", ["fsrcnn-x", "fsrcnn-s"])
def test_as_fast_as_with_endless_streams(name, width, height, anchor):
    net = network(np.random.default_rng(0), name, scale=3, narrow=True, anchor=anchor)
    stages = lay_out(net, width, height)
    ours = depths(stages, width)
    assert clocks(stages, width, height, 3, ours) == clocks(
        stages, width, height, 3, dict.fromkeys(ours, DEEP))


@pytest.mark.parametrize(("width", "height"), [(9, 7), (17, 6)])
def test_the_anchor_starves_on_less_than_the_lag(width, height):
    stages = lay_out(network(np.random.default_rng(0), "fsrcnn-x", narrow=True, anchor=True), width,
                  height)
    ours, held = depths(stages, width), lag(stages, width)
    assert held == 4 * width + 4                     # k 3, 1, 3, 3, 1 and TDC's 2: a line each
    assert clocks(stages, width, height, 2, {**ours, "deconv_anchor": held}) is None
    assert clocks(stages, width, height, 2, {**ours, "deconv_anchor": held + 1})
    assert ours["deconv_anchor"] > held


def test_without_padding_every_stream_is_short():
    stages = lay_out(network(np.random.default_rng(0), "srcnn-9-1-5", narrow=True), 100, 80)
    assert depths(stages, 100) == {"conv0": 10, "conv0_prelu": 2, "conv1": 2, "conv1_prelu": 2,
                                   "deconv": 6}
