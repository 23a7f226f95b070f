"""The wrapper's adapter: ports as Vitis HLS writes them, refusals, and a folder whole or not."""

from __future__ import annotations

import json

import pytest

from fsrcnnx.emit.rtl.hls_top import adapter, wrap
from fsrcnnx.emit.rtl.hls_verilog import Port, filled, read_ports
from fsrcnnx.errors import InputError

# in the style of Vitis HLS: names in the header, directions after it
PORTS = ["input  [7:0] lr_TDATA;", "output  [7:0] hr_TDATA;", "input   ap_clk;",
         "input   ap_rst_n;", "input   lr_TVALID;", "output   lr_TREADY;", "input   ap_start;",
         "output   hr_TVALID;", "input   hr_TREADY;", "output   ap_done;", "output   ap_ready;",
         "output   ap_idle;"]
MANIFEST = {"network": "tiny", "content_hash": "ab" * 32, "top": "fsrcnnx_hls", "scale": 2,
            "width": 6, "height": 4, "in_format": "ap_ufixed<8,0>", "out_format": "ap_ufixed<8,0>"}

# as Vitis HLS reads a table: from the folder that the simulator runs in
ROM = """module fsrcnnx_hls_rom;
reg [7:0] rom0[0:1];
initial begin
  $readmemh("./rom.dat", rom0);
end
endmodule
"""


def verilog(ports=PORTS, module="fsrcnnx_hls") -> str:
    """A module with these port declarations."""
    names = ",\n        ".join(line.rstrip(";").split()[-1] for line in ports)
    return ("`timescale 1 ns / 1 ps\n\n(* CORE_GENERATION_INFO=\"input [3:0] x;\" *)\n"
            f"module {module} (\n        {names}\n);\n\n" + "\n".join(ports) + """
// input [3:0] comment_TDATA;
reg [7:0] memory;
function [3:0] pick; input [3:0] inner_TDATA; pick = inner_TDATA; endfunction
endmodule //fsrcnnx_hls
module other (input wire [1:0] elsewhere_TDATA);
endmodule
""")


def swapped(old: str, new: str) -> list[str]:
    """PORTS with one changed."""
    assert sum(old in line for line in PORTS) >= 1
    return [line.replace(old, new) for line in PORTS]


def test_ports_of_both_styles_of_declaration():
    ports = read_ports(verilog(), "fsrcnnx_hls", "a.v")
    assert [port.name for port in ports] == [line.rstrip(";").split()[-1] for line in PORTS]
    assert ports[:3] == [Port("lr_TDATA", False, 8), Port("hr_TDATA", True, 8),
                         Port("ap_clk", False, 1)]
    inside = "module m (input wire [15:0] a, output reg b,\n  output logic [7 : 0] c\n);\nendmodule"
    assert read_ports(inside, "m", "a.v") == [Port("a", False, 16), Port("b", True, 1),
                                              Port("c", True, 8)]


def test_the_adapter_starts_the_ip_and_pads_its_data():
    ports = read_ports(verilog([line.replace("[7:0]", "[15:0]") for line in PORTS]
                               + ["input   ap_continue;"]), "fsrcnnx_hls", "a.v")
    text = adapter(ports, "fsrcnnx_hls", (10, 12), "a.v")
    for pin in (".ap_start(1'b1)", ".ap_continue(1'b1)", ".lr_TDATA({6'b0, in_data_i})",
                ".ap_rst_n(rst_ni)", ".ap_done(unused_ap_done)", ".hr_TREADY(out_ready_i)"):
        assert text.count(pin) == 1
    assert "assign out_data_o = hr_data[11:0];" in text


@pytest.mark.parametrize(("ports", "message"), [
    (swapped("[7:0] lr", "[15:0] lr"), "lr_TDATA has 16 bits; allowed: 8, one pixel of 8 bits"),
    (swapped("output  [7:0] hr", "input  [7:0] hr"), "2 streams in and 0 out; .*fix: convert"),
    ([*PORTS, "output [7:0] more_TDATA;"], "1 streams in and 2 out"),
    (swapped("ap_rst_n", "ap_rst"), "port ap_rst_n is missing"),
    (swapped("lr_TREADY", "lr_READY"), "port lr_TREADY is missing"),
    ([*PORTS, "output [63:0] m_axi_gmem_AWADDR;"], "port m_axi_gmem_AWADDR has no place; allowed"),
    (swapped("[7:0] hr_TDATA", "[8-1:0] hr_TDATA"), "1 streams in and 0 out"),
])
def test_ports_that_cannot_be_wrapped(ports, message):
    with pytest.raises(InputError, match=f"a.v: {message}"):
        adapter(read_ports(verilog(ports), "fsrcnnx_hls", "a.v"), "fsrcnnx_hls", (8, 8), "a.v")


def test_no_module_and_no_ports():
    with pytest.raises(InputError, match="a.v: module myproject is missing"):
        read_ports(verilog(), "myproject", "a.v")
    with pytest.raises(InputError, match="module m has no ports"):
        read_ports("module m;\nendmodule", "m", "a.v")


def test_a_folder_that_stands_alone(tmp_path):
    made = tmp_path / "verilog"
    made.mkdir()
    (made / "fsrcnnx_hls.v").write_text(verilog())
    (made / "fsrcnnx_hls_rom.v").write_text(ROM)
    (made / "rom.dat").write_text("0a\nff\n")
    (made / "ignored.tcl").write_text("")
    described = wrap(made, MANIFEST, tmp_path / "rtl")
    folder = tmp_path / "rtl"
    assert described == json.loads((folder / "manifest.json").read_text())
    names = (folder / "files.f").read_text().split()
    assert names[0] == "fsrcnnx_hls_pkg.sv" and names[-1] == "fsrcnnx_hls_top.sv"
    assert {path.name for path in folder.iterdir()} == {*names, "files.f", "manifest.json",
                                                        "SHA256SUMS", "LICENSE"}
    rom = (folder / "fsrcnnx_hls_rom.v").read_text()
    assert "initial begin\n  begin rom0[0] = 8'h0a; rom0[1] = 8'hff; end\nend" in rom
    package = (folder / "fsrcnnx_hls_pkg.sv").read_text()
    assert "FRAME_WIDTH = 6;" in package and f"256'h{'ab' * 32};" in package
    assert wrap(made, MANIFEST, folder) == described  # again, in its place


def test_a_memory_that_is_missing_or_no_memory(tmp_path):
    made = tmp_path / "verilog"
    made.mkdir()
    (made / "fsrcnnx_hls.v").write_text(verilog())
    (made / "fsrcnnx_hls_rom.v").write_text(ROM)
    with pytest.raises(InputError, match="rom.dat: a memory of fsrcnnx_hls_rom.v cannot be read"):
        wrap(made, MANIFEST, tmp_path / "rtl")
    for content in ("", "zz\n", "00 $finish\n"):
        (made / "rom.dat").write_text(content)
        with pytest.raises(InputError, match="not the words of a memory"):
            wrap(made, MANIFEST, tmp_path / "rtl")
    assert not (tmp_path / "rtl").exists()


@pytest.mark.parametrize("call", ['$readmemh ("./rom.dat", rom0);',
                                  '$readmemh( "rom.dat" ,rom0 ) ;',
                                  '$readmemh\n  ("rom.dat",\n   rom0);'])
def test_a_memory_is_filled_however_its_call_is_spaced(tmp_path, call):
    (tmp_path / "rom.dat").write_text("0a\nff\n")
    assert filled(f"initial\n  {call}\n", tmp_path / "a.v") == (
        "initial\n  begin rom0[0] = 8'h0a; rom0[1] = 8'hff; end\n")


@pytest.mark.parametrize("call", [
    '$readmemh("rom.dat", rom0, 0, 3);', '$readmemb("rom.dat", rom0);', "$readmemh(FILE, rom0);",
    '$readmemh("rom.dat", rom0[0]);', '$readmemh("rom.dat", u_rom.rom0);'])
def test_a_memory_that_would_stay_empty_is_refused(tmp_path, call):
    (tmp_path / "rom.dat").write_text("0a\nff\n")
    text = f'initial begin\n  $readmemh("rom.dat", rom1);\n  {call}\nend\n'
    with pytest.raises(InputError, match=r"a.v: .* unknown way, line 3; allowed: .readmemh"):
        filled(text, tmp_path / "a.v")


def test_a_wide_word_is_no_long_token(tmp_path):
    (tmp_path / "rom.dat").write_text("1" + "0" * 2047 + "\n")
    text = filled('$readmemh("rom.dat", rom0);', tmp_path / "a.v")
    assert text == (f"begin rom0[0] = {{4096'h1{'0' * 1023}, 4096'h{'0' * 1024}}}; end")


def test_nothing_is_left_when_it_is_refused(tmp_path):
    made = tmp_path / "verilog"
    made.mkdir()
    with pytest.raises(InputError, match="0 files with module fsrcnnx_hls; .*hls-synth"):
        wrap(made, MANIFEST, tmp_path / "rtl")
    (made / "fsrcnnx_hls.v").write_text(verilog(swapped("ap_rst_n", "ap_rst")))
    with pytest.raises(InputError, match="ap_rst_n"):
        wrap(made, MANIFEST, tmp_path / "rtl")
    assert [path.name for path in tmp_path.iterdir()] == ["verilog"]
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "precious").write_text("")
    (made / "fsrcnnx_hls.v").write_text(verilog())
    with pytest.raises(InputError, match="in the way"):
        wrap(made, MANIFEST, tmp_path / "rtl")
    assert (tmp_path / "rtl" / "precious").exists()
