"""The RTL lint: content with a clean core, and red for each planted fault."""

import subprocess
import sys
from pathlib import Path

import pytest

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.exact.onnx.model import Model

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "lint.py"


def lint(folder):
    """Run the script: exit code and output."""
    done = subprocess.run([sys.executable, SCRIPT, folder], text=True, capture_output=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def core(tmp_path):
    """The emitted core of the default network."""
    emit(Model.open("fsrcnn-x_x2").network, tmp_path / "core", max_width=64)
    return tmp_path / "core"


@pytest.mark.sim
def test_a_clean_core(core):
    code, said = lint(core)
    assert said == "verilator: clean\niverilog: clean\nyosys: clean\n"
    assert code == 0


@pytest.mark.sim
@pytest.mark.parametrize(("old", "new", "tool"), [
    ("endmodule", "  logic loose;\nendmodule", "verilator"),
    ("endmodule", "  logic x = nowhere;\nendmodule", "iverilog"),
    ("endmodule", "endmodul", "yosys"),
])
def test_a_planted_fault_is_seen(core, old, new, tool):
    path = core / "fsrcnnx_skid.sv"
    path.write_text(path.read_text().replace(old, new))
    code, said = lint(core)
    assert code == 1
    assert f"{tool}: clean" not in said
    assert f"{tool}:\n" in said
