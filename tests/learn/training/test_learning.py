"""Preparation, training and quantisation on tiny pictures: exact resumption, equal rungs."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import FsrcnnxError, InputError, ModelError
from fsrcnnx.exact import even, golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.learn import models, store
from fsrcnnx.learn.data import prepare, read_patches, read_pictures
from fsrcnnx.learn.evaluate import float_run
from fsrcnnx.learn.quantising import neighbours
from fsrcnnx.learn.quantising.calibrate import Bits, label
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.quantising.quantnet import load_qat, qat_run, to_network
from fsrcnnx.learn.training.train import train
from fsrcnnx.media.imaging import psnr


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of six smooth pictures, one of them gray."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    for number in range(6):
        coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((80, 72), Image.Resampling.BICUBIC)
        (picture.convert("L") if number == 5 else picture).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def files(pictures, tmp_path_factory):
    """A training and an evaluation file."""
    folder = tmp_path_factory.mktemp("h5")
    prepare(pictures, folder / "train.h5", 2, patch=16, stride=16, progress=False)
    prepare(pictures, folder / "eval.h5", 2, evaluation=True, progress=False)
    return folder / "train.h5", folder / "eval.h5"


def _train(files, out, **options):
    return train(*files, out, 2, steps=24, batch_size=4, progress=False, **options)


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11])
def test_a_training_may_be_short(files, tmp_path, steps):
    assert train(*files, tmp_path, 2, steps=steps, batch_size=4, progress=False).step == steps


def test_the_files_have_the_usual_layout(files):
    with h5py.File(files[0]) as file:
        assert set(file) == {"lr", "hr", "made_of"}
        lr, hr = file["lr"].shape, file["hr"].shape
        assert lr[0] == hr[0] and (hr[1], hr[2]) == (2 * lr[1], 2 * lr[2])
    with h5py.File(files[1]) as file:
        assert sorted(file["lr"]) == sorted(file["hr"]) == [str(n) for n in range(6)]
    assert len(read_patches(files[0], 2)[0]) > 0
    assert len(read_pictures(files[1], 2)) == 6


def test_a_stopped_training_resumes_to_the_identical_result(files, tmp_path):
    whole = _train(files, tmp_path / "whole")
    _train(files, tmp_path / "parts", stop_after=7)
    parts = _train(files, tmp_path / "parts")
    assert parts.psnr == whole.psnr
    want, got = (store.read_weights(run.best)["float"] for run in (whole, parts))
    assert want.keys() == got.keys()
    for name in want:
        assert torch.equal(want[name], got[name]), name


def test_a_pixel_shuffle_network_is_trained_by_its_name(files, tmp_path):
    assert console.outcome(cli.main, ["train", *map(str, files), "-o", str(tmp_path), "--model",
                                      "n4n3f5f3f3p_x2", "--steps", "3", "--batch-size", "4"]) == 0
    done = quantise(tmp_path / "x2" / "x2_best.pth", *files, tmp_path / "weights.pth", steps=2,
                    batch_size=4, progress=False)
    last, network = done.network.layers[-1], export(tmp_path / "weights.pth", tmp_path)
    assert (last.kind, last.stride, last.weight.shape) == ("shuffle", 2, (4, 3, 3, 3))
    assert onnx_io.load(tmp_path / "model.onnx").content_hash() == network.content_hash()


@pytest.mark.slow
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (6, 6)])
def test_the_quantised_module_equals_the_integer_network(files, tmp_path, weight_bits,
                                                         activation_bits):
    best = _train(files, tmp_path).best
    done = quantise(best, *files, tmp_path / "weights.pth",
                    bits=Bits(weight_bits, activation_bits), layers={"deconv": Bits(7, 8)},
                    steps=8, batch_size=4, progress=False)
    assert done.network.layers[-1].weight_format.width == 7
    assert done.network.layers[1].weight_format.width == weight_bits
    assert done.network.layers[1].out_format.width == activation_bits
    module = load_qat(tmp_path / "weights.pth")
    network = to_network(module)
    assert network.content_hash() == done.network.content_hash()
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 9), (13, 7)):
        lr = rng.integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(qat_run(module, lr), golden.run(network, lr))


@pytest.mark.parametrize(("steps", "stop"), [
    pytest.param(12, 7, marks=pytest.mark.slow), (1, 1)])
@pytest.mark.parametrize(("name", "bits"), [
    ("d4s3m1f3l3a_x2", Bits(4, 8)), ("d4s3m1f3l3_x2", Bits(4, 8)), ("d4s3m1f3l3_x2", Bits()),
    ("n4n3f3f1f3p_x2", Bits(4, 8))])
def test_a_stopped_quantisation_resumes_to_the_identical_result(files, tmp_path, monkeypatch, name,
                                                                bits, steps, stop):
    """In the first stage, weights on staircases or not, in that of the biases, in the search."""
    monkeypatch.setattr(neighbours, "BATCHES", 9)
    monkeypatch.setattr(neighbours, "CHECKED", 3)
    started, adopt = [], neighbours.adopt

    def noted(module, best):
        adopt(module, best)
        started.append(to_network(module).content_hash() == to_network(best).content_hash())
    monkeypatch.setattr(neighbours, "adopt", noted)
    model = models.build(name, generator=torch.Generator().manual_seed(6))
    torch.save({"name": name, "float": model.state_dict()}, tmp_path / "float.pth")
    settings = {"bits": bits, "steps": steps, "batch_size": 4, "optimiser": "soap", "rounds": 2,
                "progress": False}
    runs = {stop: tmp_path / f"{stop}.pth" for stop in (None, stop)}
    whole = quantise(tmp_path / "float.pth", *files, runs[None], **settings)
    rounds = tmp_path / "None.stage3.csv"
    assert rounds.exists() == (bits != Bits())
    assert started == [True] * rounds.exists()  # from the best step, which need not be the last
    calls = 0
    while calls == 0 or any(tmp_path.glob(".*")):
        parts, calls = quantise(tmp_path / "float.pth", *files, runs[stop], stop_after=stop,
                                **settings), calls + 1
    found = len(rounds.read_text().splitlines()) - 2 if rounds.exists() else 0
    assert calls > (steps > stop) and calls >= found / stop
    assert parts.psnr == whole.psnr
    assert parts.network.content_hash() == whole.network.content_hash()
    assert store.read_weights(runs[stop])["rounds"] == (2 if rounds.exists() else 0)
    if rounds.exists():
        assert rounds.read_text() == (tmp_path / f"{stop}.stage3.csv").read_text()
    assert {path.name for path in tmp_path.glob(".*")} == set()


def test_a_quantisation_killed_while_it_cleans_up_starts_anew(files, tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "BATCHES", 9)
    monkeypatch.setattr(neighbours, "CHECKED", 3)
    model = models.build("d4s3m1f3l3_x2", generator=torch.Generator().manual_seed(6))
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")

    def run(rounds=2):
        return quantise(tmp_path / "float.pth", *files, tmp_path / "w.pth", bits=Bits(4, 8),
                        steps=2, batch_size=4, rounds=rounds, progress=False)
    unlink = Path.unlink

    def killed(path, **options):
        if path.name == ".w.pth.stage3" and path.exists():
            raise KeyboardInterrupt
        unlink(path, **options)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert {path.name for path in tmp_path.glob(".*")} == {".w.pth.stage3"}
    whole = load_qat(tmp_path / "w.pth")
    again = run()
    assert again.network.content_hash() == to_network(whole).content_hash()
    assert store.read_weights(tmp_path / "w.pth")["eval_psnr"]["qat"] == again.psnr
    with pytest.raises(InputError, match="0 and more"):
        run(-1)


def test_where_nothing_is_searched_no_rounds_are_said(files, tmp_path):
    model = models.build("d4s3m1f3l3a_x2", generator=torch.Generator().manual_seed(6))
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")
    for bits, steps in ((Bits(), 1), (Bits(4, 8), 0)):
        quantise(tmp_path / "float.pth", *files, tmp_path / "w.pth", bits=bits, steps=steps,
                 batch_size=4, rounds=3, progress=False)
        assert store.read_weights(tmp_path / "w.pth")["rounds"] == 0


@pytest.mark.parametrize(("bits", "last", "name"), [
    (Bits(8, 8), Bits(8, 8), "n_x2"), (Bits(4, 8), Bits(4, 8), "n_x2_w4a8"),
    (Bits(8, 8, 8, 2), Bits(8, 8, 8, 2), "n_x2_w8a8d2"),
    (Bits(8, 8, 6), Bits(8, 8, 6), "n_x2_w8a8s6"),
    (Bits(4, 8), Bits(6, 8), "n_x2_w4a8-mixed"), (Bits(8, 8), Bits(6, 8), "n_x2_w8a8-mixed")])
def test_the_name_says_the_bits(bits, last, name):
    assert label("n_x2", bits, {"feature": bits, "shrink": bits, "deconv": last}) == name


def test_mixed_means_8_bits_in_the_first_and_the_last_layer(files, tmp_path):
    model = models.build("d4s3m1f3l3_x2", generator=torch.Generator().manual_seed(2))
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")
    command = ["quantise", *map(str, (tmp_path / "float.pth", *files)), "--steps", "0",
               "-o", str(tmp_path / "w.pth"), "--bits", "w4a6-mixed", "--layer", "map1=w5a7"]
    assert console.outcome(cli.main, command) == 0
    module = load_qat(tmp_path / "w.pth")
    assert [(row.weight.width, row.out.width) for row in module.formats.values()] \
        == [(8, 8), (4, 6), (5, 7), (4, 6), (8, 8)]
    assert torch.load(tmp_path / "w.pth")["label"] == "d4s3m1f3l3_x2_w4a6-mixed"


def test_quantisation_says_what_a_mean_hides(files, tmp_path, capsys):
    model = models.build("d4s3m1f3l3_x2", generator=torch.Generator().manual_seed(2))
    torch.save({"name": model.name, "float": model.state_dict()}, tmp_path / "float.pth")
    command = ["quantise", *map(str, (tmp_path / "float.pth", *files)), "--steps", "0",
               "-o", str(tmp_path / "w.pth"), "--bits", "w3a7"]
    assert console.outcome(cli.main, command) == 0
    module = load_qat(tmp_path / "w.pth")
    lost = [psnr(hr, float_run(model, lr), 2) - psnr(hr, qat_run(module, lr).astype(np.uint8), 2)
            for lr, hr in read_pictures(files[1], 2)]
    said = capsys.readouterr().out.splitlines()[-2:]
    assert said == [
        f"constant frames: {even.measure(to_network(module))}",
        f"largest loss of a picture: {max(lost):.2f} dB, number {np.argmax(lost)} of {files[1]}"]


@pytest.mark.parametrize("text", ["w4", "w1a8", "w8a17", "a8w8", "w8a8s1", "w8a8 ", "w8a8d9"])
def test_bits_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="w2a2 to w16a16"):
        Bits.parse(text)
    assert Bits.parse("w4a6s5") == Bits(4, 6, 5) and Bits.parse("w8a8d2") == Bits(8, 8, 8, 2)


def test_bits_of_no_layer_are_refused(files, tmp_path):
    best = _train(files, tmp_path).best
    with pytest.raises(InputError, match="layer conv9; allowed: feature, shrink"):
        quantise(best, *files, tmp_path / "w.pth", layers={"conv9": Bits(4, 4)}, steps=0)
    with pytest.raises(InputError, match="cannot reach 8-bit output"):
        quantise(best, *files, tmp_path / "w.pth", bits=Bits(4, 4), steps=0)
    assert not (tmp_path / "w.pth").exists()


def test_pictures_smaller_than_a_patch_are_left_out(pictures, tmp_path, caplog):
    whole = prepare(pictures, tmp_path / "a.h5", 2, progress=False)
    Image.new("L", (70, 63)).save(pictures / "small.png")
    assert prepare(pictures, tmp_path / "b.h5", 2, progress=False) == whole
    assert "small.png: left out, 70x63 pixels are less than a patch of 64" in caplog.text
    with pytest.raises(InputError, match="every picture is smaller"):
        prepare(pictures, tmp_path / "c.h5", 2, patch=400, progress=False)
    assert not (tmp_path / "c.h5").exists()


def test_nan_weights_are_refused(tmp_path):
    model = models.build("fsrcnn-x_x2")
    state = model.state_dict()
    state["shrink.bias"][0] = float("nan")
    torch.save({"name": "fsrcnn-x_x2", "float": state}, tmp_path / "nan.pth")
    with pytest.raises(ModelError, match="shrink.bias"):
        store.load(tmp_path / "nan.pth")


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_what_is_no_weights_file_is_refused(tmp_path, content):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(FsrcnnxError, match=r"w\.pth"):
        store.load(tmp_path / "w.pth")


def test_bad_folders_and_scales_are_refused_without_an_output(pictures, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="none"):
        prepare(tmp_path / "none", tmp_path / "a.h5", 2, progress=False)
    with pytest.raises(InputError, match="allowed"):
        prepare(pictures, tmp_path / "a.h5", 7, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["none"]


def test_a_training_file_that_is_no_hdf5_is_refused(files, tmp_path):
    (tmp_path / "t.h5").write_text("text")
    with pytest.raises(InputError, match=r"t\.h5"):
        train(tmp_path / "t.h5", files[1], tmp_path, 2, steps=1, progress=False)


def test_weights_of_another_scale_give_all_but_the_deconvolution(files, tmp_path):
    lower = models.build("fsrcnn-x_x3", generator=torch.Generator().manual_seed(9))
    torch.save({"name": "fsrcnn-x_x3", "float": lower.state_dict()}, tmp_path / "x3.pth")
    torch.save({"name": "fsrcnn-s_x3", "float": {}}, tmp_path / "other.pth")
    done = train(*files, tmp_path / "out", 2, steps=1, lr=1e-9, batch_size=4, progress=False,
                 weights_file=tmp_path / "x3.pth")
    got = store.load(done.best)
    torch.testing.assert_close(got.map1.weight, lower.map1.weight, atol=1e-6, rtol=0)
    assert not torch.allclose(got.deconv.weight, lower.deconv.weight)
    with pytest.raises(ModelError, match=r"other\.pth"):
        train(*files, tmp_path / "bad", 2, steps=1, weights_file=tmp_path / "other.pth")
