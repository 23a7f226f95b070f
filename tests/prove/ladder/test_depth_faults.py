"""Faults in single bits of luma of 10 bits, signed and not: each must turn the ladder red."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.prove.simulation.compile import SIMULATORS
from fsrcnnx.prove.simulation.core import read_core
from fsrcnnx.prove.simulation.simulate import SimulationFault, simulate
from tests.networks import random_picture
from tests.prove.conftest import emitted
from tests.prove.ladder.test_depths import VIDEO10, network
from tests.prove.ladder.test_faults import plant

sim = pytest.mark.sim
TO_CORE = ".in_data_i(lr_data)"
FROM_CORE = ".data_i(hr_data)"
INPUT_FAULTS = {  # fault -> what enters the core of a network of 10 bits instead of lr_data
    "two upper input bits cut": "{2'b0, lr_data[7:0]}",
    "top input bit cut": "{1'b0, lr_data[8:0]}",
    "lowest input bit stuck at 0": "{lr_data[9:1], 1'b0}",
    "lowest input bit stuck at 1": "{lr_data[9:1], 1'b1}",
    "a middle input bit stuck": "{lr_data[9:6], 1'b0, lr_data[4:0]}",
    "two input bits swapped": "{lr_data[8], lr_data[9], lr_data[7:0]}",
}
OUTPUT_FAULTS = {  # fault -> mask on one of the four phases, and what is put there
    "top output bit cut": "hr_data & ~(40'h200 << 10)",
    "lowest output bit stuck at 0": "hr_data & ~(40'h1 << 20)",
    "lowest output bit stuck at 1": "hr_data | 40'h1",
    "sign of an output flipped": "hr_data ^ (40'h200 << 30)",
    "two upper output bits cut": "hr_data & {4{10'h0ff}}",
}


@pytest.fixture(scope="module")
def video10(tmp_path_factory):
    """10 bits in and out, unsigned."""
    return emitted(tmp_path_factory.mktemp("video10"), network(VIDEO10, VIDEO10))


@pytest.fixture(scope="module")
def signed10(tmp_path_factory):
    """10 bits in and out, signed."""
    to = Format(True, 10, 9)
    return emitted(tmp_path_factory.mktemp("signed10"), network(to, to))


def turns_red(core, rtl, rung="rtl-icarus"):
    """Whether the ladder fails on a core, by values and not for lack of a tool; the layer."""
    report = verify(Model(core.model), rungs=[rung], rtl_dir=rtl)
    assert not report.passed, report.table()
    assert {record.status for record in report.failures} == {"FAIL"}
    return report.failures[0].first_divergence.layer


@sim
@pytest.mark.parametrize("name", ["video10", "signed10"])
def test_the_true_core_passes(name, request):
    core = request.getfixturevalue(name)
    report = verify(Model(core.model), rungs=["rtl-icarus"], rtl_dir=core.rtl)
    assert report.passed and "never varied" not in report.table(), report.table()


@sim
@pytest.mark.parametrize("fault", INPUT_FAULTS)
@pytest.mark.parametrize("name", ["video10", "signed10"])
def test_a_fault_in_an_input_bit(name, fault, request, copied):
    core = request.getfixturevalue(name)
    rtl = copied(core.rtl)
    plant(rtl / "fsrcnnx_top.sv", TO_CORE, f".in_data_i({INPUT_FAULTS[fault]})")
    assert turns_red(core, rtl) == "input"


@sim
@pytest.mark.parametrize("fault", OUTPUT_FAULTS)
@pytest.mark.parametrize("name", ["video10", "signed10"])
def test_a_fault_in_an_output_bit(name, fault, request, copied):
    core = request.getfixturevalue(name)
    rtl = copied(core.rtl)
    plant(rtl / "fsrcnnx_top.sv", FROM_CORE, f".data_i({OUTPUT_FAULTS[fault]})")
    assert turns_red(core, rtl) == "output"


@sim
@pytest.mark.parametrize(("where", "layer"), [("LAYER_IN_SIGNED", "conv0"),
                                              ("LAYER_OUT_SIGNED", "conv0")])
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_sign_taken_wrongly(signed10, copied, where, layer, simulator):
    rtl = copied(signed10.rtl)
    plant(rtl / "fsrcnnx_pkg.sv", f"{where} = {{32'd1, 32'd1}}", f"{where} = {{32'd1, 32'd0}}")
    assert turns_red(signed10, rtl, {"verilator": "rtl"}.get(simulator, "rtl-icarus")) == layer


@sim
@pytest.mark.parametrize(("port", "narrow"), [
    ("input  wire logic [InBits-1:0]  s_axis_video_tdata", "input  wire logic [7:0] "
     "s_axis_video_tdata"),
    ("output logic [PixelsPerBeat*OutBits-1:0] m_axis_video_tdata",
     "output logic [7:0] m_axis_video_tdata")])
def test_a_port_of_8_bits_in_verilator(video10, copied, port, narrow):
    rtl = copied(video10.rtl)
    plant(rtl / "fsrcnnx_top.sv", port, narrow)
    turns_red(video10, rtl, "rtl")


@sim
def test_the_two_upper_input_bits_cut_in_verilator(video10, copied):
    rtl = copied(video10.rtl)
    plant(rtl / "fsrcnnx_top.sv", TO_CORE, ".in_data_i({2'b0, lr_data[7:0]})")
    assert turns_red(video10, rtl, "rtl") == "input"


@sim
def test_a_package_of_another_depth_than_the_manifest(video10, copied):
    rtl = copied(video10.rtl)
    manifest = json.loads((rtl / "manifest.json").read_text())
    (rtl / "manifest.json").write_text(json.dumps({**manifest, "in_format": "ap_ufixed<8,0>"}))
    with pytest.raises(SimulationFault, match=r"pixels\.bin ends within a frame"):
        simulate(rtl, [random_picture(np.random.default_rng(1), 3, 3)], "icarus")


def test_a_core_whose_manifest_does_not_say_its_formats(video10, copied):
    rtl = copied(video10.rtl)
    manifest = json.loads((rtl / "manifest.json").read_text())
    for key in ("in_format", "out_format"):
        for value in ("", "int8", 8, None, "ap_ufixed<99,0>"):
            (rtl / "manifest.json").write_text(json.dumps({**manifest, key: value}))
            with pytest.raises(InputError, match="not an emitted core"):
                read_core(rtl)
        (rtl / "manifest.json").write_text(json.dumps(
            {k: v for k, v in manifest.items() if k != key}))
        with pytest.raises(InputError, match="not an emitted core"):
            read_core(rtl)
