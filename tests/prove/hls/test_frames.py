"""Frames of several sizes through HLS projects, without a compiler: what is planned, and when."""

import numpy as np
import pytest

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.exact import ranges
from fsrcnnx.prove.hls import frames
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(3), channels=(2,), kernels=(1, 3))


def test_a_network_is_proved_once_for_all_sizes(monkeypatch):
    asked, right, plans = [], ranges.prove, []

    def ran(project, group):
        return frames.Simulated(tuple(group), (0.0,) * len(group), (project,) * len(group))

    monkeypatch.setattr(ranges, "prove", lambda network: asked.append(1) or right(network))
    monkeypatch.setattr(frames, "_compile", lambda plan: plans.append(plan) or plan)
    monkeypatch.setattr(frames, "run", ran)
    lrs = [np.zeros(shape, np.uint8) for shape in ((3, 5), (1, 1), (3, 5), (6, 9))]
    found = frames.simulate(NETWORK, lrs, strategy="resource")
    assert [frame.shape for frame in found.frames] == [lr.shape for lr in lrs]
    assert [(plan.height, plan.width, plan.strategy) for plan in plans] == [
        (3, 5, "resource"), (1, 1, "resource"), (6, 9, "resource")]
    assert len(asked) == 1


def test_every_size_is_looked_at_before_the_first_compiles(monkeypatch):
    monkeypatch.setattr(frames, "_compile", lambda _: pytest.fail("work was begun"))
    with pytest.raises(InputError, match="--width"):
        frames.simulate(NETWORK, [np.zeros((1, width), np.uint8)
                                  for width in (5, limits.FRAME_SIDE + 1)])
