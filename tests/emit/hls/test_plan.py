"""The plan of a project: made once, before hls4ml runs, and all that the writers ask."""

import dataclasses

import numpy as np
import pytest

from fsrcnnx.emit.hls import plan, stages
from fsrcnnx.emit.hls.fifos import depths
from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.emit.hls.stages import lay_out
from fsrcnnx.errors import InputError
from fsrcnnx.exact import ranges
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(2), anchor=True)


def test_a_plan_by_hand():
    found = plan.make(NETWORK, 9, 6, strategy="resource", reuse_of={"conv0": 3}, clock=4.0)
    laid = lay_out(NETWORK, 9, 6)
    assert [stage.name for stage in found.stages] == [stage.name for stage in laid]
    assert found.reuse == {stage.name: 1 for stage in laid if stage.products[0]} | {"conv0": 3}
    assert found.depths == depths(laid, 9)
    assert (found.width, found.height, found.strategy, found.part, found.clock) == (
        9, 6, "resource", plan.PART, 4.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.clock = 5.0


@pytest.mark.parametrize(("options", "said"), [
    ({"clock": 1e9}, "--clock"), ({"part": "a b"}, "--part"), ({"strategy": "fast"}, "--strategy")])
def test_what_no_project_can_be_made_of_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        plan.make(NETWORK, 9, 6, **options)


def test_a_project_is_decided_once(monkeypatch, tmp_path):
    asked = []

    def counted(module, name):
        right = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args: asked.append(name) or right(*args))

    for module, name in ((ranges, "prove"), (plan, "lay_out"), (plan, "reuse_factors"),
                         (plan, "depths"), (stages, "_kernel")):
        counted(module, name)
    emit(NETWORK, tmp_path / "hls", width=9, height=6)
    assert sorted(asked) == sorted(["prove", "lay_out", "reuse_factors", "depths",
                                    *["_kernel"] * len(NETWORK.layers)])
