"""Cores of two prefixes: no name of one is one of the other's, and each is still exact."""

import json
import re
import shutil

import numpy as np
import pytest

from fsrcnnx import names, processes, tools
from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import InputError, ToolError
from fsrcnnx.exact import golden
from fsrcnnx.prove.pnr import Order, _top
from fsrcnnx.prove.simulation.simulate import simulate
from fsrcnnx.prove.synth import read_manifest
from tests.networks import random_network

SIZE = {"max_width": 8, "max_height": 8}
TWO = """
module two (input wire logic clk, input wire logic [7:0] a, output logic [7:0] unused);
  east_top u_east (.aclk(clk), .aresetn(1'b1), .frame_width_i('0), .frame_height_i('0),
    .s_axis_video_tdata(a), .s_axis_video_tvalid(1'b1), .s_axis_video_tready(),
    .s_axis_video_tuser(1'b0), .s_axis_video_tlast(1'b0), .m_axis_video_tdata(),
    .m_axis_video_tkeep(), .m_axis_video_tvalid(), .m_axis_video_tready(1'b1),
    .m_axis_video_tuser(), .m_axis_video_tlast(), .error_o(), .error_count_o(unused),
    .model_id_o());
  West9_top u_west (.aclk(clk), .aresetn(1'b1), .frame_width_i('0), .frame_height_i('0),
    .s_axis_video_tdata(a), .s_axis_video_tvalid(1'b1), .s_axis_video_tready(),
    .s_axis_video_tuser(1'b0), .s_axis_video_tlast(1'b0), .m_axis_video_tdata(),
    .m_axis_video_tkeep(), .m_axis_video_tvalid(), .m_axis_video_tready(1'b1),
    .m_axis_video_tuser(), .m_axis_video_tlast(), .error_o(), .error_count_o(), .model_id_o());
endmodule
"""


def network(seed):
    """A small one."""
    return random_network(np.random.default_rng(seed), channels=(3,), kernels=(3, 3))


@pytest.mark.parametrize("engine", ["mac", "adders"])
def test_every_name_carries_the_prefix(tmp_path, engine):
    if engine == "adders":
        pytest.importorskip("da4ml", reason="da4ml is not installed")
    told = emit(network(1), tmp_path / "core", engine=engine, prefix="east", **SIZE)
    assert told["prefix"] == "east" and read_manifest(tmp_path / "core")["prefix"] == "east"
    plain = emit(network(1), tmp_path / "plain", engine=engine, **SIZE)
    for path in (tmp_path / "core").rglob("*.*"):
        if path.suffix in (".sv", ".f", ".md", ".json"):
            assert not re.search(r"fsrcnnx_(?!\.)", path.read_text()), path
    assert told["files"] == [name.replace("fsrcnnx_", "east_") for name in plain["files"]]
    for name, was in zip(told["files"], plain["files"], strict=True):
        text = (tmp_path / "core" / name).read_text()
        assert text.replace("east_", "fsrcnnx_") == (tmp_path / "plain" / was).read_text()
    manifest = {**read_manifest(tmp_path / "core"), "layers": ["a", "b"]}
    assert _top(Order(), manifest, tmp_path / "core") == "east_top"


@pytest.mark.sim
@pytest.mark.slow
def test_two_cores_in_one_design(tmp_path):
    """Verilator takes both in one elaboration; each simulates like its own network."""
    sources = []
    for prefix, seed in (("east", 1), ("West9", 2)):
        folder = tmp_path / prefix
        sources += [folder / name for name in
                    emit(network(seed), folder, prefix=prefix, **SIZE)["files"]]
        lr = np.random.default_rng(seed).integers(0, 256, (4, 5), dtype=np.uint8)
        got, = simulate(folder, [lr], "icarus").frames
        np.testing.assert_array_equal(got, golden.run(network(seed), lr))
    (tmp_path / "two.sv").write_text(TWO)

    def lint(*files):
        return processes.run([tools.find("verilator"), "--lint-only", "-Wall", "-Wno-WIDTH",
                              "-Wno-PINCONNECTEMPTY", "-Wno-DECLFILENAME", "--top-module", "two",
                              *files, tmp_path / "two.sv"], cwd=tmp_path)
    done = lint(*sources)
    assert done.returncode == 0, done.stderr
    # without prefixes of their own they would be each other's
    shutil.copytree(tmp_path / "West9", tmp_path / "same")
    for path in (tmp_path / "same").glob("*.sv"):
        path.write_text(path.read_text().replace("West9_", "east_"))
    done = lint(*sources, *sorted((tmp_path / "same").glob("*.sv")))
    assert done.returncode and "east_" in done.stderr


@pytest.mark.sim
@pytest.mark.slow
def test_the_bench_beside_a_core_runs(tmp_path):
    folder = tmp_path / "core"
    files = emit(network(3), folder, prefix="east", **SIZE)["files"]

    def run():
        done = processes.run([tools.find("iverilog"), "-g2012", "-s", "east_check_tb", "-o",
                              tmp_path / "check", *files, "test/east_check_pkg.sv",
                              "test/east_check_tb.sv"], cwd=folder)
        assert done.returncode == 0, done.stderr
        return processes.run([tools.find("vvp"), "-n", tmp_path / "check"], cwd=tmp_path)
    assert "PASS" in run().stdout
    memory = folder / "east_requantise.sv"
    memory.write_text(memory.read_text().replace("out_o <=", "out_o <= ~", 1))
    assert "FAIL" in run().stdout


@pytest.mark.parametrize("prefix", ["", "9a", "a-b", "a_", "_a", "a" * 33, "a b", "a;b"])
def test_what_is_no_prefix_is_refused(tmp_path, prefix, capsys):
    assert not names.is_prefix(prefix)
    with pytest.raises(InputError, match="prefix .*; allowed: letters, digits and _"):
        emit(network(1), tmp_path / "core", prefix=prefix, **SIZE)
    assert console.outcome(cli.main, ["rtl", "fsrcnn-x_x2", "-o", str(tmp_path / "core"),
                                      "--prefix", prefix]) == 2
    assert "--prefix" in capsys.readouterr().err and not (tmp_path / "core").exists()


def test_a_manifest_with_another_prefix_is_refused(tmp_path):
    emit(network(1), tmp_path / "core", **SIZE)
    path = tmp_path / "core" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prefix": "a; quit"}))
    with pytest.raises(InputError, match="prefix is 'a; quit'; allowed: letters"):
        read_manifest(tmp_path / "core")
    path.write_text(json.dumps({**json.loads(path.read_text()), "prefix": "west"}))
    with pytest.raises(ToolError, match="cannot compile the core"):
        simulate(tmp_path / "core", [np.zeros((2, 2), np.uint8)], "icarus")
