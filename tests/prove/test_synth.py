"""The synthesis report: counting, refusals, and a small design through Yosys itself."""

import json

import pytest

from fsrcnnx import manifests
from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.prove import synth

LEAF = """
module leaf (input wire logic clk_i, input wire logic [7:0] a_i,
             input wire logic signed [7:0] x_i, output logic signed [15:0] y_o);
  logic signed [7:0] rom [0:255];
  initial for (int i = 0; i < 256; i++) rom[i] = 8'(i * 37);
  logic signed [7:0] q;
  always_ff @(posedge clk_i) begin
    q <= rom[a_i];
    y_o <= q * x_i;
  end
endmodule
"""
TOP = """
module fsrcnnx_top (input wire logic aclk, input wire logic [7:0] a,
                    input wire logic signed [7:0] x, output logic signed [15:0] y,
                    output logic signed [15:0] z);
  leaf u_left (.clk_i(aclk), .a_i(a), .x_i(x), .y_o(y));
  genvar i;
  for (i = 0; i < 1; i = i + 1) begin : gen_layer
    leaf u_layer (.clk_i(aclk), .a_i(~a), .x_i(x), .y_o(z));
  end
endmodule
"""


def module(cells, **attributes):
    """A module of Yosys' JSON netlist from {instance: type}."""
    return {"attributes": attributes, "cells": {n: {"type": t} for n, t in cells.items()}}


@pytest.fixture
def folder(tmp_path):
    """A hand-made emitted folder: two instances of one multiplier with a ROM."""
    (tmp_path / "leaf.sv").write_text(LEAF)
    (tmp_path / "top.sv").write_text(TOP)
    (tmp_path / "files.f").write_text("leaf.sv\ntop.sv\n")
    (tmp_path / "manifest.json").write_text(
        json.dumps({"network": "probe", "content_hash": "c0ffee11" * 8,
                    "layers": [{"name": "feature"}]}))
    return tmp_path


def test_instances_sum_up_to_the_top():
    netlist = {"modules": {
        "fsrcnnx_top": module({"u_a": "\\$paramod$1\\leaf", "u_b": "mid", "l": "LUT6"}),
        "mid": module({"u_leaf": "\\$paramod$1\\leaf", "r": "RAMB18E2", "m": "MUXF7"}),
        "\\$paramod$1\\leaf": module({"d": "DSP48E2", "f": "FDRE", "g": "FDSE"}, hdlname="\\leaf"),
        "LUT6": module({"s": "$specify2"}, blackbox="1"),
    }}
    records = synth.count(netlist, synth.DEVICES["xcup"])
    assert [(r["instance"], r["module"], r["depth"]) for r in records] == [
        ("", "fsrcnnx_top", 0), ("u_a", "leaf", 1), ("u_b", "mid", 1), ("u_b.u_leaf", "leaf", 2)]
    assert {k: records[0][k] for k in ("lut", "ff", "dsp", "bram18")} == {
        "lut": 1, "ff": 4, "dsp": 2, "bram18": 1}
    assert (records[2]["ff"], records[2]["dsp"], records[2]["lut"]) == (2, 1, 0)


@pytest.mark.parametrize(("cells", "message"), [
    ({"x": "$_AND_"}, r"cell \$_AND_ is not known"),
    ({"x": "FROBNICATE"}, "cell FROBNICATE is not known"),
    ({}, "the netlist is empty"),
    ({"m": "MUXF7"}, "the netlist is empty"),
])
def test_a_netlist_that_cannot_be_counted_is_refused(cells, message):
    with pytest.raises(CheckError, match=message):
        synth.count({"modules": {"fsrcnnx_top": module(cells)}}, synth.DEVICES["xcup"])


@pytest.mark.parametrize(("cell", "device", "takes"), [
    ("LUT1", "xcup", ("lut", 1)), ("RAM64M8", "xcup", ("lutram", 8)),
    ("URAM288", "xcup", ("uram", 1)),
    ("CARRY4", "xc7", ("carry", 1)), ("RAMB36E1", "xc7", ("bram36", 1)),
    ("CCU2C", "ecp5", ("carry", 1)), ("PDPW16KD", "ecp5", ("ebr", 1)), ("PFUMX", "ecp5", ("", 0)),
])
def test_primitives(cell, device, takes):
    assert synth.resource(cell, synth.DEVICES[device]) == takes


def test_bad_folders(folder, tmp_path):
    cases = [
        (tmp_path / "none", "xcup", "no such folder"),
        (folder, "stratix", "unknown device 'stratix'; allowed: xcup, ecp5, xc7"),
    ]
    for where, device, message in cases:
        with pytest.raises(InputError, match=message):
            synth.synth(where, device)
    (folder / "leaf.sv").unlink()
    with pytest.raises(InputError, match="leaf.sv is missing"):
        manifests.sources(folder)
    (folder / "files.f").write_text("\n")
    with pytest.raises(InputError, match="no files"):
        manifests.sources(folder)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="not a manifest"):
        synth.read_manifest(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match="manifest.json is missing"):
        synth.read_manifest(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("device", "dsp"), [("xcup", 2), ("ecp5", 2), ("xc7", 2)])
def test_yosys_reads_a_folder_as_it_is(folder, device, dsp):
    before = sorted(p.name for p in folder.rglob("*"))
    report = synth.synth(folder, device)
    assert report["total"]["dsp"] == dsp
    assert report["content_hash"] == "c0ffee11" * 8
    assert "yosys" in report["tool"]
    assert [(r["instance"], r["layer"]) for r in report["instances"]] == [
        ("", ""), ("gen_layer[0].u_layer", "feature"), ("u_left", "")]
    assert sum(r["ff"] for r in report["instances"][1:]) == report["total"]["ff"] > 0
    assert sorted(p.name for p in folder.rglob("*")) == before
    json.dumps(report)


@pytest.mark.slow
def test_a_folder_that_yosys_refuses(folder):
    (folder / "leaf.sv").write_text(LEAF.replace("endmodule", ""))
    with pytest.raises(CheckError, match=r"ERROR.*syntax error"):
        synth.synth(folder, "ecp5")


@pytest.mark.slow
def test_the_command_counts_an_emitted_core(small, tmp_path, capsys):
    assert console.outcome(cli.main, ["synth", str(small.rtl), "--device", "ecp5", "--json",
                                      str(tmp_path / "synth.json")]) == 0
    report = json.loads((tmp_path / "synth.json").read_text())
    assert report["content_hash"] == small.network.content_hash()
    assert report["total"]["dsp"] > 0
    named = [r["layer"] for r in report["instances"] if r["layer"]]
    assert named == [layer.name for layer in small.network.layers]
    assert all(name in capsys.readouterr().out for name in named[:1])
