"""Launch the cocotb benches in sim/, one per module and one for the whole core.

`make sim SIM=icarus SEED=7 WAVES=1` runs them on one simulator with that seed; without SIM both
run. The command to repeat a failure is in its message.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

import numpy as np  # after the check that cocotb is there

from fsrcnnx.emit.rtl.folder import emit
from sim.runner import ROOT, benches, run
from tests.networks import random_network

pytestmark = pytest.mark.sim
SIMULATORS = [os.environ["SIM"]] if os.environ.get("SIM") else ["verilator", "icarus"]
SEED = int(os.environ.get("SEED") or 1)
WAVES = os.environ.get("WAVES") == "1"
USES = {  # module -> modules it needs, in order
    "skid": [], "turn": [], "window": ["line_ram"], "requantise": [], "subpixel": ["line_ram"],
    "axis_guard": ["turn"],
}
CASES = {
    "skid": ("skid", {"Width": 16}),
    "turn": ("turn", {"Bits": 4}),
    "window-3x3": ("window", {"PixelBits": 12, "Side": 3, "Before": 1, "MaxWidth": 16,
                              "DimBits": 5}),
    "window-2x2": ("window", {"PixelBits": 8, "Side": 2, "Before": 0, "MaxWidth": 16,
                              "DimBits": 5}),
    "window-5x5": ("window", {"PixelBits": 8, "CarryBits": 3, "Side": 5, "Before": 2,
                              "MaxWidth": 13, "DimBits": 4}),
    "requantise-prelu": ("requantise", {
        "AccBits": 20, "HasSlope": 1, "SlopeBits": 8, "SlopeFrac": 7, "Shift": 14, "OutBits": 8,
        "OutSigned": 1}),
    "requantise-pixel": ("requantise", {
        "AccBits": 20, "HasSlope": 0, "SlopeBits": 1, "SlopeFrac": 0, "Shift": 10, "OutBits": 8,
        "OutSigned": 0}),
    "requantise-shift0": ("requantise", {
        "AccBits": 12, "HasSlope": 0, "SlopeBits": 1, "SlopeFrac": 0, "Shift": 0, "OutBits": 8,
        "OutSigned": 1}),
    "requantise-shift1": ("requantise", {
        "AccBits": 8, "HasSlope": 0, "SlopeBits": 1, "SlopeFrac": 0, "Shift": 1, "OutBits": 8,
        "OutSigned": 1}),
    "requantise-wide-slope": ("requantise", {
        "AccBits": 24, "HasSlope": 1, "SlopeBits": 4, "SlopeFrac": 5, "Shift": 9, "OutBits": 10,
        "OutSigned": 0}),
    "subpixel-x2": ("subpixel", {"PixelBits": 8, "Scale": 2, "PixelsPerBeat": 1, "MaxWidth": 16,
                                 "DimBits": 5}),
    "subpixel-x2-wide": ("subpixel", {"PixelBits": 8, "Scale": 2, "PixelsPerBeat": 2,
                                      "MaxWidth": 13, "DimBits": 4}),
    "subpixel-x3": ("subpixel", {"PixelBits": 6, "Scale": 3, "PixelsPerBeat": 3, "MaxWidth": 9,
                                 "DimBits": 4}),
    "axis_guard": ("axis_guard", {"PixelBits": 8, "MaxWidth": 12, "MaxHeight": 9, "DimBits": 4}),
}


def launch(bench: str, top: str, sources: list[Path], parameters: dict, simulator: str,
           folder: Path, **options) -> None:
    """Run a bench; print what would repeat it."""
    print(f"repeat: make sim SIM={simulator} SEED={SEED}")  # pytest shows it on a failure
    outcome = run(f"sim.bench_{bench}", top, sources, parameters, simulator=simulator, seed=SEED,
                  folder=folder, waves=WAVES, **options)
    assert outcome.tests > 0


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", CASES)
def test_module(case, simulator):
    module, parameters = CASES[case]
    sources = [ROOT / "rtl" / f"fsrcnnx_{name}.sv" for name in (*USES[module], module)]
    launch(module, f"fsrcnnx_{module}", sources, parameters, simulator,
           benches() / f"{case}-{simulator}")


# whole networks: name -> (bench and top module, network, core)
NETWORKS = {
    "layers-deconv": ("core", {"channels": (), "kernels": (3,)}, {"cycles_per_pixel": 4}),
    "layers-conv": ("core", {"channels": (5,), "kernels": (3, 3)}, {"cycles_per_pixel": 1}),
    "layers-folded": ("core", {"channels": (3, 7), "kernels": (1, 3, 3), "anchor": True},
                      {"cycles_per_pixel": 13}),
    "layers-x3": ("core", {"channels": (2,), "kernels": (3, 9), "scale": 3, "activation_bits": 6,
                           "anchor": True, "signed": False}, {"cycles_per_pixel": 9}),
    "layers-shuffle": ("core", {"channels": (3,), "kernels": (3, 3), "last": "shuffle"},
                       {"cycles_per_pixel": 5}),
    "top": ("top", {}, {"cycles_per_pixel": 4}),
    "top-wide-beats": ("top", {"channels": (3,), "kernels": (3, 3)},
                       {"cycles_per_pixel": 2, "pixels_per_beat": 2}),
}


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", NETWORKS)
def test_network(case, simulator):
    bench, network, core = NETWORKS[case]
    rtl = benches() / f"{case}-{simulator}-rtl"
    shutil.rmtree(rtl, ignore_errors=True)  # simulators may have written into it
    emit(random_network(np.random.default_rng(SEED), **network), rtl, max_width=12, max_height=12,
         **core)
    sources = [rtl / name for name in (rtl / "files.f").read_text().split()]
    launch(bench, f"fsrcnnx_{bench}", sources, {}, simulator,
           benches() / f"{case}-{simulator}",
           config={"seed": SEED, "network": network, "simulator": simulator, **core})
