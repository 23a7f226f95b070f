"""What commands write is never what they read."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from PIL import Image

from fsrcnnx.cli.main import main
from fsrcnnx.cli.options import FILE
from fsrcnnx.cli.use import output_names
from fsrcnnx.errors import InputError
from fsrcnnx.learn.evaluate import compare
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.training.train import train
from fsrcnnx.upscale.frames import check_frames

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def paths(command):
    """Parameters of a command that are paths."""
    return [p for p in command.params if isinstance(p.type, click.Path)]


def picture(path):
    """A small gray picture."""
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (32, 32)).save(path)
    return path


@pytest.mark.parametrize("name", [name for name, command in main.commands.items()
                                  if paths(command)])
def test_every_path_of_every_command_refuses_an_empty_one(name):
    for one in paths(main.commands[name]):
        assert one.type is FILE, one.name
        with pytest.raises(click.BadParameter, match="an empty path"):
            one.type_cast_value(None, ("",) if one.multiple or one.nargs == -1 else "")


@pytest.mark.parametrize("name", ["prepare", "train", "test"])
def test_so_do_those_of_the_scripts(name, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.delitem(sys.modules, name, raising=False)
    command = __import__(name).main
    del sys.modules[name]
    assert paths(command) and all(one.type is FILE for one in paths(command))


def test_links_into_the_output_folder(tmp_path):
    picture(tmp_path / "x2" / "a.png")
    picture(tmp_path / "x2" / "b.png")
    (tmp_path / "x1").mkdir()
    (tmp_path / "x1" / "a.png").symlink_to("../x2/b.png")
    picture(tmp_path / "x1" / "b.png")
    both = [tmp_path / "x1" / "b.png", tmp_path / "x1" / "a.png"]
    with pytest.raises(InputError, match="the output is the input"):
        output_names(both, tmp_path / "x2")
    with pytest.raises(InputError, match="the output is the input"):
        check_frames(tmp_path / "x1", tmp_path / "x2", 2)
    assert output_names(both, tmp_path / "x3") == [tmp_path / "x3" / p.name for p in both]


@pytest.mark.parametrize("words, says", [
    (("prepare", "in", "-o", "in/a.png", "--eval"), "suffix '.png'.*.h5 .hdf5"),
    (("prepare", "in", "-o", "in/link.h5", "--eval"), "the output is the input"),
    (("quantise", "w.pth", "t.h5", "e.h5", "-o", "w.pth"), "the output is the input"),
    (("quantise", "w.pth", "t.h5", "e.h5", "-o", "t.h5"), "suffix '.h5'"),
    (("quantise", "w.pth", "t.h5", "w.stage1.csv", "-o", "w2/../w.pth"), "is the input"),
    (("export", "model.onnx", "-o", "."), "the output is the input"),
    (("import", "model.onnx", "-o", "."), "the output is the input"),
])
def test_learning_overwrites_no_input(words, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(Path("in/a.png"))
    Path("in/link.h5").symlink_to("a.png")
    Path("w2").mkdir()
    for name in ("w.pth", "t.h5", "e.h5", "model.onnx", "w.stage1.csv"):
        Path(name).write_bytes(b"mine")
    if words[0] == "import":
        from fsrcnnx.cli.import_model import check_folder

        with pytest.raises(InputError, match=says):
            check_folder(Path(words[3]), Path(words[1]))
        return
    before = {name: Path(name).read_bytes() for name in os.listdir() if Path(name).is_file()}
    with pytest.raises(InputError, match=says):
        if words[0] == "quantise":
            quantise(*words[1:4], words[5])
        elif words[0] == "export":
            export(words[1], Path(words[3]))
        else:
            main(words, standalone_mode=False)
    assert before == {name: Path(name).read_bytes() for name in before}


def test_training_and_comparing_neither(tmp_path):
    best = tmp_path / "x2" / "x2_best.pth"
    with pytest.raises(InputError, match="the output is the input"):
        train("t.h5", "e.h5", tmp_path, 2, weights_file=best)
    with pytest.raises(InputError, match="the output is the input"):
        train("t.h5", tmp_path / "x2" / "checkpoint.pth", tmp_path, 2)


def test_a_comparison_spares_the_weights(tmp_path, monkeypatch):
    from fsrcnnx.learn import evaluate

    image = picture(tmp_path / "in.png")
    monkeypatch.setattr(evaluate.incoming, "load", lambda *_: SimpleNamespace(name="n_x2"))
    monkeypatch.setattr(evaluate, "_upscaler", lambda *_: None)
    weights = tmp_path / "in_bicubic_x2.png"
    weights.write_bytes(b"mine")
    with pytest.raises(InputError, match="the output is the input"):
        compare(weights, image)
    assert weights.read_bytes() == b"mine"
