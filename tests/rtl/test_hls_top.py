"""The HLS wrapper under the bench of fsrcnnx_top: on a stand-in IP, and on a real export.

The stand-in (sim/hls_standin.sv) has the ports that Vitis HLS would give and our core inside, so
the wrapper is proved without Vitis. `make sim DUT=hls HLS_RTL=DIR` runs the same bench on what
`fsrcnnx hls-synth` wrote.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.hls_top import wrap
from fsrcnnx.errors import CheckError
from fsrcnnx.prove.synth import read_manifest
from sim.runner import ROOT, benches
from tests.networks import random_network
from tests.rtl.test_benches import SEED, SIMULATORS, launch

pytestmark = pytest.mark.sim
STANDIN = ROOT / "sim" / "hls_standin.sv"
CASES = {  # frame (H, W), network
    "4x7": ((4, 7), {"channels": (2,), "kernels": (3, 3)}),
    "3x2": ((3, 2), {"channels": (), "kernels": (3,)}),
    "2x5-x3": ((2, 5), {"channels": (), "kernels": (5,), "scale": 3}),
}


def standin(folder: Path, frame: tuple[int, int], network: dict) -> Path:
    """Emit a core for frames of one size and wrap the stand-in around it; the RTL folder."""
    height, width = frame
    net = random_network(np.random.default_rng(SEED), **network)
    emit(net, folder / "core", max_width=width, max_height=height, cycles_per_pixel=9)
    (folder / "core" / "fsrcnnx_top.sv").unlink()
    shutil.copyfile(STANDIN, folder / "core" / "fsrcnnx_hls.sv")
    wrap(folder / "core", {
        "network": net.name, "content_hash": net.content_hash(), "top": "fsrcnnx_hls",
        "scale": net.scale, "width": width, "height": height,
        "in_format": str(net.in_format), "out_format": str(net.out_format)}, folder / "rtl")
    return folder / "rtl"


def run(rtl: Path, simulator: str, folder: Path, coverage: bool = False, **config) -> None:
    """Run the bench of the top on a wrapped folder."""
    manifest = read_manifest(rtl)
    launch("top", "fsrcnnx_hls_top", [rtl / name for name in manifest["files"]], {}, simulator,
           folder, config={"frame": [manifest["height"], manifest["width"]],
                                    "seed": SEED, "simulator": simulator, **config},
           coverage=coverage)


@pytest.mark.parametrize(("case", "simulator"), [
    (case, simulator) for case in CASES for simulator in SIMULATORS
    if (case, simulator) != ("2x5-x3", "icarus")])
def test_wrapper_on_the_standin(case, simulator, tmp_path):
    frame, network = CASES[case]
    run(standin(tmp_path, frame, network), simulator,
        benches() / f"hls-{case}-{simulator}", network=network)


FAULTS = {  # what is replaced in the wrapped folder: file, text, text
    "any size is let in": ("fsrcnnx_hls_top.sv", "size_ok ? DimBits'(FrameWidth) : '0",
                           "DimBits'(FrameWidth)"),
    "one size for both sides": ("fsrcnnx_hls_top.sv", "y_q == YBits'(HrHeight - 1)",
                                "y_q == YBits'(HrWidth - 1)"),
    "the end of line is late": ("fsrcnnx_hls_top.sv", "x_q == XBits'(HrWidth - 1)",
                                "x_q == XBits'(HrWidth)"),
    "it is not started": ("fsrcnnx_hls_ip.sv", ".ap_start(1'b1)", ".ap_start(1'b0)"),
    "a pixel is inverted": ("fsrcnnx_hls_ip.sv", "(in_data_i)", "(~in_data_i)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault, tmp_path):
    rtl = standin(tmp_path, *CASES["3x2"])
    file, old, new = FAULTS[fault]
    text = (rtl / file).read_text()
    assert text.count(old) == 1, "the source has changed: the fault cannot be planted"
    (rtl / file).write_text(text.replace(old, new))
    with pytest.raises(CheckError, match="tests failed"):
        run(rtl, "icarus", tmp_path / "build", network=CASES["3x2"][1])


def test_lint_clean(tmp_path):
    rtl = standin(tmp_path, *CASES["4x7"])
    done = subprocess.run([sys.executable, ROOT / "scripts" / "lint.py", rtl], check=False,
                          capture_output=True, text=True)
    assert done.stdout == "verilator: clean\niverilog: clean\nyosys: clean\n", done.stderr


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_real_export(simulator):
    if not os.environ.get("HLS_RTL"):
        pytest.skip("no HLS RTL export: run `fsrcnnx hls-synth`, then `make sim DUT=hls "
                    "HLS_RTL=DIR`")
    from fsrcnnx.exact.onnx.model import Model

    rtl = Path(os.environ["HLS_RTL"]).resolve()
    manifest = read_manifest(rtl)
    model = Model.open(os.environ.get("MODEL") or manifest["network"])
    assert model.content_hash == manifest["content_hash"], (
        f"{rtl} was made of another network than {model.path}; give its own with MODEL=FILE.onnx")
    run(rtl, simulator, benches() / f"hls-export-{simulator}", model=str(model.path.resolve()))
