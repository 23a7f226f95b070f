"""What Yosys makes of the line memories: block RAM whose words meet a flip-flop."""

import json
import subprocess

import pytest

from fsrcnnx import tools
from sim.runner import ROOT

SOURCE = ROOT / "rtl" / "fsrcnnx_line_ram.sv"
NAME = "fsrcnnx_line_ram"


def cells(folder, text):
    """The slice of 36 bits and 1920 words on an ECP5: cells of Yosys' netlist."""
    (folder / "source.sv").write_text(text)
    script = (f"read_verilog -sv source.sv; chparam -set Width 36 -set Depth 1920 {NAME}; "
              f"synth_ecp5 -run begin:map_gates -top {NAME}; "
              f"select {NAME}; write_json -selected netlist.json")
    subprocess.run([tools.find("yosys"), "-q", "-p", script], cwd=folder, check=True)
    modules = json.loads((folder / "netlist.json").read_text())["modules"]
    found = modules[NAME]["cells"].values()
    return [cell for cell in found if not cell["type"].startswith("$scopeinfo")]


def readers(found):
    """The kinds of cells that a block RAM's output goes to."""
    words = {bit for cell in found if cell["type"] == "DP16KD"
             for port, bits in cell["connections"].items()
             if cell["port_directions"][port] == "output" for bit in bits}
    return {cell["type"].split("_")[1] if cell["type"].startswith("$_") else cell["type"]
            for cell in found for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input" and words & set(bits)}


@pytest.mark.sim
def test_a_line_is_block_ram_and_its_words_meet_a_flip_flop_at_once(tmp_path):
    found = cells(tmp_path, SOURCE.read_text())
    assert sum(cell["type"] == "DP16KD" for cell in found) == 4
    assert readers(found) <= {"$dff", "DFF"}, readers(found)


@pytest.mark.sim
def test_logic_behind_the_words_is_seen(tmp_path):
    """A LUT between the RAM and the flip-flop, as an emulated read-before-write puts there."""
    text = SOURCE.read_text().replace("word_q2 <= word_q1;", "word_q2 <= word_q1 ^ data_i;")
    assert not readers(cells(tmp_path, text)) <= {"$dff", "DFF"}
