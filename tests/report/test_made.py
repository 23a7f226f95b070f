"""How a network was made is said from what its weights record, whatever its recipe says."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import ModelError
from fsrcnnx.exact.onnx.model import SHIPPED, shipped
from fsrcnnx.learn.data import prepare
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.training.train import train
from fsrcnnx.report.card import card
from fsrcnnx.report.made import NEEDED, Made

NAME = "d2s1m0f1l2a_x2"
WEIGHTS = SHIPPED / "fsrcnnx-a_x2_w4a8" / "weights.pth"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with four pictures, a training and an evaluation file, and float weights."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "in" / f"{number}.png")
    for name in ("t.h5", "e.h5"):
        prepare(folder / "in", folder / name, 2, patch=16, evaluation=name == "e.h5", holdout=2,
                protocol="seed", progress=False)
    run(folder, "whole")
    return folder


def run(folder, name, **options):
    """A training of three steps."""
    return train(folder / "t.h5", folder / "e.h5", folder / name, 2, name=NAME, steps=3, lr=2e-3,
                 batch_size=2, seed=7, loss="joint", factor=2, progress=False, **options).best


def integers(folder, weights, output, **options):
    """Quantise in two steps; the file."""
    quantise(weights, folder / "t.h5", folder / "e.h5", output, steps=2, lr=4e-3, batch_size=3,
             seed=9, optimiser="soap", progress=False, **options)
    return output


def test_what_was_run_is_what_a_card_says(place, tmp_path):
    integers(place, place / "whole" / "x2" / "x2_best.pth", tmp_path / "weights.pth")
    export(tmp_path / "weights.pth", tmp_path)
    text = card(tmp_path, [place / "in"])
    assert "## Data\n8 patches of 2 pictures, seed protocol; 2 pictures, one in 2, held out.\n" \
        in text
    assert "Float: 3 steps of Adam, one cycle to 0.002, seed 7, batches of 2 of 8 patches, " \
        "logarithm of the targets' mean squared error,\nevery layer a product with 2 times" in text
    assert "Integers: 2 steps with noise of the power of rounding (SOAP, one cycle to 0.004, " \
        "seed 9, batches of 3), a tenth" in text
    assert "steps 3 for 50000, lr 0.002 for 0.01, loss joint for log, expand 2 for 4, hold " \
        "none for True, optimiser adam for soap, fine-tuning 2 for 30000, its lr 0.004 for " \
        "0.001." in text
    assert "By other settings than `make train quantise export MODEL=d2s1m0f1l2a_x2 DATA=" in text
    assert "start" not in text.partition("## Training")[2] and "stopped" not in text


def test_where_a_run_began_and_that_it_was_stopped_is_said(place, tmp_path, caplog):
    first = place / "whole" / "x2" / "x2_best.pth"
    stopped = run(place, "stopped", weights_file=first, stop_after=2)
    made = Made.read(integers(place, stopped, tmp_path / "w.pth"))
    lines = "\n".join(made.training(True))
    assert "It was stopped before its end." in lines
    assert f"The weights of `{NAME}`, all of them, were its start." in lines
    assert f"start {NAME} for none" in made.differences()


@pytest.mark.parametrize(("name", "last"), [
    ("espcn-s_x3", "sub-pixel convolution"), ("fsrcnn_x3", "deconvolution")])
def test_the_last_layer_is_called_what_it_is(name, last):
    run = {"start": name.replace("_x3", "_x2"), "steps": 1, "lr": 1, "loss": "log", "expand": 1,
           "hold": False, "batch_size": 1, "patches": 1, "seed": 1}
    made = Made(name, {"name": name, "training": run, "fine": 0, "bits": {"weight": 8}, "seed": 1},
                "w.pth")
    assert f"all but the {last}, were its start" in made.training(False)[-1]


def test_what_is_shipped_was_made_by_its_recipe_and_its_card_says_so():
    for model in shipped():
        made = Made.read(model.beside("weights.pth"))
        assert made.differences() == []
        text = model.path.with_name("card.md").read_text(encoding="utf-8")
        assert "\n".join(made.training(made.name.startswith("fsrcnnx-"))) in text


def test_another_number_of_steps_is_not_hidden_by_the_recipe(tmp_path):
    content = torch.load(WEIGHTS, weights_only=True)
    content["training"]["steps"], content["rounds"], content["rounds_done"] = 77, 5, 3
    torch.save(content, tmp_path / "w.pth")
    made = Made.read(tmp_path / "w.pth")
    assert made.differences() == ["steps 77 for 200000", "rounds 5 for 4"]
    assert "Float: 77 steps" in made.training(True)[2]
    assert ", 3 rounds of moves" in made.training(True)[-1]


@pytest.mark.parametrize("key", [*NEEDED, "a number as eval_psnr"])
def test_weights_that_do_not_say_it_are_refused(tmp_path, capsys, key):
    shutil.copytree(WEIGHTS.parent, tmp_path / "net")
    content = torch.load(WEIGHTS, weights_only=True)
    if key in NEEDED:
        del content[key]
    else:
        content["eval_psnr"] = 30.0
    torch.save(content, tmp_path / "net" / "weights.pth")
    assert console.outcome(cli.main, ["card", str(tmp_path / "net"), str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"does not say how it was made: no {key.rpartition(' ')[2]}" in said
    assert said.count("\n") == 1


def test_an_interrupted_quantisation_has_no_card(place, tmp_path):
    integers(place, place / "whole" / "x2" / "x2_best.pth", tmp_path / "w.pth", stop_after=1)
    with pytest.raises(ModelError, match="interrupted quantisation"):
        Made.read(tmp_path / "w.pth")


def test_a_model_of_other_weights_is_refused(tmp_path):
    shutil.copytree(WEIGHTS.parent, tmp_path / "net")
    shutil.copy(SHIPPED / "fsrcnnx-a_x2" / "weights.pth", tmp_path / "net" / "weights.pth")
    with pytest.raises(ModelError, match=r"model\.onnx: is not of the weights beside it.*export"):
        card(tmp_path / "net", [tmp_path])
