"""The shipped weights: what the card says is measured again, and training beats a wrong network."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from fsrcnnx.exact import golden, ranges
from fsrcnnx.learn import models
from fsrcnnx.learn.evaluate import evaluate
from fsrcnnx.learn.export import export
from fsrcnnx.learn.quantise import load_qat, qat_run, to_network

WEIGHTS = Path(__file__).parents[2] / "models" / "fsrcnn-x_x2" / "weights.pth"


@pytest.fixture(scope="module")
def module():
    """The shipped quantised module."""
    return load_qat(WEIGHTS)


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
def test_the_shipped_weights_reach_their_quality(module, data):
    """Set5 x2, paper protocol: 36.5 dB float, at most 0.15 dB lost; other weights are worse."""
    folder = data / "test" / "Set5"
    exact = evaluate(lambda lr: qat_run(module, lr).astype(np.uint8), folder)
    plain = evaluate(WEIGHTS, folder)
    assert plain.psnr >= 36.5
    assert exact.psnr >= plain.psnr - 0.15
    assert exact.psnr > exact.bicubic_psnr + 2
    fresh = evaluate(models.build("fsrcnn-x_x2"), folder)
    assert fresh.psnr < 36.0


def test_every_exported_file_says_what_it_is(tmp_path):
    network = export(WEIGHTS, tmp_path, "T91")
    for name, key in (("model", "content_hash"), ("model_uint8", "content_hash"),
                      ("model_float", "integer_content_hash")):
        model = onnx.load(tmp_path / f"{name}.onnx")
        meta = {entry.key: entry.value for entry in model.metadata_props}
        assert meta[key] == network.content_hash() and meta["training_data"] == "T91"
        assert {"architecture", "scale", "fsrcnnx_version", "eval_psnr_qat"} <= set(meta)
