"""Place and route: what does not fit is said first, a killed run goes on, figures are nextpnr's."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsrcnnx import tools
from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.prove import pnr as prove
from fsrcnnx.prove import pnr_report, pnr_seeds, synth
from fsrcnnx.prove.pnr import PARTS, Order, fit, pnr, takes
from fsrcnnx.prove.pnr_work import MARK, open_work

TOP = """
module fsrcnnx_top (input wire logic aclk, input wire logic [7:0] a, output logic [15:0] y);
  logic [7:0] a_q;
  always_ff @(posedge aclk) a_q <= a;
  genvar i;
  for (i = 0; i < 1; i = i + 1) begin : gen_layer
    logic [15:0] wide;
    always_ff @(posedge aclk) begin
      wide <= {a_q, a_q} + {11'h0, a_q[7:3]};
      y <= wide;
    end
  end
endmodule
"""
CELL, SUM = "u.gen_layer[1].u_g.s4_1_TRELLIS_FF_Q", "u.gen_layer[1].u_g.s9_1_CCU2C_S0"
STEPS = [{"delay": 0.5, "type": "clk-to-q", "from": {"cell": CELL}, "to": {"cell": CELL}},
         {"delay": 2.25, "type": "routing", "net": "u.gen_layer[1].u_g.s4_1",
          "from": {"cell": CELL}, "to": {"cell": SUM}},
         {"delay": 0.25, "type": "setup", "from": {"cell": SUM}, "to": {"cell": SUM}}]
REPORT = {
    "fmax": {"$glbnet$aclk": {"achieved": 333.333, "constraint": 148.5}},
    "utilization": {"TRELLIS_COMB": {"used": 40, "available": 24288},
                    "TRELLIS_FF": {"used": 42, "available": 24288}, "DCCA": {"used": 1}},
    "critical_paths": [
        {"from": "<async>", "to": "posedge aclk", "path": [{"delay": 99, "type": "routing"}]},
        {"from": "posedge aclk", "to": "posedge aclk", "path": STEPS}]}
# a stand-in for nextpnr: what it does depends on the seed
FAKE = f"""#!{sys.executable}
import json, os, sys, time
given = dict(zip(sys.argv, sys.argv[1:]))
print("Info: Routing..", flush=True)
seed = int(given["--seed"])
open("../ran", "a").write(f"{{seed}} ")
if seed == 3:
    sys.exit("ERROR: cannot route")
if seed == 4:
    time.sleep(60)
if seed == 5:
    os.kill(os.getpid(), 9)
report = json.loads({json.dumps(json.dumps(REPORT))})
report["fmax"]["$glbnet$aclk"]["achieved"] = 100.0 + seed
json.dump(report, open(given["--report"], "w"))
if "--out-of-context" in sys.argv and "--textcfg" in given:
    sys.exit("ERROR: bitstream generation is not available in out-of-context mode")
if "--textcfg" in given:
    open(given["--textcfg"], "w").write("bits")
"""
PACK = f"#!{sys.executable}\nimport sys\nopen(sys.argv[-1], 'w').write('bitstream')\n"


def netlist(**cells):
    """A flat netlist with so many of each cell."""
    bare = {"parameters": {"DATA_WIDTH_A": "1001", "DATA_WIDTH_B": "1001"}, "connections": {
        "WEA": ["0"], "WEB": ["0"]}, "port_directions": {"WEA": "input", "WEB": "input"}}
    made = {f"{kind}{at}": {"type": kind, **bare} for kind, number in cells.items()
            for at in range(number)}
    return {"modules": {"fsrcnnx_top": {"attributes": {}, "ports": {}, "cells": made}}}


@pytest.fixture
def folder(tmp_path):
    """A hand-made emitted folder with one layer."""
    path = tmp_path / "rtl"
    path.mkdir()
    (path / "top.sv").write_text(TOP)
    (path / "files.f").write_text("top.sv\n")
    (path / "manifest.json").write_text(json.dumps(
        {"network": "probe", "content_hash": "c0ffee11" * 8, "layers": [{"name": "feature"}]}))
    return path


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Stand-ins for the tools; the folder that they lie in."""
    place = tmp_path / "bin"
    place.mkdir()
    for name, text in (("nextpnr-ecp5", FAKE), ("ecppack", PACK)):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    monkeypatch.setattr(tools, "locate",
                        lambda name: tools.Found(place / name, "1.0"))
    monkeypatch.setattr(synth, "run_yosys",
                        lambda *args: (netlist(LUT4=2, CCU2C=3, TRELLIS_FF=5), "yosys"))
    monkeypatch.setattr(pnr_seeds, "POLL", 0.01)
    return place


def test_a_report_in_our_terms():
    assert pnr_report.read(REPORT, ["feature", "map1"]) == {
        "clock_mhz": 333.33,
        "utilisation": {"lut": {"used": 40, "available": 24288},
                        "ff": {"used": 42, "available": 24288}},
        "critical_path": {"from": "layer map1: u_g.s4_1 (register)",
                          "to": "layer map1: u_g.s9_1 (adder)", "ns": 3.0, "routing_ns": 2.25,
                          "net": "u.gen_layer[1].u_g.s4_1"}}


@pytest.mark.parametrize("damage", [
    {"fmax": {}}, {"fmax": {"a": {}}}, {"fmax": []}, {"utilization": {"TRELLIS_FF": 3}},
    {"critical_paths": [{}]}])
def test_a_report_that_is_none_is_refused(damage):
    with pytest.raises(CheckError, match="nextpnr: "):
        pnr_report.read(REPORT | damage, [])


def test_where_a_cell_is():
    assert pnr_report.term("u_fifo.mem.0.1_DP16KD", []) == "u_fifo.mem.0.1 (RAM)"
    assert pnr_report.term("gen_layer[7].a_LUT4_Z", ["feature"]) == "gen_layer[7].a (LUT)"


def test_how_far_it_is():
    assert pnr_seeds.stage("") == "starting"
    assert pnr_seeds.stage("Info: Packing LUTs") == "packing"
    assert pnr_seeds.stage("Info: Routing..\n  iter=3 wires=9 overused=12 overuse=13\n") == \
        "routing, pass 3, 12 wires overused"


def test_what_a_netlist_takes():
    assert takes(netlist(LUT4=3, CCU2C=4, TRELLIS_DPR16X4=1, TRELLIS_FF=7, DP16KD=2, PDPW16KD=1,
                         MULT18X18D=5, PFUMX=1), "fsrcnnx_top") == {
        "LUT sites": 15, "flip-flops": 7, "block RAMs": 3, "multipliers": 5}


def test_what_does_not_fit_is_said_with_its_numbers_and_where_it_would():
    used = {"LUT sites": 50_000, "flip-flops": 9, "block RAMs": 60, "multipliers": 0}
    with pytest.raises(InputError, match="larger than the LFE5U-45F: 50000 of 43848 LUT sites; "
                                         "allowed: --device ecp5-85"):
        fit(used, PARTS["ecp5-45"], "core")
    with pytest.raises(InputError, match="56 LUT|60 of 56 block RAMs"):
        fit(used, PARTS["ecp5-25"], "core")
    with pytest.raises(InputError, match="300 of 208 block RAMs; allowed: a smaller network"):
        fit(used | {"block RAMs": 300}, PARTS["ecp5-85"], "core")
    fit(used, PARTS["ecp5-85"], "core")


def test_what_is_too_large_is_not_placed(folder, tmp_path, fakes, monkeypatch):
    monkeypatch.setattr(synth, "run_yosys", lambda *args: (netlist(MULT18X18D=29), "yosys"))
    with pytest.raises(InputError, match="29 of 28 multipliers; allowed: --device ecp5-45"):
        pnr(folder, tmp_path / "out", Order("ecp5-25"))
    assert not (tmp_path / "out" / "ran").exists()


def test_the_best_seed_is_kept_and_a_failed_one_is_told(folder, tmp_path, fakes):
    report = pnr(folder, tmp_path / "out", Order("ecp5-25", seeds=(2, 7, 3, 1), jobs=2))
    assert [one.get("clock_mhz") for one in report["seeds"]] == [102.0, 107.0, None, 101.0]
    assert report["seeds"][2]["failed"] == "ERROR: cannot route"
    assert report["best"]["seed"] == 7
    assert report["netlist"]["LUT sites"] == {"used": 8, "available": 24288}
    assert (tmp_path / "out" / "core.bit").read_text() == "bitstream"
    assert json.loads((tmp_path / "out" / "pnr.json").read_text()) == json.loads(
        json.dumps(report))
    assert not list((tmp_path / "out").glob("running-*"))
    with pytest.raises(CheckError, match="no seed can be routed: ERROR: cannot route"):
        pnr(folder, tmp_path / "other", Order("ecp5-25", seeds=(3,)))


def test_a_later_seed_does_not_replace_a_better_one(folder, tmp_path, fakes):
    out = tmp_path / "out"
    (fakes / "ecppack").write_text(PACK.replace("'bitstream'", "sys.argv[-2]"))
    pnr(folder, out, Order("ecp5-25", seeds=(7, 2)))
    for seed in (1, 3):
        report = pnr(folder, out, Order("ecp5-25", seeds=(seed,)))
        assert report["best"]["seed"] == json.loads((out / "pnr.json").read_text())["best"]["seed"]
        assert report["best"]["clock_mhz"] == 107.0
        assert (out / "core.bit").read_text() == "seed-7.config"
    assert [one["seed"] for one in report["seeds"]] == [3, 1, 2, 7]
    assert (out / "ran").read_text().split() == ["7", "2", "1", "3"]
    (out / "seed-7.config").write_text("damaged")
    report = pnr(folder, out, Order("ecp5-25", seeds=(1,)))
    assert [one["seed"] for one in report["seeds"]] == [1, 2, 3] and report["best"]["seed"] == 2
    assert pnr(folder, out, Order("ecp5-25", seeds=(7,)))["best"]["seed"] == 7
    assert (out / "seed-7.config").read_text() == "bits"


def test_what_is_done_is_not_done_again_unless_it_was_changed(folder, tmp_path, fakes, monkeypatch):
    out = tmp_path / "out"
    first = pnr(folder, out, Order("ecp5-25", seeds=(1, 2)))
    monkeypatch.setattr(synth, "run_yosys", lambda *args: pytest.fail("synthesised again"))
    again = pnr(folder, out, Order("ecp5-25", seeds=(1, 2, 6)))
    assert again["seeds"][:2] == first["seeds"]
    assert (out / "ran").read_text().split() == ["1", "2", "6"]
    changed = json.loads((out / "seed-2.json").read_text()) | {"clock_mhz": 999.0}
    (out / "seed-2.json").write_text(json.dumps(changed))
    assert pnr(folder, out, Order("ecp5-25", seeds=(2,)))["seeds"][0]["clock_mhz"] == 102.0
    assert (out / "ran").read_text().split() == ["1", "2", "6", "2"]


def test_a_run_that_was_killed_goes_on(folder, tmp_path, fakes):
    out = tmp_path / "out"
    with pytest.raises(ToolError, match="ended by signal 9"):
        pnr(folder, out, Order("ecp5-25", seeds=(1, 5)))
    assert (out / "running-5").is_dir()
    report = pnr(folder, out, Order("ecp5-25", seeds=(1, 2)))
    assert report["best"]["seed"] == 2
    assert (out / "ran").read_text().split() == ["1", "5", "2"]


def test_a_netlist_with_whole_carry_chains_is_another(folder, tmp_path, fakes):
    out = tmp_path / "out"
    trimmed = pnr(folder, out, Order("ecp5-25"))
    with pytest.raises(InputError, match="another"):
        pnr(folder, out, Order("ecp5-25", trimmed=False))
    whole = pnr(folder, tmp_path / "whole", Order("ecp5-25", trimmed=False))
    assert whole["key"] != trimmed["key"]


def test_a_dense_netlist_is_placed_by_the_tools_own_options(folder, tmp_path, fakes, monkeypatch):
    asked, run = [], pnr_seeds.run
    monkeypatch.setattr(pnr_seeds, "run", lambda work, options, *rest:
                        asked.append(set(options)) or run(work, options, *rest))
    for sites in (14_572, 14_573):  # of 24,288
        monkeypatch.setattr(synth, "run_yosys", lambda *args, sites=sites:
                            (netlist(LUT4=sites, TRELLIS_FF=5), "yosys"))
        pnr(folder, tmp_path / str(sites), Order("ecp5-25"))
    assert asked[0] - asked[1] == set(prove.PLACER)


def test_a_core_without_pads_is_a_part_of_a_design(folder, tmp_path, fakes):
    out = tmp_path / "out"
    whole = prove._options(Order("ecp5-25"))
    part = prove._options(Order("ecp5-25", pads=False, ripup=True))
    assert set(part) - set(whole) == {"--out-of-context", "--tmg-ripup"}
    for _ in range(2):  # the second time it is held
        report = pnr(folder, out, Order("ecp5-25", pads=False))
        assert report["pads"] is False and not list(out.glob("*.[bc]*[tg]"))
        assert (out / "ran").read_text().split() == ["1"]
    with pytest.raises(InputError, match=r"another build of this network \(pads\)"):
        pnr(folder, out, Order("ecp5-25"))


def test_a_seed_has_its_time(folder, tmp_path, fakes):
    report = pnr(folder, tmp_path / "out", Order("ecp5-25", seeds=(4, 1), jobs=2, minutes=0.06))
    assert report["seeds"][0]["failed"] == "not routed in 0.06 minutes"


@pytest.mark.parametrize(("change", "said"), [
    ({"content_hash": "0" * 64}, "another network, probe c0ffee11c0ff"),
    ({"device": "ecp5-85", "key": "b"}, r"another build of this network \(device\)"),
    ({"key": "b"}, r"another build of this network \(other sources\)"),
])
def test_a_folder_of_another_network_or_build_is_refused(tmp_path, change, said):
    of = {"network": "probe", "content_hash": "c0ffee11" * 8, "device": "ecp5-25", "key": "a"}
    open_work(tmp_path / "out", of)
    open_work(tmp_path / "out", of)
    with pytest.raises(InputError, match=said):
        open_work(tmp_path / "out", of | change)


@pytest.mark.parametrize("text", [None, "", "[]", '{"of": 1, "files": {}}', "[" * 100_000])
def test_a_folder_that_is_not_ours_is_refused(tmp_path, text):
    (tmp_path / "dear").write_text("")
    if text is not None:
        (tmp_path / MARK).write_text(text)
    with pytest.raises(InputError, match="in the way"):
        open_work(tmp_path, {"network": "a", "content_hash": "b", "key": "c"})
    assert (tmp_path / "dear").exists()


def test_a_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="a link"):
        open_work(tmp_path / "link", {})


@pytest.mark.parametrize(("order", "said"), [
    (Order("ecp4"), "--device: unknown device 'ecp4'"),
    (Order("ecp5-25", speed=9), "of speed 9"),
    (Order("ecp5-25", layer="map9"), "--layer: no layer 'map9'; allowed: feature"),
    (Order("ecp5-25", layer="feature"), "no shift-add graph .*--engine adders"),
])
def test_an_order_that_cannot_be(folder, tmp_path, fakes, order, said):
    with pytest.raises(InputError, match=said):
        pnr(folder, tmp_path / "out", order)
    assert not (tmp_path / "out").exists()


def test_a_missing_tool_is_told(folder, tmp_path, fakes, monkeypatch):
    (fakes / "ecppack").unlink()
    with pytest.raises(ToolError, match="ecppack is missing"):
        pnr(folder, tmp_path / "out", Order("ecp5-25"))
    monkeypatch.undo()
    monkeypatch.setattr(tools, "_candidates", lambda tool: [])
    monkeypatch.chdir(tmp_path)
    assert console.outcome(cli.main, ["pnr", "rtl"]) == 3


def test_the_command(folder, tmp_path, fakes, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["pnr", "rtl", "--device", "ecp5-25", "--seed", "1", "--seed", "3"]
    assert console.outcome(cli.main, [*words, "--json", "report.json"]) == 0
    said = capsys.readouterr().out
    assert "101.0" in said and "cannot route" in said and "LFE5U-25F-8: 101.0 MHz" in said
    assert json.loads(Path("report.json").read_text())["best"]["seed"] == 1
    assert Path("rtl-pnr-ecp5-25/core.bit").is_file()
    assert console.outcome(cli.main, [*words, "--require"]) == 1
    assert console.outcome(cli.main, [*words, "--ripup"]) == 2
    assert "--ripup: given without an end" in capsys.readouterr().err
    assert console.outcome(cli.main, [*words, "--seed", "1"]) == 2
    assert "a seed is given twice" in capsys.readouterr().err
    assert set(cli.pnr.DEVICES) == set(prove.PARTS)


@pytest.mark.slow
@pytest.mark.sim
def test_a_small_core_is_placed_routed_and_goes_on_after_a_kill(folder, tmp_path):
    out = tmp_path / "out"
    words = [sys.executable, "-m", "fsrcnnx", "pnr", folder, "--device", "ecp5-25", "-o", out,
             "--seed", "1", "--seed", "2"]
    with subprocess.Popen(words, text=True, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (out / "running-2").is_dir():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    first = (out / "seed-1.json").read_bytes()
    report = pnr(folder, out, Order("ecp5-25", seeds=(1, 2)))
    assert (out / "seed-1.json").read_bytes() == first
    assert all(one["clock_mhz"] > 200 for one in report["seeds"])
    assert report["best"]["utilisation"]["ff"]["used"] == 8 + 16 + 16
    assert "layer feature" in report["best"]["critical_path"]["to"]
    assert report["netlist"]["LUT sites"]["used"] <= report["best"]["utilisation"]["lut"]["used"]
    assert (out / "core.bit").stat().st_size > 10_000
