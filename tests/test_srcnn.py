"""An SRCNN from training to every engine: all of them see the pixels that bicubic has enlarged."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import ModelError
from fsrcnnx.exact import golden
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.learn import data, models, store
from fsrcnnx.learn.evaluate import evaluate
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.training.train import train
from fsrcnnx.media.imaging import bicubic, read_picture, upscale_chroma
from fsrcnnx.prove.engines.engine import Ran
from fsrcnnx.prove.engines.table import ENGINE
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.prove.simulation.simulate import Result
from fsrcnnx.report import demo
from fsrcnnx.upscale import luma

NAME = "n4n3f5f1f3"
SOFT = ["float", "qat", "qonnx", "uint8-onnx", "golden", "emulate"]
EXACT = ["golden", "emulate", "onnx"]


@dataclass(frozen=True, eq=False)
class Made:
    """A network after a few steps of training, with its files.

    Args:
        folder: Of models/, the pictures and the HDF5 files.
        model: Path of its model.onnx.
        network: The integer network.
        scale: Its scale.
    """

    folder: Path
    model: Path
    network: Network
    scale: int


@pytest.fixture(scope="module", params=[2, 3])
def made(request, tmp_path_factory) -> Made:
    """Prepare, train, quantise, export."""
    scale, folder = request.param, tmp_path_factory.mktemp("srcnn")
    pictures, rng = folder / "pictures", np.random.default_rng(4)
    pictures.mkdir()
    for number in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        picture = coarse.resize((80, 72), Image.Resampling.BICUBIC)
        (picture.convert("L") if number == 3 else picture).save(pictures / f"{number}.png")
    files = folder / "train.h5", folder / "eval.h5"
    data.prepare(pictures, files[0], scale, patch=16, stride=8, progress=False)
    data.prepare(pictures, files[1], scale, evaluation=True, progress=False)
    best = train(*files, folder / "out", scale, name=f"{NAME}_x{scale}", steps=20, batch_size=4,
                 lr=1e-5, loss="log", factor=2, progress=False).best
    model = folder / "models" / f"tiny_x{scale}"
    model.mkdir(parents=True)
    done = quantise(best, *files, model / "weights.pth", steps=8, lr=1e-4, batch_size=4,
                    progress=False)
    network = export(model / "weights.pth", model)
    assert network.content_hash() == done.network.content_hash()
    Image.fromarray(rng.integers(0, 256, (9, 13), dtype=np.uint8)).save(folder / "gray.png")
    Image.fromarray(rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)).save(folder / "colour.png")
    return Made(folder, model / "model.onnx", network, scale)


@pytest.fixture
def home(made, monkeypatch):
    """The same, and commands run in its folder."""
    monkeypatch.chdir(made.folder)
    return made


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


def want(made: Made, path: str) -> np.ndarray:
    """What every engine has to make of a picture's luma."""
    hr = golden.run(made.network, bicubic(read_picture(made.folder / path).luma, made.scale))
    assert len(np.unique(hr)) > 30
    return hr


# --- learning ------------------------------------------------------------------------------


def test_patches_and_pictures_are_enlarged_once_and_alike(made):
    for read, file in ((data.read_patches, "train.h5"), (data.read_pictures, "eval.h5")):
        plain, large = (read(made.folder / file, made.scale, prescale)
                        for prescale in (1, made.scale))
        if file == "train.h5":
            plain, large = (list(zip(*(t.numpy() for t in pair), strict=True))
                            for pair in (plain, large))
        assert len(plain) == len(large) > 3
        for (lr, hr), (enlarged, same) in zip(plain, large, strict=True):
            assert np.array_equal(enlarged, bicubic(lr, made.scale)) and np.array_equal(hr, same)
            assert enlarged.shape == hr.shape and enlarged.dtype == np.uint8


@pytest.mark.parametrize("family", [NAME, "srcnn"])
def test_training_starts_at_bicubic(made, family):
    score = evaluate(models.build(f"{family}_x{made.scale}"), made.folder / "pictures",
                     scale=made.scale)
    assert abs(score.psnr - score.bicubic_psnr) < 2
    other = evaluate(lambda lr: lr.repeat(made.scale, 0).repeat(made.scale, 1),
                     made.folder / "pictures", scale=made.scale)
    assert abs(other.psnr - score.bicubic_psnr) > 5


def test_a_network_of_another_scale_is_refused(made):
    with pytest.raises(ModelError, match=f"a network for x{made.scale}; allowed: x4"):
        evaluate(models.build(f"{NAME}_x{made.scale}"), made.folder / "pictures", scale=4)


def test_larger_kernels_start_with_the_smaller_ones_in_their_middle(made, tmp_path):
    small = models.build(f"{NAME}_x{made.scale}", generator=torch.Generator().manual_seed(8))
    torch.save({"name": small.name, "float": small.state_dict()}, tmp_path / "small.pth")
    files = made.folder / "train.h5", made.folder / "eval.h5"
    done = train(*files, tmp_path / "out", made.scale, steps=1, lr=1e-9, batch_size=4,
                 progress=False, weights_file=tmp_path / "small.pth",
                 name=f"n4n3f5f3f3_x{made.scale}")
    large = store.load(done.best).eval()
    assert large.map.kernel_size == (3, 3) and small.map.kernel_size == (1, 1)
    x = torch.rand(1, 1, 20, 17, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(large(x), small.eval()(x), atol=1e-5, rtol=0)
    with pytest.raises(ModelError, match=r"small\.pth.*allowed: n4n3f3f1f3"):
        train(*files, tmp_path / "bad", made.scale, steps=1, progress=False,
              weights_file=tmp_path / "small.pth", name=f"n4n3f3f1f3_x{made.scale}")


# --- files ---------------------------------------------------------------------------------


def test_files_say_how_far_to_enlarge(made, tmp_path):
    network = onnx_io.load(made.model)
    assert (network.prescale, network.scale, network.picture_scale) == (made.scale, 1, made.scale)
    for name in ("model", "model_uint8", "model_float"):
        model = onnx.load(made.model.with_name(f"{name}.onnx"))
        meta = {entry.key: entry.value for entry in model.metadata_props}
        assert meta["prescale"] == str(made.scale) and meta["scale"] == "1"
        assert f"bicubic has enlarged {made.scale} times" in model.doc_string
    onnx_io.save(replace(network, prescale=1), tmp_path / "plain.onnx")
    plain = onnx.load(tmp_path / "plain.onnx")
    assert "prescale" not in {entry.key for entry in plain.metadata_props}
    assert "bicubic" not in plain.doc_string


@pytest.mark.parametrize(("value", "message"), [
    ("4", "metadata content_hash"), ("0", "metadata prescale is '0'; allowed: 1..8"),
    ("two", "metadata prescale is 'two'"), (None, "metadata content_hash")])
def test_a_file_with_another_prescale_is_refused(made, tmp_path, value, message):
    model = onnx.load(made.model)
    meta = {entry.key: entry.value for entry in model.metadata_props} | {"prescale": value}
    onnx.helper.set_model_props(model, {k: v for k, v in meta.items() if v is not None})
    onnx.save(model, tmp_path / "spoilt.onnx")
    with pytest.raises(ModelError, match=message):
        onnx_io.load(tmp_path / "spoilt.onnx")


def test_hardware_says_it_too(home, tmp_path, capsys):
    assert call("rtl", home.model, "-o", tmp_path / "core", "--max-width", 32) == 0
    assert f"bicubic has enlarged {home.scale} times" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "core/manifest.json").read_text())
    assert (manifest["prescale"], manifest["scale"]) == (home.scale, 1)
    package = (tmp_path / "core/fsrcnnx_pkg.sv").read_text()
    assert f"bicubic has enlarged {home.scale} times" in package
    assert "localparam int SCALE = 1;" in package


def test_import_keeps_or_sets_it(home, tmp_path):
    assert call("import", home.model, "-o", tmp_path / "kept") == 0
    assert onnx_io.load(tmp_path / "kept/model.onnx").content_hash() == home.network.content_hash()
    assert call("import", home.model, "-o", tmp_path / "set", "--prescale", 4) == 0
    assert onnx_io.load(tmp_path / "set/model.onnx").picture_scale == 4


# --- engines and rungs ---------------------------------------------------------------------


@pytest.mark.parametrize("engine", EXACT)
@pytest.mark.parametrize("name", ["gray.png", "colour.png"])
def test_upscale_is_exact(home, tmp_path, engine, name):
    lr, path = read_picture(name), tmp_path / "out.png"
    done = luma.upscale(engine, Model(home.model), [lr], scale=home.scale)[0]
    assert np.array_equal(done.luma, want(home, name))
    if lr.chroma is not None:
        assert np.array_equal(done.chroma, upscale_chroma(lr.chroma, home.scale))
    assert call("upscale", name, "-o", path, "--model", f"tiny_x{home.scale}", "--engine",
                engine) == 0
    out = Image.open(path)
    assert (out.mode, out.size) == ("L" if lr.chroma is None else "RGB",
                                    tuple(home.scale * side for side in lr.luma.shape[::-1]))
    if lr.chroma is None:
        assert np.array_equal(np.asarray(out), want(home, name))


def test_upscale_by_float_is_not_far_off(home, tmp_path):
    assert call("upscale", "gray.png", "-o", tmp_path / "out.png", "--model",
                f"tiny_x{home.scale}", "--engine", "float") == 0
    gap = np.asarray(Image.open(tmp_path / "out.png")).astype(int) - want(home, "gray.png")
    assert np.abs(gap).mean() < 6


def test_a_folder_of_frames_is_exact(home, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy("gray.png", tmp_path / "in")
    assert call("upscale", tmp_path / "in", "-o", tmp_path / "out", "--model",
                f"tiny_x{home.scale}") == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/gray.png")),
                          want(home, "gray.png"))


def test_another_enlargement_would_be_seen(home, monkeypatch):
    monkeypatch.setattr(luma, "bicubic",
                        lambda plane, scale, peak: plane.repeat(scale, 0).repeat(scale, 1))
    done = luma.upscale("golden", Model(home.model), [read_picture("gray.png")])[0]
    assert not np.array_equal(done.luma, want(home, "gray.png"))


def test_the_ladder_climbs_on_enlarged_pictures(made):
    pictures = [made.folder / "pictures/0.png", made.folder / "gray.png"]
    report = verify(Model(made.model), pictures, SOFT)
    report.check()
    shown = {(r.rung, r.image): r for r in report.records if r.image in ("0.png", "gray.png")}
    assert {rung for rung, _ in shown} == set(SOFT)
    rows, columns = (side - side % made.scale for side in (9, 13))
    assert all(shown[rung, "gray.png"].pixels == rows * columns for rung in SOFT)
    assert shown["golden", "0.png"].psnr > 25
    lr = verify(Model(made.model), pictures[1:], ["golden"], lr=True)
    assert next(r for r in lr.records if r.image == "gray.png").pixels == made.scale**2 * 9 * 13


@pytest.mark.parametrize("rung", ["uint8-onnx", "qat"])
def test_a_planted_fault_is_found(made, tmp_path, rung):
    network, layer = made.network, made.network.layers[-1]
    bias = layer.bias + (1 << network.shift(2))  # one gray level
    faulty = replace(network, layers=(*network.layers[:-1], replace(layer, bias=bias)))
    shutil.copytree(made.model.parent, tmp_path / "m")
    if rung == "qat":
        onnx_io.save(faulty, tmp_path / "m/model.onnx")
    else:
        onnx_io.save_uint8(faulty, tmp_path / "m/model_uint8.onnx")
    report = verify(Model(tmp_path / "m/model.onnx"), [made.folder / "gray.png"], [rung])
    assert {record.rung for record in report.failures} == {rung}
    assert "gray.png" in {record.image for record in report.failures}


@pytest.mark.sim
@pytest.mark.parametrize("rung", ["rtl", "rtl-icarus"])
def test_hardware_rungs_are_exact(made, rung):
    report = verify(Model(made.model), [made.folder / "colour.png"], [rung], max_width=64)
    report.check()
    assert {r.image.split("[")[0] for r in report.records if r.rung == rung} >= {
        "colour.png", "random-1x1", "impulse"}


@pytest.mark.sim
def test_upscale_by_hls(made):
    pytest.importorskip("hls4ml")
    lr = read_picture(made.folder / "colour.png").luma[:3]
    with luma.prepared("hls", Model(made.model)) as run:
        hr = run([lr]).planes[0]
    assert np.array_equal(hr, golden.run(made.network, bicubic(lr, made.scale)))


@pytest.mark.sim
def test_upscale_by_simulated_rtl(home, tmp_path, capsys):
    args = ("upscale", "gray.png", "-o", tmp_path / "out.png", "--model", f"tiny_x{home.scale}",
            "--engine", "rtl", "--sim", "icarus", "--max-width")
    assert call(*args, 13 * home.scale - 1) == 2
    assert f"a frame {13 * home.scale} pixels wide" in capsys.readouterr().err
    assert call(*args, 13 * home.scale) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), want(home, "gray.png"))


# --- commands that measure -----------------------------------------------------------------


@pytest.mark.slow
def test_the_commands_that_measure_take_it(home, capsys):
    model = f"tiny_x{home.scale}"
    assert call("test", "pictures", "--model", model, "--engine", "emulate", "--json",
                "score.json") == 0
    score = json.loads(Path("score.json").read_text())
    assert abs(score["psnr"] - score["bicubic_psnr"]) < 6
    assert call("ranges", model, "--images", "gray.png") == 0
    assert "0 of them pictures" not in capsys.readouterr().out
    assert call("bench", model, "--size", "13x9", "--contenders", "golden,emulate", "--rounds",
                1, "--json", "bench.json") == 0
    rows = json.loads(Path("bench.json").read_text())["rows"]
    assert [(row["mismatches"], row["pixels"]) for row in rows] == [
        (0, 13 * 9 * home.scale**2)] * 2


def test_the_demo_takes_it(home, monkeypatch, tmp_path):
    @contextmanager
    def simulate(model):
        def run(lrs):
            frames = tuple(golden.run(home.network, lr) for lr in lrs)
            return Ran(frames, (1.0,), report=Result(frames, 16 * lrs[0].size, 1.0, 0.0))
        yield run

    monkeypatch.setitem(ENGINE, "rtl", replace(ENGINE["rtl"], prepare=simulate))
    report = demo.demo(tmp_path / "demo", Model(home.model),
                       image=home.folder / "pictures/0.png")
    report.check()
    assert report.hr_size == f"{80 - 80 % home.scale}x72"
