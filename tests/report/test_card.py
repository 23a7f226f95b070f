"""Cards: measured, and of the network that they lie beside."""

import shutil

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import InputError
from fsrcnnx.exact import even
from fsrcnnx.exact.formats import saturate
from fsrcnnx.exact.network import PIXEL
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import SHIPPED, Model
from fsrcnnx.report import card
from fsrcnnx.report.demo import photograph
from fsrcnnx.report.results import quality


@pytest.fixture
def pictures(tmp_path):
    """A folder of one small picture."""
    (tmp_path / "set").mkdir()
    Image.open(photograph()).crop((160, 60, 256, 156)).save(tmp_path / "set" / "a.png")
    return tmp_path / "set"


def test_a_card_says_what_is_measured(tmp_path, pictures, capsys):
    folder = tmp_path / "net"
    shutil.copytree(SHIPPED / "fsrcnn-x_x2", folder)
    (folder / "card.md").unlink()
    assert console.outcome(cli.main, ["card", str(folder), str(pictures)]) == 0
    text = (folder / "card.md").read_text(encoding="utf-8")
    model = Model(folder / "model.onnx")
    assert text.startswith(f"# {model.network.name}\n") and model.content_hash in text
    assert "3x3 1→23, 1x1 23→12, 3x3 12→12, 3x3 12→12, 1x1 12→23, deconvolution 3x3 23→1 stride 2" \
        in text
    assert "3,723 parameters, 3,558 MAC" in text
    for protocol in ("paper", "seed"):
        score = quality("golden", model, pictures, protocol)
        assert f"| set | {protocol} | {score.bicubic_psnr:.2f} |" in text
        assert f"| {score.psnr:.2f} / {score.ssim:.4f} |" in text
    assert "| lost | most on a picture, dB |" in text and " (a.png) |" in text
    assert f"Integers: {even.measure(model.network)}.\n" in text
    plain = folder / "model_float.onnx"
    whole = even.measure(model.network, lambda lrs: np.stack([
        saturate(np.rint(onnx_io.run_float(plain, lr)), PIXEL) for lr in lrs]))
    assert f"Float: {whole}.\n" in text and whole != even.measure(model.network)


def test_no_card_is_written_without_pictures(tmp_path, capsys):
    folder = tmp_path / "net"
    shutil.copytree(SHIPPED / "fsrcnn-x_x2", folder)
    before = (folder / "card.md").read_bytes()
    assert console.outcome(cli.main, ["card", str(folder), str(tmp_path / "none")]) == 2
    assert "none: no such folder" in capsys.readouterr().err
    assert (folder / "card.md").read_bytes() == before
    with pytest.raises(Exception, match=r"weights\.pth"):
        card.write(tmp_path, [tmp_path])


def test_a_card_that_could_not_be_written_is_not_measured(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(card, "card", lambda *_: pytest.fail("work was begun"))
    (tmp_path / "net" / "card.md").mkdir(parents=True)
    with pytest.raises(InputError, match="the output is a folder"):
        card.write(tmp_path / "net", [pictures])


@pytest.mark.parametrize(("name", "said", "taught"), [
    ("fsrcnn-x_x3", "The weights of `fsrcnn-x_x2`, all but the deconvolution, were its start", 2),
    ("srcnn-955_x2", "The weights of `srcnn_x2`, in the middle of its kernels, were its start", 0),
    ("fsrcnnx-a_x2_w4a8", "60,000 steps with noise of the power of rounding and weights on st", 1)])
def test_a_card_says_where_its_network_comes_from(pictures, name, said, taught):
    text = card.card(SHIPPED / name, [pictures])
    assert said in text
    assert text.count("Half of the error was against the pictures of `fsrcnn_x") == taught
