"""The proofs of formal/ hold, and each of them sees a fault that is planted in its module."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from fsrcnnx import tools
from fsrcnnx.errors import ToolError
from scripts.formal import HARNESSES, PROOFS, ROOT, prove

pytestmark = pytest.mark.sim
RTL = ROOT / "rtl"


@pytest.fixture(autouse=True)
def abc():
    try:
        tools.find("abc")
    except ToolError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("proof", [pytest.param(proof, id=f"{proof.name} {proof.given}")
                                   for proof in PROOFS if not proof.slow])
def test_every_rule_holds_and_every_goal_is_reached(proof):
    outcome = prove(proof, RTL, seconds=300)
    assert outcome.passed, outcome
    text = (HARNESSES / f"{proof.name}.sv").read_text()
    assert outcome.rules and outcome.goals
    # a rule in prose beside every assertion, and an assertion beside every rule, here or there
    rules = re.findall(r"^//   (\d+) (.*(?:\n//     .*)*)", text, re.M)
    there = {number for number, words in rules if "asserted in the module" in words}
    here = set(re.findall(r"rule_(\d+)\w*: assert", text))
    assert {number for number, _ in rules} == here | there
    own = outcome.rules - len(re.findall(r"rule_\d+\w*: assert", text))
    assert not there or own >= len(there), "an assertion of the module is not in the proof"


FAULTS = {  # what is wrong -> proof, what is replaced in its module, the rule that sees it
    "payload moves while stalled": (
        "skid", "if (advance) out_data_o <=", "if (1'b1) out_data_o <=", "rule_3"),
    "a beat is lost after a stall": (
        "skid", "in_ready_o <= advance || (in_ready_o && !in_valid_i)",
        "in_ready_o <= advance || in_ready_o", "rule_1"),
    "a beat is pushed into a full FIFO": (
        "fifo", "beats_q < (AddrBits+1)'(Depth - 2)", "1'b1", "fsrcnnx_fifo.sv:"),
    "a beat waits for the next one": ("fifo", "beats_q != '0;", "beats_q > 1;", "rule_4"),
    "a line is said to be whole too early": (
        "line_fifo", "push && in_last_i", "push", "fsrcnnx_line_fifo.sv:"),
    "what was not popped comes too": ("line_fifo", "if (!popped_q)", "if (1'b0)", "rule_3"),
    "a word is overtaken": (
        "aside", "write_q == AddrBits'(Words - 1)", "write_q == AddrBits'(Words - 2)", "rule_3"),
    "a pop is forgotten": (
        "aside", "if (pop_i) read_q <=", "if (pop_i && !push_i) read_q <=", "rule_3"),
    "a turn of one step too few": ("turn", "left_q == Bits'(1)", "left_q == Bits'(2)", "rule_2"),
    "a start of frame is passed inside a frame": (
        "axis_guard", "in_sof_i && !(first_x && first_y)", "1'b0", "rule_2"),
    "a short line is not filled": (
        "axis_guard", "state_d = FillLine;", "state_d = Pixels;", "rule_4"),
    "width and height limits are swapped": (
        "axis_guard", "frame_width_i  <= DimBits'(MaxWidth)",
        "frame_width_i  <= DimBits'(MaxHeight)", "rule_7"),
    "a fault is counted twice": (
        "axis_guard", "error   = state_q == Idle || in_sof_i;", "error   = 1'b1;", "rule_7"),
    "another size is not said": ("axis_guard", "&& new_q", "&& 1'b0", "rule_5"),
    "no zeros between frames": (
        "sequencer", "zeros_q >= DrainBits'(Pad)", "1'b1", "rule_3"),
    "credits are not counted": (
        "sequencer", "room_q <= room_q - need_q;", "room_q <= room_q;",
        "fsrcnnx_sequencer.sv:"),
    "a line needs no room": ("sequencer", "(roomy_q || !pushes)", "1'b1", "fsrcnnx_sequencer.sv:"),
    "the size changes under way": (
        "sequencer", "!loaded_q && empty_q && !pixel_waits && !push_q", "!loaded_q",
        "fsrcnnx_sequencer.sv:"),
    "a line never ends": (
        "sequencer", "busy_q <= rest_q != SlotBits'(1);", "busy_q <= 1'b1;", "rule_7"),
    "keeps what is not there": ("subpixel", "left_q > LeftBits'(p)", "1'b1", "rule_4"),
    "reads before it is written": (
        "subpixel", "(!row_q[0] || some_q)", "1'b1", "fsrcnnx_subpixel.sv:"),
    "the room comes back too early": (
        "subpixel", "line_done = beat && last_q && row_q[Scale-1]",
        "line_done = beat && last_q", "rule_1"),
    "HR lines change places": ("subpixel", "if (row_q2[r])", "if (row_q2[Scale-1-r])", "rule_1"),
    "rounds half up": ("requantise", "(floor[0] || wide[Shift-2:0] != '0)", "1'b1", "rule_1"),
    "rounds into the sign": (
        "requantise", "(up_q && !under_q && floor_q == Most)", "1'b0", "rule_1"),
    "a digit with the wrong sign": (
        "slope", "gen_digit[d-1].product - term", "gen_digit[d-1].product + term", "rule_1"),
    "every accumulator has the slope": ("prelu", "acc_i[AccBits-1] ? ", "1'b1 ? ", "rule_1"),
}


def broken(name: str, was: str, becomes: str, folder) -> str:
    """The rules that the proofs of a module find broken once something in it is replaced."""
    shutil.copytree(RTL, folder / "rtl")
    path = folder / "rtl" / f"fsrcnnx_{name}.sv"
    text = path.read_text()
    assert was in text, "the fault has nowhere to go"
    path.write_text(text.replace(was, becomes))
    proof = next(proof for proof in PROOFS if proof.name == name)
    return " ".join(prove(proof, folder / "rtl", seconds=300, reach=1).broken)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(tmp_path, fault):
    name, was, becomes, rule = FAULTS[fault]
    assert rule in broken(name, was, becomes, tmp_path)


def test_what_is_never_reached_and_what_does_not_hold_is_said(tmp_path):
    shutil.copytree(RTL, tmp_path / "rtl")
    path = tmp_path / "rtl" / "fsrcnnx_skid.sv"
    path.write_text(path.read_text().replace(
        "in_ready_o <= advance || (in_ready_o && !in_valid_i)", "in_ready_o <= advance"))
    done = subprocess.run([sys.executable, ROOT / "scripts" / "formal.py", "skid", "--rtl",
                           tmp_path / "rtl"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAIL\n  does not hold: rule_1 (clock " in done.stdout
    assert done.stderr == "fsrcnnx: error: formal: 1 not proved; allowed: every row PASS\n"


def test_the_table_of_modules_says_what_is_proved():
    rows = re.findall(r"^\| `fsrcnnx_(\w+)` \| ([^|]+) \| [^|]+ \| ([^|]+) \|.* \d+ \|$",
                      (RTL / "README.md").read_text(), re.M)
    named = {name: said for name, said, _ in rows}
    for name, _, asserted in rows:
        path = RTL / f"fsrcnnx_{name}.sv"
        count = path.read_text().count("assert (") if path.is_file() else 0
        assert asserted == str(count) if count else not asserted.isdigit(), name
    assert set(named) == {path.stem.removeprefix("fsrcnnx_") for path in RTL.glob("*.sv")} | {
        "graph_N"}
    depths = {proof.name: proof.depth for proof in PROOFS} | {"product": None}  # the last, deepest
    for name, said in named.items():
        if name not in depths:
            assert said.startswith(("not done", "N/A: ", "Waived: ")), name
        else:
            assert said.startswith(f"{depths[name]} clocks" if depths[name] else "Done"), name
