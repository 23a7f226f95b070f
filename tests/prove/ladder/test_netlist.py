"""The rungs of netlists: a core after synthesis is golden's; a fault in it turns the ladder red."""

import numpy as np
import pytest

from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove.ladder.climb import verify
from tests.networks import random_network


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize(("rung", "kind", "part", "core"), [
    ("netlist", "MULT18X18D", "u_lane", {"cycles_per_pixel": 4}),
    ("netlist-adders", "CCU2C", "u_graph", {}),
])
def test_a_small_core_after_synthesis(tmp_path, monkeypatch, rung, kind, part, core):
    network = random_network(np.random.default_rng(3), channels=(2,), kernels=(1, 2), scale=2)
    onnx_io.save(network, tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    mapped, kept = netlists.mapped, []

    def once(folder):
        kept[:] = kept or [mapped(folder)]
        return kept[0]

    monkeypatch.setattr(netlists, "mapped", once)
    options = {"rungs": [rung], "max_width": 32, **core}
    report = verify(model, **options)
    report.check()
    assert {record.status for record in report.records if record.rung == rung} == {"PASS"}

    for name, cell in kept[0][0]["modules"]["fsrcnnx_top"]["cells"].items():
        if cell["type"] == kind and part in name:  # what it computes is lost
            cell["connections"] |= {pin: ["0"] for pin in cell["connections"] if pin[0] == "A"}
    assert not verify(model, **options).passed
