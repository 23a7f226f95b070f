"""The rung of the C reference, and faults planted in its text: each must turn it red."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx import tools
from fsrcnnx.emit.c import plan as plans
from fsrcnnx.errors import CheckError, ToolError
from fsrcnnx.exact.onnx import io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.c import library
from fsrcnnx.prove.ladder.climb import verify
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(20), channels=(3, 2), kernels=(3, 1, 5), scale=3,
                         weight_bits=4, activation_bits=5, anchor=True)


@pytest.fixture
def model(tmp_path) -> Model:
    """A small network; few bits, so that rounding meets ties."""
    io.save(NETWORK, tmp_path / "model.onnx")
    return Model.open(tmp_path / "model.onnx")


def red(model: Model, divergence: str = "output y=") -> None:
    """Climb; the report must fail at the rung, and say where."""
    report = verify(model, rungs=["c"])
    assert {record.rung for record in report.failures} == {"c"}
    with pytest.raises(CheckError, match=rf"first c on .*{divergence}"):
        report.check()


def test_the_true_reference_passes(model):
    report = verify(model, rungs=["c"])
    assert report.passed, report.table()
    compared = [record for record in report.records if record.rung == "c"]
    assert len(compared) > 8 and all(record.mismatches == 0 for record in compared)


@pytest.mark.parametrize("layer", range(3))
def test_one_weight(model, monkeypatch, layer):
    weight = NETWORK.layers[layer].weight.copy()
    weight[0, 1 if layer else 0, 0, 0] ^= 1
    layers = list(NETWORK.layers)
    layers[layer] = replace(layers[layer], weight=weight)
    monkeypatch.setattr(library, "make",
                        lambda network: plans.make(replace(network, layers=tuple(layers))))
    red(model)


FAULTS = {
    "half up": ("& 1U)) >>", "| 1U)) >>"),
    "half down": ("+ ((size >> ", "+ (0U * (size >> "),
    "no saturation above": ("(size < 15U) ? (int32_t)size : 15", "(int32_t)(size & 15U)"),
    "no saturation below": ("(size < 16U) ? -(int32_t)size : -16", "-(int32_t)size"),
    "a slope for both signs": ("(sum >= 0) ? ((int32_t)sum * 128)", "(sum > 9999) ? ((int32_t)1)"),
    "a ring one line short": ("lines[(((line % 3U) * 2U)", "lines[(((line % 2U) * 2U)"),
    "a step too late": ("y = step - 1U; /* deconv */", "y = step - 2U; /* deconv */"),
    "no bias": ("bias_1[k]", "0"),
    "no anchor": ("lr[(y * lr_stride) + x] *", "lr[(y * lr_stride) + x] * 0 *"),
    "a line above the frame": ("const size_t line = (y + ky) - 1U;",
                               "const size_t line = ((y + ky) > 0U) ? ((y + ky) - 1U) : 0U;"),
    "a column too far": ("+ 1U + x]", "+ x]"),
    "two columns of HR swapped": ("hr[(py * hr_stride) + (3U * x) + px]",
                                  "hr[(py * hr_stride) + (3U * x) + (2U - px)]"),
    "two lines of HR swapped": ("hr[(py * hr_stride)", "hr[((2U - py) * hr_stride)"),
    "a tap on the wrong side": ("(kx < middle) ? (middle - kx)", "(kx < middle) ? (kx - kx)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_text(model, monkeypatch, fault):
    old, new = FAULTS[fault]
    true = library.sources

    def planted(plan):
        texts = true(plan)
        name = f"{plan.prefix}.c"
        assert old in texts[name], "the text has changed: the fault cannot be planted"
        return {**texts, name: texts[name].replace(old, new)}

    monkeypatch.setattr(library, "sources", planted)
    red(model)


def test_a_wrong_enlargement(tmp_path, monkeypatch):
    network = random_network(np.random.default_rng(5), channels=(3,), kernels=(3, 3), scale=1,
                             last="conv")
    io.save(replace(network, prescale=2), tmp_path / "model.onnx")
    model = Model.open(tmp_path / "model.onnx")
    assert verify(model, rungs=["c"]).passed
    true = library.sources
    monkeypatch.setattr(library, "sources", lambda plan: {
        name: text.replace("(2 * total) + 128", "(2 * total) + 127") for name, text in
        true(plan).items()})
    red(model, "pixels of the enlargement differ")


def test_a_missing_compiler_is_a_skip_with_its_reason(model, monkeypatch):
    def missing(name):
        raise ToolError("not found", where=name, fix="apt-get install gcc")

    monkeypatch.setattr(tools, "locate", missing)
    report = verify(model, rungs=["c"])
    assert [(r.rung, r.status) for r in report.failures] == [("c", "SKIP")]
    assert "cc: not found" in report.failures[0].detail
    from fsrcnnx.prove.ladder import rungs

    some = tuple(rungs.RUNG[name] for name in ("golden", "c"))
    monkeypatch.setattr(rungs, "chosen", lambda names: some)
    report = verify(model)  # nobody asked for it
    assert report.passed and [r.status for r in report.records if r.rung == "c"] == ["SKIP"]


def test_a_network_that_c_cannot_hold_is_ruled_out(tmp_path):
    io.save(replace(random_network(np.random.default_rng(5), channels=(), kernels=(3,), scale=1,
                                   last="conv"), prescale=6), tmp_path / "model.onnx")
    report = verify(Model.open(tmp_path / "model.onnx"), rungs=["c"])
    assert "prescale 6; allowed: 1, 2, 3, 4, 5, 7, 8" in report.failures[0].detail
