"""The results table: every shipped model, measured as the single commands measure it."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.cli.options import MODEL
from fsrcnnx.errors import InputError
from fsrcnnx.exact import even, golden
from fsrcnnx.exact.formats import signed_digits
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import SHIPPED, Model, shipped
from fsrcnnx.learn.evaluate import evaluate
from fsrcnnx.media.imaging import bicubic, psnr, read_picture, shrink, shrink_pillow, ssim
from fsrcnnx.report.demo import photograph
from fsrcnnx.report.results import cost, markdown, plot, results
from fsrcnnx.upscale.luma import prepared

DEFAULT = Model.open(MODEL)


@pytest.fixture
def folder(tmp_path):
    """One small picture."""
    (tmp_path / "set").mkdir()
    Image.open(photograph()).crop((160, 60, 256, 156)).save(tmp_path / "set" / "a.png")
    return tmp_path / "set"


def test_every_shipped_model_has_a_row(folder, capsys):
    assert console.outcome(cli.main, ["results", str(folder), "--protocol", "seed"]) == 0
    table = capsys.readouterr().out
    assert "| pictures, seed protocol |" in table
    for model in shipped():
        assert f"| {model.path.parent.name} | " in table
    assert table.count("| set |") == len(shipped()) >= 1


def test_one_model_is_measured_by_name_or_file(folder, capsys):
    for named in ("fsrcnn-s_x2", str(SHIPPED / "fsrcnn-s_x2" / "model.onnx")):
        assert console.outcome(cli.main, ["results", str(folder), "--model", named]) == 0
        table = capsys.readouterr().out
        assert "| fsrcnn-s_x2 | " in table and table.count("| set |") == 1


def test_pictures_that_are_not_there_are_said_before_any_work(folder, tmp_path, capsys):
    assert console.outcome(cli.main, ["results", str(folder), str(tmp_path / "Set14")]) == 2
    said = capsys.readouterr().err
    assert "Set14: no such folder; allowed: folders of HR pictures; fix: name yours, e.g." in said
    assert "DATA=folder with test/Set5 and test/Set14" in said
    assert said.count("\n") == 1  # nothing was measured before


def test_the_figures_are_those_of_the_golden_model(folder):
    model = DEFAULT
    row = next(results([model], [folder]))
    with prepared("golden", model) as run:
        exact = evaluate(lambda lr: run([lr]).planes[0], folder)
    assert row.integers == exact
    assert row.float.psnr > row.float.bicubic_psnr
    table = markdown([row])
    assert f"| {exact.psnr:.2f} / {exact.ssim:.4f} |" in table
    assert f"| {exact.bicubic_psnr:.2f} / {exact.bicubic_ssim:.4f} |" in table
    assert "| pictures, paper protocol |" in table
    flat = even.measure(model.network)
    lost = row.float.pictures[0][1] - exact.pictures[0][1]
    assert table.splitlines()[0].endswith(
        "| largest loss of a picture, dB | exact grays of 256 | ring error |")
    assert table.splitlines()[-1].endswith(f"| {lost:.2f} (a.png) | {flat.exact} | {flat.ring} |")


def test_a_model_is_read_once_for_all_folders(folder, monkeypatch):
    read, load = [], onnx_io.load
    monkeypatch.setattr(onnx_io, "load", lambda path: read.append(path.name) or load(path))
    assert len(list(results([Model.open(MODEL)], [folder, folder]))) == 2
    assert read == ["model.onnx"]


def test_the_largest_loss_is_of_one_picture(folder):
    Image.open(photograph()).crop((0, 60, 96, 156)).save(folder / "b|c.png")
    row = next(results([DEFAULT], [folder.rename(folder.with_name("s|t"))]))
    lost = {name: plain - whole for (name, plain, *_), (_, whole, *_) in zip(
        row.float.pictures, row.integers.pictures, strict=True)}
    worst = max(lost, key=lost.get)
    assert row.largest_loss() == f"{lost[worst]:.2f} ({worst.replace('|', chr(92) + '|')})"
    assert lost[worst] > np.mean(list(lost.values()))
    worse = replace(row, integers=replace(row.integers, pictures=tuple(
        (name, plain - 3 * (name == "b|c.png"), *rest)
        for name, plain, *rest in row.float.pictures)))
    assert worse.largest_loss() == r"3.00 (b\|c.png)"
    heading, _, line = markdown([worse]).splitlines()
    assert len(re.split(r"(?<!\\)\|", line)) == len(heading.split("|"))


@pytest.mark.parametrize(("protocol", "reduce", "shave"), [("paper", shrink, 2),
                                                           ("seed", shrink_pillow, 0)])
def test_both_protocols_report_psnr_and_ssim(folder, protocol, reduce, shave, capsys):
    assert console.outcome(cli.main, ["test", str(folder), "--protocol", protocol]) == 0
    table = capsys.readouterr().out
    hr = read_picture(folder / "a.png").luma
    lr = reduce(hr, 2)
    planes = bicubic(lr, 2), golden.run(DEFAULT.network, lr).astype(np.uint8)
    want = [text for plane in planes
            for text in (f"{psnr(hr, plane, shave):.2f}", f"{ssim(hr, plane, shave):.4f}")]
    rows = [line.split() for line in table.splitlines()]
    assert ["a.png", *want] in rows
    assert ["mean,", protocol, "protocol", *want] in rows


@pytest.mark.slow
def test_the_plot_holds_every_model(folder, tmp_path, capsys):
    assert console.outcome(cli.main, ["results", str(folder), "--plot",
                                      str(tmp_path / "bits.svg")]) == 0
    drawn = (tmp_path / "bits.svg").read_text()
    for model in shipped():
        assert f"<!-- {model.path.parent.name.partition('_w')[0]} -->" in drawn
    assert console.outcome(cli.main, ["results", str(folder), "--plot", "bits.txt"]) == 2
    assert "'.txt' is not a plot format" in capsys.readouterr().err


def test_a_folders_name_is_no_mathematics(folder, tmp_path):
    model = Model(tmp_path / "$\\evil_x2$" / "model.onnx")
    shutil.copytree(DEFAULT.path.parent, model.path.parent)
    rows = list(results([model], [folder.rename(tmp_path / "$\\frac{$")]))
    plot(rows, tmp_path / "bits.svg")
    assert (tmp_path / "bits.svg").is_file()


def test_costs_are_counted():
    network = DEFAULT.network
    got = cost(network)
    assert (got.macs, got.bits, got.operations) == (3558, "W8A8", 3558 * 64)
    assert got.digits == sum(int(signed_digits(layer.weight).sum()) for layer in network.layers)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no pictures"):
        list(results(shipped(), [tmp_path]))
