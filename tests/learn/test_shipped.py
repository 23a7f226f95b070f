"""The shipped weights: what the card says is measured again, and training beats a wrong network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.formats import signed_digits
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.learn import models, store
from fsrcnnx.learn.evaluate import evaluate, largest_loss
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.neighbours import searched
from fsrcnnx.learn.quantising.quantnet import load_qat, qat_run, to_network
from fsrcnnx.learn.quantising.slopes import USUAL
from fsrcnnx.learn.training import recipes
from fsrcnnx.media.pictures.resample import bicubic

MODELS = Path(__file__).parents[2] / "models"
WEIGHTS = MODELS / "fsrcnn-x_x2" / "weights.pth"
# on Set5, paper protocol: least dB of the float network, of the integers; most dB that the integers
# may lose on one picture
QUALITY = {
    "fsrcnn-x_x2": (36.82, 36.73, 0.24), "fsrcnnx-a_x2": (36.95, 36.8, 0.28),
    "fsrcnn_x2": (37.1, 37.0, 0.22), "fsrcnn-s_x2": (36.55, 36.5, 0.17),
    "fsrcnn-x_x3": (32.7, 32.6, 0.16), "fsrcnn_x3": (33.0, 32.9, 0.17),
    "fsrcnn_x4": (30.5, 30.4, 0.16), "srcnn_x2": (36.6, 36.5, 0.18),
    "optimal-fsrcnn_x2": (36.5, 36.45, 0.18), "srcnn-955_x2": (36.7, 36.65, 0.10),
    "fsrcnn-x_x2_w4a8": (36.82, 36.35, 0.86), "fsrcnnx-a_x2_w4a8": (36.95, 36.55, 0.68),
    "fsrcnnx-a_x2_w4a8-mixed": (36.95, 36.65, 0.65), "fsrcnnx-a_x2_w8a8d2": (36.95, 36.8, 0.28),
    "fsrcnnx-a_x2_w6a8": (36.95, 36.75, 0.36), "fsrcnnx-a_x2_w6a6": (36.95, 36.45, 0.88),
    "fsrcnnx-a_x2_w4a6": (36.95, 36.05, 1.66), "fsrcnnx-b_x2": (36.85, 36.7, 0.37),
    "fsrcnnx-b_x2_w4a8": (36.85, 36.55, 0.57), "fsrcnnx-c_x2_w4a6": (36.7, 36.0, 1.18),
    "espcn-s_x2": (36.55, 36.4, 0.48), "fsrcnn-x_x2_w8a9": (36.82, 36.7, 0.24),
    "fsrcnnx-a_x2_w8a9": (36.95, 36.88, 0.17),
}


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


def test_the_shipped_weights_were_made_by_their_recipe(name):
    own, content = recipes.recipe(name), store.read_weights(MODELS / name / "weights.pth")
    run = {"optimiser": "adam", **content["training"]}
    assert {key: run[key] for key in ("steps", "lr", "loss", "expand", "hold", "optimiser")} \
        == {key: getattr(own, key) for key in ("steps", "lr", "loss", "expand", "hold",
                                               "optimiser")}
    # older files do not say the rate of fine-tuning
    assert (content["fine"], content.get("fine_lr", own.fine_lr)) == (own.fine, own.fine_lr)
    assert content.get("rounds", 0) == own.rounds
    teachers = [made.get(key, "").partition(" ")[0]
                for made, key in ((run, "teacher"), (content, "fine_teacher"))]
    assert teachers == [own.teacher if taught else "" for taught in (own.taught, own.fine_taught)]
    card = (MODELS / name / "card.md").read_text()
    assert ("rounds of moves" in card) == bool(own.rounds)
    assert card.count("against the pictures of") == sum(map(bool, teachers))
    assert all(f"pictures of `{teacher}`" in card for teacher in filter(None, teachers))


def test_the_shipped_module_equals_its_integer_network(module):
    network = to_network(module)
    lr = np.random.default_rng(5).integers(0, 256, (17, 23), dtype=np.uint8)
    hr = qat_run(module, lr)
    np.testing.assert_array_equal(hr, golden.run(network, lr))
    assert len(np.unique(hr)) > 100  # a constant picture would prove nothing


def dear(network: Network) -> list[str]:
    """Layers with a slope of more signed digits than a network of few bits is made with."""
    return [layer.name for layer in network.layers
            if layer.slope is not None and (signed_digits(layer.slope) > USUAL).any()]


def test_slopes_of_few_bits_have_two_digits(module):
    if any(map(searched, module.formats.values())):
        assert dear(to_network(module)) == []


def test_a_slope_of_three_digits_is_caught():
    network = onnx_io.load(MODELS / "fsrcnnx-a_x2_w4a8" / "model.onnx")
    layers = list(network.layers)
    slope = layers[2].slope.copy()
    slope[0] = 0b10101
    layers[2] = replace(layers[2], slope=slope)
    assert dear(network) == []
    assert dear(replace(network, layers=tuple(layers)).check()) == [layers[2].name]


def test_float32_runtimes_are_exact_on_the_shipped_network(module):
    assert not ranges.float32_exact(to_network(module))


@pytest.mark.data
@pytest.mark.slow
def test_the_shipped_weights_reach_their_quality(name, module, data):
    """Other weights are worse."""
    folder, scale = data / "test" / "Set5", module.picture_scale

    def run(lr):
        return qat_run(module, bicubic(lr, module.prescale)).astype(np.uint8)

    exact = evaluate(run, folder, scale=scale)
    plain = evaluate(MODELS / name / "weights.pth", folder, scale=scale)
    least, least_exact, most = QUALITY[name]
    assert plain.psnr >= least
    assert exact.psnr >= least_exact
    assert largest_loss(plain.psnrs, exact.psnrs)[1] <= most
    assert exact.psnr > exact.bicubic_psnr + 1.5
    fresh = evaluate(models.build(module.model.name), folder, scale=scale)
    assert fresh.psnr < exact.psnr - 1


def test_every_exported_file_says_what_it_is(tmp_path):
    network = export(WEIGHTS, tmp_path, "T91")
    for name, key in (("model", "content_hash"), ("model_uint8", "content_hash"),
                      ("model_float", "integer_content_hash")):
        model = onnx.load(tmp_path / f"{name}.onnx")
        meta = {entry.key: entry.value for entry in model.metadata_props}
        assert meta[key] == network.content_hash() and meta["training_data"] == "T91"
        assert {"architecture", "scale", "fsrcnnx_version", "eval_psnr_qat"} <= set(meta)
