"""A network of others, from their file and a folder of pictures to RTL in Verilator, and to HLS."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.learn import store
from fsrcnnx.learn.evaluate import float_run
from fsrcnnx.prove.hls import csim
from fsrcnnx.prove.hls import frames as hls
from tests.learn.others import Espcn, Named
from tests.learn.test_float_onnx import exported

pytestmark = [pytest.mark.slow, pytest.mark.sim]


def photograph(seed, side=96):
    """Something like a picture: soft patches and an edge; (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).copy()
    picture[np.add.outer(np.arange(side), 2 * np.arange(side)) % 90 > 60] //= 2
    return picture


def trained(make, scale):
    """A small network of theirs, trained on pixel / 255 by a few lines of torch."""
    torch.manual_seed(3)
    net = make()
    learns = torch.optim.Adam(net.parameters(), 4e-3)
    hr = torch.stack([torch.from_numpy(photograph(seed, 48)).float().mean(2) / 255
                      for seed in range(20, 28)])[:, None]
    lr = torch.nn.functional.avg_pool2d(hr, scale)
    for _ in range(250):
        learns.zero_grad()
        (net(lr) - hr).square().mean().backward()
        learns.step()
    return net.eval()


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder with four photographs; what it said."""
    def run(*args):
        code = console.outcome(cli.main, [str(arg) for arg in args])
        said = capsys.readouterr()
        assert code == 0, said.out + said.err
        return said.out

    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    Path("photographs").mkdir()
    for number in range(4):
        Image.fromarray(photograph(number)).save(f"photographs/{number}.png")
    return run


def mismatches():
    """Of all rungs in the report, each of which saw pixels."""
    records = json.loads(Path("r.json").read_text())["records"]
    assert all(one["pixels"] for one in records)
    return sum(one["mismatches"] or 0 for one in records)


def test_two_commands(call):
    net = trained(lambda: Named(d=6, s=4, m=1, scale=3), 3)
    torch.save({"model": {f"module.{key}": value for key, value in net.state_dict().items()},
                "epoch": 250}, "net.pth")
    said = call("import", "net.pth", "-o", "models/mine_x3", "--scale", "3")
    assert "recognised d6s4m1f5l9p4_x3" in said
    said = call("quantise", "models/mine_x3", "--data", "photographs")
    plain, exact = map(float, re.search(r"float ([\d.]+) dB, integers ([\d.]+) dB", said).groups())
    assert plain > 25 and abs(plain - exact) < 1
    call("verify", "mine_x3", "--rungs", "uint8-onnx,golden,emulate,rtl", "--json", "r.json")
    assert mismatches() == 0

    # what was quantised gives the pixels of their own module
    lr = photograph(9, 40)[..., 0]
    with torch.no_grad():
        theirs = net(torch.from_numpy(lr)[None, None].float() / 255)[0, 0].numpy() * 255
    ours = float_run(store.load("models/mine_x3/weights.pth"), lr)
    assert np.abs(np.clip(theirs, 0, 255) - ours).max() < 0.51  # half a step, and float32


def test_an_espcn_of_a_few_lines(call):
    net = trained(lambda: Espcn(2, "relu"), 2)
    exported(net, Path("espcn.onnx"))
    assert "recognised n5n4f5f3f3p_x2" in call("import", "espcn.onnx", "-o", "models/mine_x2")
    said = call("quantise", "models/mine_x2", "--data", "photographs")
    plain, exact = map(float, re.search(r"float ([\d.]+) dB, integers ([\d.]+) dB", said).groups())
    assert plain > 25 and abs(plain - exact) < 1
    call("verify", "mine_x2", "--rungs", "qonnx,uint8-onnx,golden,emulate,rtl", "--json",
         "r.json")
    assert mismatches() == 0

    network = onnx_io.load(Path("models/mine_x2/model.onnx"))
    emit(network, Path("hls"), height=5, width=6)
    lr = photograph(9, 30)[::6, ::5, 0]
    found, = hls.run(csim.build(Path("hls")), [lr]).frames
    assert (found == golden.run(network, lr)).all() and len(np.unique(found)) > 20
