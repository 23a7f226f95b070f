"""Spoilt files of other tools: imported, or refused in one line, in bounded time; nothing else."""

import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import FsrcnnxError
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.check import FOREIGN
from tests.exact.onnx.test_qcdq import linear
from tests.foreign import MAP, PIXEL, foreign, plain

LONGEST = 600  # characters of an error
SECONDS = 20  # of one file, on a machine that is busy


def everything() -> bytes:
    """A file with every operator that an import takes."""
    f = foreign()
    x = f.node("Identity", ["lr"], "same")
    x = pixel = f.quant(f.node("Cast", [x], "cast", to=TensorProto.FLOAT), PIXEL, "x")
    x = f.conv(x, "a")
    norm = [f.constant(f"bn{n}", value) for n, value in enumerate(
        ([1, 2, 1], [0] * 3, [0] * 3, [0.75] * 3))]
    x = f.node("BatchNormalization", [x, *norm], "bn", epsilon=0.25)
    slope = f.node("Unsqueeze", [f.node("Constant", [], "sl", value_floats=[0.25]),
                                 f.constant("axes", [1, 2], np.int64)], "sl3")
    x = f.node("PRelu", [f.node("Dropout", [x], "drop"), slope], "p")
    x = f.quant(x, MAP, "m")
    x = f.node("LeakyRelu", [f.conv(x, "b", into=3)], "leaky", alpha=0.125)
    x = f.quant(f.node("Clip", [x, "", f.constant("six", 6)], "clip"), MAP, "n")
    x = f.quant(f.node("Relu", [f.conv(x, "c", into=3)], "r"), MAP, "o")
    near = f.node("Resize", [pixel, "", f.constant("scales", [1, 1, 2, 2])], "near",
                  mode="nearest", coordinate_transformation_mode="asymmetric",
                  nearest_mode="floor")
    f.quant(f.node("Add", [f.deconv(x), near], "sum"), PIXEL, "y")
    return f.data()


WHOLE = everything()
PAIRS = linear("clipped", 0).whole().data()  # of QuantizeLinear and DequantizeLinear
ODD = ("", "lr", "y", "\n", "a" * 300, "x/y", "ü$(x)", "\x1b[31m", "\u2028")
CONV = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"]
VALUES = (np.nan, np.inf, 0.0, -1.0, 1e38, 2.0**-149, 3.0, 2.0**31)


def take(data: bytes, round_scales: bool = False):
    """Whether an import takes a file, or refuses it as it should."""
    start = time.monotonic()
    try:
        adopted = adopt(data, "m.onnx", round_scales=round_scales)
    except FsrcnnxError as error:
        line = str(error)
        assert "\n" not in line and len(line) <= LONGEST and "has made it invalid" not in line
        assert line.startswith("m.onnx"), line
        adopted = None
    assert time.monotonic() - start < SECONDS
    return adopted


def attributes(draw, node) -> None:
    """Give a node another attribute, or an attribute another value or type."""
    names = [a.name for a in node.attribute] + (CONV if node.op_type.startswith("Conv") else [])
    name = draw(st.sampled_from(names or CONV))
    value = draw(st.sampled_from([
        0, 1, -1, 2, 10**9, -(2**63), 0.5, float("nan"), "ROUND", "", b"\xff", [1, 1], [10**9] * 2,
        [-1] * 4, [0, 0, 1, 1], [], [0.5], numpy_helper.from_array(np.zeros(2))]))
    kept = [a for a in node.attribute if a.name != name or draw(st.booleans())]
    made = AttributeProto(name=name) if value == [] else helper.make_attribute(name, value)
    del node.attribute[:]
    node.attribute.extend([*kept, made])


def tensors(draw, model) -> None:
    """Give a constant another value, type, shape, name or place."""
    tensor = draw(st.sampled_from(list(model.graph.initializer)))
    try:
        value = numpy_helper.to_array(tensor).copy()
    except (ValueError, TypeError, KeyError):
        return  # spoilt before
    match draw(st.integers(0, 6)):
        case 0:
            value.flat[:1] = draw(st.sampled_from(VALUES)) if value.dtype == np.float32 else 3
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
        case 1:
            dtype = draw(st.sampled_from([np.float16, np.float64, np.int64, bool, np.uint8]))
            tensor.CopyFrom(numpy_helper.from_array(value.astype(dtype), tensor.name))
        case 2:
            shape = draw(st.sampled_from([(), (0,), (1, 1, 1, 1, 1), value.shape[::-1], (2, 3)]))
            tensor.CopyFrom(numpy_helper.from_array(np.resize(value, shape), tensor.name))
        case 3:
            tensor.dims[:] = draw(st.sampled_from([[-1], [2**40], [10**6] * 3, [0], [7]]))
        case 4:
            tensor.raw_data = tensor.raw_data[: draw(st.integers(0, 9))]
        case 5:
            tensor.data_type = draw(st.integers(-1, 30))
        case _:
            tensor.name = draw(st.sampled_from(ODD))


def wiring(draw, model) -> None:
    """Leave out, repeat, swap or rewire nodes: cycles, dangling tensors, second users."""
    graph = model.graph
    nodes = list(graph.node)
    node = draw(st.sampled_from(nodes))
    names = sorted({name for n in nodes for name in (*n.input, *n.output)})
    match draw(st.integers(0, 6)):
        case 0:
            graph.node.remove(node)
        case 1:
            graph.node.append(node)
        case 2:
            if node.input:
                node.input[draw(st.integers(0, len(node.input) - 1))] = draw(
                    st.sampled_from([*names, *ODD]))
        case 3:
            node.input.append(draw(st.sampled_from(names)))
        case 4:
            node.op_type = draw(st.sampled_from([*FOREIGN.operators, "Quant", "Elu", ""]))
        case 5:
            node.output[0] = draw(st.sampled_from([*names, *ODD]))
        case _:
            copied = graph.node.add()
            copied.CopyFrom(node)
            copied.output[0] = "copied"
            graph.output[0].name = draw(st.sampled_from([*names, "copied"]))


@st.composite
def mutated(draw) -> bytes:
    """A file with one to three faults."""
    model = onnx.load_model_from_string(draw(st.sampled_from([WHOLE, plain(), PAIRS])))
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.integers(0, 5)):
            case 0 | 1:
                attributes(draw, draw(st.sampled_from(list(model.graph.node))))
            case 2:
                tensors(draw, model)
            case 3 | 4:
                wiring(draw, model)
            case _:
                node = draw(st.sampled_from(list(model.graph.node)))
                node.name = draw(st.sampled_from(ODD))
    return model.SerializeToString()


def test_the_whole_file_is_imported():
    adopted = take(WHOLE)
    assert [layer.name for layer in adopted.network.layers] == ["a", "b", "c", "d"]
    assert adopted.network.anchor
    used = {n.op_type for n in onnx.load_model_from_string(WHOLE).graph.node}
    assert used >= set(FOREIGN.operators) - {
        "DepthToSpace", "Reshape", "Squeeze", "Transpose", "QuantizeLinear", "DequantizeLinear"}


@given(mutated(), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_spoilt_file_is_imported_or_refused(data, round_scales):
    take(data, round_scales)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(1, 255)), min_size=1,
                max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_file_of_flipped_bits_is_imported_or_refused(damage):
    data = bytearray(WHOLE)
    for at, mask in damage:
        data[at] ^= mask
    take(bytes(data))


@given(st.integers(0, len(WHOLE) - 1))
@settings(max_examples=100, deadline=None)
def test_a_truncated_file_is_imported_or_refused(size):
    take(WHOLE[:size])


@pytest.mark.slow
@given(mutated())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_command_imports_a_spoilt_file_or_refuses_it(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        path.write_bytes(data)
        code = console.outcome(cli.main, ["import", str(path), "-o", f"{folder}/out"])
        assert code in (0, 2)
        left = sorted(p.name for p in Path(folder).iterdir())
        assert left == (["m.onnx", "out"] if code == 0 else ["m.onnx"])
