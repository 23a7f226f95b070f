"""The demo: what it counts, draws and refuses; the simulation itself is tested elsewhere."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.prove.engines.engine import Ran
from fsrcnnx.prove.engines.table import ENGINE
from fsrcnnx.prove.simulation.simulate import Result
from fsrcnnx.report import demo
from tests.networks import random_network


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A model, a photograph of odd size, and a simulation that can be told to be wrong."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(11)
    network = random_network(rng, channels=(4, 3), kernels=(3, 1, 3))
    folder = tmp_path / "models/tiny_x2"
    folder.mkdir(parents=True)
    onnx_io.save(network, folder / "model.onnx")
    onnx_io.save_float(network, folder / "model_float.onnx")
    Image.fromarray(rng.integers(0, 256, (121, 203, 3), dtype=np.uint8)).save("photo.png")
    wrong = []

    @contextmanager
    def simulate(model, *, simulator, progress):
        def run(lrs):
            frames = tuple(golden.run(network, lr) for lr in lrs)
            for y, x in wrong:
                frames[0][y, x] ^= 1
            return Ran(frames, (1.0,), report=Result(frames, 16 * lrs[0].size, 1.0, 0.0))
        yield run

    monkeypatch.setitem(ENGINE, "rtl", replace(ENGINE["rtl"], prepare=simulate))
    return wrong


def run():
    """The demo on the command line: its exit code."""
    return console.outcome(cli.main, ["demo", "--image", "photo.png", "--model", "tiny_x2"])


def test_a_match_is_drawn(place, tmp_path, capsys):
    assert run() == 0
    said = capsys.readouterr().out
    assert "rtl against golden: 0/24240 mismatches" in said
    assert "onnx against golden: 0/24240 mismatches" in said
    assert "16.00 per LR pixel" in said
    drawn = np.asarray(Image.open(tmp_path / "build/demo/demo.png").convert("RGB"))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100
    assert Image.open(tmp_path / "build/demo/rtl.png").size == (202, 120)
    assert not list(tmp_path.rglob("*.part*"))


def test_the_model_is_read_once(place, monkeypatch):
    read, load = [], onnx_io.load
    monkeypatch.setattr(onnx_io, "load", lambda path: read.append(path.name) or load(path))
    assert run() == 0
    assert read == ["model.onnx"]


def test_pictures_of_another_are_left_alone(place, tmp_path, capsys):
    assert run() == 0 and run() == 0  # ours are replaced
    folder = tmp_path / "build" / "demo"
    (folder / "holiday.png").write_bytes(b"dear")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    assert run() == 2
    assert "holds what fsrcnnx did not write so: holiday.png" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("wrong", [[(0, 0)], [(119, 201), (5, 7)]])
def test_a_pixel_that_differs_is_an_error(place, capsys, wrong):
    place += wrong
    assert run() == 1
    said = capsys.readouterr()
    assert f"rtl against golden: {len(wrong)}/24240 mismatches" in said.out
    assert said.err.count("\n") == 1


def test_crops_lie_where_the_gain_is():
    hr = np.zeros((200, 300), np.uint8)
    bicubic, ours = hr.copy(), hr.copy()
    bicubic[20:60, 30:70] = 90
    bicubic[150:180, 200:230] = 60
    bicubic[100:110, 100:110] = 200
    ours[100:110, 100:110] = 200  # bad in both: no gain
    first, second = demo.best_crops(hr, bicubic, ours, 2)
    side = demo.CROP
    assert 0 <= first[0] <= 20 and first[0] + side >= 60 and first[1] <= 30 < 70 <= first[1] + side
    assert second[0] <= 150 < 180 <= second[0] + side and second[1] <= 200 < 230 <= second[1] + side


def test_the_photograph_is_shipped():
    assert Image.open(demo.photograph()).size == (512, 512)
