"""The seed's command lines: flags as it spells them, folders that are not there yet, one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def script(monkeypatch, capsys):
    """Runs a script in this process; gives its exit code and what it said on stderr."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def run(name, *args):
        import importlib.util

        spec = importlib.util.spec_from_file_location(f"seed_{name}", SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        code = console.outcome(module.main, list(map(str, args)), f"{name}.py")
        return code, capsys.readouterr().err
    return run


@pytest.fixture
def pictures(tmp_path):
    """A folder of two small pictures."""
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(4)
    for name in ("a", "b"):
        Image.fromarray(rng.integers(0, 256, (70, 70, 3), dtype=np.uint8)).save(
            tmp_path / "in" / f"{name}.png")
    return tmp_path / "in"


@pytest.mark.parametrize("dash", ["-", "_"])
def test_folders_are_made(script, pictures, tmp_path, dash):
    def flag(name):
        return "--" + name.replace("-", dash)
    out = tmp_path / "new" / "deep"
    for end, more in (("train", ()), ("eval", ("--eval",))):
        code, said = script("prepare", flag("images-dir"), pictures, flag("output-path"),
                            out / end / "file.h5", "--scale", 2, *more)
        assert code == 0, said
    code, said = script("train", flag("train-file"), out / "train" / "file.h5", flag("eval-file"),
                        out / "eval" / "file.h5", flag("outputs-dir"), tmp_path / "other" / "runs",
                        "--scale", 2, "--steps", 1, flag("batch-size"), 2)
    assert code == 0, said
    best = tmp_path / "other" / "runs" / "x2" / "x2_best.pth"
    code, said = script("test", flag("weights-file"), best, flag("image-file"),
                        pictures / "a.png", "--scale", 2)
    assert code == 0, said
    assert (pictures / "a_bicubic_x2.png").is_file()


def test_a_checkpoint_of_others_is_measured(script, pictures, tmp_path):
    import torch

    from tests.learn.others import Named, seeded

    net = seeded(Named(scale=3))
    torch.save({"state_dict": net.state_dict()}, tmp_path / "net.pth")
    code, said = script("test", "--weights-file", tmp_path / "net.pth", "--image-file",
                        pictures / "a.png", "--scale", 3)
    assert code == 0, said
    with Image.open(pictures / "a_d6s3m1f5l9p4_x3.png") as large:
        assert large.size == (69, 69)
    code, said = script("test", "--weights-file", tmp_path / "net.pth", "--image-file",
                        pictures / "a.png", "--scale", 9)
    assert code == 2 and "allowed: 2, 3, 4" in said


def test_an_espcn_of_others_is_measured_once_its_slope_is_said(script, pictures, tmp_path):
    import torch

    from fsrcnnx.exact.onnx.model import SHIPPED
    from tests.learn.others import Espcn, seeded

    torch.save(seeded(Espcn(2, "relu")).state_dict(), tmp_path / "net.pth")
    args = ("test", "--weights-file", tmp_path / "net.pth", "--image-file", pictures / "a.png")
    code, said = script(*args)
    assert code == 2 and "fix: --slope 0 if it is ReLU" in said
    code, said = script(*args, "--slope", 0)
    assert code == 0 and (pictures / "a_n5n4f5f3f3p_x2.png").is_file(), said
    code, said = script("test", "--weights-file", SHIPPED / "fsrcnn-s_x2" / "weights.pth",
                        "--image-file", pictures / "a.png", "--slope", 0)
    assert code == 2 and "--slope, of weights of fsrcnnx itself" in said


@pytest.mark.parametrize(("name", "args", "says"), [
    ("prepare", ("--images_dir", "none", "--output_path", "new/a.h5"), "none: no such folder"),
    ("prepare", ("--images_dir", ".", "--output_path", "new/a.h5"), "no pictures in this folder"),
    ("prepare", ("--images_dir", "in", "--output_path", "new/a.h5", "--scale", 9), "allowed: 2, 3"),
    ("prepare", ("--images_dir", "in", "--output_path", "in/a.png/x.h5"), "cannot be made"),
    ("train", ("--train_file", "no.h5", "--eval_file", "no.h5", "--outputs_dir", "new"),
     "no.h5: no such file"),
    ("train", ("--train_file", "a", "--eval_file", "a", "--outputs_dir", "new", "--batch-size", 0),
     "0 is not in the range"),
    ("train", ("--train_file", "a", "--eval_file", "a", "--outputs_dir", "new", "--seed", 1 << 70),
     "is not in the range"),
    ("train", ("--train_file", "a", "--eval_file", "a", "--outputs_dir", "new", "--weights_file",
               "none.pth"), "none.pth: no such file"),
    ("test", ("--weights_file", "none.pth", "--image_file", "in/a.png"), "none.pth: no such file"),
])
def test_what_is_wrong_is_one_line_and_makes_nothing(script, pictures, tmp_path, monkeypatch, name,
                                                     args, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    if "." in args:
        monkeypatch.chdir(tmp_path / "empty")
    code, said = script(name, *args)
    assert code == 2
    lines = [line for line in said.splitlines() if "error" in line]
    assert len(lines) == 1 and says in lines[0]
    assert not list(tmp_path.rglob("new"))
