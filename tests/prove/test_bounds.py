"""`ranges`: rows, JSON and plot of the proof beside what frames reach; a wrong proof is seen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact import golden, observe, ranges
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.prove import bounds
from tests.networks import random_network, random_picture


@pytest.fixture
def network():
    return random_network(np.random.default_rng(3), anchor=True)


@pytest.fixture
def found(network):
    return bounds.report(network, bounds.made_up(network, 1))


def test_what_is_seen_is_what_golden_gives(network):
    lrs = [random_picture(np.random.default_rng(0), 9, 7), random_picture(
        np.random.default_rng(1), 4, 5)]
    seen = observe.observe(network, lrs)
    traces = [golden.trace(network, lr) for lr in lrs]
    for layer, record in zip(network.layers, seen, strict=True):
        outputs = np.concatenate([t[layer.name].reshape(-1, layer.out_channels) for t in traces])
        assert (record.out_lo == outputs.min(0)).all() and (record.out_hi == outputs.max(0)).all()
        assert record.values == 9 * 7 + 4 * 5
        ends = (outputs == layer.out_format.lo) | (outputs == layer.out_format.hi)
        assert (record.saturated.sum(0) <= ends.sum(0)).all()


def test_saturation_is_counted():
    """y = 4x: 64 and more of 8 bits saturate."""
    network = random_network(np.random.default_rng(0), channels=(), kernels=(1,), scale=1,
                             last="conv")
    layer = network.layers[0]
    layer = replace(layer, weight=np.full((1, 1, 1, 1), 4), bias=np.zeros(1, int),
                    weight_format=replace(layer.weight_format, frac=0))
    seen = observe.observe(replace(network, layers=(layer,)), [np.arange(256)[None]])[0]
    assert (seen.saturated.item(), seen.values) == (192, 256)
    assert (seen.sum_hi.item(), seen.out_hi.item()) == (1020, 255)


def test_rows_group_channels_or_list_them(network, found):
    rows, single = found.rows(), found.rows(channels=True)
    assert {len(row) for row in rows + single} == {len(bounds.COLUMNS)}
    assert len(single) == sum(layer.out_channels for layer in network.layers[:-1]) + 4
    assert [row[1] for row in rows if row[0] == "deconv"] == [f"phase {i}" for i in range(4)]
    counted = sum(int(row[1].split()[0]) for row in rows if row[0] != "deconv")
    assert counted == sum(layer.out_channels for layer in network.layers[:-1])


def test_a_wrong_proof_is_seen(network, found):
    proved = list(found.proved)
    for index, field in ((0, "sum_hi"), (2, "acc_lo"), (1, "out_hi"), (4, "sum_lo")):
        end = getattr(proved[index], field)
        wrong = end.copy()
        seen = getattr(found.seen[index], field.replace("acc", "sum"))
        wrong[..., -1] = seen[..., -1].max(initial=-10**9) - 1 if field.endswith("hi") else (
            seen[..., -1].min() + 1)
        planted = [*proved[:index], replace(proved[index], **{field: wrong}), *proved[index + 1:]]
        with pytest.raises(CheckError, match=f"layer {proved[index].name}: .* leaves the proved"):
            observe.hold(planted, found.seen)
    observe.hold(proved, found.seen)


def test_the_command(tmp_path, network, capsys):
    onnx_io.save(network, tmp_path / "model.onnx")
    Image.fromarray(random_picture(np.random.default_rng(0), 20, 24)).save(tmp_path / "a.png")
    code = console.outcome(cli.main, [
        "ranges", str(tmp_path / "model.onnx"), "--images", str(tmp_path / "a.png"),
        "--json", str(tmp_path / "r.json"), "--plot", str(tmp_path / "r.svg")])
    out = capsys.readouterr().out
    assert code == 0 and "nothing in 9 frames, 1 of them pictures" in out
    read = json.loads((tmp_path / "r.json").read_text())
    assert read["content_hash"] == network.content_hash() and read["frames"] == 9
    proved = ranges.prove(network)
    assert [layer["acc_bits"] for layer in read["layers"]] == [r.acc_width for r in proved]
    assert read["layers"][4]["proved"]["sum_hi"] == proved[4].sum_hi.tolist()
    assert (tmp_path / "r.svg").read_text().startswith("<?xml")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "model.onnx", "r.json", "r.svg"]


def test_plots_that_cannot_be_drawn(found, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"suffix '.txt' is not a plot format"):
        bounds.plot(found, tmp_path / "a.txt")
    monkeypatch.setattr(bounds, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="matplotlib is not installed"):
        bounds.plot(found, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
