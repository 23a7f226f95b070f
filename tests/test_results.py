"""The results table: every shipped model, measured as the single commands measure it."""

import pytest
from PIL import Image

from fsrcnnx import cli, console, engines
from fsrcnnx.demo import photograph
from fsrcnnx.errors import InputError
from fsrcnnx.learn.evaluate import evaluate
from fsrcnnx.results import markdown, results, shipped


@pytest.fixture
def folder(tmp_path):
    """One small picture."""
    (tmp_path / "set").mkdir()
    Image.open(photograph()).crop((160, 60, 256, 156)).save(tmp_path / "set" / "a.png")
    return tmp_path / "set"


def test_every_shipped_model_has_a_row(folder, capsys):
    assert console.outcome(cli.main, ["results", str(folder)]) == 0
    table = capsys.readouterr().out
    for model in shipped():
        assert f"| {model.parent.name} | " in table
    assert table.count("| set |") == len(shipped()) >= 1


def test_the_figures_are_those_of_the_golden_model(folder):
    model = shipped()[0]
    row = next(results([model], [folder]))
    golden = evaluate(lambda lr: engines.upscale_luma("golden", model, [lr])[0], folder)
    assert row.integers == golden
    assert row.float.psnr > row.float.bicubic_psnr
    assert f"{golden.psnr:.2f} / {golden.ssim:.4f}" in markdown([row])


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no pictures"):
        list(results(shipped(), [tmp_path]))
