"""The Vitis flows under a stand-in for the tool: the calls, the reports, and everything amiss."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx.cli import vitis as cli_vitis
from fsrcnnx.cli.console import outcome
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.prove.hls.vitis import add_resets, cosim, find_tool, read_project, synth
from fsrcnnx.prove.hls.vitis_reports import read_cosim, read_csynth, read_modules
from fsrcnnx.prove.hls.vitis_work import work_copy
from tests.emit.rtl.test_hls_top import verilog
from tests.hls.conftest import COSIM, CSYNTH, TOP, Vitis
from tests.networks import random_network

ROOT = Path(__file__).resolve().parents[2]
SET_UP = [f"set_top {TOP}", f"add_files firmware/{TOP}.cpp -cflags -std=c++0x",
          f"add_files -tb {TOP}_test.cpp -cflags -std=c++0x", "add_files -tb firmware/weights",
          "add_files -tb tb_data"]
SOLUTION = ["config_array_partition -maximum_size 4096", "config_compile -name_max_length 80",
            "set_part xcku5p-ffvb676-2-e", "config_schedule -enable_dsp_full_reg=false",
            "create_clock -period 5 -name default", "set_clock_uncertainty 27% default"]


def opened(reset: str) -> list[str]:
    """Calls that open the project."""
    return [f"open_project {reset}{TOP}_prj", *SET_UP, f"open_solution {reset}solution1",
            *SOLUTION]


def frames() -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Two frames of the project's size and what shall come of them."""
    rng = np.random.default_rng(1)
    return ({name: rng.integers(0, 256, (4, 6)) for name in "ab"},
            [rng.integers(0, 256, (8, 12)) for _ in "ab"])


def text_of(planes) -> str:
    """As the test bench writes them."""
    return "\n".join(str(v) for plane in planes for v in plane.ravel()) + "\n"


def test_synthesis_calls_and_report(vitis, project):
    report = synth(read_project(project), find_tool())
    assert vitis.calls() == [*opened("-reset "), "csynth_design",
                             "export_design -format ip_catalog -version 1.0.0"]
    assert report["total"] == {"lut": 1700, "ff": 1300, "dsp": 11, "bram18": 7, "uram": 0}
    assert report["clock"] == {"target_ns": 5.0, "estimated_ns": 4.0, "estimated_mhz": 250.0}
    assert report["latency"] == {"best": 123, "worst": 123}
    assert report["interval"] == {"min": 96, "max": 97}
    assert report["cycles_per_pixel"] == round(97 / 24, 3)
    assert report["modules"] == [{"module": "layer", "latency_worst": None, "interval_max": 97,
                                  **report["total"]}]
    assert (report["tool"], report["network"]) == ("vitis_hls", "tiny")


def test_without_export(vitis, project):
    synth(read_project(project), find_tool(), export=False)
    assert vitis.calls() == [*opened("-reset "), "csynth_design"]


def test_progress_reaches_the_end(vitis, project):
    seen = []
    synth(read_project(project), find_tool(), progress=seen.append)
    assert seen == [0.5, 1.0]


@pytest.mark.parametrize(("name", "words"), [
    ("vitis-run", "--mode hls --tcl build_prj.tcl"), ("vivado_hls", "-f build_prj.tcl")])
def test_other_versions_of_the_tool(tmp_path, monkeypatch, project, name, words):
    Vitis(tmp_path, monkeypatch, name)
    path = tmp_path / "bin" / name
    path.write_text(path.read_text().replace("exec", f'echo "$*" > {tmp_path}/words\nexec'))
    assert synth(read_project(project), find_tool())["tool"] == name
    assert (tmp_path / "words").read_text().strip() == words


def test_the_newest_tool_is_taken(tmp_path, monkeypatch):
    Vitis(tmp_path, monkeypatch, "vivado_hls")
    shutil.copy(tmp_path / "bin" / "vivado_hls", tmp_path / "bin" / "vitis-run")
    assert find_tool().name == "vitis-run"


def test_co_simulation_calls_and_records(vitis, project):
    lrs, want = frames()
    vitis.give(hr_txt=text_of(want), hr_cosim_txt=text_of(want))
    report = cosim(read_project(project), find_tool(), lrs, want)
    run = ["csim_design", "csynth_design",
           f"add_files -tb {TOP}_test.cpp -cflags {{-std=c++0x -DRTL_SIM}}",
           "cosim_design -trace_level all -setup", "run_sim",
           "simulator run all;quit"]  # waves of everything are off
    assert vitis.calls() == [*opened("-reset "), *run]
    assert [(r["form"], r["frame"], r["mismatches"]) for r in report["records"]] == [
        ("C++", "a", 0), ("C++", "b", 0), ("RTL", "a", 0), ("RTL", "b", 0)]
    assert (report["rtl"], report["status"], report["latency_max"]) == ("Verilog", "Pass", 134)
    assert (project / "tb_data" / "lr.txt").read_text().split() == [
        str(v) for lr in lrs.values() for v in lr.ravel()]
    # what is synthesised already is not synthesised again
    cosim(read_project(project), find_tool(), lrs, want)
    assert vitis.calls().count("csynth_design") == 1


def test_a_wrong_pixel_of_the_rtl_is_found_although_the_tool_says_pass(vitis, project):
    lrs, want = frames()
    wrong = [plane.copy() for plane in want]
    wrong[1][2, 5] ^= 1
    vitis.give(hr_txt=text_of(want), hr_cosim_txt=text_of(wrong))
    report = cosim(read_project(project), find_tool(), lrs, want)
    assert [r["mismatches"] for r in report["records"]] == [0, 0, 0, 1]
    assert report["records"][3]["first_divergence"].startswith("output y=2 x=5 channel=0")


@pytest.mark.parametrize(("sample", "where"), [
    ("cosim.rpt", "vitis_hls: ended with code 1; fix: see"),  # hls4ml's Tcl prints it
    ("hr_cosim.txt", "hr_cosim.txt: no result of the test bench"),
])
def test_what_co_simulation_did_not_write(vitis, project, sample, where):
    lrs, want = frames()
    vitis.give(hr_txt=text_of(want), hr_cosim_txt=text_of(want))
    cosim(read_project(project), find_tool(), lrs, want)  # leaves results, which grow old
    vitis.withhold(sample)
    with pytest.raises(CheckError, match=where):
        cosim(read_project(project), find_tool(), lrs, want)


def test_too_few_values(vitis, project):
    lrs, want = frames()
    vitis.give(hr_txt=text_of(want), hr_cosim_txt=text_of(want[:1]))
    with pytest.raises(CheckError, match="hr_cosim.txt: 96 values; allowed: 192"):
        cosim(read_project(project), find_tool(), lrs, want)


def test_an_old_report_does_not_pass_for_a_new_one(vitis, project):
    synth(read_project(project), find_tool())
    vitis.withhold("csynth.xml")
    with pytest.raises(CheckError, match="fsrcnnx_hls_csynth.xml: no report"):
        synth(read_project(project), find_tool())


@pytest.mark.parametrize("command", ["csynth_design", "export_design", "set_part"])
def test_a_command_of_the_tool_fails(vitis, project, command):
    vitis.fail(command)
    with pytest.raises(CheckError, match=rf"vitis_hls: ERROR: .* {command} failed.* fix: see .*"):
        synth(read_project(project), find_tool())


def test_a_tool_that_is_stopped_ends_with_all_that_it_started(vitis, project, tmp_path):
    path = tmp_path / "bin" / "vitis_hls"
    path.write_text("#!/bin/sh\necho '***** C/RTL SYNTHESIS COMPLETED IN 0h *****'\nsleep 60\n")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synth(read_project(project), find_tool(), progress=interrupt)


def test_resets_reach_every_counter_once(project):
    header = project / "firmware" / "nnet_utils" / "nnet_conv_stream.h"
    before = header.read_text()
    assert add_resets(read_project(project)) >= before.count("static int p")
    text = header.read_text()
    for name in ("pX", "pY", "sX", "sY"):
        assert f"#pragma HLS RESET variable={name}\n" in text
    assert text.count("HLS RESET") == before.count("static int pX = 0") * 2 + \
        before.count("static int pY = 0") * 2
    assert "".join(line for line in text.splitlines(True) if "HLS RESET" not in line) == before
    assert add_resets(read_project(project)) == 0


# --- reports -------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new", "message"), [
    ("</profile>", "", "no complete XML"),
    ("<LUT>1700</LUT>", "", "Resources lacks lut"),
    ("<LUT>1700</LUT>", "<LUT>many</LUT>", "Resources/LUT is 'many'; allowed: a number or undef"),
    ("<LUT>1700</LUT>", "<LUT>-1</LUT>", "Resources/LUT is -1; allowed: 0 or more"),
    ("Interval-max>97</Interval-max", "gone>97</gone", "Interval-max is missing"),
    ("<EstimatedClockPeriod>4.000</EstimatedClockPeriod>", "", "EstimatedClockPeriod is missing"),
    ("AvailableResources", "Other", "AreaEstimates/AvailableResources is missing"),
])
def test_a_csynth_report_that_is_damaged(tmp_path, old, new, message):
    path = tmp_path / "csynth.xml"
    text = CSYNTH.format(top=TOP, latency=1)
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CheckError, match=f"csynth.xml: .*{message}"):
        read_csynth(path)


def test_a_csynth_report_cut_anywhere_is_an_error(tmp_path):
    path, text = tmp_path / "csynth.xml", CSYNTH.format(top=TOP, latency=1).rstrip()
    for length in range(0, len(text), 97):
        path.write_text(text[:length])
        with pytest.raises(CheckError):
            read_csynth(path)


def test_names_and_namespace_of_vivado_hls(tmp_path):
    path = tmp_path / "csynth.xml"
    path.write_text(CSYNTH.format(top=TOP, latency="undef").replace("DSP>", "DSP48E>")
                    .replace("<URAM>0</URAM>", "").replace("<profile>", '<profile xmlns="x">'))
    report = read_csynth(path)
    assert report["total"]["dsp"] == 11 and report["total"]["uram"] == 0
    assert report["latency"] == {"best": None, "worst": None}
    assert read_modules(tmp_path / "nowhere", TOP) == []


@pytest.mark.parametrize(("old", "new", "message"), [
    ("|   Verilog|      Pass", "|   Verilog|        NA", "no row of a simulated language"),
    ("|   Verilog", "|   SystemC", "no row of a simulated language"),
    ("      Pass|    131|    132|    134|     96|     97|     98|                   612|",
     "      Pass|    131|", "a row that cannot be read"),
    ("      Pass", "     Maybe", "a row that cannot be read"),
    ("    131|", "   fast|", "latency_min is 'fast'"),
])
def test_a_cosim_report_that_is_damaged(tmp_path, old, new, message):
    path = tmp_path / "cosim.rpt"
    assert old in COSIM
    path.write_text(COSIM.replace(old, new))
    with pytest.raises(CheckError, match=f"cosim.rpt: {message}"):
        read_cosim(path)


def test_one_frame_has_no_interval(tmp_path):
    (tmp_path / "cosim.rpt").write_text(COSIM.replace("     96|     97|     98",
                                                      "     NA|     NA|     NA"))
    assert read_cosim(tmp_path / "cosim.rpt")["interval_max"] is None


# --- projects and commands -----------------------------------------------------------------


def test_what_is_no_project(tmp_path, plain_project, project):
    with pytest.raises(InputError, match="project.tcl is missing; allowed: an hls4ml project"):
        read_project(tmp_path)
    assert read_project(plain_project).manifest == {}
    (project / "project.tcl").write_text('set backend "vivado"\n')
    with pytest.raises(InputError, match="back end vivado; allowed: vitis"):
        read_project(project)


def test_a_project_of_hls4ml_alone_can_be_synthesised_but_not_compared(vitis, project):
    (project / "manifest.json").unlink()
    report = synth(read_project(project), find_tool())
    assert report["cycles_per_pixel"] is None and report["network"] is None
    with pytest.raises(InputError, match="no test bench in integers"):
        cosim(read_project(project), find_tool(), *frames())


@pytest.mark.parametrize("command", ["hls-synth", "hls-cosim"])
def test_without_the_tool(monkeypatch, project, capsys, command):
    monkeypatch.setenv("PATH", "/nowhere")
    run = {c.name: c for c in cli_vitis.COMMANDS}[command]
    words = [str(project), *([] if command == "hls-synth" else ["--model", made_of(project)])]
    assert outcome(run, words) == 0
    said = capsys.readouterr()
    assert said.out.startswith("SKIP(vitis_hls not found); to install: AMD Vitis")
    assert outcome(run, [*words, "--require"]) == 3
    assert "error: vitis_hls: not found; allowed: vitis-run, " in capsys.readouterr().err
    assert outcome(run, [str(project / "nowhere"), "--require"]) == 2


@pytest.mark.parametrize(("words", "said"), [
    (["nowhere", "--model", "NONE"], "unknown model 'NONE'"),
    (["nowhere", "--model", "none.onnx"], "none.onnx: no such file"),
    (["project", "--model", "NONE"], "unknown model 'NONE'"),
    (["project"], "unknown model 'tiny'"),
    (["project", "--model", "fsrcnn-x_x2"], "made of another network"),
    (["nowhere", "--model", "fsrcnn-x_x2"], "nowhere: project.tcl is missing"),
])
@pytest.mark.parametrize("require", [[], ["--require"]])
def test_co_simulation_looks_at_the_model_then_the_project_then_for_the_tool(
        monkeypatch, project, capsys, words, said, require):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(project.parent)
    assert outcome(cli_vitis.hls_cosim, [*words, *require]) == 2
    heard = capsys.readouterr()
    assert said in heard.err and heard.out == ""


def made_of(project: Path) -> str:
    """Let a project be made of a network; the model's file."""
    network = random_network(np.random.default_rng(7), channels=(2,), kernels=(1, 3))
    onnx_io.save(network, project.parent / "tiny.onnx")
    path = project / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()),
                                "content_hash": network.content_hash()}))
    return str(project.parent / "tiny.onnx")


def test_the_synthesis_command(vitis, project, tmp_path, capsys):
    vitis.give(top_v=verilog())
    run = cli_vitis.hls_synth
    assert outcome(run, [str(project), "--json", str(tmp_path / "report.json")]) == 0
    said = capsys.readouterr().out
    assert "fsrcnnx_hls" in said and "layer" in said and "make sim DUT=hls HLS_RTL=" in said
    assert json.loads((tmp_path / "report.json").read_text())["total"]["dsp"] == 11
    work = project.with_name(f"{project.name}-vitis")
    assert (work / "rtl" / "fsrcnnx_hls_top.sv").is_file()


def test_the_project_stays_as_it_was_emitted(vitis, project, tmp_path):
    vitis.give(top_v=verilog())
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    for _ in range(2):
        assert outcome(cli_vitis.hls_synth, [str(project)]) == 0
        assert {p: p.read_bytes() for p in project.rglob("*") if p.is_file()} == before


def test_the_copy_follows_the_project_and_keeps_what_holds(vitis, project):
    found = read_project(project)
    copy = work_copy(found)
    assert read_project(copy.folder) == copy and copy.folder.parent == project.parent
    lrs, want = frames()
    vitis.give(hr_txt=text_of(want), hr_cosim_txt=text_of(want))
    for _ in range(2):  # what is synthesised already is not synthesised again
        cosim(work_copy(found), find_tool(), lrs, want)
        assert vitis.calls().count("csynth_design") == 1
    header = next((project / "firmware").rglob("*.h"))
    header.write_text(header.read_text() + "// another network\n")
    cosim(work_copy(found), find_tool(), lrs, want)
    assert vitis.calls().count("csynth_design") == 2
    assert "another network" in (copy.folder / header.relative_to(project)).read_text()


def test_what_lies_where_the_copy_goes_is_left_alone(project):
    place = project.with_name(f"{project.name}-vitis")
    place.mkdir()
    (place / "project.tcl").write_text("dear")
    with pytest.raises(InputError, match="-vitis: in the way, and not a work folder"):
        work_copy(read_project(project))
    assert [path.read_text() for path in place.iterdir()] == ["dear"]


def test_the_co_simulation_command_needs_the_network_of_the_project(vitis, project, capsys):
    assert outcome(cli_vitis.hls_cosim, [str(project), "--model", "fsrcnn-x_x2"]) == 2
    assert "made of another network" in capsys.readouterr().err


def make(*args: str) -> subprocess.CompletedProcess:
    """Run make, up to the commands."""
    return subprocess.run(["make", "--no-print-directory", "-n", *args], cwd=ROOT, text=True,
                          capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"})


def test_make_targets_and_variables():
    done = subprocess.run(["make"], cwd=ROOT, text=True, capture_output=True, check=True)
    for word in ("hls-synth", "hls-cosim", "DUT", "PROJECT", "HLS_RTL", "REQUIRE"):
        assert f"\n  {word} " in done.stdout
    for target in ("hls-synth", "hls-cosim"):
        said = make(target, "PROJECT=some/where", "REQUIRE=vitis").stdout
        words = shlex.split(said.replace("\\\n", " "))
        at = words.index(target)
        assert words[at + 1 : at + 4] == ["some/where", "--require", "--json"]
        assert words[at + 4].startswith("build/fsrcnn-x_x2/")
    assert "hls_top" in make("sim", "DUT=hls").stdout
    assert "hls_top" not in make("sim").stdout
    assert f"HLS_RTL='{ROOT}/x' " in make("sim", "DUT=hls", "HLS_RTL=x").stdout


@pytest.mark.parametrize(("value", "allowed"), [("DUT=vhdl", "rtl hls"), ("DUT=", "rtl hls"),
                                                ("REQUIRE=quartus", "vitis")])
def test_a_wrong_make_variable_is_one_line(value, allowed):
    done = make("sim", value)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"{value} is not allowed; allowed: {allowed}" in done.stderr


def test_tcl_under_the_real_shell_knows_no_other_vendor_command(vitis, project):
    script = project / "build_prj.tcl"
    script.write_text(script.read_text() + "\nvendor_command_of_tomorrow\n")
    (project / "build_opt.tcl").write_text(
        "array set opt {reset 0 csim 0 synth 0 cosim 0 validation 0 export 0 vsynth 0 fifo_opt 0}")
    text = script.read_text().replace("\nexit\n", "\n")
    script.write_text(text)
    done = subprocess.run(["vitis_hls", "-f", "build_prj.tcl"], cwd=project, text=True,
                          capture_output=True, check=False)
    assert done.returncode != 0 and "vendor_command_of_tomorrow" in done.stderr
