"""Small QONNX files as other tools write them, built node by node; every value on its grid.

    foreign = Foreign(np.random.default_rng(1)); data = foreign.whole().data()
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.adopt import Adopted, adopt
from tests.networks import random_picture

PIXEL, MAP, WEIGHT = Format(False, 8, 8), Format(True, 8, 6), Format(True, 8, 7)
QONNX = "qonnx.custom_op.general"


class Foreign:
    """A graph that grows node by node, input `lr`.

    Args:
        rng: Source of the weights.
        bias_step: Grid of the biases; by default that of the first accumulator.
    """

    def __init__(self, rng: np.random.Generator, bias_step: float = 2.0**-13):
        self.rng, self.bias_step = rng, bias_step
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def constant(self, name: str, value, dtype=np.float32) -> str:
        """An initializer."""
        self.tensors.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, op: str, inputs, output: str, **attributes) -> str:
        """A node called as its result."""
        outputs = output if isinstance(output, list) else [output]
        self.nodes.append(helper.make_node(op, list(inputs), outputs, name=outputs[0],
                                           **attributes))
        return outputs[0]

    def quant(self, source: str, to: Format, output: str, narrow: int = 0, scale=None) -> str:
        """A Quant."""
        inputs = [source, self.constant(f"{output}_s", to.step if scale is None else scale),
                  self.constant(f"{output}_z", 0), self.constant(f"{output}_b", to.width)]
        return self.node("Quant", inputs, output, domain=QONNX, signed=int(to.signed),
                         narrow=narrow, rounding_mode="ROUND")

    def parameters(self, name: str, shape: tuple, channels: int) -> list[str]:
        """A module's quantised weight and its bias."""
        self.constant(f"{name}.weight", self.rng.integers(-127, 128, shape) * WEIGHT.step)
        self.constant(f"{name}.bias", self.rng.integers(-800, 800, channels) * self.bias_step)
        return [self.quant(f"{name}.weight", WEIGHT, f"{name}_w", narrow=1), f"{name}.bias"]

    def conv(self, x: str, name: str, given: list[str] | None = None, into: int = 1) -> str:
        """A 3x3 convolution to 3 channels, of given parameters or its own."""
        given = given or self.parameters(name, (3, into, 3, 3), 3)
        return self.node("Conv", [x, *given], f"{name}_c", pads=[1, 1, 1, 1], kernel_shape=[3, 3])

    def prelu(self, x: str, name: str, slope=(0.25, 0.125, -0.5)) -> str:
        """A PReLU of slopes on a coarse grid."""
        slope = self.constant(f"{name}.slope", np.reshape(slope, (-1, 1, 1)))
        return self.node("PRelu", [x, slope], f"{name}_a")

    def deconv(self, x: str) -> str:
        """A 4x4 transposed convolution, x2, without Quant."""
        given = self.parameters("d", (3, 1, 4, 4), 1)
        return self.node("ConvTranspose", [x, *given], "d_c", strides=[2, 2], pads=[1, 1, 1, 1])

    def whole(self, activation=None) -> Foreign:
        """lr -> Quant -> Conv -> activation -> Quant -> ConvTranspose -> Quant."""
        x = self.conv(self.quant("lr", PIXEL, "x"), "a")
        x = (activation or Foreign.prelu)(self, x, "a")
        self.quant(self.deconv(self.quant(x, MAP, "m")), PIXEL, "y")
        return self

    def model(self, opset: int = 13, ir: int = 8, output: str = "", *, source: str = "lr",
              inputs_too: bool = False) -> onnx.ModelProto:
        """The model; its output is what the last node gives."""
        inputs = [helper.make_tensor_value_info(source, TensorProto.FLOAT, [1, 1, "h", "w"])]
        if inputs_too:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims)
                       for t in self.tensors]
        out = helper.make_tensor_value_info(output or self.nodes[-1].output[0], TensorProto.FLOAT,
                                            [1, 1, "H", "W"])
        graph = helper.make_graph(self.nodes, "net", inputs, [out], self.tensors)
        return helper.make_model(graph, ir_version=ir, opset_imports=[
            helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)])

    def data(self, **options) -> bytes:
        """The model's bytes."""
        return self.model(**options).SerializeToString()


def foreign() -> Foreign:
    """An empty graph; its weights come in the same order each time."""
    return Foreign(np.random.default_rng(1))


def plain(**options) -> bytes:
    """The file that the others vary."""
    return foreign().whole().data(**options)


def with_activation(activation, **options) -> bytes:
    """The plain file with another activation: a function of the graph, a tensor and a name."""
    return foreign().whole(activation).data(**options)


def same_bits(data: bytes, folder: Path, **options) -> Adopted:
    """Hold an import, which must have rounded nothing, against the file's reference execution."""
    path = folder / "foreign.onnx"
    path.write_bytes(data)
    adopted = adopt(data, path.name, **options)
    assert adopted.exact
    rng = np.random.default_rng(5)
    for size in ((7, 6), (1, 1)):
        lr = random_picture(rng, *size)
        assert (onnx_io.run_qonnx(path, lr, adopted.network)
                == golden.run(adopted.network, lr)).all()
    return adopted
