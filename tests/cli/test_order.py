"""The order of checks: what was given, then the tools, then the work."""

import importlib.util
import sys

import numpy as np
import pytest
from PIL import Image

from fsrcnnx import tools
from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import ToolError
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.report import demo
from tests.networks import random_network


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model, its core, a picture, and a folder that is in the way."""
    folder = tmp_path_factory.mktemp("small")
    network = random_network(np.random.default_rng(7), channels=(2,), kernels=(1, 3))
    onnx_io.save(network, folder / "tiny.onnx")
    emit(network, folder / "core", max_width=64, max_height=64)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "gray.png")
    (folder / "dear").mkdir()
    (folder / "dear" / "letter.txt").write_text("mine")
    return folder


@pytest.fixture
def bare(small, monkeypatch):
    """That folder, without a tool and without hls4ml."""
    monkeypatch.chdir(small)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(tools, "locate", missing)  # its own folder is searched, too
    for name in [name for name in sys.modules if name.startswith("fsrcnnx.emit.hls")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return small


def missing(name):
    """Find no tool."""
    raise ToolError("not found", where=name)


@pytest.mark.parametrize(("args", "said"), [
    ("upscale none.png -o out.png --model tiny.onnx --engine rtl", "none.png: no such file"),
    ("upscale gray.png -o out.xyz --model tiny.onnx --engine rtl", "out.xyz: "),
    ("upscale gray.png -o out.png --model NONE --engine rtl", "unknown model 'NONE'"),
    ("upscale gray.png -o out.mp4 --model NONE", "unknown model 'NONE'"),
    ("upscale none.mp4 -o out.mp4 --model tiny.onnx", "none.mp4: "),
    ("demo --model NONE", "unknown model 'NONE'"),
    ("demo --model tiny.onnx --image none.png", "none.png: "),
    ("demo --model tiny.onnx --image gray.png -o dear", "dear: "),
    ("rtl NONE -o dear", "unknown model 'NONE'"),
    ("rtl tiny.onnx -o dear", "dear: "),
    ("hls NONE -o dear --width 9 --height 6", "unknown model 'NONE'"),
    ("hls tiny.onnx -o dear --width 9 --height 6", "dear: "),
    ("c NONE -o dear", "unknown model 'NONE'"),
    ("c tiny.onnx -o dear", "dear: "),
    ("c tiny.onnx -o out --prefix 9", "--prefix: prefix '9'"),
    ("rtl tiny.onnx -o out --cycles-per-pixel 0", "0 cycles per pixel"),
    ("hls tiny.onnx -o out --width 0 --height 6", "--width: 0 pixels"),
    ("hls tiny.onnx -o out --width 9 --height 6 --part a;b", "--part: part 'a;b'"),
    ("hls tiny.onnx -o out --width 9 --height 6 --clock 0", "--clock: a clock period of 0.0 ns"),
    ("sim ( --sim icarus", "sim: no such bench"),
    ("verify NONE --images none.png", "unknown model 'NONE'"),
    ("verify tiny.onnx --rungs magic", "magic"),
    ("verify tiny.onnx --rtl-dir nowhere --rungs rtl", "nowhere/manifest.json: not an"),
    ("ranges NONE --images none.png", "unknown model 'NONE'"),
    ("bench NONE", "unknown model 'NONE'"),
    ("bench tiny.onnx --size 1 --contenders rtl", "1"),
    ("synth nowhere", "nowhere: no such folder"),
    ("synth core --json nowhere/r.json", "nowhere: the folder does not exist"),
    ("pnr nowhere", "nowhere: no such folder"),
    ("pnr core -o out --jobs 2", "--jobs: given, but there is one seed"),
    ("pnr core --layer none", "none"),
    ("pnr core -o dear", "dear: in the way"),
    ("hls-synth nowhere --require", "nowhere: project.tcl is missing"),
    ("hls-cosim nowhere --require --model NONE", "unknown model 'NONE'"),
    ("prepare nowhere -o out.h5", "nowhere: "),
    ("prepare . -o nowhere/out.png", "out.png: "),
    ("train none.h5 none.h5 -o out --model NONE", "unknown model 'NONE'"),
    ("train none.h5 none.h5 -o out --model fsrcnn-x_x2", "none.h5: "),
    ("quantise none.pth none.h5 none.h5 -o out.pth", "none.pth: "),
    ("quantise none.pth none.h5 none.h5 -o out.pth --bits w1a8", "--bits"),
    ("export none.pth -o out", "none.pth: "),
    ("import none.onnx -o out", "none.onnx: "),
    ("import tiny.onnx -o dear", "dear"),
    ("test . --model NONE", "unknown model 'NONE'"),
    ("test none --model tiny.onnx", "none: "),
    ("results none --model tiny.onnx", "none: "),
    ("card none none", "none: the folder does not exist"),
    ("card . none", "weights.pth: no such file"),
])
def test_bad_input_before_missing_tools(bare, capsys, args, said):
    assert call(*args.split()) == 2
    heard = capsys.readouterr()
    assert said in heard.err and heard.out == ""
    assert not list(bare.glob("out*"))
    assert [path.name for path in (bare / "dear").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("args", "said"), [
    ("upscale gray.png -o out.png --model tiny.onnx --engine rtl", "verilator: not found"),
    ("demo --model tiny.onnx --image gray.png -o out", "verilator: not found"),
    ("demo --model tiny.onnx --image gray.png -o out --sim icarus", "iverilog: not found"),
    ("hls tiny.onnx -o out --width 9 --height 6", "hls4ml: not installed"),
    ("synth core", "yosys: not found"),
    ("pnr core -o out", "yosys: not found"),
])
def test_missing_tools_before_work(bare, monkeypatch, capsys, args, said):
    monkeypatch.setattr(demo, "prepared", lambda *_, **__: pytest.fail("work was begun"))
    assert call(*args.split()) == 3
    assert said in capsys.readouterr().err
    assert not list(bare.glob("out*"))
