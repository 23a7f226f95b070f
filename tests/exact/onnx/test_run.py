"""Runners of ONNX files: what they refuse, and that they never round a result onto the grid."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from fsrcnnx.errors import CheckError, InputError, ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.run import to_raw
from tests.foreign import plain, with_activation
from tests.hostile.onnx import dropout_of_nan
from tests.networks import random_network

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def network():
    return random_network(np.random.default_rng(3), anchor=True)


@pytest.mark.parametrize("run", [onnx_io.run_qonnx, onnx_io.run_uint8, onnx_io.run_float])
@pytest.mark.parametrize("lr", [
    np.zeros((0, 4), int), np.zeros((2, 2)), np.zeros((2, 2, 1), int), np.full((2, 2), 256),
    np.full((2, 2), -1)], ids=["empty", "float", "three axes", "too large", "negative"])
def test_runners_refuse_what_is_no_picture(tmp_path, network, run, lr):
    path = tmp_path / "model.onnx"
    save = {"run_qonnx": onnx_io.save, "run_uint8": onnx_io.save_uint8,
            "run_float": onnx_io.save_float}[run.__name__]
    save(network, path)
    with pytest.raises(InputError, match=r"picture of shape|pixel values outside"):
        run(path, lr)


def test_runners_refuse_the_wrong_file(tmp_path, network):
    lr = np.zeros((2, 2), int)
    onnx_io.save(network, tmp_path / "model.onnx")
    onnx_io.save_uint8(network, tmp_path / "uint8.onnx")
    onnx_io.save_float(network, tmp_path / "float.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    odd = onnx.load(tmp_path / "float.onnx")
    odd.graph.node[0].input[0] = "nothing"
    onnx.save(odd, tmp_path / "odd.onnx")
    for run, file, message in [
        (onnx_io.run_qonnx, "uint8.onnx", "unsupported operator Cast"),
        (onnx_io.run_qonnx, "float.onnx", "unsupported operator Identity"),
        (onnx_io.run_uint8, "model.onnx", "operator Quant qonnx"),
        (onnx_io.run_uint8, "float.onnx", r"allowed: one input and one output, tensor\(uint8\)"),
        (onnx_io.run_float, "uint8.onnx", r"allowed: one input and one output, tensor\(float\)"),
        (onnx_io.run_float, "text.onnx", "corrupt, not an ONNX file"),
        (onnx_io.run_float, "odd.onnx", "nothing comes later, or from nowhere"),
        (onnx_io.run_uint8, "missing.onnx", "cannot be read: No such file"),
        (onnx_io.run_qonnx, "missing.onnx", "cannot be read: No such file"),
    ]:
        with pytest.raises(ModelError, match=message) as caught:
            run(tmp_path / file, lr)
        assert file in str(caught.value)


@pytest.mark.parametrize(("save", "session", "run"), [
    (onnx_io.save, onnx_io.qonnx_session, onnx_io.run_qonnx),
    (onnx_io.save_uint8, onnx_io.uint8_session, onnx_io.run_uint8),
    (onnx_io.save_float, onnx_io.float_session, onnx_io.run_float)])
def test_a_session_runs_frames_of_any_sizes_as_the_file_was(tmp_path, network, save, session, run):
    path, rng = tmp_path / "model.onnx", np.random.default_rng(4)
    lrs = [rng.integers(0, 256, size, np.uint8) for size in ((3, 4), (1, 1), (3, 4), (5, 2))]
    save(network, path)
    want = [run(path, lr) for lr in lrs]
    ready = session(path)
    path.unlink()
    for lr, hr in zip(lrs, want, strict=True):
        np.testing.assert_array_equal(ready(lr), hr, strict=True)
    with pytest.raises(InputError, match="pixel values outside"):
        ready(np.full((2, 2), 256))


@pytest.mark.parametrize("value", [0.3, 256 / 256, -1 / 256, np.nan])
def test_results_off_the_grid_are_caught(value):
    good = np.array([[0.0, 255 / 256]], np.float32)
    assert to_raw(good, Format(False, 8, 8), "x").tolist() == [[0, 255]]
    with pytest.raises(CheckError, match=r"x: value .* at \(0, 1\) is not in ap_ufixed<8,0>"):
        to_raw(np.array([[0.0, value]], np.float32), Format(False, 8, 8), "x")


def test_onnxruntime_reports_to_nobody(tmp_path):
    """It writes a file beside the temporary ones where it would."""
    env = {key: value for key, value in os.environ.items() if key not in (
        "ORT_DISABLE_TELEMETRY", "CI")}
    subprocess.run([sys.executable, "-c", "import fsrcnnx, onnxruntime"], check=True,
                   env=env | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)})
    assert not list(tmp_path.iterdir())


def test_onnxruntime_says_nothing_beside_our_error(tmp_path, network, capfd):
    path = tmp_path / "net.onnx"
    path.write_bytes(with_activation(dropout_of_nan))
    with pytest.raises(ModelError, match="net.onnx: qonnx fails: .*allowed: an ONNX file that the"):
        onnx_io.run_qonnx(path, np.zeros((2, 2), int), adopt(plain(), "f").network)
    assert "".join(capfd.readouterr()) == ""
