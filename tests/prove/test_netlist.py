"""A netlist for the ECP5 simulates like what it was made of, its cells' models included."""

import json
from pathlib import Path

import pytest

from fsrcnnx import processes, tools
from fsrcnnx.errors import CheckError
from fsrcnnx.files import carried
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove.netlist import CELLS, mapped, verilog

# a memory with a register behind it, one without, a ROM, a carry chain, a multiplier, resets
CORE = """
module fsrcnnx_top (
  input wire logic clk, input wire logic rst_n, input wire logic we, input wire logic [9:0] wa,
  input wire logic [9:0] ra, input wire logic [35:0] d, output logic [35:0] q,
  output logic [17:0] early, output logic [7:0] rom_q, output logic signed [15:0] y,
  output logic [20:0] sum, output logic [3:0] few_q, output logic [8:0] slow_q
);
  (* no_rw_check *) logic [8:0] slow [0:1023];
  logic [8:0] late;
  (* no_rw_check *) logic [35:0] one [0:1023];
  (* no_rw_check *) logic [17:0] two [0:1023];
  logic [7:0] rom [0:1023];
  logic [3:0] few [0:15];
  initial for (int i = 0; i < 1024; i++) rom[i] = 8'(i * 37);
  logic [35:0] word;
  logic [17:0] other;
  logic [7:0] out;
  always_ff @(posedge clk) begin
    word <= one[ra];
    other <= two[ra];
    out <= rom[ra];
    if (we) one[wa] <= d;
    if (we) two[wa] <= d[35:18];
    if (we) few[wa[3:0]] <= d[3:0];
    q <= word;
    early <= other ^ {18{rst_n}};
    rom_q <= out;
    few_q <= few[ra[3:0]];
    if (we) slow[wa] <= d[8:0];
    if (rst_n) late <= slow[ra];
    if (rst_n) slow_q <= late;
    y <= $signed(d[7:0]) * $signed(d[15:8]);
    if (!rst_n) sum <= 21'h5;
    else if (we) sum <= sum - {3'b0, d[17:0]};
  end
endmodule
"""
BENCH = """
module tb;
  logic clk = 1'b0, rst_n = 1'b0, we = 1'b1;
  logic [9:0] wa = '0, ra = '0;
  logic [35:0] d = '0, q;
  logic [17:0] early;
  logic [7:0] rom_q;
  logic [15:0] y;
  logic [20:0] sum;
  logic [3:0] few_q;
  logic [8:0] slow_q;
  logic [31:0] s = 32'h1234567;
  fsrcnnx_top u (.*);
  initial begin
    for (int i = 0; i < 3000; i++) begin
      s = s ^ (s << 13); s = s ^ (s >> 17); s = s ^ (s << 5);
      wa = i < 1024 ? 10'(i) : s[9:0];
      ra = s[19:10] == wa ? wa + 10'd1 : s[19:10];  // both at one address is left open
      d = {s[3:0], ~s};
      we = i < 1024 || s[20];
      rst_n = i > 4 && s[25:21] != 0;
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      if (i > 1030) $display("%h %h %h %h %h %h %h", q, early, rom_q, y, sum, few_q,
                            slow_q);
    end
    $finish;
  end
endmodule
"""


def simulated(work: Path, *sources: Path, bench: str = BENCH) -> list[str]:
    """What a bench prints in Icarus."""
    (work / "tb.sv").write_text(bench)
    done = processes.run([tools.find("iverilog"), "-g2012", "-s", "tb", "-o", "sim", *sources,
                          "tb.sv"], cwd=work)
    assert done.returncode == 0, done.stderr
    return processes.run([tools.find("vvp"), "-n", "sim"], cwd=work).stdout.splitlines()


@pytest.mark.slow
@pytest.mark.sim
def test_a_netlist_does_what_its_source_does(tmp_path):
    (tmp_path / "core.sv").write_text(CORE)
    (tmp_path / "files.f").write_text("core.sv\n")
    netlist, moved, _ = mapped(tmp_path)
    assert moved == 36 + 8 + 9  # and not the ones that something else looks at
    cells = carried("sim", CELLS) / CELLS
    want = simulated(tmp_path, tmp_path / "core.sv")
    (tmp_path / "netlist.v").write_text(verilog(netlist))
    assert simulated(tmp_path, tmp_path / "netlist.v", cells) == want
    assert len(set(want)) > 1900 and not any("x" in line for line in want)
    kinds = {cell["type"] for cell in netlist["modules"]["fsrcnnx_top"]["cells"].values()}
    assert kinds >= {"LUT4", "CCU2C", "TRELLIS_FF", "DP16KD", "MULT18X18D", "TRELLIS_DPR16X4"}
    for wrong in (faster(netlist), spoiled(netlist)):
        (tmp_path / "netlist.v").write_text(verilog(wrong))
        assert simulated(tmp_path, tmp_path / "netlist.v", cells) != want


def changed(netlist, kind, key, old, new):
    """A copy with one parameter of the first such cell changed."""
    copy = json.loads(json.dumps(netlist))
    cell = next(cell for cell in copy["modules"]["fsrcnnx_top"]["cells"].values()
                if cell["type"] == kind and cell["parameters"][key] == old)
    cell["parameters"][key] = new
    return copy


def faster(netlist):
    """A block RAM that does not register what it reads."""
    return changed(netlist, "DP16KD", "REGMODE_B", "OUTREG", "NOREG")


def spoiled(netlist):
    """A flip-flop of another reset value."""
    return changed(netlist, "TRELLIS_FF", "REGSET", "SET", "RESET")


def test_a_netlist_as_verilog():
    cells = {"a.b": {"type": "LUT4", "parameters": {"INIT": "0110", "NAME": "1 ", "WORD": "NO"},
                     "port_directions": {"A": "input", "B": "input", "C": "input", "Z": "output",
                                         "Y": "output"},
                     "connections": {"A": [2], "B": ["1"], "C": ["x"], "Z": [5], "Y": ["x"]}},
             "s": {"type": "$scopeinfo", "parameters": {}, "connections": {}},
             "m": {"type": "RAM", "parameters": {},
                   "port_directions": {"DO": "output", "DI": "input"},
                   "connections": {"DO": [6, 7], "DI": ["0", 2]}}}
    netlist = {"modules": {"top": {"cells": cells, "ports": {
        "a": {"direction": "input", "bits": [2]}, "q": {"direction": "output",
                                                        "bits": [5, "0"]}}}}}
    assert verilog(netlist, "top") == (
        "`define FSRCNNX_NETLIST\n"
        "module top (\n  input [1-1:0] a,\n  output [2-1:0] q\n);\n"
        "  wire n2;\n  wire n5;\n  wire n6;\n  wire n7;\n"
        "  assign n2 = a[0];\n  assign q[0] = n5;\n  assign q[1] = 1'b0;\n"
        "  LUT4 #(.NAME(\"1\"), .WORD(\"NO\")) c0 "
        "(.A(n2), .B(1'b1), .C(1'bx), .Z(n5), .Y(), .INIT(4'b0110));\n"
        "  RAM #() c1 (.DO({n7, n6}), .DI({n2, 1'b0}));\nendmodule\n")
    cells["evil"] = {"type": "LUT4; initial $system", "parameters": {}, "connections": {}}
    with pytest.raises(CheckError, match="a cell or port 'LUT4; initial"):
        verilog(netlist, "top")


def test_a_netlist_folder_is_a_core_to_a_simulation(tmp_path, monkeypatch):
    core = tmp_path / "core"
    core.mkdir()
    (core / "fsrcnnx_pkg.sv").write_text("package fsrcnnx_pkg; endpackage\n")
    (core / "manifest.json").write_text(json.dumps({"network": "a", "content_hash": "0" * 64}))
    (core / "files.f").write_text("fsrcnnx_pkg.sv\n")
    netlist = {"modules": {"fsrcnnx_top": {"cells": {}, "ports": {
        "q": {"direction": "output", "bits": ["1"]}}}}}
    monkeypatch.setattr(netlists, "mapped", lambda folder, top: (netlist, 0, "yosys 1"))
    out = netlists.write(core, tmp_path / "out")
    assert (out / "files.f").read_text().split() == ["fsrcnnx_pkg.sv", "ecp5_cells.v", "netlist.v"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["network"], manifest["netlist"]) == ("a", "yosys 1")
    assert "assign q[0] = 1'b1;" in (out / "netlist.v").read_text()
