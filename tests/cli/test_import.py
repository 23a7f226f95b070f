"""fsrcnnx import: the folder that it writes, its report, refusals; and Brevitas itself."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from fsrcnnx.cli import console
from fsrcnnx.cli import import_model as cli_import
from fsrcnnx.cli import main as cli
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx import saturate as onnx_saturate
from fsrcnnx.exact.onnx.adopt import adopt
from tests.exact.onnx.test_qcdq import linear
from tests.exact.onnx.test_shuffle import pixel_shuffle
from tests.foreign import foreign, with_activation
from tests.networks import random_picture

ROOT = Path(__file__).resolve().parents[2]
BREVITAS = ROOT / "tests" / "data" / "brevitas_per_tensor.onnx"


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


def test_import_writes_a_model_like_our_own(tmp_path, capsys):
    folder, report = tmp_path / "mine_x2", tmp_path / "report.json"
    assert call("import", BREVITAS, "-o", folder, "--json", report) == 0
    out = capsys.readouterr().out
    assert sorted(p.name for p in folder.iterdir()) == [
        "SHA256SUMS", "model.onnx", "model_float.onnx", "model_uint8.onnx"]
    network = onnx_io.load(folder / "model.onnx")
    said = json.loads(report.read_text())
    assert said["content_hash"] == network.content_hash() and network.content_hash() in out
    assert said["imported_from"] == BREVITAS.name
    assert [(c["layer"], c["role"]) for c in said["changes"]] == [
        ("feature", "bias"), ("feature", "slope"), ("map1", "bias"), ("map1", "slope"),
        ("deconv", "bias")]
    assert all(c["greatest_change"] > 0 for c in said["changes"])
    assert call("verify", folder / "model.onnx", "--rungs", "qonnx,uint8-onnx,golden") == 0


@pytest.mark.parametrize("rungs", [
    "qonnx,uint8-onnx,golden,emulate",
    pytest.param("rtl,rtl-icarus", marks=pytest.mark.sim)])
def test_a_pixel_shuffle_network_is_exact_in_every_form(tmp_path, rungs):
    onnx.save(pixel_shuffle(np.random.default_rng(3)).model, tmp_path / "espcn.onnx")
    assert call("import", tmp_path / "espcn.onnx", "-o", tmp_path / "m") == 0
    assert onnx_io.load(tmp_path / "m" / "model.onnx").layers[-1].kind == "shuffle"
    assert call("verify", tmp_path / "m" / "model.onnx", "--rungs", rungs) == 0


@pytest.mark.sim
def test_an_imported_model_with_wider_weights_runs_in_simulated_rtl(tmp_path):
    path = BREVITAS.with_name("brevitas_per_channel.onnx")
    assert call("import", path, "-o", tmp_path / "m") == 0
    assert call("verify", tmp_path / "m" / "model.onnx", "--rungs", "golden,rtl-icarus") == 0


def test_the_comparison_with_the_file_counts_differences():
    network = adopt(BREVITAS.read_bytes(), "b").network
    counted = cli_import.compare_with(BREVITAS, network)
    other = np.random.default_rng(1).integers(0, 256, cli_import.TRIALS[0])
    assert counted["pixels"] == 4 * sum(h * w for h, w in cli_import.TRIALS)
    assert 0 < counted["differ"] < counted["pixels"] / 10 and counted["greatest"] < 9
    assert golden.run(network, other).shape == (62, 58)


def test_scales_are_rounded_where_that_is_asked_for(tmp_path, capsys):
    graph = foreign().whole()
    graph.tensors = [t for t in graph.tensors if t.name != "m_s"]
    graph.constant("m_s", 0.0159)
    (tmp_path / "q.onnx").write_bytes(graph.data())
    assert call("import", tmp_path / "q.onnx", "-o", tmp_path / "m") == 2
    said = capsys.readouterr().err
    assert "scale 0.0159000009; allowed: a positive power of two; the nearest is 2^-6" in said
    asked = re.search(r"--round-scales: of 5648 random pixels (\d+) change, RMS ([\d.]+) lev", said)
    assert call("import", tmp_path / "q.onnx", "-o", tmp_path / "m", "--round-scales", "--json",
                tmp_path / "r.json") == 0
    assert "scale 0.0159 rounded to 0.015625" in capsys.readouterr().out
    found = json.loads((tmp_path / "r.json").read_text())["against_the_file"]
    assert found["differ"] == int(asked[1]) > 100 and 0.05 < found["rms"] < 5
    assert f"{found['rms']:.3g}" == asked[2]

    # what rounding would not mend is said too
    put = next(t for t in graph.tensors if t.name == "m_z")
    put.CopyFrom(onnx.numpy_helper.from_array(np.float32(3), "m_z"))
    (tmp_path / "z.onnx").write_bytes(graph.data())
    assert call("import", tmp_path / "z.onnx", "-o", tmp_path / "z") == 2
    assert "rounding it would not be enough (zero point 3); qua" in capsys.readouterr().err


def test_a_file_of_pairs_is_imported(tmp_path, capsys):
    (tmp_path / "qdq.onnx").write_bytes(linear("clipped").whole().data())
    assert call("import", tmp_path / "qdq.onnx", "-o", tmp_path / "m") == 0
    assert "on 5648 random pixels: 0 differ" in capsys.readouterr().out
    assert call("verify", tmp_path / "m" / "model.onnx", "--rungs", "qonnx,uint8-onnx,golden") == 0


def relu6(f, x, name):
    return f.node("Clip", [x, f.constant("zero", 0), f.constant("six", 6)], "a_a")


def test_an_import_that_rounds_nothing_has_no_differences(tmp_path, capsys):
    (tmp_path / "relu6.onnx").write_bytes(with_activation(relu6))
    report = tmp_path / "report.json"
    assert call("import", tmp_path / "relu6.onnx", "-o", tmp_path / "m", "--json", report) == 0
    said = json.loads(report.read_text())
    assert said["exact"] and said["against_the_file"]["differ"] == 0
    assert said["against_the_file"]["pixels"] == 4 * sum(h * w for h, w in cli_import.TRIALS)
    line = "a_a (Clip) to 0..6 becomes Relu: the Quant behind saturates at -2..1.984375"
    assert said["rewrites"] == [line] and line in capsys.readouterr().out


def test_an_import_that_rounds_nothing_and_differs_fails(tmp_path, capsys, monkeypatch):
    (tmp_path / "relu6.onnx").write_bytes(with_activation(relu6))
    monkeypatch.setattr(onnx_saturate.Saturation, "run", lambda self: None)  # a Relu lost
    assert call("import", tmp_path / "relu6.onnx", "-o", tmp_path / "m") == 1
    assert re.search(r"nothing was rounded, and yet \d+ of 5648 random pixels differ",
                     capsys.readouterr().err)
    assert not (tmp_path / "m").exists()


def test_a_file_that_qonnx_cannot_run_is_refused(tmp_path, capsys, monkeypatch):
    (tmp_path / "relu6.onnx").write_bytes(with_activation(relu6))

    def fail(*_):
        raise AssertionError("no\nsuch node")

    monkeypatch.setattr("qonnx.core.onnx_exec.execute_onnx", fail)
    assert call("import", tmp_path / "relu6.onnx", "-o", tmp_path / "m") == 2
    assert "relu6.onnx: qonnx fails: no; allowed: an ONNX file that" in capsys.readouterr().err


def test_a_large_graph_is_compared_on_one_picture(tmp_path, monkeypatch):
    path = tmp_path / "relu6.onnx"
    path.write_bytes(with_activation(relu6))
    network = adopt(path.read_bytes(), "f").network
    monkeypatch.setattr(cli_import, "LARGE", 3)
    height, width = cli_import.TRIALS[0]
    assert cli_import.compare_with(path, network)["pixels"] == 4 * height * width


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda m: m.graph.node.pop(), "error: spoilt.onnx: "),
    (lambda m: setattr(m.graph.node[2], "op_type", "Softmax"), "unsupported operator Softmax"),
])
def test_a_refusal_is_one_line_and_leaves_nothing(tmp_path, capsys, spoil, message):
    model = onnx.load(BREVITAS)
    spoil(model)
    onnx.save(model, tmp_path / "spoilt.onnx")
    assert call("import", tmp_path / "spoilt.onnx", "-o", tmp_path / "m") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert not (tmp_path / "m").exists()


def test_outputs_that_cannot_be(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "model.onnx").write_bytes(BREVITAS.read_bytes())
    for output, message in ((tmp_path / "file", "in the way, and not an imported model"),
                            (tmp_path / "file" / "m", "file: "),
                            (tmp_path, "the output is the input")):
        assert call("import", tmp_path / "model.onnx", "-o", output) == 2
        assert message in capsys.readouterr().err
    assert call("import", tmp_path / "none.onnx", "-o", tmp_path / "m") == 2
    assert "cannot be read" in capsys.readouterr().err


def test_an_import_that_fails_leaves_the_earlier_one(tmp_path, monkeypatch):
    assert call("import", BREVITAS, "-o", tmp_path / "m") == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_import, "compare_with", fail)
    other = BREVITAS.with_name("brevitas_per_channel.onnx")
    assert call("import", other, "-o", tmp_path / "m") == console.INTERRUPTED
    assert call("import", other, "-o", tmp_path / "new") == console.INTERRUPTED
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_trained_network_is_not_imported_over(tmp_path, capsys):
    (tmp_path / "weights.pth").write_bytes(b"another network")
    assert call("import", BREVITAS, "-o", tmp_path) == 2
    assert "holds weights.pth; allowed: a new or empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pth"]


@pytest.mark.slow
def test_brevitas_itself(tmp_path):
    pytest.importorskip("brevitas", reason="the extra `brevitas` is not installed")
    done = subprocess.run(
        [sys.executable, "scripts/brevitas_example.py", "-o", str(tmp_path), "--steps", "0",
         "--channels", "3"], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "qonnx       golden   13      4072    0" in done.stdout
    network = onnx_io.load(tmp_path / "model" / "model.onnx")
    lr = random_picture(np.random.default_rng(1), 7, 5)
    assert (onnx_io.run_qonnx(tmp_path / "model" / "model.onnx", lr)
            == golden.run(network, lr)).all()
