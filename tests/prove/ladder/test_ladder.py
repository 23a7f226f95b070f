"""The ladder: names of rungs, required rungs, pictures, reports, and faults it must see."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from PIL import Image

from fsrcnnx.errors import CheckError, InputError, ModelError
from fsrcnnx.exact.compare import UNKNOWN, first_difference
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.ladder.climb import RUNGS, verify
from fsrcnnx.prove.simulation.locate import decode
from fsrcnnx.prove.stimuli import icarus_tile
from tests.networks import random_network

SOFT = ["qonnx", "uint8-onnx", "golden", "emulate"]


@pytest.mark.parametrize("name", ["gold", ""])
def test_unknown_rungs_list_the_allowed_ones(small, name):
    with pytest.raises(InputError) as caught:
        verify(Model(small.model), rungs=["golden", name])
    assert all(rung in str(caught.value) for rung in RUNGS)


def test_software_rungs_agree_and_the_report_says_so(small, tmp_path):
    seen = []
    report = verify(Model(small.model), rungs=SOFT, seed=5, replay="mine", progress=seen.append)
    assert report.passed and len(seen) == len(SOFT)
    report.check()
    report.write(tmp_path / "ladder.json")
    read = json.loads((tmp_path / "ladder.json").read_text())
    assert read["passed"] and read["content_hash"] == small.network.content_hash()
    compared = [record for record in read["records"] if record["against"] == "golden"]
    assert {record["rung"] for record in compared} == {"qonnx", "uint8-onnx", "emulate"}
    for record in compared:
        assert record["mismatches"] == 0 and record["pixels"] > 0 and record["seed"] == 5
        assert record["replay"] == f"fsrcnnx verify mine --seed 5 --rungs {record['rung']}"
    assert {"black", "white", "impulse", "checkerboard", "random-1x1"} <= {
        record["image"] for record in compared}
    assert "PASS" in report.table() and "FAIL" not in report.table()


def test_the_wrong_model_beside_turns_it_red(small, tmp_path):
    onnx_io.save(small.network, tmp_path / "model.onnx")
    onnx_io.save_uint8(random_network(np.random.default_rng(8)), tmp_path / "model_uint8.onnx")
    report = verify(Model(tmp_path / "model.onnx"), rungs=SOFT)
    assert {record.rung for record in report.failures} == {"uint8-onnx"}
    first = report.failures[0]
    assert first.mismatches > 0 and first.first_divergence.layer == "output"
    with pytest.raises(CheckError, match="uint8-onnx on random-29x17: output y=0"):
        report.check()


def test_an_emulator_that_rounds_otherwise_turns_it_red(small, monkeypatch):
    import torch

    monkeypatch.setattr("fsrcnnx.exact.kernels.Stage.check", lambda *_: None)
    monkeypatch.setattr(torch.Tensor, "round_", torch.Tensor.floor_)
    report = verify(Model(small.model), rungs=["emulate"])
    assert {record.rung for record in report.failures} == {"emulate"}
    assert "mismatches" in report.failures[0].detail
    assert report.failures[0].first_divergence.layer == "conv0"


def test_the_emulators_of_a_ladder_share_their_proof(small, monkeypatch):
    from fsrcnnx.exact import ranges

    right, asked = ranges.prove, []
    monkeypatch.setattr(ranges, "prove", lambda network: asked.append(network) or right(network))
    assert verify(Model(small.model), rungs=["emulate"]).passed
    assert len(asked) == 1


def test_a_rung_asked_for_must_run(small):
    report = verify(Model(small.model), rungs=["qat"])
    skipped = report.failures[0]
    assert (skipped.rung, skipped.status) == ("qat", "SKIP") and "weights.pth" in skipped.detail
    with pytest.raises(CheckError, match=r"weights\.pth"):
        report.check()


def test_a_writer_that_breaks_is_no_reason_to_go_without_its_rung(small, monkeypatch):
    def broken(model, **_):
        raise onnx.checker.ValidationError("planted")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="checker.*planted"):
        patch.setattr(onnx.checker, "check_model", broken)
        onnx_io.save_uint8(small.network, small.model.with_name("broken.onnx"))
    lone = small.model.with_name("lone.onnx")
    onnx_io.save(small.network, lone)
    for fault in (RuntimeError, ModelError):
        def fails(*_, fault=fault, **__):
            raise fault("planted")

        monkeypatch.setattr(onnx_io, "save_uint8", fails)
        with pytest.raises(fault, match="planted"):
            verify(Model(lone), rungs=["uint8-onnx"])


@pytest.mark.parametrize("rung", ["rtl", "hls"])
def test_an_emitter_that_breaks_is_no_reason_to_go_without_its_rung(small, monkeypatch, rung):
    def fails(*_, **__):
        raise ModelError("planted")

    monkeypatch.setattr("fsrcnnx.prove.ladder.climb.emit", fails)
    monkeypatch.setattr("fsrcnnx.prove.hls.frames.simulate", fails)
    with pytest.raises(ModelError, match="planted"):
        verify(Model(small.model), rungs=[rung])


def test_pictures_are_reduced_unless_they_are_lr(small, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (21, 30), dtype=np.uint8)).save(path)
    onnx_io.save(small.network, tmp_path / "model.onnx")
    onnx_io.save_float(small.network, tmp_path / "model_float.onnx")
    for lr, pixels in ((False, 20 * 30), (True, 4 * 21 * 30)):
        report = verify(Model(tmp_path / "model.onnx"), [path],
                        ["golden"] if lr else ["float", "golden"], lr=lr)
        record = next(r for r in report.records if r.image == "photo.png" and r.rung == "golden")
        assert record.pixels == pixels and (record.psnr is None) == lr
    with pytest.raises(InputError, match=r"gone\.png"):
        verify(Model(small.model), [tmp_path / "gone.png"], ["golden"])


def test_a_constant_output_proves_nothing(tmp_path):
    network = random_network(np.random.default_rng(0), channels=(), kernels=(3,))
    network.layers[0].weight[:] = 0
    onnx_io.save(network, tmp_path / "model.onnx")
    report = verify(Model(tmp_path / "model.onnx"), rungs=["golden"])
    assert not report.passed and "proves nothing" in report.failures[0].detail.replace(
        "would prove", "proves")


def test_a_core_of_another_network_and_a_frame_too_wide(small, coarse, tmp_path):
    with pytest.raises(InputError, match="emitted from another network"):
        verify(Model(coarse.model), rungs=["rtl"], rtl_dir=small.rtl)
    path = tmp_path / "wide.png"
    Image.fromarray(np.zeros((4, 65), np.uint8)).save(path)
    with pytest.raises(InputError, match="65x4 pixels"):
        verify(Model(small.model), [path], ["rtl"], rtl_dir=small.rtl, lr=True)


def test_report_that_cannot_be_written(small, tmp_path):
    report = verify(Model(small.model), rungs=["golden"])
    with pytest.raises(InputError, match="cannot be written"):
        report.write(tmp_path / "no" / "such.json")


@pytest.mark.parametrize(("text", "to", "want"), [
    ("80ff", Format(True, 8, 0), [-1, -128]),
    ("80ff", Format(False, 8, 0), [255, 128]),
    ("x01f", Format(True, 8, 0), [31, UNKNOWN]),
    ("3a", Format(True, 3, 0), [2, -1]),
])
def test_decode_takes_channel_0_from_the_low_bits(text, to, want):
    beats = np.frombuffer(text.encode(), np.uint8)[None]
    assert decode(beats, 2, to).tolist() == [want]


def test_first_difference_is_in_raster_order():
    want = np.arange(24).reshape(2, 3, 4)
    got = want.copy()
    got[1, 0, 0] = got[0, 2, 3] = UNKNOWN
    found = first_difference("map1", want, got)
    assert str(found) == "map1 y=0 x=2 channel=3: want 11, got nothing"
    assert first_difference("map1", want, want) is None
    assert first_difference("map1", want, want[:1]).got is None


@pytest.mark.parametrize(("channels", "size"), [(2, (8, 16)), (100, (8, 16)), (700, (2, 3))])
def test_icarus_gets_smaller_frames_of_larger_networks(channels, size):
    network = random_network(np.random.default_rng(1), channels=(channels, 16), kernels=(3, 3, 3))
    assert icarus_tile(network) == size
