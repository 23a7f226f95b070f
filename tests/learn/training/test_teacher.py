"""A teacher's pictures: what it makes of the patches, kept, turned with them, half of the loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact.onnx import model as onnx_model
from fsrcnnx.learn import models, store
from fsrcnnx.learn.data import read_patches
from fsrcnnx.learn.evaluate import float_run
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.training import recipes, teacher
from fsrcnnx.learn.training.fit import Batches
from fsrcnnx.learn.training.losses import LOSSES, joint_error, log_error
from fsrcnnx.learn.training.teacher import teach
from fsrcnnx.learn.training.train import train


def weights(folder, name="d6s3m1f3l3_x2", seed=5):
    """File of a network with random weights."""
    model = models.build(name, generator=torch.Generator().manual_seed(seed))
    path = folder / f"{name}-{seed}.pth"
    torch.save({"name": name, "float": model.state_dict()}, path)
    return path


@pytest.fixture()
def kept(files):
    """Lists what is kept beside the training file, which is emptied before and after."""
    def listed():
        return sorted(files[0].parent.glob(".*"))
    for path in listed():
        path.unlink()
    yield listed
    for path in listed():
        path.unlink()


@pytest.mark.parametrize("name", ["d6s3m1f3l3_x2", "d4s3m1f3l4a_x2", "n6n4f3f1f3_x2"])
def test_lessons_are_what_the_teacher_makes_of_every_patch(files, kept, tmp_path, name):
    path = weights(tmp_path, name)
    model = store.load(path)
    lessons = teach(path, files[0], 2, progress=False)
    lr, hr = read_patches(files[0], 2, model.prescale)
    assert lessons.patches.shape == hr.shape and lessons.patches.dtype == torch.uint8
    for patch, lesson in zip(lr, lessons.patches, strict=True):
        away = float_run(model, patch.numpy()).astype(int) - lesson.numpy()
        assert np.abs(away).max() <= 1 and (away != 0).mean() < 0.01  # sums in another order


def test_lessons_are_kept_and_those_of_other_weights_or_patches_are_others(
        files, kept, tmp_path, monkeypatch):
    first = teach(weights(tmp_path), files[0], 2, progress=False)
    assert [path.name.rpartition("-")[0] for path in kept()] == [".train.d6s3m1f3l3_x2"]
    work, done = teacher.upscale, []
    monkeypatch.setattr(teacher, "upscale", lambda *args: done.append(1) or work(*args))
    again = teach(weights(tmp_path), files[0], 2, progress=False)
    assert torch.equal(again.patches, first.patches) and again.teacher == first.teacher
    assert not done
    other = teach(weights(tmp_path, seed=6), files[0], 2, progress=False)
    assert done == [1] and other.teacher != first.teacher
    for content in (b"cut off", b""):
        for path in kept():
            path.write_bytes(content)
        with pytest.raises(InputError, match="cannot be read.*delete it"):
            teach(weights(tmp_path), files[0], 2, progress=False)
    for path in kept():
        np.save(path, first.patches.numpy()[1:])
    with pytest.raises(InputError, match="not uint8"):
        teach(weights(tmp_path), files[0], 2, progress=False)


def test_a_folder_that_cannot_be_written_costs_the_work_not_the_training(files, kept, tmp_path,
                                                                        monkeypatch, caplog):
    def refuse(*args):
        raise OSError(30, "Read-only file system")

    first = teach(weights(tmp_path), files[0], 2, progress=False)
    kept()[0].unlink()
    monkeypatch.setattr(np, "save", refuse)
    again = teach(weights(tmp_path), files[0], 2, progress=False)
    assert torch.equal(again.patches, first.patches) and again.teacher == first.teacher
    assert "Read-only file system); the teacher will work again" in caplog.text and not kept()


def test_lessons_are_turned_flipped_and_stretched_with_the_originals():
    generator = torch.Generator().manual_seed(1)
    lr, hr = (torch.randint(256, (9, side, side), generator=generator, dtype=torch.uint8)
              for side in (8, 16))
    batches = Batches(lr, hr, 6, generator, 0.5, lessons=hr)
    for _ in range(12):
        _, target = batches.draw()
        assert target.shape == (6, 2, 16, 16)
        assert torch.equal(target[:, 0], target[:, 1])


@pytest.mark.parametrize("loss", LOSSES)
def test_each_target_counts_half(loss):
    generator = torch.Generator().manual_seed(1)
    x, y, z = (torch.rand(5, 1, 8, 8, generator=generator) for _ in range(3))
    z = x + 0.1 * (z - x)  # much nearer than y
    apart = (LOSSES[loss](x, y) + LOSSES[loss](x, z)) / 2
    together = LOSSES[loss](x, torch.cat([y, z], 1))
    if loss == "joint":  # the logarithm of a mean is above the mean of logarithms
        assert together > apart + 0.5
        torch.testing.assert_close(joint_error(x, torch.cat([y, y], 1)), log_error(x, y))
    else:
        torch.testing.assert_close(together, apart)


def test_a_pupil_comes_nearer_to_its_teacher(files, kept, tmp_path):
    path = weights(tmp_path)
    lessons = teach(path, files[0], 2, progress=False).patches.float()
    x = read_patches(files[0], 2)[0][:, None].float() / 256

    def away(teacher):
        done = train(*files, tmp_path / f"taught-{bool(teacher)}", 2, name="d4s2m1f3l3_x2",
                     steps=40, batch_size=4, progress=False, teacher=teacher)
        return float((store.load(done.best)(x)[:, 0] * 256 - lessons).square().mean().detach())

    assert away(path) < 0.9 * away(None)


def test_a_taught_training_resumes_to_the_identical_result(files, kept, tmp_path):
    settings = {"name": "d4s2m1f3l3a_x2", "steps": 20, "batch_size": 4, "progress": False}
    mine, other = weights(tmp_path), weights(tmp_path, seed=6)
    whole = train(*files, tmp_path / "whole", 2, teacher=mine, **settings)
    train(*files, tmp_path / "parts", 2, teacher=mine, stop_after=7, **settings)
    with pytest.raises(InputError, match="holds another run"):
        train(*files, tmp_path / "parts", 2, teacher=other, **settings)
    parts = train(*files, tmp_path / "parts", 2, teacher=mine, **settings)
    want, got = (store.read_weights(run.best) for run in (whole, parts))
    assert all(torch.equal(want["float"][key], got["float"][key]) for key in want["float"])
    assert want["training"]["teacher"].startswith("d6s3m1f3l3_x2 ")


def test_a_taught_quantisation_learns_something_else_and_says_so(files, kept, tmp_path):
    start = weights(tmp_path, "d4s2m1f3l3a_x2")
    settings = {"steps": 8, "batch_size": 4, "progress": False}
    plain = quantise(start, *files, tmp_path / "plain.pth", **settings)
    taught = quantise(start, *files, tmp_path / "taught.pth", teacher=weights(tmp_path),
                      **settings)
    assert taught.network.content_hash() != plain.network.content_hash()
    assert store.read_weights(tmp_path / "plain.pth")["fine_teacher"] == ""
    assert store.read_weights(tmp_path / "taught.pth")["fine_teacher"].startswith("d6s3m1f3l3")


def test_settings_are_refused_before_the_teacher_works(files, kept, tmp_path):
    with pytest.raises(InputError, match=r"lr 3\.0"):
        train(*files, tmp_path / "out", 2, steps=2, lr=3.0, teacher=weights(tmp_path))
    with pytest.raises(InputError, match=r"lr 3\.0"):
        quantise(weights(tmp_path), *files, tmp_path / "w.pth", steps=2, lr=3.0,
                 teacher=weights(tmp_path))
    assert kept() == [] and not (tmp_path / "w.pth").exists()


def test_a_teacher_of_another_scale_or_without_weights_is_refused(files, kept, tmp_path):
    with pytest.raises(ModelError, match="a teacher for x3.*allowed: x2"):
        teach(weights(tmp_path, "d4s2m1f3l3_x3"), files[0], 2)
    with pytest.raises(ModelError, match=r"none\.pth: no such file"):
        teach(tmp_path / "none.pth", files[0], 2)
    assert kept() == []


@pytest.mark.parametrize("command", ["train", "quantise"])
def test_the_command_line_takes_the_teacher_of_the_recipe_unless_told(files, kept, tmp_path,
                                                                      monkeypatch, command):
    own = replace(recipes.TAUGHT, teacher="mine", steps=1, fine=1)
    monkeypatch.setattr(recipes, "recipe", lambda name: own)
    monkeypatch.setattr(onnx_model, "SHIPPED", tmp_path)
    (tmp_path / "mine").mkdir()
    weights(tmp_path).rename(tmp_path / "mine" / "weights.pth")
    given = weights(tmp_path, seed=6)
    for number, (option, count) in enumerate([([], 1), (["--teacher", "none"], 1),
                                              (["--teacher", str(given)], 2)]):
        out = tmp_path / str(number)
        line, written = ["train", *map(str, files), "-o", str(out), "--model",
                         "d4s2m1f3l3a_x2"], out / "x2" / "x2_best.pth"
        if command == "quantise":
            written = out / "w.pth"
            line = ["quantise", str(weights(tmp_path, "d4s2m1f3l3a_x2")), *map(str, files), "-o",
                    str(written), "--no-even"]
        assert console.outcome(cli.main, line + option) == 0
        assert len(kept()) == count
        content = store.read_weights(written)
        said = content["fine_teacher" if command == "quantise" else "training"]
        said = said if command == "quantise" else said["teacher"]
        assert bool(said) == (option[-1:] != ["none"])
