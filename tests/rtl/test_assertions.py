"""What the modules of rtl/ rely on and guarantee is asserted there; each of these modules sees a
fault that is planted in a running core, in both simulators; synthesis sees none of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from fsrcnnx import processes, tools
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.prove.simulation import verilated
from fsrcnnx.prove.simulation.simulate import BROKEN
from sim.runner import ROOT
from tests.networks import random_network

RTL = ROOT / "rtl"
TOP = "fsrcnnx_check_tb"
PLANTED = "$test$plusargs(\"{}\")"
# engine -> network, core
CORES = {"mac": ({"channels": (), "kernels": (5,)}, {"cycles_per_pixel": 4}),
         "adders": ({"channels": (1, 8), "kernels": (1, 3, 3), "weight_bits": 3, "anchor": True},
                    {"engine": "adders"})}
FAULTS = {  # module whose assertion sees it -> file, what is replaced, by what; %: it is on
    "skid": ("skid", "in_data_i : spill_q;",
             "in_data_i : spill_q;\n    else if (%) out_data_o[0] <= !out_data_o[0];"),
    "fifo": ("fifo", "in_ready_o <= beats_q < (AddrBits+1)'(Depth - 2)",
             "in_ready_o <= % || beats_q < (AddrBits+1)'(Depth - 2)"),
    "line_fifo": ("sequencer", "(step && in_line_q && real_q)",
                  "(step && (% || (in_line_q && real_q)))"),
    "turn": ("turn", "before_q <= count_i - 1'b1;", "before_q <= count_i - 1'b1 - Bits'(%);"),
    "axis_guard": ("axis_guard", "out_width_o  <= frame_width_i;",
                   "out_width_o  <= % ? DimBits'(MaxWidth + 1) : frame_width_i;"),
    "sequencer": ("sequencer", "room_q <= room_q + need_q;",
                  "room_q <= room_q + need_q + RoomBits'(%);"),
    "centre": ("centre", "{lives_q[After-1:0], live_i}", "{lives_q[After-1:0], live_i && !%}"),
    "line_ram": ("line_ram", "if (blank_q1) addr_q <= '0;",
                 "if (blank_q1) addr_q <= AddrBits'(%);"),
    "layer": ("layer", "!= 2'b11", "!= 2'b11 && !%"),
    "mac": ("sequencer", "WaitBits'(Interval - 1)", "WaitBits'(Interval - 1 - int'(%))"),
    "subpixel": ("subpixel", "(!row_q[0] || some_q)", "(!row_q[0] || some_q || %)"),
    "top": ("", "if (cycle == 8)",
            "if (% && cycle > 20) aresetn <= cycle > 22; else if (cycle == 8)"),
}
ADDERS = {  # the same in the core of engine adders
    "row_sums": ("row_sums", "assign total = product + ",
                 "assign total = product + Wide'(%) + "),
    "aside": ("core", ".pop_i(soon[Layers-2])", ".pop_i(soon[Layers-2] || %)"),
}
# nothing to assert: registers, wires and constants; arithmetic that is proved for every input;
# what is asserted within; what adds up anything until a window is full
NONE = {"core", "copy", "delay", "window", "rom", "requantise", "slope", "prelu", "product",
        "mac_lane", "adder_tree", "column"}


def test_every_module_asserts_or_is_known_not_to():
    asserts = {path.stem.removeprefix("fsrcnnx_") for path in RTL.glob("*.sv")
               if "assert (" in path.read_text()}
    every = {path.stem.removeprefix("fsrcnnx_") for path in RTL.glob("*.sv")}
    seen = {*FAULTS, *ADDERS, "hls_top"}  # the last one's fault: tests/rtl/test_hls_top.py
    assert asserts == every - NONE == seen


def test_synthesis_sees_none_of_them():
    for path in RTL.glob("*.sv"):
        text = re.sub(r"\n`ifndef SYNTHESIS\n(?:(?!\n`endif).)*\n`endif\n", "", path.read_text(),
                      flags=re.S)
        assert "assert (" not in text and "`ifndef" not in text, path.name


def made(folder, engine: str, simulator: str) -> list:
    """A small core with every fault in it, each asleep; the command that runs its check."""
    network, options = CORES[engine]
    network = random_network(np.random.default_rng(1), **network)
    told = emit(network, folder / "rtl", max_width=12, max_height=4, **options)
    names = [*told["files"], "test/fsrcnnx_check_pkg.sv", f"test/{TOP}.sv"]
    paths = [folder / "rtl" / name for name in names]
    for fault, (file, was, becomes) in (
            FAULTS if engine == "mac" else ADDERS).items():
        path = next(p for p in paths if p.name == (f"fsrcnnx_{file}.sv" if file else f"{TOP}.sv"))
        text = path.read_text()
        assert text.count(was) == 1, f"the fault of {fault} has nowhere to go"
        path.write_text(text.replace(was, becomes.replace("%", PLANTED.format(fault))))
    bench = paths[-1].read_text()
    assert "Quiet   = 50000" in bench and "Drain   = 1000" in bench
    paths[-1].write_text(bench.replace("= 1000;", "= 300;").replace("= 50000", "= 2000"))
    work = folder / "work"
    work.mkdir()
    files = [path.name for path in paths]
    for path in paths:
        shutil.copy(path, work)
    if simulator == "icarus":
        done = processes.run([tools.find("iverilog"), "-g2012", "-s", TOP, "-o", "sim", *files],
                             cwd=work, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        return [tools.find("vvp"), "-n", work / "sim"]
    flags = ["--binary", "--timing", "-O3", "-Wno-fatal", "--timescale", "1ns/1ps"]
    with verilated.runtime(work / "obj", flags):
        code, said = verilated.compile(work, [*flags, "--top-module", TOP, "-Mdir", "obj", "-o",
                                              "../sim", *files])
    assert code == 0, said
    return [work / "sim"]


@pytest.fixture(scope="module", params=["verilator", "icarus"])
def core(request, tmp_path_factory):
    """The core of engine mac, in a simulator."""
    return made(tmp_path_factory.mktemp("core"), "mac", request.param)


@pytest.fixture(scope="module", params=["verilator", "icarus"])
def adders(request, tmp_path_factory):
    """The core of engine adders, in a simulator."""
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    return made(tmp_path_factory.mktemp("adders"), "adders", request.param)


def said(command) -> str:
    """What a simulation says."""
    return processes.run(command, stderr=subprocess.STDOUT).stdout


def holds(command) -> None:
    """Nothing is broken where no fault is awake."""
    text = said(command)
    assert "fsrcnnx_check: PASS" in text and not BROKEN.search(text), text[:500]


def sees(command, fault: str) -> None:
    """The module sees the fault."""
    text = said([*command, f"+{fault}"])
    found = BROKEN.search(text)
    assert found and (found[1] or found[2]).startswith(f"fsrcnnx_{fault}.sv:"), text[:500]


@pytest.mark.sim
def test_all_hold_where_nothing_is_wrong(core):
    holds(core)


@pytest.mark.sim
def test_all_hold_where_nothing_is_wrong_with_adders(adders):
    holds(adders)


@pytest.mark.sim
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(core, fault):
    sees(core, fault)


@pytest.mark.sim
@pytest.mark.parametrize("fault", ADDERS)
def test_a_planted_fault_is_seen_with_adders(adders, fault):
    sees(adders, fault)
