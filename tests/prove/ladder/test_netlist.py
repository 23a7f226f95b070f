"""The rung `netlist`: a core after synthesis is golden's; a fault in it turns the ladder red."""

import numpy as np
import pytest

from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove.ladder.climb import verify
from tests.networks import random_network


@pytest.mark.sim
@pytest.mark.slow
def test_a_small_core_after_synthesis(tmp_path, monkeypatch):
    network = random_network(np.random.default_rng(3), channels=(2,), kernels=(1, 2), scale=2)
    onnx_io.save(network, tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    mapped, kept = netlists.mapped, []

    def once(folder):
        kept[:] = kept or [mapped(folder)]
        return kept[0]

    monkeypatch.setattr(netlists, "mapped", once)
    options = {"rungs": ["netlist"], "cycles_per_pixel": 4, "max_width": 32}
    report = verify(model, **options)
    report.check()
    assert {record.status for record in report.records if record.rung == "netlist"} == {"PASS"}

    cells = kept[0][0]["modules"]["fsrcnnx_top"]["cells"].values()
    multiplier = next(cell for cell in cells if cell["type"] == "MULT18X18D")
    multiplier["connections"] |= {f"A{bit}": ["0"] for bit in range(18)}  # a product is lost
    assert not verify(model, **options).passed
