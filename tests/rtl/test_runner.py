"""The benches themselves: one that does not run fails, and faulty modules do not pass."""

from __future__ import annotations

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

from fsrcnnx.errors import CheckError  # after the check that cocotb is there
from sim.runner import ROOT, run
from tests.rtl.test_benches import CASES, USES

pytestmark = pytest.mark.sim

BENCHES = {  # what is wrong with a bench -> its text, what the error must say
    "import": ("import no_such_module\n", "not imported|did not run"),
    "empty": ("import cocotb\n", "no test|no results|did not run"),
    "failing": ("import cocotb\n@cocotb.test()\nasync def wrong(dut):\n    assert False\n",
                "1 of 1 tests failed: wrong.*repeat with `make sim SIM=icarus SEED=9"),
}


@pytest.mark.parametrize("fault", BENCHES)
def test_a_bench_that_does_not_pass_fails(tmp_path, fault):
    text, message = BENCHES[fault]
    (tmp_path / f"bench_{fault}.py").write_text(text)
    with pytest.raises(CheckError, match=message):
        run(f"bench_{fault}", "fsrcnnx_skid", [ROOT / "rtl" / "fsrcnnx_skid.sv"], {"Width": 4},
            simulator="icarus", seed=9, folder=tmp_path / "build", bench_path=tmp_path)


MUTANTS = {  # name -> case, what is replaced in its module
    "payload moves while stalled": (
        "skid", "if (advance) out_data_o <=", "if (1'b1) out_data_o <="),
    "a beat is lost after a stall": (
        "skid", "in_ready_o <= advance || (in_ready_o && !in_valid_i)",
        "in_ready_o <= advance || in_ready_o"),
    "the right border is not masked": (
        "window-3x3", "assign col_d[t] = out_width_d - cx_d > DimBits'(t - Before);",
        "assign col_d[t] = 1'b1;"),
    "the top border is not masked": (
        "window-3x3", "assign row_d[t] = cy_d >= DimBits'(Before - t);",
        "assign row_d[t] = 1'b1;"),
    "ties are rounded up": ("requantise-shift1", "wide[0] && floor[0]", "wide[0]"),
    "line ends are wrong": ("subpixel-x2", "entry_eol && sub_q == RowBits'(Subs - 1)", "entry_eol"),
    "a turn of one step too few": ("turn", "left_q == Bits'(1)", "left_q == Bits'(2)"),
    "lost starts of frame are not counted": (
        "axis_guard", "error   = state_q == Idle || in_sof_i;", "error   = 1'b0;"),
    "another size is not said": ("axis_guard", "&& new_q", "&& 1'b0"),
    "a short line is not filled": (
        "axis_guard", "state_d = FillLine;", "state_d = Pixels;"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_faulty_module_does_not_pass(tmp_path, mutant):
    case, old, new = MUTANTS[mutant]
    module, parameters = CASES[case]
    text = (ROOT / "rtl" / f"fsrcnnx_{module}.sv").read_text()
    assert text.count(old) == 1, "the source has changed: the fault cannot be planted"
    faulty = tmp_path / f"fsrcnnx_{module}.sv"
    faulty.write_text(text.replace(old, new))
    sources = [ROOT / "rtl" / f"fsrcnnx_{name}.sv" for name in USES[module]]
    with pytest.raises(CheckError, match="tests failed"):
        run(f"sim.bench_{module}", f"fsrcnnx_{module}", [*sources, faulty], parameters,
            simulator="icarus", seed=1, folder=tmp_path / "build")
