"""Cores of both engines take what follows no protocol; the soak sees what does not."""

from __future__ import annotations

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")
pytest.importorskip("torch", reason="torch is not installed")

from fsrcnnx.errors import CheckError  # after the check that they are there
from sim.soak import CORES, ENGINES, soak

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("engine", ENGINES)
def test_soak(engine):
    if engine == "adders":
        pytest.importorskip("da4ml", reason="da4ml is not installed")
    assert "longest wait" in soak(engine, 8000, seed=3)


FIFO = """fsrcnnx_fifo #(.Width(InBits + 2*DimBits + 2)) u_in_fifo (
    .clk_i(aclk), .rst_ni(front_n),
    .in_valid_i(s_axis_video_tvalid), .in_ready_o("""
FAULTS = {  # what is wrong -> file, what is replaced, what is said
    "the greatest height is the width's": (
        "fsrcnnx_axis_guard.sv", "frame_height_i <= DimBits'(MaxHeight)",
        "frame_height_i <= DimBits'(MaxWidth)", "wanted|error count"),
    "the greatest width is the height's": (
        "fsrcnnx_axis_guard.sv", "frame_width_i  <= DimBits'(MaxWidth)",
        "frame_width_i  <= DimBits'(MaxHeight)", "wanted"),
    "sizes are a bit short": ("fsrcnnx_pkg.sv", "DIM_BITS = 6", "DIM_BITS = 5", "wanted|hangs"),
    "a frame begins inside another one": (
        "fsrcnnx_axis_guard.sv", "in_sof_i && !(first_x && first_y)", "1'b0",
        "wanted|error count"),
    "a frame is filled for ever": (
        "fsrcnnx_axis_guard.sv", "FillFrame: if (advance && frame_done) state_d = Idle;",
        "FillFrame: state_d = FillFrame;", "hangs"),
    "the error count goes round": (
        "fsrcnnx_top.sv", "error_count_o != '1", "error_count_o[2:0] != '1", "error count"),
    "the id of another model": (
        "fsrcnnx_top.sv", "CONTENT_HASH[255 -: 32]", "CONTENT_HASH[223 -: 32]", "model's id"),
    "ready waits for valid": ("fsrcnnx_top.sv", f"{FIFO}s_axis_video_tready)", "logic ready; "
                              "assign s_axis_video_tready = ready && s_axis_video_tvalid;\n"
                              f"{FIFO}ready)", "ready follows from valid"),
    "a stalled beat moves": (
        "fsrcnnx_skid.sv", "if (advance) out_data_o <=", "if (1'b1) out_data_o <=",
        "changed|hangs"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(fault):
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    *where, said = FAULTS[fault]
    with pytest.raises(CheckError, match=said):
        soak("small", 400, seed=5, simulator="icarus", fault=tuple(where), more=0)


def test_a_tenth_layer_that_takes_the_graph_of_another_is_seen():
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    fault = ("fsrcnnx_core.sv", ".Layer      (l),", ".Layer      (l == 10 ? 9 : l),")
    with pytest.raises(CheckError, match="wanted"):
        soak("adders", 1, seed=246, simulator="icarus", fault=fault, more=0)


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("core", ["pairs"])
def test_the_second_layer_shares_multipliers(monkeypatch, core, simulator):
    monkeypatch.setitem(CORES, core, ({"channels": (1, 4), "kernels": (1, 1, 3)},
                                      {"cycles_per_pixel": 2, "multiplier_bits": 25}))
    assert "frames exact" in soak(core, 1, 246, simulator, more=0)
