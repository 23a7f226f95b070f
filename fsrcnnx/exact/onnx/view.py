"""A strict view of an ONNX file: who makes a tensor, what a constant holds, which attributes exist.

May import numpy, onnx, its bytes and the ground. Every refusal names file, node, attribute, what
was found and what is allowed. Nodes that were looked at are remembered, so that a caller can refuse
the rest.

    view = OnnxView.parse(data, "model.onnx"); node = view.producer("hr")
"""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from fsrcnnx import limits
from fsrcnnx.exact.onnx import check as onnx_check
from fsrcnnx.exact.onnx.bytes import parse
from fsrcnnx.exact.onnx.check import STRICT, Dialect, is_quant

__all__ = ["OnnxView", "is_quant"]

ELEMENT_TYPES = {number: name.lower() for name, number in TensorProto.DataType.items()}
MOST_AXES = 8
# attribute of a Constant node -> element type; what it holds, float32 or int64, is exact
VALUES = {"value_float": np.float32, "value_floats": np.float32,
          "value_int": np.int64, "value_ints": np.int64}


class OnnxView:
    """One graph with one input and one output, of supported operators.

    Args:
        model: The parsed file.
        file: Its name, for errors.
        dialect: The operators that are supported.
        rewritten: Whether we have rewritten the file's model.

    Raises:
        ModelError: If the file is not such a graph.
        RuntimeError: If a rewritten model is invalid.
    """

    def __init__(self, model: onnx.ModelProto, file: str, dialect: Dialect = STRICT, *,
                 rewritten: bool = False):
        self.file, self.model, self.dialect = file, model, dialect
        self.graph = model.graph
        onnx_check.check(model, file, dialect, rewritten=rewritten)
        self.metadata = {prop.key: prop.value for prop in model.metadata_props}
        self.visited: set[str] = set()
        self._weights = 0
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = self._constant_node(node)
        self._producers = {name: node for node in self.graph.node for name in node.output if name}
        self.input, self.output = self._boundary()

    @classmethod
    def parse(cls, data: bytes, file: str, dialect: Dialect = STRICT) -> OnnxView:
        """Parse a file's bytes.

        Args:
            data: Content of an .onnx file.
            file: Its name, for errors.
            dialect: The operators that are supported.

        Returns:
            The view.

        Raises:
            ModelError: If the bytes are no ONNX model, or one that is not supported.
        """
        return cls(parse(data, file), file, dialect)

    def refuse(self, what: str, node: NodeProto | None = None, *, allowed: str = "",
               fix: str = "") -> NoReturn:
        """Stop reading.

        Args:
            what: What is wrong.
            node: Where, if at a node.
            allowed: What would be accepted.
            fix: What to do.

        Raises:
            ModelError: Always.
        """
        onnx_check.refuse(self.file, what, node, allowed=allowed, fix=fix)

    def producer(self, tensor: str, wanted: str, of: NodeProto | None) -> NodeProto:
        """Find the node that makes a tensor, and mark it as read.

        Args:
            tensor: Tensor name.
            wanted: What it should be, for the error.
            of: Node that uses the tensor.

        Returns:
            The node.

        Raises:
            ModelError: If the tensor is the graph's input, a constant or missing.
        """
        node = self._producers.get(tensor)
        if node is None:
            kind = ("the graph's input" if tensor == self.input else
                    "a constant" if tensor in self.constants else "nothing")
            self.refuse(f"its input {tensor!r} is {kind}", of, allowed=wanted)
        self.visited.add(node.output[0])
        return node

    def attributes(self, node: NodeProto, **defaults):
        """Read a node's attributes.

        Args:
            node: The node.
            **defaults: Every attribute that it may have, with its default.

        Returns:
            Attribute name -> value, defaults filled in, text as str.

        Raises:
            ModelError: If it has another attribute, or one of another type.
        """
        values = dict(defaults)
        given = [attribute.name for attribute in node.attribute]
        for attribute in node.attribute:
            if attribute.name not in defaults:
                self.refuse(f"attribute {attribute.name}", node,
                            allowed=", ".join(defaults) or "none")
            if given.count(attribute.name) > 1 or attribute.ref_attr_name:
                self.refuse(f"attribute {attribute.name} twice, or by reference", node,
                            allowed="one value")
            try:
                value = helper.get_attribute_value(attribute)
            except ValueError as error:
                self.refuse(f"attribute {attribute.name} is corrupt: {error}", node)
            value = value.decode(errors="replace") if isinstance(value, bytes) else value
            like = defaults[attribute.name]
            if like is not None and type(like) is not type(value):
                self.refuse(f"attribute {attribute.name} is {value!r}", node,
                            allowed=f"a {type(like).__name__}")
            values[attribute.name] = value
        return values

    def constant(self, node: NodeProto, index: int, role: str) -> np.ndarray:
        """Read a constant input of a node.

        Args:
            node: The node.
            index: Which input.
            role: What it is, for the error.

        Returns:
            float64 array of any shape, finite.

        Raises:
            ModelError: If the input is missing, computed, of another element type or not finite.
        """
        name = node.input[index] if index < len(node.input) else ""
        if name not in self.constants:
            self.refuse(f"input {role} ({name or 'missing'}) is not a constant", node,
                        allowed="an initializer or Constant node")
        tensor = self.constants[name]
        if tensor.data_type != TensorProto.FLOAT:
            self.refuse(f"input {role} ({name}) has element type "
                        f"{ELEMENT_TYPES.get(tensor.data_type, tensor.data_type)}", node,
                        allowed="float")
        if len(tensor.dims) > MOST_AXES or min(tensor.dims, default=0) < 0 \
                or math.prod(tensor.dims) > limits.WEIGHTS:
            self.refuse(f"input {role} ({name}) has shape {tuple(tensor.dims)}", node,
                        allowed=f"up to {MOST_AXES} axes and {limits.WEIGHTS} values")
        try:
            value = numpy_helper.to_array(tensor).astype(np.float64)
        except (ValueError, TypeError) as error:
            self.refuse(f"input {role} ({name}) is corrupt: {error}", node)
        if not np.isfinite(value).all():
            self.refuse(f"input {role} ({name}) holds {value[~np.isfinite(value)].flat[0]}", node,
                        allowed="finite values", fix="train or export the model again")
        return value

    def spend(self, weights: int, node: NodeProto | None = None) -> None:
        """Count weights that are taken out of the file; several layers may take the same.

        Args:
            weights: How many.
            node: For what, if for a layer.

        Raises:
            ModelError: If with those before they are more than a network may have.
        """
        self._weights += weights
        if self._weights > limits.WEIGHTS:
            self.refuse(f"{self._weights} weights so far", node,
                        allowed=f"up to {limits.WEIGHTS} in all layers together")

    def refuse_unvisited(self) -> None:
        """Refuse nodes that nothing has read.

        Raises:
            ModelError: Naming the first.
        """
        for node in self.graph.node:
            if node.op_type != "Constant" and node.output[0] not in self.visited:
                self.refuse("not part of the chain from input to output", node,
                            allowed="one chain of layers, each feature map used once")

    def _constant_node(self, node: NodeProto) -> TensorProto:
        """Take the tensor out of a Constant node."""
        names = [given.name for given in node.attribute]
        if names == ["value"]:
            return node.attribute[0].t
        if len(names) != 1 or names[0] not in VALUES:
            self.refuse(f"attribute {', '.join(names) or 'missing'}", node,
                        allowed=f"one of value, {', '.join(VALUES)}")
        given = self.attributes(node, **{names[0]: None})[names[0]]
        return numpy_helper.from_array(np.array(given, VALUES[names[0]]), node.output[0])

    def _boundary(self) -> tuple[str, str]:
        """Find the one float32 input (N, 1, H, W) and the one output."""
        inputs = [value for value in self.graph.input if value.name not in self.constants]
        for values, side in ((inputs, "input"), (self.graph.output, "output")):
            if len(values) != 1:
                names = ", ".join(value.name for value in values)
                self.refuse(f"{len(values)} graph {side}s ({names})", allowed="1")
            kind = values[0].type.tensor_type
            if kind.elem_type != TensorProto.FLOAT:
                self.refuse(f"graph {side} {values[0].name!r} has element type "
                            f"{ELEMENT_TYPES.get(kind.elem_type, kind.elem_type)}",
                            allowed="float")
            dims = kind.shape.dim
            if kind.HasField("shape") and (
                    len(dims) != 4 or (dims[1].HasField("dim_value") and dims[1].dim_value != 1)):
                shape = tuple(d.dim_value or d.dim_param or "?" for d in dims)
                self.refuse(f"graph {side} {values[0].name!r} has shape {shape}",
                            allowed="(N, 1, H, W)")
        return inputs[0].name, self.graph.output[0].name
