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


@pytest.mark.parametrize(("layers", "message"), [
    ((), "without layers"),
    (NETWORK.layers[1:], "input channels"),
    (NETWORK.layers[:-1], "output channels"),
    ((LAST, LAST), "input channels"),
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


def test_macs_of_the_seed_network():
    seed = random_network(np.random.default_rng(1), channels=(23, 12, 12, 12, 23),
                          kernels=(3, 1, 3, 3, 1, 3))
    assert seed.macs == 3558
