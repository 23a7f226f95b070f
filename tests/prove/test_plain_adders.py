"""Two adders in one clock are two carry chains, and still add and subtract."""

from collections import Counter

import pytest

from fsrcnnx.files import carried
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove import plain_adders
from fsrcnnx.prove.netlist import CELLS, mapped, verilog
from tests.prove.test_netlist import simulated

# signs that differ, a subtraction inside one, an operand without sign, a carry out
CORE = """
module fsrcnnx_top (
  input wire logic clk, input wire logic signed [11:0] a, b, input wire logic [11:0] c,
  output logic signed [13:0] y, output logic [13:0] z
);
  wire logic signed [12:0] inner = {a[11], a} - {b[11], b};
  always_ff @(posedge clk) begin
    y <= $signed({1'b0, c}) - {inner[12], inner};
    z <= c + {1'b0, c, 1'b0} + {2'b0, a};
  end
endmodule
"""
BENCH = """
module tb;
  logic clk = 1'b0;
  logic [31:0] s = 32'h1234567;
  logic [13:0] y, z;
  logic [35:0] d;
  fsrcnnx_top u (.clk, .a(d[11:0]), .b(d[23:12]), .c(d[35:24]), .y, .z);
  initial for (int i = 0; i < 500; i++) begin
    s = s ^ (s << 13); s = s ^ (s >> 17); s = s ^ (s << 5);
    d = i == 0 ? 36'h7ff800fff : i == 1 ? 36'h8007ff000 : {~s[3:0], s};
    #1 clk = 1'b1;
    #1 clk = 1'b0;
    $display("%h %h", y, z);
  end
endmodule
"""


@pytest.mark.slow
@pytest.mark.sim
@pytest.mark.parametrize(("planted", "fault"), [("", ""), ('== "$sub"', '!= "$sub"'),
                                                ("A_SIGNED && B_SIGNED", "0")])
def test_chains_of_adders(tmp_path, monkeypatch, planted, fault):
    (tmp_path / "core.sv").write_text(CORE)
    (tmp_path / "files.f").write_text("core.sv\n")
    assert planted in plain_adders.MAP
    monkeypatch.setattr(plain_adders, "MAP", plain_adders.MAP.replace(planted, fault)
                        if planted else plain_adders.MAP)
    netlist, _, _ = mapped(tmp_path, trimmed=False)
    kinds = Counter(cell["type"] for cell in netlist["modules"]["fsrcnnx_top"]["cells"].values())
    (tmp_path / "netlist.v").write_text(verilog(netlist))
    got = simulated(tmp_path, tmp_path / "netlist.v", carried("sim", CELLS) / CELLS,
                    bench=BENCH)
    want = simulated(tmp_path, tmp_path / "core.sv", bench=BENCH)
    assert len(set(want)) > 490 and (got == want) == (not planted)
    assert planted or (kinds["CCU2C"] == 4 * 7 and kinds["LUT4"] == 0), kinds


@pytest.mark.slow
def test_without_the_map_they_are_compressed(tmp_path, monkeypatch):
    (tmp_path / "core.sv").write_text(CORE)
    (tmp_path / "files.f").write_text("core.sv\n")
    without = netlists.COMMAND.removeprefix(f"{plain_adders.PASSES}; ")
    monkeypatch.setattr(netlists, "COMMAND", without)
    netlist, _, _ = mapped(tmp_path, trimmed=False)
    kinds = Counter(cell["type"] for cell in netlist["modules"]["fsrcnnx_top"]["cells"].values())
    assert kinds["LUT4"] >= 24 and kinds["CCU2C"] < 4 * 7
