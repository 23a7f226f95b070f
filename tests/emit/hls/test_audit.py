"""The audit: a sound project passes, and each planted fault is named by layer and type."""

from __future__ import annotations

import numpy as np
import pytest

from fsrcnnx.emit.hls import project
from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.errors import CheckError
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(2), anchor=True)
SIZE = {"width": 9, "height": 6}


def refused(folder, **options):
    """Emit and give the audit's complaint; nothing may be left behind."""
    with pytest.raises(CheckError) as caught:
        emit(NETWORK, folder / "hls", **SIZE, **options)
    assert not list(folder.iterdir())
    return str(caught.value)


@pytest.fixture
def settings(monkeypatch):
    """Change what hls4ml is told, behind the plan's back."""
    def change(edit):
        original = project._config

        def edited(*args):
            config = original(*args)
            edit(config["HLSConfig"]["LayerName"])
            return config
        monkeypatch.setattr(project, "_config", edited)
    return change


@pytest.fixture
def written(monkeypatch):
    """Change a file that hls4ml wrote, before the audit reads it."""
    def change(name, edit):
        original = project._make_repeatable

        def edited(folder, stamp):
            original(folder, stamp)
            path = folder / "firmware" / name
            path.write_text(edit(path.read_text()))
        monkeypatch.setattr(project, "_make_repeatable", edited)
    return change


@pytest.mark.parametrize("strategy", ["latency", "resource", "distributed_arithmetic"])
def test_a_sound_project_passes(tmp_path, strategy):
    reuse = {"resource": 6}.get(strategy, 1)
    assert emit(NETWORK, tmp_path / "hls", **SIZE, strategy=strategy, reuse=reuse)


def test_rounding_to_plus_infinity(tmp_path, settings):
    def edit(layers):
        types = layers["conv1_prelu"]["Precision"]
        types["result"] = types["result"].replace("AP_RND_CONV", "AP_RND")
    settings(edit)
    assert ("layer conv1_prelu: result is ap_fixed<8,4,AP_RND,AP_SAT,0>, wanted "
            "ap_fixed<8,4,AP_RND_CONV,AP_SAT,0>") in refused(tmp_path)


@pytest.mark.parametrize(("layer", "role"), [
    ("lr", "result"), ("conv0", "accum"), ("conv2", "weight"), ("conv3", "bias"),
    ("conv3_prelu", "slope"), ("deconv", "result"), ("deconv_anchor", "result")])
def test_an_unpinned_type(tmp_path, settings, layer, role):
    settings(lambda layers: layers[layer]["Precision"].pop(role))
    said = refused(tmp_path)
    assert f"layer {layer}: {role} is ap_fixed<16,6>, wanted ap_" in said
    assert "layer conv1:" not in said


def test_settings_under_another_name_do_not_reach_the_layer(tmp_path, settings):
    def edit(layers):
        layers["Conv_1"] = layers.pop("conv1")
    settings(edit)
    assert all(f"layer conv1: {role} is ap_fixed<16,6>" in refused(tmp_path)
               for role in ("result", "accum", "weight", "bias"))


def test_a_stream_of_another_type_in_the_text(tmp_path, written):
    def edit(text):
        first = next(line for line in text.splitlines() if "layer3_t" in line)
        return text.replace(first, first.replace("AP_SAT", "AP_WRAP"))
    written("defines.h", edit)
    assert "layer conv0_prelu: result is ap_fixed<8,4,AP_RND_CONV,AP_WRAP,0> in defines.h" in \
        refused(tmp_path)


def test_a_stream_of_other_width_a_missing_and_a_surplus_type(tmp_path, written):
    def edit(text):
        lines = [line.replace("5*1>", "4*1>") if "layer3_t" in line else line
                 for line in text.splitlines() if "conv2_accum_t" not in line]
        return "\n".join([*lines, "typedef ap_fixed<16,6> stray_t;"])
    written("defines.h", edit)
    said = refused(tmp_path)
    assert "layer conv0_prelu: 4 values a beat in defines.h, wanted 5" in said
    assert "layer conv2: conv2_accum_t is missing in defines.h" in said
    assert "'typedef ap_fixed<16,6> stray_t;' is not in the plan" in said


@pytest.mark.parametrize(("name", "layer"), [
    ("a3.txt", "conv0_prelu: slope"), ("a3.h", "conv0_prelu: slope"), ("w2.h", "conv0: weight"),
    ("b2.txt", "conv0: bias")])
def test_a_wrong_number(tmp_path, written, name, layer):
    def edit(text):
        start, end = (text.rindex("{") + 1, text.rindex("}")) if "{" in text else (0, len(text))
        numbers = text[start:end].split(", ")
        numbers[1] = f"{float(numbers[1]) + 0.0078125:.14f}"
        return text[:start] + ", ".join(numbers) + text[end:]
    written(f"weights/{name}", edit)
    assert f"layer {layer} values in {name} are not the network's" in refused(tmp_path)


def test_a_reuse_factor_that_cannot_work(tmp_path, settings):
    """hls4ml replaces it, then its pass for 1x1 kernels takes the setting again, unchecked."""
    def edit(layers):
        layers["conv1"]["ReuseFactor"] = 2
    settings(edit)
    assert "layer conv1: reuse_factor is 2, wanted 5" in refused(tmp_path, strategy="resource",
                                                                reuse=5)
