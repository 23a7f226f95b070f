"""PReLU in hls4ml models of one's own: a torch FSRCNN gives torch's numbers; others refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed; run `make setup`")
pytest.importorskip("hls4ml", reason="hls4ml is not installed; run `make setup`")

import hls4ml  # after the checks that they are there
import torch
from hls4ml.converters.onnx_to_hls import layer_handlers as onnx_handlers
from hls4ml.converters.pytorch_to_hls import layer_handlers as torch_handlers
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

import fsrcnnx.emit.hls.folder  # noqa: F401  registers the readers
from fsrcnnx.emit.hls import prelu_read
from fsrcnnx.emit.hls.shuffle_read import StreamsToChannelsLast
from fsrcnnx.emit.hls.transpose_read import DOMAIN
from fsrcnnx.errors import ModelError
from tests.learn.others import Espcn, Named, seeded
from tests.learn.test_float_onnx import exported

SIZE = (4, 5)
CLOSE = 2**-9  # of values of some units: hls4ml truncates each to 2^-14


def convert(net, folder, shape=(1, *SIZE), backend="Vitis", io_type="io_stream"):
    """Convert as a user of hls4ml does."""
    config = hls4ml.utils.config_from_pytorch_model(
        net, shape, granularity="name", backend=backend, default_precision="ap_fixed<24,10>",
        channels_last_conversion="internal", transpose_outputs=False)
    return hls4ml.converters.convert_from_pytorch_model(
        net, output_dir=str(folder), backend=backend, io_type=io_type, hls_config=config)


def network():
    """A small FSRCNN with slopes per channel, one slope for all and a LeakyReLU."""
    net = seeded(Named(d=3, s=2, m=0, scale=2, kernels=(3, 4), pads=(1, 0)))
    net.mid_part[1], net.mid_part[3] = torch.nn.PReLU(init=0.4), torch.nn.LeakyReLU(0.125)
    return net.eval()


@pytest.mark.slow
def test_a_torch_fsrcnn_through_plain_hls4ml(tmp_path):
    net, rng = network(), np.random.default_rng(1)
    pixels = rng.integers(0, 256, (1, 1, *SIZE)).astype(np.float32) / 256
    with torch.no_grad():
        want = net(torch.from_numpy(pixels))[0, 0].numpy()
        net.first_part[1].weight.copy_(net.first_part[1].weight.roll(1))
        other = net(torch.from_numpy(pixels))[0, 0].numpy()
    project = convert(network(), tmp_path)
    project.compile()
    got = project.predict(np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))).reshape(want.shape)
    assert np.abs(got - want).max() < CLOSE < np.abs(other - want).max() / 8
    kinds = [node.class_name for node in project.graph.values()]
    assert kinds.count("FsrcnnxPReLU") == 2 and "PReLU" not in kinds


@pytest.mark.parametrize(("options", "says"), [
    ({"backend": "Vivado"}, "back end Vivado; allowed: Vitis; fix: convert with backend='Vitis'"),
    ({"io_type": "io_parallel"}, "io_type io_parallel; allowed: io_stream"),
])
def test_other_flows_are_refused(tmp_path, options, says):
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.PReLU(2))
    with pytest.raises(ModelError, match=says):
        convert(net, tmp_path, **options)


def test_slopes_that_do_not_fit_are_refused():
    def read(module, shape):
        return torch_handlers["PReLU"]("PReLU", "act", ["x"], [shape], None, module,
                                                      None, {})
    with pytest.raises(ModelError, match="module act: 2 slopes; allowed: 1, or 3"):
        read(torch.nn.PReLU(2), [None, 3, 4, 4])
    with pytest.raises(ModelError, match="PReLU of 3 axes; allowed"):
        read(torch.nn.PReLU(3), [None, 3, 4])
    layer, shape = read(torch.nn.PReLU(init=0.5), [None, 3])
    assert layer["class_name"] == "PReLU" and layer["param_data"].tolist() == [0.5] * 3
    assert shape == [None, 3]


def from_onnx(net, folder):
    """Convert by way of ONNX, as a user of hls4ml and qonnx does."""
    path = exported(net, folder / "net.onnx")
    made = cleanup_model(ModelWrapper(str(path)).transform(InferShapes()))
    made = made.transform(StreamsToChannelsLast())
    made = made.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    made = made.transform(GiveUniqueNodeNames()).transform(GiveReadableTensorNames())
    config = hls4ml.utils.config_from_onnx_model(
        made, granularity="name", backend="Vitis", default_precision="ap_fixed<24,10>")
    return hls4ml.converters.convert_from_onnx_model(
        made, output_dir=str(folder / "hls"), backend="Vitis", io_type="io_stream",
        hls_config=config)


@pytest.mark.slow
def test_an_espcn_through_plain_hls4ml(tmp_path):
    """PRelu and DepthToSpace of a float ONNX file."""
    net, rng = seeded(Espcn(2, d=2)), np.random.default_rng(1)
    shape = (12, 10)  # of the export
    pixels = rng.integers(0, 256, (1, 1, *shape)).astype(np.float32) / 256
    with torch.no_grad():
        want = net(torch.from_numpy(pixels))[0, 0].numpy()
    project = from_onnx(net, tmp_path)
    kinds = [node.class_name for node in project.graph.values()]
    assert kinds.count("FsrcnnxPReLU") == 2 and kinds.count("FsrcnnxDepthToSpace") == 1
    project.compile()
    got = project.predict(np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))).reshape(want.shape)
    gap, other = np.abs(got - want).max(), np.abs(np.roll(want, 1, 1) - want).max()
    assert gap < 2**-7 < other / 8  # a 5x5 and two 3x3 truncate more


def test_onnx_that_is_not_channels_last_is_refused():
    with pytest.raises(ModelError, match="node act: PRelu is not channels last; allowed.*fix: tra"):
        onnx_handlers["PRelu"](
            SimpleNamespace(name="act", domain="", op_type="PRelu"), [], [], None)
    with pytest.raises(ModelError, match="node up: DepthToSpace is not channels last; allowed"):
        onnx_handlers["DepthToSpace"](
            SimpleNamespace(name="up", domain="", op_type="DepthToSpace"), [], [], None)


@pytest.mark.parametrize("constant", ["4Els2C", "Els2C4"])
def test_a_constant_that_hls4ml_would_lose_is_refused(constant):
    node = helper.make_node("DepthToSpace", ["x"], ["y"], "up", domain=DOMAIN, blocksize=2)
    graph = helper.make_graph([node], "up", [], [], [numpy_helper.from_array(np.ones(1), constant)])
    if constant[0].isdigit():
        with pytest.raises(ModelError, match="tensor 4Els2C: hls4ml loses .*GiveReadable"):
            onnx_handlers["DepthToSpace"](node, ["x"], [[1, 3, 3, 4]], graph)
    else:
        assert onnx_handlers["DepthToSpace"](node, ["x"], [[1, 3, 3, 4]], graph)["block"] == 2


@pytest.mark.parametrize(("channels", "mode", "says"), [
    (6, "CRD", "node up: 6 channels in blocks of 2; allowed"), (4, "X", "mode 'X'; allowed: DCR")])
def test_a_depth_to_space_that_does_not_fit_is_refused(channels, mode, says):
    node = helper.make_node("DepthToSpace", ["x"], ["y"], "up", domain=DOMAIN, blocksize=2,
                            mode=mode)
    with pytest.raises(ModelError, match=says):
        onnx_handlers["DepthToSpace"](node, ["x"], [[1, 3, 3, channels]], None)


def test_registering_twice_is_once():
    before = dict(torch_handlers)
    prelu_read.register()
    assert torch_handlers == before
