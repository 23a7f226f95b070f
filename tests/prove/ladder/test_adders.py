"""The rung of the engine without multipliers: it passes, its faults are found, layer by layer."""

from __future__ import annotations

import pytest

pytest.importorskip("da4ml", reason="da4ml is not installed")

import numpy as np  # after the check that the solver is there

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import InputError
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.ladder.climb import verify
from tests.networks import random_network


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network with an anchor, small enough for one Verilator build."""
    path = tmp_path_factory.mktemp("net") / "model.onnx"
    onnx_io.save(random_network(np.random.default_rng(3), channels=(3,), kernels=(3, 3),
                                anchor=True), path)
    return Model(path)


def test_a_core_of_another_engine_is_refused_by_name(model, tmp_path):
    emit(model.network, tmp_path / "rtl", max_width=64)
    with pytest.raises(InputError, match="a core of the engine mac.*the engine adders"):
        verify(model, rungs=["rtl-adders"], rtl_dir=tmp_path / "rtl")


@pytest.mark.sim
def test_the_engine_adders_passes_its_rung(model):
    report = verify(model, rungs=["rtl-adders"], max_width=64)
    report.check()
    assert sum(record.pixels for record in report.records if record.rung == "rtl-adders") > 4000


@pytest.mark.sim
def test_a_fault_in_a_graph_is_found_in_its_layer(model, tmp_path):
    told = emit(model.network, tmp_path / "rtl", engine="adders", max_width=64)
    source = tmp_path / "rtl" / "fsrcnnx_layer.sv"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("assign accs = sums;", "assign accs = ~sums;"),
                      encoding="utf-8")
    report = verify(model, rungs=["rtl-adders"], rtl_dir=tmp_path / "rtl")
    assert report.failures[0].first_divergence.layer == told["layers"][0]["name"]
