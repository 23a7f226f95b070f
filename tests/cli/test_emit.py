"""The commands that write HLS and RTL: projects, estimates, bad input in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from fsrcnnx.cli import console, emit
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import InputError
from fsrcnnx.exact.onnx import io as onnx_io
from tests.networks import random_network

SIZE = ["--width", "9", "--height", "6"]


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A small model's file; the place where commands run."""
    monkeypatch.chdir(tmp_path)
    onnx_io.save(random_network(np.random.default_rng(7), channels=(4, 3), kernels=(3, 1, 3)),
                 tmp_path / "tiny.onnx")
    return "tiny.onnx"


def test_a_project(model, tmp_path, capsys):
    assert call("hls", model, "-o", "project", *SIZE, "--strategy", "resource", "--reuse", 9,
                "--reuse", "conv1=4", "--part", "xc7a35tcpg236-1", "--clock", "8") == 0
    out = capsys.readouterr().out
    assert "deconv_subpixel" in out and "9x6, resource" in out
    told = json.loads((tmp_path / "project" / "manifest.json").read_text())
    assert (told["part"], told["clock_ns"]) == ("xc7a35tcpg236-1", 8.0)
    assert [entry["reuse"] for entry in told["layers"] if "reuse" in entry] == [9, 4, 6]


@pytest.mark.parametrize(("args", "said"), [
    (["--width", "0", "--height", "6"], "--width: 0 pixels; allowed: 1..16384"),
    ([*SIZE, "--reuse", "x"], "--reuse: 'x'; allowed: N or LAYER=N"),
    ([*SIZE, "--reuse", "conv9=1"], "--reuse: no layer conv9"),
    ([*SIZE, "--strategy", "resource", "--reuse", "conv1=3"], "conv1=3 (allowed: 1, 2, 4, 12)"),
    ([*SIZE, "--clock", "-1"], "--clock: a clock period of -1.0 ns"),
    ([*SIZE, "--part", "a b{"], "--part: part 'a b{'; allowed: letters, digits"),
])
def test_bad_input_is_one_line(model, tmp_path, capsys, args, said):
    assert call("hls", model, "-o", "project", *args) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "project").exists()


def test_an_estimate_writes_nothing(model, tmp_path, capsys):
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    before = set(tmp_path.iterdir())
    asked = ("rtl", model, "--estimate", "--max-width", 64, "--max-height", 48)
    assert call(*asked, "--engine", "adders", "--mhz", 10) == 0
    rows = {line.rsplit(maxsplit=1)[0].strip(): line.split()[-1]
            for line in capsys.readouterr().out.splitlines() if line}
    assert rows["multipliers"] == "0" and int(rows["LUT sites of an ECP5, after synthesis"]) > 1000
    clocks = int(rows["clocks per frame of 64x48"])
    assert rows["frames per second at 10 MHz"] == f"{1e7 / clocks:.2f}"
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("args", "said"), [
    (["--estimate"], "a core of the engine mac; allowed: --engine adders"),
    (["--estimate", "-o", "core"], "-o: given, but --estimate writes nothing"),
    (["--estimate", "--engine", "adders", "--mhz", "0"], "--mhz: a clock of 0 MHz"),
    ([], "Missing option '-o'"),
])
def test_estimates_that_are_refused(model, tmp_path, capsys, args, said):
    assert call("rtl", model, *args) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "core").exists()


def test_reuse_texts():
    assert emit.reuse_of(()) == (1, {})
    assert emit.reuse_of(("4", "map1=12", "a=b=3")) == (4, {"map1": 12, "a=b": 3})
    with pytest.raises(InputError):
        emit.reuse_of(("map1=",))


def run(code):
    """Run Python code in a process of its own: exit code, errors."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_help_does_not_wait_for_hls4ml():
    assert run("import sys\nfrom fsrcnnx.cli import console\nfrom fsrcnnx.cli import main as cli\n"
               "assert console.outcome(cli.main, ['hls', '--help']) == 0\n"
               "assert not {'hls4ml', 'numpy'} & set(sys.modules)") == (0, "")


def test_without_hls4ml_it_says_what_to_install(model):
    code, err = run(
        "import importlib.util as util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'hls4ml' else find(name, *a)\n"
        "from fsrcnnx.cli import console\nfrom fsrcnnx.cli import main as cli\n"
        f"exit(console.outcome(cli.main, ['hls', {model!r}, '-o', 'project', *{SIZE!r}]))")
    assert code == 3
    assert "hls4ml: not installed; fix: make setup" in err and err.count("\n") == 1
