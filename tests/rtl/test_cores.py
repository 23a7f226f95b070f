"""Launch the cocotb bench of the top on whole cores of both engines, and plant faults in them."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

import numpy as np  # after the check that cocotb is there

from fsrcnnx.emit.rtl.build import Build
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.errors import CheckError
from sim.runner import benches
from tests.networks import random_network
from tests.rtl.test_benches import SEED, SIMULATORS, launch

pytestmark = pytest.mark.sim
# whole cores: name -> network, core
NETWORKS = {
    "adders-deconv": ({"channels": (), "kernels": (3,)}, {"engine": "adders"}),
    "adders-anchor": ({"channels": (3, 4), "kernels": (1, 3, 3), "anchor": True},
                      {"engine": "adders"}),
    "adders-anchor-at-once": ({"channels": (), "kernels": (3,), "anchor": True},
                              {"engine": "adders"}),
    "adders-narrow": ({"channels": (3,), "kernels": (3, 3)},
                      {"engine": "adders", "pixels_per_beat": 1, "adders_per_stage": 2}),
    "adders-x3": ({"channels": (2,), "kernels": (3, 9), "scale": 3, "activation_bits": 6,
                   "anchor": True, "signed": False}, {"engine": "adders"}),
    "adders-x3-line": ({"channels": (2,), "kernels": (3, 3), "scale": 3},
                       {"engine": "adders", "pixels_per_beat": 3}),
    "adders-x4": ({"channels": (2,), "kernels": (3, 9), "scale": 4}, {"engine": "adders"}),
    "adders-srcnn": ({"channels": (2, 2), "kernels": (9, 1, 5), "scale": 1, "last": "conv"},
                     {"engine": "adders"}),
    "adders-shuffle": ({"channels": (3,), "kernels": (3, 3), "last": "shuffle"},
                       {"engine": "adders"}),
    "adders-rows": ({"channels": (2, 12), "kernels": (3, 1, 3), "weight_bits": 3, "anchor": True},
                    {"engine": "adders"}),
    "adders-rows-x3": ({"channels": (20,), "kernels": (3, 9), "weight_bits": 3, "scale": 3},
                       {"engine": "adders"}),
    "adders-pointwise": ({"channels": (), "kernels": (1,), "last": "shuffle"},
                         {"engine": "adders"}),
    "mac-deconv": ({"channels": (), "kernels": (3,)}, {"cycles_per_pixel": 4}),
    "mac-at-once": ({"channels": (5,), "kernels": (3, 3)}, {"cycles_per_pixel": 1}),
    "mac-wide-beats": ({"channels": (3,), "kernels": (3, 3)},
                       {"cycles_per_pixel": 2, "pixels_per_beat": 2}),
    "mac-folded": ({"channels": (3, 7), "kernels": (1, 3, 3), "anchor": True},
                   {"cycles_per_pixel": 13, "multiplier_bits": 18}),
    "mac-x3": ({"channels": (2,), "kernels": (3, 9), "scale": 3, "activation_bits": 6,
                "anchor": True, "signed": False}, {"cycles_per_pixel": 9}),
    "mac-x4": ({"channels": (3,), "kernels": (3, 9), "scale": 4}, {"cycles_per_pixel": 16}),
    "mac-srcnn": ({"channels": (2, 2), "kernels": (9, 1, 5), "scale": 1, "last": "conv"},
                  {"cycles_per_pixel": 7}),
    "mac-shuffle": ({"channels": (3,), "kernels": (3, 3), "last": "shuffle"},
                    {"cycles_per_pixel": 27}),
}


def core(case: str, simulator: str, folder: Path, fault: tuple[str, str, str] | None = None,
         **more):
    """Emit a core, in a module's text with something replaced, and run its bench."""
    network, options = NETWORKS[case]
    if options.get("engine") == "adders":
        pytest.importorskip("da4ml", reason="da4ml is not installed")
    rtl = folder / "rtl"
    shutil.rmtree(rtl, ignore_errors=True)  # simulators may have written into it
    told = emit(random_network(np.random.default_rng(SEED), **network), rtl, max_width=12,
                max_height=12, **options)
    if fault:
        module, was, becomes = fault
        text = (rtl / module).read_text(encoding="utf-8")
        assert was in text, "the fault has nowhere to go"
        (rtl / module).write_text(text.replace(was, becomes), encoding="utf-8")
    plan = make(random_network(np.random.default_rng(SEED), **network),
                Build(max_width=12, max_height=12, **options))
    assert told["clocks_per_frame"] == plan.raster.frame_clocks(12, 12)
    launch("top", "fsrcnnx_top", [rtl / name for name in told["files"]], {}, simulator,
           folder / "build", config={"seed": SEED, "network": network, "simulator": simulator,
                                     "raster": asdict(plan.raster)}, **more)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", NETWORKS)
def test_core(case, simulator):
    core(case, simulator, benches() / f"core-{case}-{simulator}")


@pytest.mark.parametrize(("case", "fault"), [
    ("adders-shuffle", ("fsrcnnx_layer.sv", "flags[3*(Cycles-2) +: 2] != 2'b11", "1'b0")),
    ("adders-rows", ("fsrcnnx_row_sums.sv", "total = product + ", "total = product - ")),
    ("adders-anchor", ("fsrcnnx_aside.sv", "if (pop_i) read_q <= ", "if (push_i) read_q <= ")),
    ("adders-rows", ("fsrcnnx_row_sums.sv", "Early = Graph - 5", "Early = Graph - 6")),
    ("adders-deconv", ("fsrcnnx_pkg.sv", "RING_WORDS = ", "RING_WORDS = 7; //")),
    ("mac-deconv", ("fsrcnnx_pkg.sv", "INTERVAL = 4;", "INTERVAL = 5;")),
    ("mac-deconv", ("fsrcnnx_pkg.sv", "INTERVAL = 4;", "INTERVAL = 3;")),
])
def test_a_fault_in_a_core_is_seen(tmp_path, case, fault):
    with pytest.raises(CheckError, match="tests failed"):
        core(case, "icarus", tmp_path, fault)
