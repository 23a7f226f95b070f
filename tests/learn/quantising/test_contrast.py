"""Single pictures from black to white: which there are, and that one which loses is found."""

import numpy as np
import pytest
import torch

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.learn import data, models
from fsrcnnx.learn.quantising import contrast as measuring
from fsrcnnx.learn.quantising.contrast import MOST, TILE, contrast, measure, pictures, stretched
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.media.imaging import shrink


@pytest.mark.parametrize(("low", "high"), [(0, 255), (16, 235), (100, 164), (3, 67)])
def test_a_picture_is_stretched_to_both_ends(low, high):
    hr = np.linspace(low, high, 100).astype(np.uint8).reshape(10, 10)
    wide = stretched(hr)
    assert (wide.min(), wide.max(), wide.dtype) == (0, 255, np.uint8)
    assert (np.diff(wide.ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize(("low", "high"), [(100, 163), (7, 7)])
def test_a_flat_picture_is_not(low, high):
    assert stretched(np.array([[low, high]], np.uint8)) is None


@pytest.fixture(scope="module")
def chosen():
    """The set of one photograph's size, with one tile that is flat."""
    hr = np.random.default_rng(1).integers(16, 236, (320, 480), dtype=np.uint8)
    hr[:TILE, :TILE] = 99
    return pictures([hr], shrink, 2, 1)


def test_the_set_has_every_class(chosen):
    kinds = [one.kind for one in chosen]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "plain": 1, "stretched": 1, "inverted": 1, "plain tile": 6, "stretched tile": 5,
        "inverted tile": 5, "stripes": 48}
    assert len({one.hr.tobytes() for one in chosen}) == len({
        (one.kind, one.name) for one in chosen}) == len(chosen)
    for one in chosen:
        assert one.hr.shape == tuple(2 * side for side in one.lr.shape)
        assert one.kind.startswith("plain") or {0, 255} <= {*one.hr.ravel()}


def test_one_picture_that_loses_is_named(chosen):
    def good(lr):
        return lr.repeat(2, 0).repeat(2, 1)

    same = measure(good, good, chosen, 2)
    assert all((row.mean, row.most, row.above) == (0, 0, 0) for row in same.values())
    ill = next(one for one in chosen if one.kind == "stretched tile")

    def bad(lr):
        return good(lr) // 2 if np.array_equal(lr, ill.lr) else good(lr)

    found = measure(good, bad, chosen, 2)
    row = found.pop("stretched tile")
    assert (row.worst, row.above) == (ill.name, 1) and row.most > 1 > MOST
    assert row.mean == pytest.approx(row.most / row.count)
    assert found == {kind: own for kind, own in same.items() if kind != "stretched tile"}


@pytest.fixture
def weights(files, tmp_path):
    """Quantised weights of a network that repeats each pixel."""
    model = models.build("d4s3m1f3l3_x2")
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")
    quantise(tmp_path / "float.pth", *files, tmp_path / "w.pth", steps=0, progress=False)


def test_a_map_that_clips_is_seen_by_the_command(files, weights, tmp_path, capsys):
    fine = contrast(tmp_path / "w.pth", files[1])
    content = torch.load(tmp_path / "w.pth", weights_only=True)
    row = content["qat"]["formats"]["feature"]  # its map shall reach a quarter as far
    whole = int(row[2].removeprefix("ap_fixed<8,").removesuffix(">"))
    row[2] = f"ap_fixed<8,{whole - 2}>"
    torch.save(content, tmp_path / "w.pth")
    clipped = contrast(tmp_path / "w.pth", files[1])
    assert clipped["stripes"].most > fine["stripes"].most + MOST
    assert console.outcome(cli.main, ["contrast", str(tmp_path / "w.pth"), str(files[1])]) == 0
    said = capsys.readouterr().out
    assert f"{clipped['stripes'].most:.2f}" in said and clipped["stripes"].worst in said


def test_the_protocol_is_the_evaluation_files_own(files, weights, tmp_path, monkeypatch):
    seed = tmp_path / "seed.h5"
    data.prepare(files[0].parent / "pictures", seed, 2, evaluation=True, protocol="seed",
                 progress=False)
    seen = []
    monkeypatch.setattr(measuring, "pictures",
                        lambda hrs, reduce, *rest: seen.append(reduce) or pictures(hrs, reduce,
                                                                                   *rest))
    contrast(tmp_path / "w.pth", files[1])
    contrast(tmp_path / "w.pth", seed)
    assert seen == [data.PROTOCOLS["paper"], data.PROTOCOLS["seed"]]
