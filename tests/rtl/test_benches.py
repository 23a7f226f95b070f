"""Launch the cocotb benches of the modules in rtl/, and plant faults in them.

`make sim SIM=icarus SEED=7 WAVES=1` runs them on one simulator with that seed; without SIM both
run. The command to repeat a failure is in its message.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

from fsrcnnx.errors import CheckError  # after the check that cocotb is there
from sim.runner import ROOT, benches, run

pytestmark = pytest.mark.sim
SIMULATORS = [os.environ["SIM"]] if os.environ.get("SIM") else ["verilator", "icarus"]
SEED = int(os.environ.get("SEED") or 1)
WAVES = os.environ.get("WAVES") == "1"
RTL = ROOT / "rtl"
USES = {  # module -> modules it needs, in order
    "sequencer": ["turn", "line_fifo"], "slope": ["delay"],
    "column": ["delay", "line_ram", "centre"],
    "subpixel": ["turn", "skid"], "axis_guard": ["turn"],
}
SEQUENCER = {"PixelBits": 8, "DimBits": 5, "MaxWidth": 16}
CASES = {
    "fifo": ("fifo", {"Width": 16, "Depth": 8}),
    "line_fifo": ("line_fifo", {"Width": 9, "Depth": 16}),
    # a line and its slots that take a bit more than the width
    "sequencer-burst": ("sequencer", SEQUENCER | {"DimBits": 4, "MaxWidth": 15} | {
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
       for slope, stages, bits in ((0, 1, 6), (64, 1, 7), (3, 1, 6), (-1, 1, 6), (-8, 3, 6),
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
    "skid": ("skid", {"Width": 16}),
    "turn": ("turn", {"Bits": 4}),
    "axis_guard": ("axis_guard", {"PixelBits": 8, "MaxWidth": 12, "MaxHeight": 9, "DimBits": 4}),
    "window-3x3": ("window", {"PixelBits": 12, "Side": 3}),
    "window-1x1": ("window", {"PixelBits": 8, "Side": 1}),
    "product-two": ("product", {"SampleBits": 8, "SampleSigned": 0, "WeightBits": 6, "Count": 2}),
    "product-two-signed": ("product", {"SampleBits": 6, "SampleSigned": 1, "WeightBits": 8,
                                       "Count": 2}),
    "product-one": ("product", {"SampleBits": 8, "SampleSigned": 0, "WeightBits": 4, "Count": 1}),
    "prelu": ("prelu", {"AccBits": 20, "SlopeBits": 8, "Frac": 7, "ValueBits": 28}),
    "prelu-flat": ("prelu", {"AccBits": 18, "SlopeBits": 4, "Frac": 5, "ValueBits": 23}),
}
BENCH_ONLY = {"sequencer": ("MaxWidth",), "subpixel": ("MaxWidth",)}  # not of the module


def launch(bench: str, top: str, sources: list[Path], parameters: dict, simulator: str,
           folder: Path, **options) -> None:
    """Run a bench; print what would repeat it."""
    print(f"repeat: make sim SIM={simulator} SEED={SEED}")  # pytest shows it on a failure
    outcome = run(f"sim.bench_{bench}", top, sources, parameters, simulator=simulator, seed=SEED,
                  folder=folder, waves=WAVES, **options)
    assert outcome.tests > 0


def bench(case: str, simulator: str, folder: Path, replace: tuple[str, str] = ("", ""),
          **options) -> None:
    """Run a case, in its module's text with something replaced."""
    module, parameters = CASES[case]
    source = RTL / f"fsrcnnx_{module}.sv"
    if replace[0]:
        text = source.read_text(encoding="utf-8")
        assert replace[0] in text, "the fault has nowhere to go"
        source = folder / source.name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text.replace(*replace), encoding="utf-8")
    needs = [RTL / f"fsrcnnx_{name}.sv" for name in USES.get(module, ())]
    own = {key: value for key, value in parameters.items()
           if key not in BENCH_ONLY.get(module, ())}
    launch(module, f"fsrcnnx_{module}", [*needs, source], own, simulator, folder / "build",
           config=parameters, **options)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("case", CASES)
def test_module(case, simulator):
    bench(case, simulator, benches() / f"{case}-{simulator}")


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
    "rows of another order are seen": ("column-3x3", "After(After)", "After(After + 1)"),
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
    "payload moves while stalled": (
        "skid", "if (advance) out_data_o <=", "if (1'b1) out_data_o <="),
    "a beat is lost after a stall": (
        "skid", "in_ready_o <= advance || (in_ready_o && !in_valid_i)",
        "in_ready_o <= advance || in_ready_o"),
    "a turn of one step too few": ("turn", "left_q == Bits'(1)", "left_q == Bits'(2)"),
    "lost starts of frame are not counted": (
        "axis_guard", "error   = state_q == Idle || in_sof_i;", "error   = 1'b0;"),
    "another size is not said": ("axis_guard", "&& new_q", "&& 1'b0"),
    "a short line is not filled": (
        "axis_guard", "state_d = FillLine;", "state_d = Pixels;"),
    "a step is never over": (
        "sequencer-paced", "wait_q <= WaitBits'(Interval - 1);", "wait_q <= '0;"),
    "the window moves by itself": ("window-3x3", "if (step_i) taps_q <= {", "taps_q <= {"),
    "the upper product keeps what it lent": (
        "product-two", "above + ProductBits'(product_q[ProductBits-1])", "above"),
    "every accumulator has the slope": ("prelu", "acc_i[AccBits-1] ? ", "1'b1 ? "),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_fault_is_seen(tmp_path, fault):
    case, was, becomes = MUTANTS[fault]
    with pytest.raises(CheckError, match="tests failed"):
        bench(case, "icarus", tmp_path, (was, becomes))
