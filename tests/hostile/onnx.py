"""QONNX files of other tools: valid ones that are hard, invalid ones, and some that mean harm."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.foreign import MAP, PIXEL, Foreign, foreign, plain, with_activation
from tests.hostile.case import Case

IMPORT = ("import", "net.onnx", "-o", "mine_x2")
GOOD = {"code": 0, "keeps": ("mine_x2",)}
SMALL = {"seconds": 60, "megabytes": 1024}


def lay(build: Callable[[], bytes], name: str = "net.onnx") -> Callable[[Path], object]:
    """Write a file."""
    return lambda folder: (folder / name).write_bytes(build())


def edited(edit: Callable[[onnx.ModelProto], object], **options) -> Callable[[Path], object]:
    """Write the plain file after an edit of its model."""
    def build() -> bytes:
        model = foreign().whole().model(**options)
        edit(model)
        return model.SerializeToString()
    return lay(build)


def given(**constants) -> Callable[[Path], object]:
    """Write the plain file with other constants; `__` stands for a dot."""
    def build() -> bytes:
        f = foreign().whole()
        for name, value in constants.items():
            name = name.replace("__", ".")
            f.tensors = [t for t in f.tensors if t.name != name]
            f.constant(name, value)
        return f.data()
    return lay(build)


def acted(op: str, *constants, **attributes) -> Callable[[Path], object]:
    """Write the plain file with another activation."""
    def activation(f: Foreign, x: str, name: str) -> str:
        held = [f.constant(f"c{n}", value) for n, value in enumerate(constants)]
        return f.node(op, [x, *held], "odd", **attributes)
    return lay(lambda: with_activation(activation))


def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(entry for entry in model.graph.node if entry.name == name)


def attribute(name: str, key: str, value) -> Callable[[onnx.ModelProto], object]:
    """Give a node an attribute."""
    def edit(model: onnx.ModelProto) -> None:
        entry = node(model, name)
        kept = [a for a in entry.attribute if a.name != key]
        del entry.attribute[:]
        entry.attribute.extend([*kept, helper.make_attribute(key, value)])
    return edit


def used_twice() -> bytes:
    """One module with its weights, bias and slopes in three places."""
    f = foreign()
    x = f.quant("lr", PIXEL, "x")
    x = f.quant(f.prelu(f.conv(x, "a"), "a"), MAP, "m")
    shared = f.parameters("b", (3, 3, 3, 3), 3)
    for turn in range(3):
        x = f.node("PRelu", [f.conv(x, f"b{turn}", shared), "a.slope"], f"p{turn}")
        x = f.quant(x, MAP, f"n{turn}")
    f.quant(f.deconv(x), PIXEL, "y")
    return f.data()


def many_identities(count: int) -> bytes:
    """A long chain of Identities behind the output."""
    f = foreign().whole()
    x = "y"
    for number in range(count):
        x = f.node("Identity", [x], f"i{number}")
    return f.data()


def wide_scale() -> bytes:
    """A scale per channel that would make the bias a matrix of 10^10 values."""
    f = foreign().whole()
    f.quant("a.bias", MAP, "bias_q", scale=np.tile([0.25, 0.5], 50000).reshape(-1, 1))
    made = f.nodes.pop()
    f.nodes.insert(0, made)
    f.tensors = [t for t in f.tensors if t.name != "a.bias"]
    f.constant("a.bias", np.zeros(100000))
    next(n for n in f.nodes if n.op_type == "Conv").input[2] = "bias_q"
    return f.data()


def normalised(factor: float) -> Callable[[Path], object]:
    """A BatchNormalization behind the first layer."""
    def activation(f: Foreign, x: str, name: str) -> str:
        held = [f.constant(f"bn{n}", np.full(3, value))
                for n, value in enumerate((factor, 0.25, 0.5, 1))]
        return f.prelu(f.node("BatchNormalization", [x, *held], "bn", epsilon=0.0), name)
    return lay(lambda: with_activation(activation))


def dropout_of_nan(f: Foreign, x: str, name: str) -> str:
    """A ratio that onnxruntime does not like, though inference does not use it."""
    return f.prelu(f.node("Dropout", [x, f.constant("ratio", np.nan)], "drop"), name)


def names(model: onnx.ModelProto) -> None:
    """Names that a shell, a terminal, a path or C++ would obey."""
    evil = iter(["$(touch pwned)", "*/ int x; /*", "`id`", "../../up", "\x1b[2Jx", "a\nb",
                 "\u2028", "';--"] * 20)
    renamed = {name: f"{next(evil)}{at}" for at, name in enumerate(
        [t.name for t in model.graph.initializer] + [
            name for entry in model.graph.node for name in entry.output])}
    for tensor in model.graph.initializer:
        tensor.name = renamed[tensor.name]
    for entry in model.graph.node:
        entry.name = next(evil)
        entry.input[:] = [renamed.get(name, name) for name in entry.input]
        entry.output[:] = [renamed[name] for name in entry.output]
    model.graph.output[0].name = renamed[model.graph.output[0].name]


def long_name(model: onnx.ModelProto) -> None:
    node(model, "a_a").op_type = "Elu"
    node(model, "a_a").name = "n" * 4000


def constant_of(**value) -> Callable[[Path], object]:
    """Slopes from a Constant node of some form."""
    return lay(lambda: with_activation(lambda f, x, name: f.node(
        "PRelu", [x, f.node("Constant", [], "sl", **value)], "odd")))


def external(model: onnx.ModelProto) -> None:
    """Weights in /etc/passwd."""
    tensor = model.graph.initializer[3]
    onnx.external_data_helper.set_external_data(tensor, "/etc/passwd", 0, 108)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")


def external_sparse(model: onnx.ModelProto) -> None:
    """The same, in an attribute of a node that nothing uses."""
    value = numpy_helper.from_array(np.float32([0.25]), "v")
    onnx.external_data_helper.set_external_data(value, "/etc/passwd", 0, 4)
    value.data_location = TensorProto.EXTERNAL
    index = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.node.insert(0, helper.make_node(
        "Constant", [], ["stray"], sparse_value=helper.make_sparse_tensor(value, index, [3])))


def cycle(model: onnx.ModelProto) -> None:
    node(model, "a_c").input[0] = "m"


def huge_dims(model: onnx.ModelProto) -> None:
    model.graph.initializer[3].dims[:] = [2**20] * 3


def not_utf8(folder: Path) -> None:
    data = plain()
    (folder / "net.onnx").write_bytes(data.replace(b"a.weight", b"a.\xff\xfeight"))


def loop(model: onnx.ModelProto) -> None:
    """A Loop of 2^40 turns."""
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["z"], name="loop", body=body))


def unreadable(folder: Path) -> None:
    (folder / "net.onnx").symlink_to("net.onnx")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "net.onnx")


def inputs_twice(model: onnx.ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


def float16(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


CASES = (
    # valid, and hard
    Case("onnx-module-used-three-times", IMPORT, lay(used_twice), says="b_2", **GOOD),
    Case("onnx-ir-3-initializers-as-inputs", IMPORT, lay(lambda: plain(ir=3, inputs_too=True)),
         **GOOD),
    Case("onnx-newest-ir", IMPORT, lay(lambda: plain(ir=onnx.IR_VERSION)), **GOOD),
    Case("onnx-names-that-command", IMPORT, edited(names), says="mine_x2: net", **GOOD),
    Case("onnx-300-identities", IMPORT, lay(lambda: many_identities(300)), **GOOD, **SMALL),
    Case("onnx-leaky-relu", IMPORT, acted("LeakyRelu", alpha=0.2),
         says=r"LeakyRelu\) becomes one slope", **GOOD),
    Case("onnx-relu6", IMPORT, acted("Clip", 0, 6), says=r"Clip\) to 0\.\.6 becomes Relu", **GOOD),
    Case("onnx-batchnorm-power-of-two", IMPORT, normalised(-2), says="folded into a", **GOOD),
    Case("onnx-constant-floats", IMPORT, constant_of(value_floats=[0.25]), **GOOD),
    # refused, with the reason
    Case("onnx-batchnorm", IMPORT, normalised(1.5), says="before its weights are quantised"),
    Case("onnx-batchnorm-nan", IMPORT, normalised(float("nan")), says=r"holds nan"),
    Case("onnx-clip-too-early", IMPORT, acted("Clip", 0, 1), says=r"clips to 0\.\.1, and the Quant "
         r"behind it \(m\) saturates at -2\.\.1.984375"),
    Case("onnx-clip-upside-down", IMPORT, acted("Clip", 6, 0), says=r"clips to 6\.\.0"),
    Case("onnx-leaky-relu-inf", IMPORT, acted("LeakyRelu", alpha=np.inf), says="alpha is inf"),
    Case("onnx-constant-sparse", IMPORT, constant_of(sparse_value=helper.make_sparse_tensor(
        helper.make_tensor("v", TensorProto.FLOAT, [1], [0.25]),
        helper.make_tensor("i", TensorProto.INT64, [1], [0]), [2**40])), says="sparse_value"),
    Case("onnx-constant-text", IMPORT, constant_of(value_string=b"\xff\n"), says="value_string"),
    Case("onnx-external-data", IMPORT, edited(external), says="lies in an external file"),
    Case("onnx-external-data-unused", IMPORT, edited(external_sparse), says="external file"),
    Case("onnx-all-float16", IMPORT, edited(float16), says="element type float16"),
    Case("onnx-loop", IMPORT, edited(loop), says="unsupported operator Loop"),
    # damaged, or made to harm
    Case("onnx-dropout-of-nan", IMPORT, lay(lambda: with_activation(dropout_of_nan)),
         says="qonnx fails: "),
    Case("onnx-cycle", IMPORT, edited(cycle), says="topologically sorted"),
    Case("onnx-shape-of-2-60", IMPORT, edited(huge_dims), says="net.onnx: ", **SMALL),
    Case("onnx-scale-that-broadcasts", IMPORT, lay(wide_scale), says="scale has more",
         **SMALL),
    Case("onnx-pads-negative", IMPORT, edited(attribute("a_c", "pads", [-1] * 4)), says="pads is"),
    Case("onnx-pads-2-40", IMPORT, edited(attribute("d_c", "pads", [2**40] * 4)), says="pads is",
         **SMALL),
    Case("onnx-stride-2-40", IMPORT, edited(attribute("d_c", "strides", [2**40] * 2)),
         says="net.onnx: node d", **SMALL),
    Case("onnx-stride-0", IMPORT, edited(attribute("d_c", "strides", [0, 0])), says="strides is"),
    Case("onnx-group-0", IMPORT, edited(attribute("a_c", "group", 0)), says="group is 0"),
    Case("onnx-name-of-4000", IMPORT, edited(long_name), says="unsupported operator Elu"),
    Case("onnx-not-utf8", IMPORT, not_utf8, says="not UTF-8|corrupt"),
    Case("onnx-too-many-nodes", IMPORT, lay(lambda: many_identities(3000)), says="nodes; allowed"),
    Case("onnx-input-twice", IMPORT, edited(inputs_twice), says="net.onnx: "),
    Case("onnx-bits-nan", IMPORT, given(m_b=float("nan")), says="holds nan"),
    Case("onnx-scale-denormal", IMPORT, given(m_s=2.0**-140), says="allowed: a positive power"),
    Case("onnx-bias-of-no-axis", IMPORT, given(a__bias=0.5), says=r"bias of shape \(\)"),
    Case("onnx-weight-of-one-axis", IMPORT, given(d__weight=np.zeros(3)), says="four axes"),
    Case("onnx-weight-of-no-value", IMPORT, given(a__weight=np.zeros((0, 1, 3, 3))),
         says=r"shape \(0, 1, 3, 3\)"),
    Case("onnx-ir-99", IMPORT, edited(lambda m: setattr(m, "ir_version", 99)),
         says="IR version 99; allowed"),
    Case("onnx-link-to-itself", IMPORT, unreadable, says="net.onnx"),
    Case("onnx-a-folder", IMPORT, lambda folder: (folder / "net.onnx").mkdir(), says="net.onnx"),
    Case("onnx-a-pipe", IMPORT, pipe, says="net.onnx", seconds=30),
)
