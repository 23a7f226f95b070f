"""A foreign graph while it is rewritten: what uses a tensor, fresh names, notes of what was done.

May import numpy, onnx and the ONNX view. Names that the file uses are never given twice: one
module that a file uses in two places becomes two layers with constants of their own.

    draft = Draft(view); name = draft.constant("conv1_slope", np.float32(0.1))
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from onnx import NodeProto, numpy_helper

from fsrcnnx.exact.onnx.check import called
from fsrcnnx.exact.onnx.view import OnnxView


class Draft:
    """The graph of a view, to be changed.

    Args:
        view: The file; its graph is changed.
    """

    def __init__(self, view: OnnxView):
        self.view, self.graph = view, view.graph
        self.notes: list[str] = []
        self._names = {tensor.name for tensor in self.graph.initializer}
        self._names |= {value.name for value in (*self.graph.input, *self.graph.output)}
        self._names |= {name for node in self.graph.node for name in (*node.input, *node.output)}

    def fresh(self, stem: str) -> str:
        """Make a tensor name that the graph does not use.

        Args:
            stem: What it should be called.

        Returns:
            The stem, with a number behind it if it is taken.
        """
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}_{number}"
        self._names.add(name)
        return name

    def constant(self, stem: str, value: np.ndarray) -> str:
        """Add an initializer.

        Args:
            stem: What it should be called.
            value: Array of any shape; its dtype becomes the element type.

        Returns:
            Its name.
        """
        name = self.fresh(stem)
        self.hold(name, value)
        return name

    def hold(self, name: str, value: np.ndarray) -> None:
        """Let a tensor be a constant from now on.

        Args:
            name: Tensor that no node makes any more.
            value: Array of any shape.
        """
        self.view.spend(np.size(value))
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        self.view.constants[name] = self.graph.initializer[-1]

    def users(self) -> dict[str, list[NodeProto]]:
        """Find what uses each tensor.

        Returns:
            Tensor name -> the nodes that use it; the graph's output counts as an empty node.
        """
        found = {value.name: [NodeProto()] for value in self.graph.output}
        for node in self.graph.node:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def keep(self, nodes: Iterable[NodeProto]) -> None:
        """Let the graph have these nodes and no others.

        Args:
            nodes: In their order.
        """
        kept = [node.SerializeToString() for node in nodes]
        del self.graph.node[:]
        for data in kept:
            self.graph.node.add().ParseFromString(data)

    def bypass(self, gone: Iterable[NodeProto]) -> None:
        """Take nodes out: what used their results uses their first inputs.

        Args:
            gone: Nodes of the graph.
        """
        same = {node.output[0]: node.input[0] for node in gone}

        def source(name: str) -> str:
            """Follow a tensor to one that stays."""
            while name in same:
                name = same[name]
            return name

        for node in self.graph.node:
            node.input[:] = [source(name) for name in node.input]
        for value in self.graph.output:
            value.name = source(value.name)
        self.keep([node for node in self.graph.node if node.output[0] not in same])

    def note(self, node: NodeProto, what: str) -> None:
        """Remember what was done to a node.

        Args:
            node: The node as it was.
            what: In a few words.
        """
        self.notes.append(f"{called(node.name or node.output[0])} ({node.op_type}) {what}")
