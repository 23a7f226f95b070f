"""What of an ONNX file is read at all: its structure, operator sets and operators, checked first.

May import onnx, the limits and the errors. A dialect says which operators a reader knows: the
strict reader few, `fsrcnnx import` also those that it rewrites. What is refused here names the
file and the node, what was found and what is allowed.

    check(model, "model.onnx", STRICT)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import onnx
from onnx import NodeProto, TensorProto

from fsrcnnx import limits
from fsrcnnx.errors import ModelError, shown

QUANT_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas")  # the second is Brevitas' older name
QUANT_OPERATORS = ("Quant", "IntQuant")  # QONNX has both names for one operator
QUANT_OPSETS = (1, 2)  # 2 changed Trunc only
QUANT_INPUTS = (4, 4)
OLDEST_IR = 3  # 3 lists initializers as graph inputs too, and is the first with operator sets
# operator -> least and greatest number of inputs
STOCK_OPERATORS = {"Conv": (2, 3), "ConvTranspose": (2, 3), "PRelu": (2, 2), "Relu": (1, 1),
                   "Add": (2, 2), "Resize": (3, 4), "DepthToSpace": (1, 1), "Constant": (0, 0)}
# those that `import` rewrites, on the way to the ones above
REWRITTEN = {"BatchNormalization": (5, 5), "Cast": (1, 1), "Clip": (1, 3), "Dropout": (1, 3),
             "Identity": (1, 1), "LeakyRelu": (1, 1), "Reshape": (2, 2), "Squeeze": (1, 2),
             "Transpose": (1, 1), "Unsqueeze": (1, 2), "QuantizeLinear": (2, 3),
             "DequantizeLinear": (2, 3)}
# what no shift, sum and product makes exactly: activations, and choices between channels
SMOOTH = ("Elu", "Gelu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Sigmoid", "Softplus", "Tanh")
CHOOSING = ("ArgMax", "LogSoftmax", "Max", "MaxPool", "Min", "ReduceMax", "Softmax", "Split")
FIXES = dict.fromkeys(SMOOTH, "train it with ReLU, LeakyReLU or PReLU instead") | dict.fromkeys(
    CHOOSING, "train a network without a maximum or a softmax (edge-SR has one), such as espcn_x2")
LONGEST_NAME = 60  # characters of a name in an error


@dataclass(frozen=True)
class Dialect:
    """What a reader takes.

    Args:
        operators: Of ai.onnx, with least and greatest number of inputs.
        opsets: Versions of ai.onnx.
        fix: What to do about another operator.
    """

    operators: Mapping[str, tuple[int, int]]
    opsets: range
    fix: str


# since opset 11 no operator that we read has changed its meaning (22 only added types); those that
# `import` rewrites are read as 7 defined them too
STRICT = Dialect(STOCK_OPERATORS, range(11, 24),
                 "`fsrcnnx import` rewrites what can be rewritten exactly")
FOREIGN = Dialect(STOCK_OPERATORS | REWRITTEN, range(7, 24),
                  "only what becomes a layer of integers exactly is taken: docs/bring-your-own.md")


def is_quant(node: NodeProto) -> bool:
    """Tell whether a node is a QONNX integer quantiser."""
    return node.domain in QUANT_DOMAINS and node.op_type in QUANT_OPERATORS


def called(name: str) -> str:
    """Write a name that comes from a file so that it fits into a line."""
    return shown(name, LONGEST_NAME)


def refuse(file: str, what: str, node: NodeProto | None = None, *, allowed: str = "",
           fix: str = "") -> NoReturn:
    """Stop reading a file.

    Args:
        file: Its name.
        what: What is wrong.
        node: Where, if at a node.
        allowed: What would be accepted.
        fix: What to do.

    Raises:
        ModelError: Always.
    """
    where = file
    if node is not None:
        name = node.name or f"-> {', '.join(node.output)}"
        where += f": node {called(name)} ({called(node.op_type)})"
    raise ModelError(what, where=where, allowed=allowed, fix=fix)


def first_line(error: Exception) -> str:
    """Shorten another library's error to what fits into a line."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def check(model: onnx.ModelProto, file: str, dialect: Dialect, *, rewritten: bool = False) -> None:
    """Refuse a model that a reader does not take.

    Args:
        model: The parsed file.
        file: Its name, for errors.
        dialect: What the reader takes.
        rewritten: Whether we have rewritten it: then it is not the file that is invalid.

    Raises:
        ModelError: Naming the node and what is allowed.
        RuntimeError: If a rewritten model is invalid.
    """
    refuse_structure(model, file)
    refuse_operators(model, file, dialect)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # onnx raises several kinds, some of them C++'s
        if rewritten:
            raise RuntimeError(f"rewriting {file} has made it invalid: "
                               f"{first_line(error)}") from error
        refuse(file, f"not a valid ONNX file: {first_line(error)}")


def _texts(model: onnx.ModelProto) -> list:
    """Every text that a reader looks at; bytes where the parser found no UTF-8."""
    graph = model.graph
    texts = [text for node in graph.node
             for text in (node.name, node.op_type, node.domain, *node.input, *node.output,
                          *(attribute.name for attribute in node.attribute))]
    texts += [text for value in (*graph.input, *graph.output) for text in (
        value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim))]
    texts += [tensor.name for tensor in graph.initializer]
    texts += [entry.domain for entry in model.opset_import]
    texts += [text for prop in model.metadata_props for text in (prop.key, prop.value)]
    return [*texts, model.producer_name, model.producer_version]


def refuse_structure(model: onnx.ModelProto, file: str) -> None:
    """Refuse what would change the meaning of the graph behind our back.

    Args:
        model: The parsed file.
        file: Its name, for errors.

    Raises:
        ModelError: Naming what is wrong.
    """
    graph = model.graph
    for field in ("functions", "training_info"):
        if len(getattr(model, field)):
            refuse(file, f"{field} in the model", allowed="a plain graph")
    if len(graph.sparse_initializer):
        refuse(file, "sparse initializers", allowed="dense ones")
    if len(graph.node) > limits.NODES:
        refuse(file, f"{len(graph.node)} nodes", allowed=f"up to {limits.NODES}")
    texts = _texts(model)
    if not all(isinstance(text, str) for text in texts):
        refuse(file, "corrupt: text that is not UTF-8", fix="export the model again")
    if any(len(text) > limits.TEXT for text in texts):
        refuse(file, "a name or text that is too long", allowed=f"up to {limits.TEXT} characters")
    keys = [prop.key for prop in model.metadata_props]
    if len(set(keys)) != len(keys):
        refuse(file, "metadata keys that occur twice", allowed="unique keys")
    if not OLDEST_IR <= model.ir_version <= onnx.IR_VERSION:
        refuse(file, f"IR version {model.ir_version}", allowed=f"{OLDEST_IR}..{onnx.IR_VERSION}",
               fix="export the model again")
    held = [(tensor, None) for tensor in graph.initializer]
    for node in graph.node:
        for given in node.attribute:
            held += [(tensor, node) for tensor in (
                given.t, given.sparse_tensor.values, given.sparse_tensor.indices, *given.tensors)]
    for tensor, node in held:
        if tensor.data_location == TensorProto.EXTERNAL:
            refuse(file, f"the data of {tensor.name or 'a constant'} lies in an external file",
                   node, allowed="data inside the .onnx file",
                   fix="save the model without external data")


def refuse_operators(model: onnx.ModelProto, file: str, dialect: Dialect) -> None:
    """Refuse operator sets and operators that a reader does not know.

    Args:
        model: The parsed file.
        file: Its name, for errors.
        dialect: What the reader takes.

    Raises:
        ModelError: Naming the node and what is allowed.
    """
    opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    stock = opsets.get("ai.onnx", 0)
    if stock not in dialect.opsets:
        refuse(file, f"opset {stock or 'missing'} of ai.onnx",
               allowed=f"{dialect.opsets[0]}..{dialect.opsets[-1]}", fix="export with opset 13")
    for node in model.graph.node:
        if is_quant(node):
            version = opsets.get(node.domain, 0)
            if version not in QUANT_OPSETS:
                refuse(file, f"opset {version or 'missing'} of {node.domain}", node,
                       allowed=" or ".join(map(str, QUANT_OPSETS)))
        elif node.domain not in ("", "ai.onnx") or node.op_type not in dialect.operators:
            domain = f" of {node.domain}" if node.domain else ""
            refuse(file, f"unsupported operator {node.op_type}{domain}", node,
                   fix=FIXES.get(node.op_type, dialect.fix),
                   allowed=", ".join(("Quant (of qonnx.custom_op.general)", *dialect.operators)))
        least, most = QUANT_INPUTS if is_quant(node) else dialect.operators[node.op_type]
        if not least <= len(node.input) <= most or "" in node.input[:1]:
            refuse(file, f"{len(node.input)} inputs ({', '.join(node.input)})", node,
                   allowed=f"{least}..{most}")
        made = [name for name in node.output[1:] if name]
        if node.op_type == "Dropout" and dialect is FOREIGN:
            made = made[1:]  # its mask
        if made or not node.output or not node.output[0]:
            refuse(file, f"{len(node.output)} outputs", node, allowed="1")
