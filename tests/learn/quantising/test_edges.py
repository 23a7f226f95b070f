"""Patches from black to white beside those of photographs; what is to come out is float's own."""

import numpy as np
import pytest
import torch

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.learn import data, models, store
from fsrcnnx.learn.evaluate import float_run
from fsrcnnx.learn.quantising import edges
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.quantising.edges import HIGH, LOW, beside, draw, stretch, usual_contrast
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.training.teacher import Lessons
from fsrcnnx.media.imaging import bicubic, shrink

CONTENT = np.linspace(0, 1, 64).reshape(8, 8)


def rng():
    """The same choices each time."""
    return np.random.default_rng(5)


def test_patches_are_stretched_to_both_ends_and_half_of_them_inverted():
    ranges = [(20, 90), (100, 235), (16, 236)]
    hr = np.stack([low + (high - low) * CONTENT for low, high in ranges]).astype(np.uint8)
    wide = stretch(hr, 40, rng())
    assert wide.shape == (40, 8, 8) and wide.dtype == np.uint8
    assert {(one.min(), one.max()) for one in wide} == {(LOW, HIGH)}
    rising = [bool((np.diff(one.ravel().astype(int)) >= 0).all()) for one in wide]
    assert rising == [False, True] * 20


def test_flat_patches_are_left_out():
    flat = np.stack([100 + 50 * CONTENT, 7 + 0 * CONTENT]).astype(np.uint8)
    steep = (100 + 80 * CONTENT)[None].astype(np.uint8)
    assert len(stretch(flat, 9, rng())) == 0
    chosen = stretch(np.concatenate([flat, steep, flat]), 9, rng())
    assert len(chosen) == 9 and len(np.unique(chosen, axis=0)) == 2  # it, and it inverted


def test_drawn_patches_are_black_and_white_and_all_sorts():
    drawn = draw(24, 60, rng())
    assert {*np.unique(drawn)} == {LOW, HIGH}
    assert len(np.unique(drawn, axis=0)) > 50
    assert np.array_equal(drawn, draw(24, 60, rng()))
    rows, columns = ((np.diff(drawn.astype(int), axis=axis) != 0).any((1, 2)) for axis in (1, 2))
    assert (rows & columns).any() and (rows & ~columns).any() and (~rows & columns).any()


@pytest.mark.parametrize("name", ["d4s3m1f3l4a_x2", "d4s3m1f3l3_x3", "n6n4f3f1f3_x2"])
def test_new_patches_have_floats_own_picture_for_a_target(name):
    model = models.build(name, generator=torch.Generator().manual_seed(1)).eval()
    scale, prescale = model.picture_scale, model.prescale
    hr = torch.from_numpy(rng().integers(0, 256, (30, 12 * scale, 12 * scale), np.uint8))
    lr = torch.from_numpy(np.stack([bicubic(shrink(one, scale), prescale) for one in hr.numpy()]))
    (more_lr, more_hr), lessons = beside((lr, hr), Lessons(hr, "t"), model, shrink, 3)
    count = round(edges.STRETCHED * 30) + round(edges.DRAWN * 30)
    assert len(more_lr) == len(more_hr) == len(lessons.patches) == 30 + count
    assert torch.equal(more_lr[:30], lr) and torch.equal(more_hr[:30], hr)
    assert torch.equal(lessons.patches, more_hr) and lessons.teacher == "t"
    for x, y in zip(more_lr[30:], more_hr[30:], strict=True):
        assert np.abs(float_run(model, x.numpy()).astype(int) - y.numpy()).max() <= 1
    again, none = beside((lr, hr), Lessons(), model, shrink, 3)
    assert torch.equal(again[0], more_lr) and none.patches is None
    other, _ = beside((lr, hr), Lessons(), model, shrink, 4)
    assert not torch.equal(other[0], more_lr)


def test_too_few_patches_get_none_beside_them():
    model = models.build("d4s3m1f3l3_x2").eval()
    pair = torch.zeros(2, 8, 8, dtype=torch.uint8), torch.zeros(2, 16, 16, dtype=torch.uint8)
    (lr, hr), _ = beside(pair, Lessons(), model, shrink, 3)
    assert torch.equal(lr, pair[0]) and torch.equal(hr, pair[1])


@pytest.mark.parametrize(("bits", "want"), [
    ([Bits()], True), ([Bits(), Bits(8, 9)], True), ([Bits(4, 8)], False), ([Bits(8, 6)], False),
    ([Bits(8, 8, 8, 2)], False), ([Bits(), Bits(8, 6)], False)])
def test_they_are_usual_where_all_is_wide(bits, want):
    assert usual_contrast(bits) is want


@pytest.fixture
def start(tmp_path):
    """Float weights of a small network."""
    model = models.build("d4s3m1f3l3a_x2", generator=torch.Generator().manual_seed(6))
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")
    return tmp_path / "float.pth"


@pytest.mark.slow
def test_quantisation_trains_on_them_and_resumes_with_them(start, files, monkeypatch):
    monkeypatch.setattr(edges, "STRETCHED", 1.0)
    settings = {"steps": 3, "batch_size": 4, "lr": 1e-3, "progress": False}

    def run(output, **options):
        return quantise(start, *files, start.with_name(output), **settings,
                        **options).network.content_hash()

    whole = run("whole.pth", contrast=True)
    assert whole != run("without.pth")
    run("parts.pth", contrast=True, stop_after=2)
    assert run("parts.pth", contrast=True) == whole
    seen = []
    monkeypatch.setattr(edges, "upscale", lambda model, lr, *rest: seen.append(len(lr)) or
                        np.zeros((len(lr), 32, 32), np.uint8))
    assert run("black.pth", contrast=True) != whole and seen


def test_the_protocol_is_the_training_files_own(start, files, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("fsrcnnx.learn.quantising.quantise.beside",
                        lambda patches, lessons, model, reduce, *rest, **team:
                        seen.append(reduce) or (patches, lessons))
    folder, seed = files[0].parent / "pictures", tmp_path / "seed.h5"
    data.prepare(folder, seed, 2, patch=16, stride=8, protocol="seed", progress=False)
    for train in (files[0], seed):
        quantise(start, train, files[1], tmp_path / "w.pth", steps=0, contrast=True,
                 progress=False)
    assert seen == [data.PROTOCOLS["paper"], data.PROTOCOLS["seed"]]


@pytest.mark.parametrize(("words", "want"), [
    ([], True), (["--no-contrast"], False), (["--bits", "w4a8"], False),
    (["--bits", "w4a8", "--contrast"], True)])
def test_the_command_says_whether(start, files, words, want):
    output = start.with_name("w.pth")
    assert console.outcome(cli.main, ["quantise", str(start), *map(str, files), "-o", str(output),
                                      "--steps", "0", *words]) == 0
    assert store.read_weights(output)["contrast"] is want
