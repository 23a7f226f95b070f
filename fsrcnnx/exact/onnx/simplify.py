"""Take out of a foreign graph what changes no value: identities, dropout, casts, shaped constants.

May import numpy, onnx and the other ONNX parts. One walk in the order of the nodes, which the
checker has proved to be a topological one. Older forms become today's: initializers that are listed
as inputs too (IR 3), bounds of Clip that are attributes, LeakyRelu as PRelu with one slope for all.

    view, notes = simplify(OnnxView.parse(data, "foreign.onnx", FOREIGN))
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from onnx import NodeProto, TensorProto, numpy_helper

from fsrcnnx import limits
from fsrcnnx.exact.onnx.check import STRICT
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.graph import IR_VERSION, OPSET
from fsrcnnx.exact.onnx.view import ELEMENT_TYPES, MOST_AXES, OnnxView

LEAKY_ALPHA = 0.01  # ONNX's default


def _cast(view: OnnxView, node: NodeProto, value: np.ndarray) -> np.ndarray:
    """Do a Cast to float, the only one that there is."""
    with np.errstate(over="ignore"):  # what overflows is refused where it is used
        return value.astype(np.float32)


def _axes(view: OnnxView, node: NodeProto) -> tuple[int, ...] | None:
    """Read the axes of Squeeze or Unsqueeze: an attribute up to opset 12, then an input."""
    given = view.attributes(node, axes=None)["axes"]
    if len(node.input) > 1 and node.input[1]:
        given = array(view, node, 1).reshape(-1)
    return None if given is None else tuple(int(axis) for axis in np.atleast_1d(given))


def _unsqueeze(view: OnnxView, node: NodeProto, value: np.ndarray) -> np.ndarray:
    """Do an Unsqueeze."""
    return np.expand_dims(value, _axes(view, node) or ())


def _squeeze(view: OnnxView, node: NodeProto, value: np.ndarray) -> np.ndarray:
    """Do a Squeeze."""
    return np.squeeze(value, _axes(view, node))


def _transpose(view: OnnxView, node: NodeProto, value: np.ndarray) -> np.ndarray:
    """Do a Transpose."""
    return np.transpose(value, view.attributes(node, perm=None)["perm"])


def _reshape(view: OnnxView, node: NodeProto, value: np.ndarray) -> np.ndarray:
    """Do a Reshape, where 0 keeps a side."""
    keep = not view.attributes(node, allowzero=0)["allowzero"]
    shape = [int(side) for side in array(view, node, 1).reshape(-1)]
    return value.reshape([value.shape[at] if keep and side == 0 else side
                          for at, side in enumerate(shape)])


SHAPED: dict[str, Callable[[OnnxView, NodeProto, np.ndarray], np.ndarray]] = {
    "Cast": _cast, "Reshape": _reshape, "Squeeze": _squeeze, "Transpose": _transpose,
    "Unsqueeze": _unsqueeze}


def array(view: OnnxView, node: NodeProto, index: int) -> np.ndarray:
    """Read a constant input of any element type.

    Args:
        view: The file.
        node: The node that uses it.
        index: Which input.

    Returns:
        The constant.

    Raises:
        ModelError: If it is computed, or corrupt.
    """
    name = node.input[index]
    if name not in view.constants:
        view.refuse(f"input {name!r} is not a constant", node,
                    allowed="an initializer or Constant node")
    tensor = view.constants[name]
    if len(tensor.dims) > MOST_AXES or not 0 <= math.prod(tensor.dims) <= limits.WEIGHTS:
        view.refuse(f"input {name!r} has shape {tuple(tensor.dims)}", node,
                    allowed=f"up to {MOST_AXES} axes and {limits.WEIGHTS} values")
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:  # the last of a type that there is not
        view.refuse(f"input {name!r} is corrupt: {error}", node)


class Simplifier:
    """One walk over a graph.

    Args:
        draft: The graph.
    """

    def __init__(self, draft: Draft):
        self.draft, self.view = draft, draft.view
        self.same: dict[str, str] = {}  # tensor -> an earlier one that it equals
        self.used = draft.users()

    def run(self) -> None:
        """Rewrite every node that can go, or be said by another.

        Raises:
            ModelError: If one of them would change values.
        """
        kept = []
        for node in self.draft.graph.node:
            for index, name in enumerate(node.input):
                node.input[index] = self.same.get(name, name)
            handle = {"Identity": self._identity, "Dropout": self._dropout, "Clip": self._clip,
                      "LeakyRelu": self._leaky, "BatchNormalization": self._batchnorm,
                      }.get(node.op_type)
            if node.op_type in SHAPED:
                handle = self._shaped
            if node.domain not in ("", "ai.onnx") or handle is None or not handle(node):
                kept.append(node)
        for value in self.draft.graph.output:
            value.name = self.same.get(value.name, value.name)
        self.draft.keep(kept)

    def _identity(self, node: NodeProto) -> bool:
        """Let what an Identity gives be what it takes."""
        self.view.attributes(node)
        self.same[node.output[0]] = node.input[0]
        self.draft.note(node, "left out")
        return True

    def _dropout(self, node: NodeProto) -> bool:
        """Leave out a Dropout, which does nothing in inference."""
        self.view.attributes(node, ratio=None, seed=None)
        if len(node.input) > 2 and node.input[2] and array(self.view, node, 2).any():
            self.view.refuse("input training_mode is true", node, allowed="false",
                             fix="export the model in inference mode (model.eval())")
        for mask in node.output[1:]:
            if mask in self.used:
                self.view.refuse(f"its mask {mask!r} is used", node, allowed="its result alone")
        self.same[node.output[0]] = node.input[0]
        self.draft.note(node, "left out: inference drops nothing")
        return True

    def _leaky(self, node: NodeProto) -> bool:
        """Turn a LeakyRelu into a PRelu."""
        alpha = self.view.attributes(node, alpha=LEAKY_ALPHA)["alpha"]
        if not np.isfinite(alpha):
            self.view.refuse(f"attribute alpha is {alpha}", node, allowed="a finite slope")
        self.draft.note(node, f"becomes one slope for all channels, {alpha:.9g}")
        slope = self.draft.constant(f"{node.output[0]}_alpha", np.full(1, alpha, np.float32))
        node.op_type = "PRelu"
        node.ClearField("attribute")
        node.input.append(slope)
        return False

    def _clip(self, node: NodeProto) -> bool:
        """Turn the bounds of a Clip up to opset 10, attributes, into inputs."""
        given = self.view.attributes(node, min=None, max=None)
        if node.attribute:
            node.ClearField("attribute")
            node.input.extend(
                "" if given[end] is None else
                self.draft.constant(f"{node.output[0]}_{end}", np.float32(given[end]))
                for end in ("min", "max"))
        return False

    def _batchnorm(self, node: NodeProto) -> bool:
        """Take off an attribute that BatchNormalization had up to opset 8."""
        given = self.view.attributes(node, epsilon=None, momentum=None, training_mode=None,
                                     spatial=1)
        if given["spatial"] != 1:
            self.view.refuse(f"attribute spatial is {given['spatial']}", node, allowed="1")
        kept = [attribute for attribute in node.attribute if attribute.name != "spatial"]
        del node.attribute[:]
        node.attribute.extend(kept)
        return False

    def _shaped(self, node: NodeProto) -> bool:
        """Do what acts on a constant; leave out a cast from float to float."""
        if node.op_type == "Cast":
            to = self.view.attributes(node, to=0, saturate=None, round_mode=None)["to"]
            if to != TensorProto.FLOAT:
                self.view.refuse(f"attribute to is {ELEMENT_TYPES.get(to, to)}", node,
                                 allowed="float")
        if node.input[0] not in self.view.constants:
            if node.op_type == "Cast":  # every feature map is float: so are input and operators
                return self._identity_of_map(node)
            self.view.refuse("acts on a feature map", node, allowed="constants",
                             fix="export a network that keeps (N, C, H, W)")
        value = array(self.view, node, 0)
        try:
            value = SHAPED[node.op_type](self.view, node, value)
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            self.view.refuse(f"cannot be done to a constant of shape {value.shape}: {error}", node)
        self.draft.hold(node.output[0], np.ascontiguousarray(value).reshape(value.shape))
        self.draft.note(node, "of a constant done")
        return True

    def _identity_of_map(self, node: NodeProto) -> bool:
        """Leave out a Cast of a feature map."""
        self.same[node.output[0]] = node.input[0]
        self.draft.note(node, "left out: from float to float")
        return True


def simplify(view: OnnxView) -> tuple[OnnxView, list[str]]:
    """Bring a foreign graph to today's form, without what changes no value.

    Args:
        view: The file; its graph is changed.

    Returns:
        A view of the new graph, and what was done, a line each.

    Raises:
        ModelError: If something that should change no value does.
    """
    draft = Draft(view)
    Simplifier(draft).run()
    model, graph = view.model, view.graph
    if graph.output[0].name == view.input or graph.output[0].name in view.constants:
        view.refuse("no layer between input and output", allowed="1 layer or more")
    kept = [value.SerializeToString() for value in graph.input if value.name == view.input]
    del graph.input[:]
    graph.input.add().ParseFromString(kept[0])
    del graph.value_info[:]  # shapes of the graph as it was
    del graph.quantization_annotation[:]
    model.ir_version = max(model.ir_version, IR_VERSION)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version not in STRICT.opsets:
            entry.version = OPSET  # what is left has the same meaning there
    return OnnxView(model, view.file, view.dialect, rewritten=True), draft.notes
