"""The integer network refuses what breaks the number contract."""

from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.formats import Format
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(0))
FIRST, LAST = NETWORK.layers[0], NETWORK.layers[-1]

FAULTS = {
    "weights outside": {"weight": FIRST.weight + 200},
    "bias of shape": {"bias": FIRST.bias[:-1]},
    "slopes of shape": {"slope": FIRST.slope[:-1]},
    "slopes outside": {"slope": FIRST.slope + 1000},
    "slope without format": {"slope_format": None},
    "odd kernel": {"padding": 0},
    "is not int64": {"bias": FIRST.bias.astype(float)},
    "kind 'pool'": {"kind": "pool"},
    "more fraction bits": {"out_format": Format(True, 8, 60)},
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_faulty_layer_is_named(message):
    broken = replace(NETWORK, layers=(replace(FIRST, **FAULTS[message]), *NETWORK.layers[1:]))
    with pytest.raises(ModelError, match=message) as caught:
        broken.check()
    assert "conv0" in str(caught.value)


SHUFFLE = random_network(np.random.default_rng(0), channels=(2,), kernels=(3, 3), last="shuffle")
SHUFFLE_FAULTS = {
    "4 kernels for stride 3; allowed: 9, one per output phase": {"stride": 3},
    "stride 1, padding 1; allowed: odd kernel, stride 2 or more": {"stride": 1},
    "kernel 3, stride 2, padding 0": {"padding": 0},
    r"bias of shape \(1,\); allowed: \(4,\)": {"bias": np.zeros(1, np.int64)},
    r"slopes of shape \(4,\); allowed: \(1,\)": {
        "slope": np.zeros(4, np.int64), "slope_format": Format(True, 4, 2)},
}


@pytest.mark.parametrize("message", SHUFFLE_FAULTS)
def test_a_faulty_shuffle_is_named(message):
    last = SHUFFLE.layers[-1]
    assert (last.out_channels, last.bias.size, SHUFFLE.scale) == (1, 4, 2)
    broken = replace(SHUFFLE, layers=(SHUFFLE.layers[0], replace(last, **SHUFFLE_FAULTS[message])))
    with pytest.raises(ModelError, match=f"layer shuffle.*{message}"):
        broken.check()


@pytest.mark.parametrize(("layers", "message"), [
    ((), "without layers"),
    (NETWORK.layers[1:], "input channels"),
    (NETWORK.layers[:-1], "output channels"),
    ((LAST, LAST), "input channels"),
    ((SHUFFLE.layers[0], SHUFFLE.layers[1], replace(FIRST, name="after")),
     "a shuffle before the last layer"),
])
def test_a_faulty_row_of_layers_is_refused(layers, message):
    with pytest.raises(ModelError, match=message):
        replace(NETWORK, layers=layers).check()


def test_the_hash_sees_every_bit_and_no_metadata():
    flipped = FIRST.weight.copy()
    flipped[0, 0, 0, 0] ^= 1
    other = replace(NETWORK, layers=(replace(FIRST, weight=flipped), *NETWORK.layers[1:]))
    assert other.content_hash() != NETWORK.content_hash()
    assert replace(NETWORK, meta={"psnr": "1"}).content_hash() == NETWORK.content_hash()


def test_the_hash_sees_a_prescale_and_nothing_where_there_is_none():
    enlarged = [replace(NETWORK, prescale=factor) for factor in (1, 2, 3)]
    assert len({network.content_hash() for network in enlarged}) == 3
    assert enlarged[0].content_hash() == NETWORK.content_hash()
    assert enlarged[2].picture_scale == 3 * NETWORK.scale
    assert enlarged[2].macs == 9 * NETWORK.macs


@pytest.mark.parametrize("prescale", [0, 9, 2.0, "2", True])
def test_a_prescale_that_is_none_is_refused(prescale):
    with pytest.raises(ModelError, match=r"prescale .*allowed: 1\.\.8"):
        replace(NETWORK, prescale=prescale).check()


def test_macs_of_the_seed_network():
    seed = random_network(np.random.default_rng(1), channels=(23, 12, 12, 12, 23),
                          kernels=(3, 1, 3, 3, 1, 3))
    assert seed.macs == 3558
