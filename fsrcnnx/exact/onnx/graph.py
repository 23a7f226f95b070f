"""A small builder of readable, reproducible ONNX files: names, exact constants, metadata, bytes.

May import numpy, onnx, the formats and the ground. Every tensor is named like the node that makes
it; constants are exact, or refused.

    graph = GraphBuilder("net"); graph.node("Relu", ["lr"], "hr")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fsrcnnx.errors import ModelError, Unrepresentable
from fsrcnnx.exact.formats import Format
from fsrcnnx.files import atomic

QONNX_DOMAIN = "qonnx.custom_op.general"
OPSET = 13  # ai.onnx: the oldest with per-axis operators settled; every runtime since 2021 reads it
IR_VERSION = 8  # the file version that came with opsets 13..17
QONNX_OPSET = 1
ROUNDING = "ROUND"  # QONNX's name for half to even
FLOAT32_DIGITS = 24  # IEEE 754: integers up to 2^24 are exact
Dim = int | str


def exact_float32(raw: np.ndarray, frac: int, where: str) -> np.ndarray:
    """Turn raw integers into float32 values without any rounding.

    Args:
        raw: int64, any shape, LSB 2^-frac.
        frac: Fraction bits.
        where: What the values are, for the error.

    Returns:
        float32, same shape, raw * 2^-frac.

    Raises:
        Unrepresentable: If a value has more digits, or is larger or smaller, than float32 holds.
    """
    raw = np.asarray(raw, np.int64)
    with np.errstate(over="ignore"):
        value = np.ldexp(raw.astype(np.float64), -frac).astype(np.float32)
    # what float32 flushes to 0, denormalises or overflows counts as not held
    held = (raw == 0) | (np.isfinite(value) & (np.abs(value) >= np.finfo(np.float32).tiny))
    back = np.ldexp(np.where(held, value, 0).astype(np.float64), frac)
    held &= back.astype(np.int64) == raw
    if not held.all():
        raise Unrepresentable(f"raw {raw[~held].flat[0]} * 2^{-frac} is no float32", where=where,
                              allowed="24 significant bits, magnitude 2^-126..2^127",
                              fix="use fewer bits")
    return value


def activation_format_fits(to: Format) -> bool:
    """Tell whether a float32 runtime saturates exactly at a format's bounds.

    Args:
        to: Format of a feature map.

    Returns:
        False for bounds beyond 2^24, and for 1 signed bit, which QONNX takes for {-1, +1}.
    """
    return to.width - to.signed <= FLOAT32_DIGITS and not (to.signed and to.width == 1)


class GraphBuilder:
    """Collects nodes and constants, then becomes a model.

    Args:
        name: Graph name.
    """

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._taken: set[str] = set()

    def _claim(self, name: str) -> str:
        if name in self._taken:
            raise ModelError(f"two tensors would be called {name!r}", where=self.name,
                             allowed="unique names", fix="rename a layer")
        self._taken.add(name)
        return name

    def input(self, name: str, dtype: int, shape: Sequence[Dim]) -> str:
        """Declare the graph's input; returns its name."""
        self.inputs.append(helper.make_tensor_value_info(self._claim(name), dtype, list(shape)))
        return name

    def output(self, name: str, dtype: int, shape: Sequence[Dim]) -> None:
        """Declare the graph's output, a tensor that some node makes."""
        self.outputs.append(helper.make_tensor_value_info(name, dtype, list(shape)))

    def constant(self, name: str, value: np.ndarray) -> str:
        """Add an initializer.

        Args:
            name: Tensor name.
            value: Array of any shape; its dtype becomes the element type.

        Returns:
            The name.
        """
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(
            np.shape(value)), self._claim(name)))
        return name

    def node(self, op: str, inputs: Sequence[str], name: str, *, output: str = "",
             domain: str = "", doc: str = "", **attributes) -> str:
        """Add a node.

        Args:
            op: Operator.
            inputs: Tensor names.
            name: Node name.
            output: Name of its result, the node's own if empty.
            domain: Operator set, ai.onnx if empty.
            doc: Text that viewers show.
            **attributes: Operator attributes.

        Returns:
            Name of its result.
        """
        output = self._claim(output or name)
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=name, domain=domain,
                                           doc_string=doc or None, **attributes))
        return output

    def quant(self, source: str, to: Format, name: str, *, output: str = "") -> str:
        """Add a QONNX Quant node: requantise to a format, half to even, saturating.

        Args:
            source: Tensor to quantise.
            to: Format; scale 2^-frac, zero point 0.
            name: Node name.
            output: Name of its result, the node's own if empty.

        Returns:
            Name of its result.

        Raises:
            Unrepresentable: If QONNX has no such format.
        """
        if to.signed and to.width == 1:
            raise Unrepresentable("1 signed bit, which QONNX reads as {-1, +1}",
                                  where=f"node {name}", allowed="2 bits or more")
        return self.node(
            "Quant",
            [source, self.constant(f"{name}_scale", exact_float32(1, to.frac, f"node {name}")),
             self.constant(f"{name}_zero_point", np.float32(0)),
             self.constant(f"{name}_bits", np.float32(to.width))],
            name, output=output, domain=QONNX_DOMAIN, doc=str(to),
            signed=int(to.signed), narrow=0, rounding_mode=ROUNDING)

    def model(self, metadata: Mapping[str, str], doc: str, version: str) -> bytes:
        """Assemble, check and serialise the model.

        Args:
            metadata: Text properties, kept in order.
            doc: Description of the model.
            version: Version of the writer.

        Returns:
            The file's bytes, the same for the same content.

        Raises:
            RuntimeError: If onnx.checker refuses the model: the fault is ours.
        """
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == QONNX_DOMAIN for node in self.nodes):
            opsets.append(helper.make_opsetid(QONNX_DOMAIN, QONNX_OPSET))
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION,
                                  producer_name="fsrcnnx", producer_version=version,
                                  doc_string=doc)
        helper.set_model_props(model, dict(metadata))
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise RuntimeError(f"onnx.checker refuses {self.name} as written: {error}") from error
        return model.SerializeToString(deterministic=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Args:
        path: Target; its folder must exist.
        data: Content.

    Raises:
        InputError: If the file cannot be written.
    """
    with atomic(path) as part:
        part.write_bytes(data)


DOUBLE, FLOAT, UINT8 = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.UINT8
