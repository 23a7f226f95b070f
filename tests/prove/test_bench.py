"""The benchmark: turns in processes of their own, outputs compared, what is absent says why."""

import json
import multiprocessing
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import CheckError, InputError, ModelError
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove import bench, contenders
from tests.networks import random_network


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "TURN", 1e-3)
    path = tmp_path / "model.onnx"
    onnx_io.save(random_network(np.random.default_rng(3), anchor=True), path)
    return path


@pytest.mark.parametrize(("text", "shape"), [("960x540", (540, 960)), ("1x7", (7, 1))])
def test_sizes(text, shape):
    assert bench.size_of(text) == shape


@pytest.mark.parametrize("text", ["960", "0x4", "4x", "4x-1", "a4x4", "960X540", "100000x2"])
def test_wrong_sizes(text):
    with pytest.raises(InputError, match="allowed: WIDTHxHEIGHT, each 1 to 99999"):
        bench.size_of(text)


def test_contenders_take_turns_and_agree(model, tmp_path, capsys):
    code = console.outcome(cli.main, [
        "bench", str(model), "--size", "5x4", "--rounds", "2",
        "--contenders", "golden,emulate,onnx", "--json", str(tmp_path / "b.json")])
    out = capsys.readouterr().out
    assert code == 0 and "cores, load averages" in out
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert [(row["frame"], row["contender"], row["result"]) for row in rows] == [
        ("5x4", "golden", "REFERENCE"), ("5x4", "emulate", "PASS"), ("5x4", "onnx", "PASS")]
    for row in rows:
        assert row["mismatches"] == 0 and row["pixels"] == 80 and row["seconds"] > 0
        assert row["cpu_seconds"] > 0
        assert 10 < row["peak_mb"] < 2000
        assert (row["ratio"] == 1) == (row["contender"] == "emulate")
    assert multiprocessing.active_children() == []


@pytest.mark.slow
@pytest.mark.sim
def test_cores_are_simulated_and_their_time_is_that_of_the_simulator(model):
    names = ("golden", "rtl-mac-icarus", "rtl-adders-icarus")
    rows = bench.bench(Model(model), (4, 5), names, rounds=1)
    assert [row.result for row in rows] == ["REFERENCE", "PASS", "PASS"]
    assert all(row.mismatches == 0 and row.cpu_seconds > 0 for row in rows)
    before = bench._cpu() - time.process_time()
    subprocess.run([sys.executable, "-c", "sum(range(10**6))"], check=True)
    assert bench._cpu() - time.process_time() > before


def test_a_mismatch_fails(model, monkeypatch):
    """The output of one contender is changed on its way."""
    right = bench._answer

    def changed(link, name):
        said = right(link, name)
        if name == "golden" and isinstance(said, np.ndarray):
            said = said.copy()
            said[2, 1] ^= 1
        return said

    monkeypatch.setattr(bench, "_answer", changed)
    rows = bench.bench(Model(model), (3, 4), ("golden", "onnx"), rounds=1)
    assert [row.result for row in rows] == ["REFERENCE", "FAIL"] and rows[1].mismatches == 1
    assert [row.ratio for row in rows] == [None, None]
    assert rows[1].cells()[-2:] == ["1/48", "FAIL"]
    monkeypatch.setattr(bench, "bench", lambda *_, **__: rows)
    assert console.outcome(cli.main, ["bench", str(model), "--size", "4x3"]) == 1


def test_what_cannot_run_says_why(model, monkeypatch):
    monkeypatch.setattr(contenders, "find_spec", lambda name: None)
    with pytest.raises(contenders.Absent, match="hls4ml is not installed"), \
            contenders.CONTENDER["hls"].prepare(Model(model), (3, 4)):
        pass
    golden = replace(contenders.CONTENDER["golden"], most=11)
    monkeypatch.setitem(contenders.CONTENDER, "golden", golden)
    row = bench.bench(Model(model), (3, 4), ("golden",))[0]
    assert row.result == "SKIP(slow: only for frames of up to 11 pixels)"
    row = bench._row("hls", (3, 4), {}, {"hls": "no"}, {})
    assert row.result == "SKIP(no)" and row.cells() == ["4x3", "hls", *[""] * 6, "SKIP(no)"]
    with pytest.raises(InputError, match="unknown contender 'x'; allowed: golden, emulate"):
        bench.bench(Model(model), (3, 4), ("x",))


def test_a_contender_that_dies_or_fails_is_an_error(model):
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with pytest.raises(CheckError, match="contender onnx: its process died"):
        bench._answer(ours, "onnx")
    model.write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        bench.bench(Model(model), (3, 4), ("golden",), rounds=1)
    assert multiprocessing.active_children() == []


def test_a_contender_that_cannot_start_leaves_ctrl_c_as_it_was(model, monkeypatch):
    def fails(self):
        raise OSError(11, "Resource temporarily unavailable")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("multiprocessing.process.BaseProcess.start", fails)
    with pytest.raises(OSError, match="unavailable"):
        bench.bench(Model(model), (3, 4), ("golden",), rounds=1)
    assert signal.getsignal(signal.SIGINT) is before


def test_memory_is_that_of_the_process():
    before = bench.peak_bytes()
    block = np.ones(1 << 25, np.uint8)
    assert bench.peak_bytes() >= before and bench.peak_bytes() > block.nbytes
