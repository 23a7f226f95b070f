"""The rungs of netlists: a core after synthesis is golden's; a fault in it turns the ladder red."""

from types import SimpleNamespace

import numpy as np
import pytest

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove.ladder import hardware
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.prove.ladder.rungs import RUNG
from fsrcnnx.prove.simulation.simulate import simulate
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

    def once(folder, top):
        kept[:] = kept or [mapped(folder, top)]
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


@pytest.mark.sim
@pytest.mark.slow
def test_a_small_core_after_synthesis_for_the_7_series(tmp_path):
    """By Yosys' own models of the cells, in Icarus; the rung takes Verilator."""
    network = random_network(np.random.default_rng(3), channels=(2,), kernels=(1, 2), scale=2)
    emit(network, tmp_path / "core", engine="adders", max_width=16, max_height=16)
    out = netlists.write(tmp_path / "core", tmp_path / "netlist", "xc7")
    lr = np.random.default_rng(4).integers(0, 256, (6, 7), dtype=np.uint8)

    def wrong():
        got, = simulate(out, [lr], "icarus").frames
        return int((got != golden.run(network, lr)).sum())

    assert wrong() == 0
    text = (out / "netlist.v").read_text()
    at = text.rindex(" ^ ", 0, text.index("endmodule") // 2)  # of a carry cell
    (out / "netlist.v").write_text(f"{text[:at]} | {text[at + 3:]}")
    assert wrong() > 0


@pytest.mark.parametrize(("rung", "core", "family"), [
    ("netlist", "mac", "ecp5"), ("netlist-adders", "adders", "ecp5"),
    ("netlist-xilinx", "mac", "xc7"), ("netlist-adders-xilinx", "adders", "xc7")])
def test_each_rung_takes_its_core_and_its_netlist(monkeypatch, rung, core, family):
    seen = []
    monkeypatch.setattr(hardware, "_synthesised", lambda context, stimuli, core, family="ecp5":
                        seen.append((core, family)))
    RUNG[rung].climb(SimpleNamespace(rtl_dir="mac", adders_dir="adders"), [])
    assert seen == [(core, family)]
