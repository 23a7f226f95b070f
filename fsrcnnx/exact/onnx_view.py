"""A strict view of an ONNX file: who makes a tensor, what a constant holds, which attributes exist.

May import numpy, onnx and the errors. Every refusal names file, node, attribute, what was found
and what is allowed. Nodes that were looked at are remembered, so that a caller can refuse the rest.

    view = OnnxView.parse(data, "model.onnx"); node = view.producer("hr")
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import NodeProto, TensorProto, helper, numpy_helper

from fsrcnnx.errors import ModelError

# ai.onnx: since 11 no operator that we read has changed its meaning (22 only added types)
OLDEST_OPSET, NEWEST_OPSET = 11, 23
QUANT_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas")  # the second is Brevitas' older name
QUANT_OPERATORS = ("Quant", "IntQuant")  # QONNX has both names for one operator
QUANT_OPSETS = (1, 2)  # 2 changed Trunc only
# operator -> least and greatest number of inputs
QUANT_INPUTS = (4, 4)
STOCK_OPERATORS = {"Conv": (2, 3), "ConvTranspose": (2, 3), "PRelu": (2, 2), "Relu": (1, 1),
                   "Add": (2, 2), "Resize": (3, 4), "Constant": (0, 0)}
ELEMENT_TYPES = {number: name.lower() for name, number in TensorProto.DataType.items()}


def is_quant(node: NodeProto) -> bool:
    """Tell whether a node is a QONNX integer quantiser."""
    return node.domain in QUANT_DOMAINS and node.op_type in QUANT_OPERATORS


class OnnxView:
    """One graph with one input and one output, of supported operators.

    Args:
        model: The parsed file.
        file: Its name, for errors.

    Raises:
        ModelError: If the file is not such a graph.
    """

    def __init__(self, model: onnx.ModelProto, file: str):
        self.file, self.model = file, model
        self.graph = model.graph
        self.metadata = {prop.key: prop.value for prop in model.metadata_props}
        self.visited: set[str] = set()
        self._refuse_structure(model)
        self._refuse_operators(model)
        try:
            onnx.checker.check_model(model)
        except Exception as error:  # onnx raises several kinds, some of them C++'s
            self.refuse(f"not a valid ONNX file: {str(error).splitlines()[0]}")
        self.constants = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = self._constant_node(node)
        self._producers = {name: node for node in self.graph.node for name in node.output if name}
        self.input, self.output = self._boundary()

    @classmethod
    def parse(cls, data: bytes, file: str) -> OnnxView:
        """Parse a file's bytes.

        Args:
            data: Content of an .onnx file.
            file: Its name, for errors.

        Returns:
            The view.

        Raises:
            ModelError: If the bytes are no ONNX model, or one that is not supported.
        """
        fix = "export the model again"
        if not data:
            raise ModelError("the file is empty", where=file, allowed="a QONNX file", fix=fix)
        try:
            model = onnx.load_model_from_string(data)
        except (DecodeError, UnicodeDecodeError, ValueError) as error:
            raise ModelError("corrupt, not an ONNX file", where=file, allowed="a QONNX file",
                             fix=fix) from error
        if not model.HasField("graph") or not model.graph.node:
            raise ModelError("no graph in it, not an ONNX model", where=file,
                             allowed="a QONNX file", fix=fix)
        return cls(model, file)

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
        where = self.file
        if node is not None:
            name = node.name or f"-> {', '.join(node.output)}"
            where += f": node {name} ({node.op_type})"
        raise ModelError(what, where=where, allowed=allowed, fix=fix)

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
        for attribute in node.attribute:
            if attribute.name not in defaults:
                self.refuse(f"attribute {attribute.name}", node, allowed=", ".join(defaults))
            value = helper.get_attribute_value(attribute)
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
        try:
            value = numpy_helper.to_array(tensor).astype(np.float64)
        except (ValueError, TypeError) as error:
            self.refuse(f"input {role} ({name}) is corrupt: {error}", node)
        if not np.isfinite(value).all():
            self.refuse(f"input {role} ({name}) holds {value[~np.isfinite(value)].flat[0]}", node,
                        allowed="finite values", fix="train or export the model again")
        return value

    def refuse_unvisited(self) -> None:
        """Refuse nodes that nothing has read.

        Raises:
            ModelError: Naming the first.
        """
        for node in self.graph.node:
            if node.op_type != "Constant" and node.output[0] not in self.visited:
                self.refuse("not part of the chain from input to output", node,
                            allowed="one chain of layers, each feature map used once")

    def _refuse_structure(self, model: onnx.ModelProto) -> None:
        """Refuse what would change the meaning of the graph behind our back."""
        for field in ("functions", "training_info"):
            if len(getattr(model, field)):
                self.refuse(f"{field} in the model", allowed="a plain graph")
        if len(self.graph.sparse_initializer):
            self.refuse("sparse initializers", allowed="dense ones")
        # the parser hands out bytes where text is not UTF-8
        texts = [text for node in self.graph.node
                 for text in (node.name, node.op_type, node.domain, *node.input, *node.output,
                              *(attribute.name for attribute in node.attribute))]
        texts += [text for value in (*self.graph.input, *self.graph.output) for text in (
            value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim))]
        texts += [tensor.name for tensor in self.graph.initializer]
        texts += [entry.domain for entry in model.opset_import]
        if not all(isinstance(text, str) for text in (*texts, *sum(self.metadata.items(), ()))):
            self.refuse("corrupt: text that is not UTF-8", fix="export the model again")
        if len(self.metadata) != len(model.metadata_props):
            self.refuse("metadata keys that occur twice", allowed="unique keys")
        held = [(tensor, None) for tensor in self.graph.initializer] + [
            (a.t, node) for node in self.graph.node for a in node.attribute if a.HasField("t")]
        for tensor, node in held:
            if tensor.data_location == TensorProto.EXTERNAL:
                self.refuse(f"the data of {tensor.name or 'a constant'} lies in an external file",
                            node, allowed="data inside the .onnx file",
                            fix="save the model without external data")

    def _refuse_operators(self, model: onnx.ModelProto) -> None:
        """Refuse opsets and operators that we do not read."""
        opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
        stock = opsets.get("ai.onnx", 0)
        if not OLDEST_OPSET <= stock <= NEWEST_OPSET:
            self.refuse(f"opset {stock or 'missing'} of ai.onnx",
                        allowed=f"{OLDEST_OPSET}..{NEWEST_OPSET}", fix="export with opset 13")
        allowed = ", ".join(("Quant (of qonnx.custom_op.general)", *STOCK_OPERATORS))
        for node in self.graph.node:
            if is_quant(node):
                version = opsets.get(node.domain, 0)
                if version not in QUANT_OPSETS:
                    self.refuse(f"opset {version or 'missing'} of {node.domain}", node,
                                allowed=" or ".join(map(str, QUANT_OPSETS)))
            elif node.domain not in ("", "ai.onnx") or node.op_type not in STOCK_OPERATORS:
                domain = f" of {node.domain}" if node.domain else ""
                self.refuse(f"unsupported operator {node.op_type}{domain}", node, allowed=allowed)
            least, most = STOCK_OPERATORS.get(node.op_type, QUANT_INPUTS)
            if not least <= len(node.input) <= most or "" in node.input[:1]:
                self.refuse(f"{len(node.input)} inputs ({', '.join(node.input)})", node,
                            allowed=f"{least}..{most}")
            if len(node.output) != 1 or not node.output[0]:
                self.refuse(f"{len(node.output)} outputs", node, allowed="1")

    def _constant_node(self, node: NodeProto) -> TensorProto:
        """Take the tensor out of a Constant node."""
        if [attribute.name for attribute in node.attribute] != ["value"]:
            self.refuse(f"attribute {', '.join(a.name for a in node.attribute) or 'missing'}",
                        node, allowed="value")
        return node.attribute[0].t

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
