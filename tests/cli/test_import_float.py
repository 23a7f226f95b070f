"""fsrcnnx import of float networks, and quantise --data: what they write, say and refuse."""

import json
import os

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.learn import models, store, torchfile
from fsrcnnx.learn.quantising import on_pictures
from tests.foreign import foreign
from tests.learn.others import Espcn, Named, seeded
from tests.learn.test_float_onnx import exported

NAME = "d3s2m0f3l3_x2"


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a checkpoint of a network that repeats pixels, and five small pictures."""
    monkeypatch.chdir(tmp_path)
    ours = models.build(NAME).state_dict()
    theirs = {theirs: ours[name] for theirs, name in zip(
        ["first_part.0", "first_part.1", "mid_part.0", "mid_part.1", "mid_part.2", "mid_part.3",
         "last_part"], ["feature", "act.feature", "shrink", "act.shrink", "expand", "act.expand",
                        "deconv"], strict=True) for theirs, name in
              ((f"{theirs}.weight", f"{name}.weight"), (f"{theirs}.bias", f"{name}.bias"))
              if name in ours}
    theirs = {key: value * 256 / 255 if key.endswith("bias") else value
              for key, value in theirs.items()}
    torch.save({"state_dict": theirs}, "net.pth")
    (tmp_path / "photos" / "more").mkdir(parents=True)
    rng = np.random.default_rng(3)
    for number in range(5):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        coarse.resize((50 + number, 44), Image.Resampling.BICUBIC).save(
            tmp_path / "photos" / ("more" if number % 2 else "") / f"{number}.png")
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_becomes_a_model_in_two_commands(place, capsys):
    assert call("import", "net.pth", "-o", "models/mine_x2", "--scale", 2, "--json", "r.json") == 0
    out = capsys.readouterr().out
    folder = place / "models" / "mine_x2"
    assert f"recognised {NAME}: FSRCNN, d 3, s 2, m 0, kernels 3, 1, 1, 3, x2; PReLU" in out
    assert "biases times 255/256" in out and names(folder) == ["SHA256SUMS", "weights.pth"]
    assert json.loads((place / "r.json").read_text())["name"] == NAME
    ours, found = models.build(NAME).state_dict(), store.load(folder / "weights.pth").state_dict()
    for key, value in ours.items():
        assert torch.allclose(found[key], value, rtol=1e-6)

    assert call("quantise", "models/mine_x2", "--data", "photos") == 0
    out = capsys.readouterr().out
    assert "1 picture of photos, held out: bicubic " in out and "integers " in out
    assert "worse than bicubic" in out  # it repeats pixels: below bicubic, and said
    network = onnx_io.load(folder / "model.onnx")
    assert network.content_hash() in out and network.name == NAME
    content = store.read_weights(folder / "weights.pth")
    assert content["imported_from"] == "net.pth" and len(content["imported_sha256"]) == 64
    assert names(folder) == ["SHA256SUMS", "model.onnx", "model_float.onnx", "model_uint8.onnx",
                             "weights.pth"]
    assert call("verify", "mine_x2", "--rungs", "qonnx,uint8-onnx,golden,emulate") == 0

    # again, by other bits, elsewhere and in place; and a few steps
    assert call("quantise", "models/mine_x2", "--data", "photos", "--bits", "w6a8", "--rounds", 0,
                "--steps", 2, "--batch-size", 2, "-o", "models/other_x2") == 0
    assert onnx_io.load(place / "models" / "other_x2" / "model.onnx").name == f"{NAME}_w6a8"
    assert call("quantise", "models/mine_x2/weights.pth", "--data", "photos") == 0
    assert onnx_io.load(folder / "model.onnx").content_hash() == network.content_hash()
    assert names(place) == ["models", "net.pth", "photos", "r.json"]
    assert names(place / "models") == ["mine_x2", "other_x2"]


def test_a_float_onnx_file_is_imported(place, capsys):
    exported(seeded(Named()), place / "net.onnx")
    assert call("import", "net.onnx", "-o", "mine") == 0
    assert "held against the file in onnxruntime" in capsys.readouterr().out
    assert names(place / "mine") == ["SHA256SUMS", "weights.pth"]
    assert call("import", "net.onnx", "-o", "mine") == 0  # over itself: all ours
    (place / "mine" / "note.txt").write_text("")
    assert call("import", "net.onnx", "-o", "mine") == 2
    assert "holds what fsrcnnx did not write so: note.txt" in capsys.readouterr().err


def test_a_checkpoint_that_ends_in_a_pixel_shuffle(place, capsys):
    torch.save(seeded(Espcn(3, "relu")).state_dict(), "espcn.pth")
    assert call("import", "espcn.pth", "-o", "mine_x3", "--slope", 0) == 0
    assert "recognised n5n4f5f3f3p_x3: PixelShuffle (as ESPCN)" in capsys.readouterr().out
    assert store.load("mine_x3/weights.pth").picture_scale == 3
    assert call("import", "espcn.pth", "-o", "mine_x3") == 2
    assert "allowed: ReLU, LeakyReLU, PReLU; not the tanh" in capsys.readouterr().err


@pytest.mark.parametrize(("args", "says"), [
    (("import", "net.pth", "-o", "m"), "the scale is not in the file"),
    (("import", "net.pth", "-o", ".", "--scale", 2), "the output is the input"),
    (("import", "net.pth", "-o", "m", "--slope-bits", 4), "--slope-bits: given, but nothing in"),
    (("import", "q.onnx", "-o", "m", "--scale", 2), "--scale: given, but the file is quantised"),
    (("import", "none.pth", "-o", "m", "--scale", 2), "none.pth: no such file"),
    (("import", "bad.pth", "-o", "m", "--scale", 2), "no torch file of plain data"),
    (("import", "bad.onnx", "-o", "m", "--scale", 2), "corrupt, not an ONNX file"),
    (("quantise", "ours.pth", "--data", "photos"), "in the way, and not an imported model"),
    (("quantise", "ours.pth", "--data", "none", "-o", "m"), "none: no such folder"),
    (("quantise", "ours.pth", "--data", "void", "-o", "m"), "no pictures in this folder"),
    (("quantise", "ours.pth", "--data", "photos", "-o", "m", "--lr", 1),
     "--lr: given, but without"),
    (("quantise", "ours.pth", "a.h5", "b.h5", "--data", "photos"), "both given"),
    (("quantise", "ours.pth", "a.h5", "-o", "m.pth"), "EVAL_FILE is missing; allowed: WEIGHTS"),
    (("quantise", "ours.pth", "a.h5", "b.h5"), "--output is missing"),
    (("quantise", "ours.pth", "a.h5", "b.h5", "-o", "m.pth", "--max-pixels", 9),
     "--max-pixels: given without --data"),
    (("quantise", "ours.pth", "--data", "photos", "-o", "m", "--steps", 2, "--max-pixels", 99),
     "--max-pixels"),
])
def test_a_refusal_is_one_line_and_leaves_nothing(place, capsys, args, says):
    torchfile.save({"name": NAME, "float": models.build(NAME).state_dict()}, place / "ours.pth")
    onnx.save(foreign().whole().model(), place / "q.onnx")
    for bad in ("bad.pth", "bad.onnx"):
        (place / bad).write_bytes(b"no network at all")
    (place / "void").mkdir()
    before = names(place)
    assert call(*args) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("error:") == 1
    assert names(place) == before


def test_an_interrupted_fine_tuning_goes_on(place, capsys, monkeypatch):
    assert call("import", "net.pth", "-o", "m", "--scale", 2) == 0
    args = ("quantise", "m", "--data", "photos", "--steps", 3, "--batch-size", 2)
    whole = on_pictures.quantise
    monkeypatch.setattr(on_pictures, "quantise", lambda *files, **settings: (
        whole(*files, **settings, stop_after=2), os.kill(os.getpid(), 2)))
    assert call(*args) == console.INTERRUPTED
    assert {".m.quantise", "m"} < set(names(place)) and names(place / "m") == [
        "SHA256SUMS", "weights.pth"]
    monkeypatch.setattr(on_pictures, "quantise", whole)
    assert call(*args) == 0
    assert "model.onnx" in names(place / "m") and ".m.quantise" not in names(place)


@pytest.mark.parametrize(("count", "measured"), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (8, 2),
                                                 (32, 8), (33, 6), (1000, 8)])
def test_some_pictures_are_held_out(count, measured):
    one_in = on_pictures.holdout_of(count)
    held = [at for at in range(count) if one_in and at % one_in == one_in - 1]
    assert len(held) == (measured if count > 1 else 0) and len(held) < count
