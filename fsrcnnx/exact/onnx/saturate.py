"""Clip and ReLU6 before a Quant: left out where the Quant saturates at least as early, or refused.

May import numpy, onnx and the other ONNX parts. A Quant rounds and saturates, and never falls: if
it gives its greatest value for a bound, it gives that for everything above the bound too, so that
clipping changes nothing. The lower bound likewise; a lower bound of 0 is a ReLU.

    settle(draft)      # Conv -> Clip(0, 6) -> Quant(signed, up to 0.99) is Conv -> Relu -> Quant
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from fsrcnnx.exact.formats import Format, quantise
from fsrcnnx.exact.onnx.check import called
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.quant import constant_value, read_quant
from fsrcnnx.exact.onnx.view import OnnxView, is_quant

ACTIVATIONS = ("Clip", "PRelu", "Relu")


@dataclass(frozen=True)
class Bounds:
    """What a Clip lets through.

    Args:
        lo: Least value, None for any.
        hi: Greatest value, None for any.
    """

    lo: float | None
    hi: float | None

    def __str__(self) -> str:
        """Both bounds, `..` between them."""
        return "..".join("" if end is None else f"{end:.9g}" for end in (self.lo, self.hi))


def read_bounds(view: OnnxView, clip: NodeProto) -> Bounds:
    """Read a Clip's bounds, inputs that may be missing.

    Args:
        view: The file.
        clip: The Clip.

    Returns:
        The bounds.

    Raises:
        ModelError: If one is computed or not finite, or none is below the other.
    """
    ends: list[float | None] = [None, None]
    for index, role in ((1, "min"), (2, "max")):
        if index < len(clip.input) and clip.input[index]:
            value = view.constant(clip, index, role)
            if value.size != 1:
                view.refuse(f"input {role} of shape {value.shape}", clip, allowed="one value")
            ends[index - 1] = float(value.flat[0])
    bounds = Bounds(*ends)
    if None not in ends and bounds.lo >= bounds.hi:
        view.refuse(f"clips to {bounds}", clip, allowed="a min below the max")
    return bounds


class Saturation:
    """What stands between a layer and the Quant behind it.

    Args:
        draft: The graph.
        quant: The Quant.
        chain: Activations, the layer's side first.
    """

    def __init__(self, draft: Draft, quant: NodeProto, chain: list[NodeProto]):
        self.draft, self.view, self.quant, self.chain = draft, draft.view, quant, chain
        self.to = read_quant(self.view, quant, narrow=False)
        self.rectified = False  # whether what is behind takes everything below 0 for 0

    def run(self) -> NodeProto | None:
        """Reduce the activations to one that a layer has.

        Returns:
            A PRelu that stays, a node that becomes a Relu, or None.

        Raises:
            ModelError: If they cannot be reduced exactly.
        """
        last = None
        for index in range(len(self.chain) - 1, -1, -1):
            node = self.chain[index]
            if node.op_type == "PRelu":
                self.view.attributes(node)
                if not self.rectified and index == 0:
                    return node
                if not self.rectified or (
                        constant_value(self.view, node, 1, "slope") < 0).any():
                    self.view.refuse("stands with other activations before a Quant", node,
                                     allowed="one activation, or slopes of 0 or more before a Relu")
                self.draft.note(node, "left out: a Relu follows")
                continue  # what is below 0 stays below 0
            if node.op_type == "Relu":
                self.view.attributes(node)
                if self.rectified:
                    self.draft.note(node, "left out: another follows")
                self.rectified = True
            else:
                self._clip(node)
            last = node if self.rectified and last is None else last
        return last

    def _clip(self, node: NodeProto) -> None:
        """Leave a Clip out, or take it for a Relu."""
        bounds, to = read_bounds(self.view, node), self.to
        ends = f"{to.lo * to.step:.9g}..{to.hi * to.step:.9g}"
        upper = bounds.hi is None or quantise(np.float64(bounds.hi), to) == to.hi
        lower = bounds.lo is None or quantise(np.float64(bounds.lo), to) == to.lo or (
            self.rectified and bounds.lo <= 0)
        if not upper or not (lower or bounds.lo == 0):
            name = called(self.quant.name or "unnamed")
            least = f"a min of 0 or up to {(to.lo + 0.5) * to.step:.9g}"
            self.view.refuse(
                f"clips to {bounds}, and the Quant behind it ({name}) saturates at "
                f"{ends}", node,
                allowed=f"{least}, and a max above {(to.hi - 0.5) * to.step:.9g}",
                fix="clip where the Quant saturates, or give the Quant a coarser or finer scale")
        if lower:
            self.draft.note(node, f"to {bounds} left out: the Quant behind saturates at {ends}")
        else:
            self.draft.note(node, f"to {bounds} becomes Relu: the Quant behind saturates at {ends}")
            self.rectified = True


def settle(draft: Draft) -> None:
    """Do away with every Clip.

    Args:
        draft: A simplified graph.

    Raises:
        ModelError: If a Clip changes what the Quant behind it gives.
    """
    view = draft.view
    if not any(node.op_type == "Clip" for node in draft.graph.node):
        return
    _settle_maps(draft)
    made = {node.output[0]: node for node in draft.graph.node}
    users = draft.users()
    gone: list[NodeProto] = []
    for quant in [node for node in draft.graph.node if is_quant(node)]:
        chain: list[NodeProto] = []
        node = made.get(quant.input[0])
        while node is not None and node.op_type in (*ACTIVATIONS, "DepthToSpace") and (
                len(users[node.output[0]]) == 1):
            if node.op_type in ACTIVATIONS:  # the other moves values, and changes none
                chain.insert(0, node)
            node = made.get(node.input[0])
        if not any(node.op_type == "Clip" for node in chain):
            continue
        kept = Saturation(draft, quant, chain).run()
        if kept is not None and kept.op_type == "Clip":
            kept.op_type = "Relu"
            del kept.input[1:]
        gone += [node for node in chain if node is not kept]
    draft.bypass(gone)
    for node in draft.graph.node:
        if node.op_type == "Clip":
            view.refuse(f"clips to {read_bounds(view, node)} what no Quant takes alone", node,
                        allowed="a Clip before a Quant that saturates at least as early")


def _settle_maps(draft: Draft) -> None:
    """Leave out what clips a Quant's result to no less than that holds."""
    of_quant: dict[str, NodeProto] = {}  # tensor -> the Quant whose result it is
    gone: list[NodeProto] = []
    for node in draft.graph.node:
        if is_quant(node):
            of_quant[node.output[0]] = node
        quant = of_quant.get(node.input[0]) if node.op_type == "Clip" else None
        if quant is None:
            continue
        to: Format = read_quant(draft.view, quant, narrow=False)
        bounds = read_bounds(draft.view, node)
        ends = to.lo * to.step, to.hi * to.step
        if (bounds.lo is not None and bounds.lo > ends[0]) or (
                bounds.hi is not None and bounds.hi < ends[1]):
            draft.view.refuse(
                f"clips to {bounds} what the Quant before it ({called(quant.name or 'unnamed')}) "
                "gives", node, allowed=f"{ends[0]:.9g}..{ends[1]:.9g} or more",
                fix="clip before that Quant")
        draft.note(node, f"to {bounds} left out: the Quant before gives no more")
        of_quant[node.output[0]] = quant
        gone.append(node)
    draft.bypass(gone)
