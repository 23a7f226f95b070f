"""The layer inside hls4ml: converted, compiled and run by hls4ml itself, against torch; refusals.

Weights, biases and pixels are integers times a power of two, so float64 is exact.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed; run `make setup`")
pytest.importorskip("hls4ml", reason="hls4ml is not installed; run `make setup`")

import hls4ml  # after the checks that they are there
import torch
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

import fsrcnnx.emit.hls.folder  # noqa: F401  registers the layer
from fsrcnnx.emit.hls import transpose, transpose_read
from fsrcnnx.emit.hls.transpose_read import ConvTransposeToChannelsLast, read_shape
from fsrcnnx.errors import ModelError

QUANT = "qonnx.custom_op.general"


def quant(graph: dict, name: str, source: str, scale: float, bits: int, signed: int = 1) -> str:
    """Append a Quant node; name of its output."""
    inputs = [source]
    for part, value in (("scale", scale), ("zero", 0.0), ("bits", float(bits))):
        graph["constants"][f"{name}_{part}"] = np.array(value, np.float32)
        inputs.append(f"{name}_{part}")
    graph["nodes"].append(helper.make_node(
        "Quant", inputs, [f"{name}_q"], name=f"{name}_quant", domain=QUANT, signed=signed, narrow=0,
        rounding_mode="ROUND"))
    return f"{name}_q"


def model(weight, bias, size, *, w_scale=2**-4, out_scale=None, **attributes) -> ModelWrapper:
    """Quantised pixels, ConvTranspose of quantised weights, perhaps a Quant behind it."""
    graph = {"nodes": [], "constants": {"w": weight, "b": bias}}
    pixels = quant(graph, "x", "lr", 2**-8, 8, signed=0)
    inputs = [pixels, quant(graph, "w", "w", w_scale, 8), quant(graph, "b", "b", 2**-8, 12)]
    graph["nodes"].append(helper.make_node("ConvTranspose", inputs, ["up"], name="deconv",
                                           **attributes))
    out = quant(graph, "y", "up", out_scale, 8, signed=0) if out_scale else "up"
    made = helper.make_model(
        helper.make_graph(
            graph["nodes"], "deconvolution",
            [helper.make_tensor_value_info("lr", TensorProto.FLOAT, [1, weight.shape[0], *size])],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(value, np.float32), name)
             for name, value in graph["constants"].items()]),
        opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(QUANT, 1)])
    made = cleanup_model(ModelWrapper(made).transform(InferShapes()))
    made = made.transform(ConvTransposeToChannelsLast())
    made = made.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    return made.transform(GiveUniqueNodeNames()).transform(GiveReadableTensorNames())


def random_case(seed: int, chan: int, filt: int, kernel: tuple[int, int], size: tuple[int, int]):
    """Weights, biases and pixels in units of 2^-4, 2^-8 and 2^-8."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-128, 128, (chan, filt, *kernel)) / 16,
            rng.integers(-2048, 2048, filt) / 256,
            rng.integers(0, 256, (1, chan, *size)) / 256)


def convert(onnx: ModelWrapper, folder, backend="Vitis", io_type="io_stream", **options):
    """Convert with every precision left to 'auto'."""
    config = hls4ml.utils.config_from_onnx_model(onnx, granularity="name", backend=backend,
                                                 default_precision="ap_fixed<16,6>")
    config["Model"].update(options)
    config["LayerName"]["ConvTranspose_0"].update(options)
    return hls4ml.converters.convert_from_onnx_model(
        onnx, output_dir=str(folder), backend=backend, io_type=io_type, hls_config=config)


def predict(project, pixels) -> np.ndarray:
    """Compile and run on (1, in, H, W)."""
    project.compile()
    return project.predict(np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)))


def the_layer(project):
    """The transposed convolution of a project."""
    found = [node for node in project.graph.values() if node.class_name == "ConvTranspose2D"]
    assert len(found) == 1
    return found[0]


def torch_result(weight, bias, pixels, stride, padding, extra) -> np.ndarray:
    """What torch gives, in float64."""
    return torch.nn.functional.conv_transpose2d(
        *(torch.tensor(v, dtype=torch.float64) for v in (pixels, weight, bias)),
        stride=stride, padding=padding, output_padding=extra).numpy()


def attributes(stride, padding, extra) -> dict:
    """As ONNX has them."""
    return {"strides": stride, "pads": [*padding, *padding], "output_padding": extra}


@pytest.mark.slow
def test_every_sum_is_exact_with_automatic_types(tmp_path):
    weight, bias, pixels = random_case(1, 3, 2, (5, 5), (5, 7))
    how = ((3, 3), (1, 1), (0, 0))
    want = torch_result(weight, bias, pixels, *how)
    project = convert(model(weight, bias, (5, 7), **attributes(*how)), tmp_path)
    got = predict(project, pixels)  # a Transpose back to channels first ends qonnx's graphs
    assert int((got.reshape(want.shape) != want).sum()) == 0 and np.unique(want).size > 100
    layer = the_layer(project)
    assert str(layer.get_attr("weight_t").precision) == "fixed<8,4,RND_CONV,SAT,0>"
    assert layer.get_attr("accum_t").precision.fractional == 12
    assert (tmp_path / "firmware/nnet_utils/fsrcnnx_conv_transpose_stream.h").is_file()


@pytest.mark.slow
def test_a_quant_behind_it_rounds_and_saturates(tmp_path):
    weight, _, pixels = random_case(2, 2, 1, (3, 3), (4, 3))
    how, bias = ((2, 2), (1, 1), (1, 1)), np.array([0.25])
    want = torch_result(weight / 4, bias, pixels, *how)
    want = np.clip(np.rint(want * 256), 0, 255) / 256
    assert {0, 255 / 256} < set(want.ravel()), "nothing saturates"
    project = convert(model(weight / 4, bias, (4, 3), w_scale=2**-6, out_scale=2**-8,
                            **attributes(*how)), tmp_path)
    assert [n.class_name for n in project.graph.values()] == [
        "Input", "Activation", "ConvTranspose2D", "Transpose"], "the Quant is not merged"
    out = the_layer(project).get_output_variable().type.precision
    assert (out.width, out.integer, out.signed) == (8, 0, False)
    assert (str(out.rounding_mode), str(out.saturation_mode)) == ("RND_CONV", "SAT")
    assert int((predict(project, pixels).reshape(want.shape) != want).sum()) == 0


@pytest.mark.slow
def test_from_torch(tmp_path):
    weight, bias, pixels = random_case(3, 2, 3, (4, 3), (3, 4))
    module = torch.nn.ConvTranspose2d(2, 3, (4, 3), stride=(2, 3), padding=(1, 0),
                                      output_padding=(1, 2))
    module.weight.data, module.bias.data = (torch.tensor(v, dtype=torch.float32)
                                            for v in (weight, bias))
    want = torch_result(weight, bias, pixels, (2, 3), (1, 0), (1, 2))
    net = torch.nn.Sequential(module)
    config = hls4ml.utils.config_from_pytorch_model(
        net, (2, 3, 4), granularity="name", backend="Vitis", default_precision="ap_fixed<32,16>",
        channels_last_conversion="internal", transpose_outputs=False)
    project = hls4ml.converters.convert_from_pytorch_model(
        net, output_dir=str(tmp_path), backend="Vitis", io_type="io_stream", hls_config=config)
    got = predict(project, pixels).reshape(*want.shape[2:], want.shape[1]).transpose(2, 0, 1)
    assert int((got[None] != want).sum()) == 0


def test_registering_twice_is_once():
    flows = [hls4ml.model.flow.get_flow(name).optimizers for name in ("convert", "parse_qonnx")]
    before = [list(flow) for flow in flows]
    transpose.register()
    transpose_read.register()
    assert flows == before and flows[0][-1] == "infer_precision_types"
    assert flows[1].count("constants_into_transpose") == 1


def node(**attributes):
    """A ConvTranspose node named up."""
    return helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="up", **attributes)


@pytest.mark.parametrize(("given", "message"), [
    ({"group": 2}, "group 2; allowed: group 1"),
    ({"dilations": [1, 2]}, r"dilations \[1, 2\]; allowed: dilations \[1, 1\]"),
    ({"auto_pad": "SAME_UPPER"}, "auto_pad SAME_UPPER; allowed: auto_pad NOTSET; fix: give pads"),
    ({"output_shape": [8, 8]}, "output_shape .* fix: give pads and output_padding"),
    ({"kernel_shape": [5, 5]}, r"kernel_shape \[5, 5\]"),
    ({"pads": [0, 0, -1, 0]}, r"pads \[0, 0, -1, 0\]; allowed: 0 or more"),
    ({"pads": [3, 3, 3, 3], "strides": [1, 1]}, "out_height is 0; allowed: 1 or more"),
])
def test_what_the_layer_cannot_do_is_refused(given, message):
    with pytest.raises(ModelError, match=f"node up: .*{message}"):
        read_shape(node(**given), 4, 4, (2, 3, 3, 3))


def test_one_dimension_is_refused():
    with pytest.raises(ModelError, match="node up: .*3 dimensions; allowed: 4"):
        read_shape(node(), 4, 4, (2, 3, 3))


@pytest.mark.parametrize(("options", "message"), [
    ({"backend": "Vivado"}, "back end Vivado; allowed: Vitis"),
    ({"io_type": "io_parallel"}, "io_type io_parallel; allowed: io_stream"),
    ({"Strategy": "distributed_arithmetic"}, "strategy .*; allowed: latency, resource"),
    ({"ReuseFactor": 19}, "reuse factor 19; allowed: 1..18"),
    ({"ReuseFactor": 0}, "reuse factor 0; allowed: 1..18"),
])
def test_a_configuration_that_does_not_fit_is_refused(tmp_path, options, message):
    weight, bias, _ = random_case(4, 2, 1, (3, 3), (3, 3))
    onnx = model(weight, bias, (3, 3), strides=[2, 2])
    with pytest.raises(ModelError, match=f"layer ConvTranspose_0: {message}"):
        convert(onnx, tmp_path, **options)


def test_channels_first_and_open_scales_are_refused(tmp_path):
    weight, bias, _ = random_case(5, 2, 1, (3, 3), (3, 3))
    onnx = model(weight, bias, (3, 3), strides=[2, 2])
    for op in onnx.graph.node:
        if op.op_type == "ConvTranspose":
            op.domain = ""
    with pytest.raises(ModelError, match="not channels last; .*transform with ConvTransposeTo"):
        convert(onnx, tmp_path)
    onnx = model(weight, bias, (3, 3), strides=[2, 2])
    weight_quant = next(n for n in onnx.graph.node if onnx.get_initializer(n.input[0]) is not None
                        and onnx.get_initializer(n.input[0]).ndim == 4)
    onnx.set_initializer(weight_quant.input[1], np.array(0.3, np.float32))
    with pytest.raises(ModelError, match="weights that are no constant to hls4ml"):
        convert(onnx, tmp_path)
