"""Every member of the family at its own channels, every scale, in HLS: `make hls-matrix`."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx.model import shipped
from fsrcnnx.prove.hls import frames as hls
from tests.family import FAMILY, network, unsigned
from tests.networks import extreme_pictures, random_picture

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    os.environ.get("HLS_MATRIX") != "1", reason="takes long; run it with `make hls-matrix`")]
LARGE = ("fsrcnn", "srcnn-9-1-5", "srcnn-9-5-5")
STRATEGIES = ({"strategy": "resource", "reuse": 10**9}, {"strategy": "distributed_arithmetic"})


def check(net, height=7, width=11, **options):
    """Random frames and extremes are exact, layer by layer."""
    rng = np.random.default_rng(9)
    frames = [random_picture(rng, height, width) for _ in range(6)] + list(
        extreme_pictures(height, width).values())
    result = hls.simulate(net, frames, **options)
    assert result.fault == ""
    for lr, got in zip(frames, result.frames, strict=True):
        wrong = int((got != golden.run(net, lr)).sum())
        assert wrong == 0, f"{wrong} mismatches; {hls.locate(net, result.projects[0], lr)}"


@pytest.mark.parametrize(("name", "scale"), [
    (name, scale) for name, (_, _, deconvs) in FAMILY.items()
    for scale in ((2, 3, 4) if deconvs else (1,))])
def test_latency(name, scale):
    check(network(np.random.default_rng(scale), name, scale=scale))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_anchor_and_unsigned_maps(scale):
    check(unsigned(network(np.random.default_rng(scale), "fsrcnn-x", scale=scale, anchor=True)))


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("options", STRATEGIES, ids=lambda options: options["strategy"])
def test_strategies(name, options):
    if options["strategy"] != "resource" and name in LARGE:
        pytest.skip("not tried: over 8,000 constant products in straight-line C++")
    check(network(np.random.default_rng(1), name), **options)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 13), (13, 1), (2, 2)])
def test_small_frames(height, width):
    check(replace(network(np.random.default_rng(1), "fsrcnn-x"), anchor=True), height, width)


@pytest.mark.parametrize("model", shipped(), ids=lambda model: model.path.parent.name)
@pytest.mark.parametrize("options", [{}, *STRATEGIES], ids=lambda o: o.get("strategy", "latency"))
def test_shipped(model, options):
    check(model.network, 67, 120, **options)
