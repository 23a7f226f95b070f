"""A model that is opened: found by name or path, read once, its companions and its pixels."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io
from fsrcnnx.exact.onnx import model as onnx_model
from fsrcnnx.exact.onnx.model import SHIPPED, Model, shipped, shipped_weights
from tests.networks import random_network

NETWORK, OTHER = (random_network(np.random.default_rng(seed), channels=(3,), kernels=(1, 3))
                  for seed in (1, 2))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with models/mine_x2, and one of another place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/mine_x2").mkdir(parents=True)
    io.save(NETWORK, tmp_path / "models/mine_x2/model.onnx")
    io.save_float(NETWORK, tmp_path / "models/mine_x2/model_float.onnx")
    return tmp_path


@pytest.fixture
def loads(monkeypatch):
    """The files that were read as networks, in order."""
    read, load = [], io.load
    monkeypatch.setattr(io, "load", lambda path: read.append(path) or load(path))
    return read


def test_a_name_and_a_path_open_the_same(home):
    by_name, by_path = Model.open("mine_x2"), Model.open("models/mine_x2/model.onnx")
    assert by_name.path == by_path.path
    assert by_name.content_hash == by_path.content_hash == NETWORK.content_hash()
    assert (by_name.scale, by_name.prescale, by_name.pixel_bits) == (2, 1, "8 bits")


def test_our_own_folder_comes_before_what_is_shipped(home):
    name = shipped()[0].path.parent.name
    assert Model.open(name).path == SHIPPED / name / "model.onnx"
    shutil.copytree(home / "models/mine_x2", home / "models" / name)
    assert Model.open(name).content_hash == NETWORK.content_hash()


def test_what_make_made_is_found_last_and_never_for_a_shipped_name(home):
    name = shipped()[0].path.parent.name
    for own in ("d4s2m0f1l2a_x2_w4a8", name):
        shutil.copytree(home / "models/mine_x2", home / "build" / own)
    made = Path("build/d4s2m0f1l2a_x2_w4a8/model.onnx")
    assert Model.open("d4s2m0f1l2a_x2_w4a8").path == made
    assert onnx_model.called(made) == onnx_model.called(made.resolve()) == "d4s2m0f1l2a_x2_w4a8"
    assert Model.open(name).path == SHIPPED / name / "model.onnx"
    assert onnx_model.called(Path("build", name, "model.onnx")) == f"build/{name}/model.onnx"
    shutil.copytree(home / "models/mine_x2", home / "models/d4s2m0f1l2a_x2_w4a8")
    assert Model.open("d4s2m0f1l2a_x2_w4a8").path.parts[0] == "models"
    assert onnx_model.called(made) == str(made)
    assert onnx_model.called(Path("model.onnx")) == "model.onnx"


def test_an_unknown_model_is_told_what_a_name_says(home):
    shutil.copytree(home / "models/mine_x2", home / "build" / "ours_x2")
    with pytest.raises(ModelError, match=r"allowed: .*ours_x2, .*`make train quantise export "
                       r"MODEL=name.* d16s9m4f3l3a_x2 \(d, s channels.* n64n32f9f1f5_x2") as caught:
        Model.open("nothing_x2")
    assert "\n" not in str(caught.value)


def test_places_are_one_list(home, monkeypatch):
    monkeypatch.setattr(onnx_model, "PLACES", (home / "elsewhere",))
    with pytest.raises(ModelError, match="unknown model 'mine_x2'"):
        Model.open("mine_x2")
    (home / "models").rename(home / "elsewhere")
    assert Model.open("mine_x2").path == home / "elsewhere/mine_x2/model.onnx"


@pytest.mark.parametrize("name", ["nope_x2", "", "models", "models/mine_x2", "mine_x2/model"])
def test_an_unknown_name_lists_the_known(home, name):
    with pytest.raises(ModelError) as caught:
        Model.open(name)
    said = str(caught.value)
    assert f"unknown model {name!r}; allowed: " in said
    assert ", mine_x2, " in said and "fsrcnn-x_x2" in said
    assert "a path of an .onnx file; fix: take one, or `make train" in said


@pytest.mark.parametrize("name", ["none.onnx", "folder.onnx", "models/none/model.onnx"])
def test_a_path_that_is_no_file(home, name):
    (home / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match=rf"{name}: no such file; allowed: a model name or an"):
        Model.open(name)


def test_a_damaged_file_is_refused_when_it_is_read(home):
    (home / "bad.onnx").write_bytes(b"nothing like protobuf")
    opened = Model.open("bad.onnx")
    with pytest.raises(ModelError, match=r"bad\.onnx: corrupt"):
        _ = opened.network


def test_a_file_that_is_replaced_is_another_when_it_is_opened_again(home, loads):
    path = home / "models/mine_x2/model.onnx"
    first = Model.open("mine_x2")
    assert first.content_hash == NETWORK.content_hash()
    before = path.stat()
    io.save(OTHER, path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a time stamp says nothing
    assert first.network.content_hash() == NETWORK.content_hash()
    assert Model.open("mine_x2").content_hash == OTHER.content_hash()
    assert len(loads) == 2


def test_companions(home):
    opened = Model.open("mine_x2")
    assert opened.companion("model_float.onnx").name == "model_float.onnx"
    assert opened.beside("model_uint8.onnx") is None
    with pytest.raises(ModelError, match=r"mine_x2/model\.onnx: model_uint8\.onnx is not beside "
                       "it; allowed: the folder that `fsrcnnx export` wrote; fix: export"):
        opened.companion("model_uint8.onnx")
    (home / "models/mine_x2/model_uint8.onnx").mkdir()
    assert opened.beside("model_uint8.onnx") is None


def test_a_companion_is_not_that_of_another_file_in_the_folder(home):
    shutil.copy(home / "models/mine_x2/model.onnx", home / "models/mine_x2/lone.onnx")
    lone = Model.open("models/mine_x2/lone.onnx")
    assert lone.beside("model_float.onnx") is None
    with pytest.raises(ModelError, match="is not beside it"):
        lone.companion("model_float.onnx")


def test_another_depth_is_refused_by_name(home):
    io.save(random_network(np.random.default_rng(0), in_format=Format(True, 8, 7),
                           out_format=Format(False, 10, 10)), home / "other.onnx")
    opened = Model.open("other.onnx")
    assert opened.pixel_bits == "8 signed bits in and 10 bits out"
    with pytest.raises(InputError, match="a.png: luma, 8 bits; allowed: 8 signed bits in and 10 "
                       "bits out, as other.onnx takes; fix: another"):
        opened.check_depth(8, "luma", "a.png", "another")
    Model.open("mine_x2").check_depth(8, "luma", "a.png", "another")


def test_what_is_shipped_is_listed(home):
    assert [m.path.parent.name for m in shipped()] == sorted(
        path.parent.name for path in SHIPPED.glob("*/model.onnx"))
    assert all(shipped_weights(m.path.parent.name).is_file() for m in shipped())


@pytest.mark.parametrize("command", [
    ["upscale", "a.png", "b.png", "-o", "out", "--model", "mine_x2"],
    ["upscale", "a.png", "-o", "out.png", "--model", "mine_x2", "--engine", "emulate"],
    ["upscale", "a.png", "-o", "out.png", "--model", "mine_x2", "--engine", "onnx"],
    ["upscale", "a.png", "-o", "out.png", "--model", "mine_x2", "--engine", "float"],
    ["upscale", "frames", "-o", "out", "--model", "mine_x2"],
    ["verify", "mine_x2", "--rungs", "qonnx,uint8-onnx,golden,emulate", "--images", "a.png"],
    ["test", "frames", "--model", "mine_x2", "--engine", "golden"],
    ["ranges", "mine_x2"],
    ["rtl", "mine_x2", "-o", "core"],
    ["bench", "mine_x2", "--size", "9x8", "--rounds", "1", "--contenders", "golden"],
], ids=lambda command: " ".join(command[:1] + command[-1:]))
def test_a_command_reads_its_model_once(home, loads, command):
    (home / "frames").mkdir()
    for name in ("a.png", "b.png", "frames/0.png", "frames/1.png"):
        Image.fromarray(np.random.default_rng(3).integers(0, 256, (24, 26), np.uint8)).save(name)
    assert console.outcome(cli.main, command) == 0
    assert [path.name for path in loads] == ["model.onnx"]


def test_a_model_goes_to_another_process_as_it_was_read(home):
    opened = Model.open("mine_x2")
    assert opened.network.layers
    code = ("import json, pickle, sys\nmodel = pickle.load(sys.stdin.buffer)\n"
            "print(json.dumps([str(model.path), model.network.content_hash()]))")
    data = pickle.dumps(opened)
    (home / "models/mine_x2/model.onnx").unlink()
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert json.loads(done.stdout) == ["models/mine_x2/model.onnx", NETWORK.content_hash()]
