"""torch's PixelShuffle in hls4ml models of one's own: torch's numbers; others are refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed; run `make setup`")
pytest.importorskip("hls4ml", reason="hls4ml is not installed; run `make setup`")

import torch  # after the checks that they are there
from hls4ml.converters.pytorch_to_hls import layer_handlers as torch_handlers
from torch import nn

import fsrcnnx.emit.hls.folder  # noqa: F401  registers the readers
from fsrcnnx.emit.hls import shuffle_read
from fsrcnnx.errors import ModelError
from tests.emit.hls.test_prelu_read import CLOSE, SIZE, convert
from tests.learn.others import seeded

LAST = {"HLSConfig": {"Model": {"ChannelsLastConversion": "internal"}}}


def network():
    """Two colours, of blocks of 3x3: torch's order of channels is not the other one."""
    return seeded(nn.Sequential(nn.Conv2d(1, 18, 1), nn.PReLU(18), nn.PixelShuffle(3)))


@pytest.fixture
def pixels():
    """A map whose pixels all differ; (1, 1, H, W)."""
    values = np.random.default_rng(1).permutation(256)[:SIZE[0] * SIZE[1]]
    return (values.reshape(1, 1, *SIZE) / 256).astype(np.float32)


def gap(net, pixels, folder):
    """Greatest difference of what hls4ml made of a network from torch."""
    with torch.no_grad():
        want = net(torch.from_numpy(pixels))[0].numpy()
    assert want.std() > 64 * CLOSE  # a flat picture would prove nothing
    project = convert(net, folder)
    kinds = [node.class_name for node in project.graph.values()]
    assert kinds.count("FsrcnnxDepthToSpace") == 1
    project.compile()
    got = project.predict(np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)))
    return np.abs(got.reshape(*want.shape[1:], -1) - want.transpose(1, 2, 0)).max()


@pytest.mark.slow
def test_a_pixelshuffle_through_plain_hls4ml(tmp_path, pixels, monkeypatch):
    assert gap(network(), pixels, tmp_path / "right") < CLOSE

    # the other order of channels is seen
    made = shuffle_read._layer
    monkeypatch.setattr(shuffle_read, "_layer", lambda *args: {**made(*args), "crd": False})
    assert gap(network(), pixels, tmp_path / "wrong") > 16 * CLOSE


@pytest.mark.parametrize(("options", "says"), [
    ({"backend": "Vivado"}, "layer _1: back end Vivado; allowed: Vitis; fix: convert with"),
    ({"io_type": "io_parallel"}, "layer _1: io_type io_parallel; allowed: io_stream"),
])
def test_other_flows_are_refused(tmp_path, options, says):
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.PixelShuffle(2))
    with pytest.raises(ModelError, match=says):
        convert(net, tmp_path, **options)


@pytest.mark.parametrize(("shape", "config", "says"), [
    ([None, 6, 3, 3], LAST, "module up: 6 channels in blocks of 2; allowed: a multiple"),
    ([None, 4, 3], LAST, r"module up: PixelShuffle of 3 axes; allowed: \(N, C, H, W\)"),
    ([None, 4, 3, 3], {"Model": {"ChannelsLastConversion": "off"}},
     "module up: channels come first; allowed: channels last; fix: .*channels_last_conversion"),
])
def test_what_does_not_fit_is_refused(shape, config, says):
    with pytest.raises(ModelError, match=says):
        torch_handlers["PixelShuffle"]("PixelShuffle", "up", ["x"], [shape], None,
                                       nn.PixelShuffle(2), None, config)
