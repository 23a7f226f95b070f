"""What runs the benches: one that does not run fails."""

from __future__ import annotations

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

from fsrcnnx.errors import CheckError  # after the check that cocotb is there
from sim.runner import ROOT, run

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
