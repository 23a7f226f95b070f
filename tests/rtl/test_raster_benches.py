"""Launch the cocotb benches of the stall-free core's modules, and plant faults in them."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

import numpy as np  # after the check that cocotb is there

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.plan import Build, make
from fsrcnnx.errors import CheckError
from sim.runner import ROOT, benches, run
from tests.networks import random_network
from tests.rtl.test_benches import SEED, SIMULATORS

pytestmark = pytest.mark.sim
RTL = ROOT / "rtl"
USES = {  # module -> modules it needs, in order
    "fifo": [], "line_fifo": [], "sequencer": ["turn", "raster/line_fifo"],
    "slope": ["raster/delay"], "requantise": [], "column": ["raster/delay", "raster/line_ram"],
    "subpixel": ["turn", "skid"],
}
SEQUENCER = {"PixelBits": 8, "DimBits": 5, "MaxWidth": 16}
CASES = {
    "fifo": ("fifo", {"Width": 16, "Depth": 8}),
    "line_fifo": ("line_fifo", {"Width": 9, "Depth": 16}),
    "sequencer-burst": ("sequencer", SEQUENCER | {
        "FifoDepth": 32, "Interval": 1, "Pad": 1, "Gap": 1, "After": 3, "Drain": 4, "MinSlots": 4,
        "Room": 64, "Spare": 1}),
    "sequencer-burst-wide": ("sequencer", SEQUENCER | {
        "FifoDepth": 64, "Interval": 1, "Pad": 4, "Gap": 5, "After": 6, "Drain": 6, "MinSlots": 4,
        "Room": 40, "Spare": 3}),
    "sequencer-paced": ("sequencer", SEQUENCER | {
        "FifoDepth": 16, "Interval": 3, "Pad": 1, "Gap": 1, "After": 0, "Drain": 2, "MinSlots": 2,
        "Room": 40, "Spare": 1}),
    "column-3x3": ("column", {"PixelBits": 12, "Side": 3, "Before": 1, "MaxWidth": 16}),
    "column-2x2": ("column", {"PixelBits": 8, "Side": 2, "Before": 0, "MaxWidth": 16}),
    "column-5x5": ("column", {"PixelBits": 8, "CarryBits": 3, "Side": 5, "Before": 2,
                              "MaxWidth": 13, "SliceBits": 18}),
    "column-1x1": ("column", {"PixelBits": 8, "CarryBits": 3, "Side": 1, "Before": 0,
                              "MaxWidth": 16}),
    **{f"slope-{slope}": ("slope", {
        "AccBits": 12, "Slope": slope, "Frac": 6, "Stages": stages, "ValueBits": 12 + bits})
       for slope, stages, bits in ((0, 0, 6), (64, 0, 7), (3, 1, 6), (-1, 1, 6), (-8, 3, 6),
                                   (87, 4, 7), (-107, 4, 7), (-128, 2, 8))},
    "requantise-signed": ("requantise", {"ValueBits": 26, "Shift": 14, "OutBits": 8,
                                         "OutSigned": 1}),
    "requantise-unsigned": ("requantise", {"ValueBits": 12, "Shift": 3, "OutBits": 6,
                                           "OutSigned": 0}),
    "requantise-shift0": ("requantise", {"ValueBits": 12, "Shift": 0, "OutBits": 8,
                                         "OutSigned": 1}),
    "requantise-shift1": ("requantise", {"ValueBits": 8, "Shift": 1, "OutBits": 8,
                                         "OutSigned": 0}),
    "requantise-all-gone": ("requantise", {"ValueBits": 8, "Shift": 11, "OutBits": 8,
                                           "OutSigned": 1}),
    "subpixel-x1": ("subpixel", {"PixelBits": 8, "Scale": 1, "PixelsPerBeat": 1, "Words": 32,
                                 "DimBits": 5, "MaxWidth": 16}),
    "subpixel-x2": ("subpixel", {"PixelBits": 8, "Scale": 2, "PixelsPerBeat": 4, "Words": 26,
                                 "DimBits": 5, "MaxWidth": 15}),
    "subpixel-x2-narrow": ("subpixel", {"PixelBits": 8, "Scale": 2, "PixelsPerBeat": 1,
                                        "Words": 18, "DimBits": 5, "MaxWidth": 16}),
    "subpixel-x3": ("subpixel", {"PixelBits": 6, "Scale": 3, "PixelsPerBeat": 9, "Words": 20,
                                 "DimBits": 4, "MaxWidth": 10}),
    "subpixel-x3-line": ("subpixel", {"PixelBits": 6, "Scale": 3, "PixelsPerBeat": 3,
                                      "Words": 9, "DimBits": 4, "MaxWidth": 10}),
    "subpixel-x4": ("subpixel", {"PixelBits": 3, "Scale": 4, "PixelsPerBeat": 16, "Words": 15,
                                 "DimBits": 4, "MaxWidth": 13}),
}
BENCH_ONLY = {"sequencer": ("MaxWidth",), "subpixel": ("MaxWidth",)}  # not of the module


def bench(case: str, simulator: str, folder, replace: tuple[str, str] = ("", "")) -> None:
    """Run a case, in its module's text with something replaced."""
    module, parameters = CASES[case]
    source = RTL / "raster" / f"fsrcnnx_{module}.sv"
    if replace[0]:
        text = source.read_text(encoding="utf-8")
        assert replace[0] in text, "the fault has nowhere to go"
        source = folder / source.name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text.replace(*replace), encoding="utf-8")
    needs = [RTL / f"{name.replace('raster/', 'raster/fsrcnnx_')}.sv" if "/" in name
             else RTL / f"fsrcnnx_{name}.sv" for name in USES[module]]
    own = {key: value for key, value in parameters.items()
           if key not in BENCH_ONLY.get(module, ())}
    print(f"repeat: make sim SIM={simulator} SEED={SEED}")  # pytest shows it on a failure
    outcome = run(f"sim.raster.bench_{module}", f"fsrcnnx_{module}", [*needs, source], own,
                  simulator=simulator, seed=SEED, folder=folder / "build", config=parameters)
    assert outcome.tests > 0


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", CASES)
def test_module(case, simulator):
    bench(case, simulator, benches() / f"raster-{case}-{simulator}")


# whole cores: name -> network, core
NETWORKS = {
    "deconv": ({"channels": (), "kernels": (3,)}, {}),
    "anchor": ({"channels": (3, 4), "kernels": (1, 3, 3), "anchor": True}, {}),
    "anchor-at-once": ({"channels": (), "kernels": (3,), "anchor": True}, {}),
    "narrow": ({"channels": (3,), "kernels": (3, 3)}, {"pixels_per_beat": 1}),
    "x3": ({"channels": (2,), "kernels": (3, 9), "scale": 3, "activation_bits": 6, "anchor": True,
            "signed": False}, {}),
    "x3-line": ({"channels": (2,), "kernels": (3, 3), "scale": 3}, {"pixels_per_beat": 3}),
    "x4": ({"channels": (2,), "kernels": (3, 9), "scale": 4}, {}),
    "srcnn": ({"channels": (2, 2), "kernels": (9, 1, 5), "scale": 1, "last": "conv"}, {}),
    "shuffle": ({"channels": (3,), "kernels": (3, 3), "last": "shuffle"}, {}),
    "pointwise": ({"channels": (), "kernels": (1,), "last": "shuffle"}, {}),
}


def core(case: str, simulator: str, folder: Path, fault: tuple[str, str, str] | None = None):
    """Emit a core, in a module's text with something replaced, and run its bench."""
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    network, options = NETWORKS[case]
    rtl = folder / "rtl"
    shutil.rmtree(rtl, ignore_errors=True)  # simulators may have written into it
    told = emit(random_network(np.random.default_rng(SEED), **network), rtl, engine="adders",
                max_width=12, max_height=12, **options)
    if fault:
        module, was, becomes = fault
        text = (rtl / module).read_text(encoding="utf-8")
        assert was in text, "the fault has nowhere to go"
        (rtl / module).write_text(text.replace(was, becomes), encoding="utf-8")
    plan = make(random_network(np.random.default_rng(SEED), **network),
                Build("adders", max_width=12, max_height=12, **options))
    print(f"repeat: make sim SIM={simulator} SEED={SEED}")
    outcome = run("sim.raster.bench_top", "fsrcnnx_top", [rtl / name for name in told["files"]],
                  {}, simulator=simulator, seed=SEED, folder=folder / "build",
                  config={"seed": SEED, "network": network, "simulator": simulator,
                          "raster": asdict(plan.raster)})
    assert outcome.tests > 0


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", NETWORKS)
def test_core(case, simulator):
    core(case, simulator, benches() / f"raster-core-{case}-{simulator}")


@pytest.mark.parametrize(("case", "fault"), [
    ("shuffle", ("fsrcnnx_layer.sv", "!(line_q[Cycles-3] && live_q[Cycles-3])", "1'b0")),
    ("deconv", ("fsrcnnx_pkg.sv", "RING_WORDS = ", "RING_WORDS = 7; //")),
])
def test_a_fault_in_a_core_is_seen(tmp_path, case, fault):
    with pytest.raises(CheckError, match="tests failed"):
        core(case, "icarus", tmp_path, fault)


MUTANTS = {  # what is wrong -> case, what is replaced in its module
    "a beat is pushed into a full FIFO": ("fifo", "beats_q < (AddrBits+1)'(Depth - 2)", "1'b1"),
    "a short wait is felt": ("fifo", "(AddrBits+1)'(Depth - 2)", "(AddrBits+1)'(2)"),
    "a line is said to be whole too early": (
        "line_fifo", "push && in_last_i", "push"),
    "a pixel is pushed into a full FIFO": (
        "line_fifo", "pixels_q < (AddrBits+1)'(Depth - 2)", "1'b1"),
    "pixels come before what follows from their size": (
        "sequencer-burst", "(loaded_q && settle_q == '0)", "loaded_q"),
    "no zeros between frames": (
        "sequencer-burst", "zeros_q >= DrainBits'(Pad)", "1'b1"),
    "credits are not counted": (
        "sequencer-burst", "room_q <= room_q - need_q;", "room_q <= room_q;"),
    "lines of zeros take room": ("sequencer-burst", "takes  = begins && pushes", "takes  = begins"),
    "the size changes under way": (
        "sequencer-burst", "!loaded_q && empty_q && !pixel_waits && !push_q", "!loaded_q"),
    "one slot too few between lines": (
        "sequencer-paced", "rest_q <= slots_q - 1'b1;", "rest_q <= slots_q - 2'd2;"),
    "the last row stays inside": (
        "sequencer-burst", "zeros_q != DrainBits'(Drain);", "zeros_q != DrainBits'(Pad);"),
    "rows in the wrong order": (
        "column-3x3", "column_o[PixelBits +: RowsBits]", "column_o[0 +: RowsBits]"),
    "the line above's flag": ("column-3x3", "live_o = lives_q[After]", "live_o = lives_q[After-1]"),
    "a digit with the wrong sign": (
        "slope-87", "gen_digit[d-1].product - term", "gen_digit[d-1].product + term"),
    "rounds half up": ("requantise-signed", "(floor[0] || wide[Shift-2:0] != '0)", "1'b1"),
    "rounds into the sign": ("requantise-signed", "(up_q && !under_q && floor_q == Most)", "1'b0"),
    "says nothing of the frame": ("requantise-unsigned", "if (outside_i) out_o", "if (1'b0) out_o"),
    "keeps what is not there": ("subpixel-x2", "left_q > LeftBits'(p)", "1'b1"),
    "reads before it is written": ("subpixel-x3", "(!row_q[0] || some_q)", "1'b1"),
    "the room comes back too early": (
        "subpixel-x2", "line_done = beat && last_q && row_q[Scale-1]",
        "line_done = beat && last_q"),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_fault_is_seen(tmp_path, fault):
    case, was, becomes = MUTANTS[fault]
    with pytest.raises(CheckError, match="tests failed"):
        bench(case, "icarus", tmp_path, (was, becomes))
