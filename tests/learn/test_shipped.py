"""The shipped weights: what the card says is measured again, and training beats a wrong network."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from fsrcnnx.exact import golden, onnx_io, ranges
from fsrcnnx.learn import models
from fsrcnnx.learn.evaluate import evaluate
from fsrcnnx.learn.export import export
from fsrcnnx.learn.quantise import load_qat, qat_run, to_network

MODELS = Path(__file__).parents[2] / "models"
WEIGHTS = MODELS / "fsrcnn-x_x2" / "weights.pth"
# dB on Set5: least of the float network, most that the integers lose
QUALITY = {"fsrcnn-x_x2": (36.5, 0.15), "fsrcnnx-a_x2": (36.75, 0.1)}


@pytest.fixture(scope="module", params=QUALITY)
def name(request):
    """Name of a shipped model."""
    return request.param


@pytest.fixture(scope="module")
def module(name):
    """Its quantised module."""
    return load_qat(MODELS / name / "weights.pth")


def test_all_that_is_shipped_is_tested():
    assert {path.parent.name for path in MODELS.glob("*/model.onnx")} == set(QUALITY)


def test_the_shipped_file_is_that_of_the_weights(name, module):
    network = onnx_io.load(MODELS / name / "model.onnx")
    assert network.content_hash() == to_network(module).content_hash()
    assert network.content_hash() in (MODELS / name / "card.md").read_text()


def test_the_shipped_module_equals_its_integer_network(module):
    network = to_network(module)
    lr = np.random.default_rng(5).integers(0, 256, (17, 23), dtype=np.uint8)
    hr = qat_run(module, lr)
    np.testing.assert_array_equal(hr, golden.run(network, lr))
    assert len(np.unique(hr)) > 100  # a constant picture would prove nothing


def test_float32_runtimes_are_exact_on_the_shipped_network(module):
    assert not ranges.float32_exact(to_network(module))


@pytest.mark.data
@pytest.mark.slow
def test_the_shipped_weights_reach_their_quality(name, module, data):
    """Set5, paper protocol; other weights are worse."""
    folder = data / "test" / "Set5"
    exact = evaluate(lambda lr: qat_run(module, lr).astype(np.uint8), folder)
    plain = evaluate(MODELS / name / "weights.pth", folder)
    least, lost = QUALITY[name]
    assert plain.psnr >= least
    assert exact.psnr >= plain.psnr - lost
    assert exact.psnr > exact.bicubic_psnr + 2
    fresh = evaluate(models.build(name), folder)
    assert fresh.psnr < 36.0


def test_every_exported_file_says_what_it_is(tmp_path):
    network = export(WEIGHTS, tmp_path, "T91")
    for name, key in (("model", "content_hash"), ("model_uint8", "content_hash"),
                      ("model_float", "integer_content_hash")):
        model = onnx.load(tmp_path / f"{name}.onnx")
        meta = {entry.key: entry.value for entry in model.metadata_props}
        assert meta[key] == network.content_hash() and meta["training_data"] == "T91"
        assert {"architecture", "scale", "fsrcnnx_version", "eval_psnr_qat"} <= set(meta)
