"""Reuse factors: hls4ml's own rule, and refusals that list what is allowed."""

import numpy as np
import pytest
from hls4ml.backends import get_backend

from fsrcnnx.emit.hls.reuse import reuse_factors, valid_factors
from fsrcnnx.emit.hls.stages import lay_out
from fsrcnnx.errors import InputError
from tests.networks import random_network

STAGES = lay_out(random_network(np.random.default_rng(0), channels=(5, 6), kernels=(3, 1, 3)), 9, 7)


@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (9, 23), (23, 12), (108, 12), (12, 7)])
def test_valid_factors_are_hls4mls(n_in, n_out):
    assert valid_factors(n_in, n_out) == get_backend("Vitis").get_valid_reuse_factors(n_in, n_out)


@pytest.mark.parametrize(("strategy", "at_most", "of", "want"), [
    ("latency", 1, {}, (1, 1, 1)),
    ("latency", 7, {"conv1": 2}, (7, 2, 7)),
    ("resource", 1, {}, (1, 1, 1)),
    ("resource", 7, {}, (3, 5, 6)),          # 9, 5 and 24 inputs
    ("resource", 10**6, {"conv1": 5}, (45, 5, 96)),
    ("distributed_arithmetic", 1, {"conv0": 1}, (1, 1, 1)),
])
def test_chosen(strategy, at_most, of, want):
    assert tuple(reuse_factors(STAGES, strategy, at_most, of).values()) == want


@pytest.mark.parametrize(("strategy", "at_most", "of", "said"), [
    ("fast", 1, {}, "allowed: latency, resource, distributed_arithmetic"),
    ("latency", 0, {}, r"allowed: 1\.\.4194304"),
    ("latency", 1, {"conv0": 0}, r"conv0=0 \(allowed: 1\.\.4194304\)"),
    ("resource", 1, {"conv1": 2, "conv9": 3}, r"no layer conv9; conv1=2 \(allowed: 1, 5, 10, 15,"),
    ("distributed_arithmetic", 2, {}, "allowed: 1"),
    ("distributed_arithmetic", 1, {"conv0": 3}, r"conv0=3 \(allowed: 1\)"),
])
def test_refused(strategy, at_most, of, said):
    with pytest.raises(InputError, match=said):
        reuse_factors(STAGES, strategy, at_most, of)
