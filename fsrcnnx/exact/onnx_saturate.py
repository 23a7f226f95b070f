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
from fsrcnnx.exact.onnx_check import short
from fsrcnnx.exact.onnx_draft import Draft
from fsrcnnx.exact.onnx_quant import constant_value, read_quant
from fsrcnnx.exact.onnx_view import OnnxView, is_quant

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
            name = short(self.quant.name or "unnamed")
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
    view, gone = draft.view, set()
    clips = [node for node in draft.graph.node if node.op_type == "Clip"]
    if not clips:
        return
    _settle_maps(draft, clips, gone)
    made = {node.output[0]: node for node in draft.graph.node}
    users = draft.users()
    for quant in [node for node in draft.graph.node if is_quant(node)]:
        chain: list[NodeProto] = []
        node = made.get(quant.input[0])
        while node is not None and node.op_type in ACTIVATIONS and len(users[node.output[0]]) == 1:
            chain.insert(0, node)
            node = made.get(node.input[0])
        if not any(node.op_type == "Clip" for node in chain):
            continue
        source = chain[0].input[0]
        kept = Saturation(draft, quant, chain).run()
        if kept is not None and kept.op_type != "PRelu":
            kept.op_type = "Relu"
            kept.ClearField("attribute")
            del kept.input[:]
            kept.input.append(source)
        quant.input[0] = source if kept is None else kept.output[0]
        gone |= {node.output[0] for node in chain if node is not kept}
    for node in clips:
        if node.op_type == "Clip" and node.output[0] not in gone:
            view.refuse(f"clips to {read_bounds(view, node)} what no Quant takes alone", node,
                        allowed="a Clip before a Quant that saturates at least as early")
    draft.keep([node for node in draft.graph.node if node.output[0] not in gone])


def _settle_maps(draft: Draft, clips: list[NodeProto], gone: set[str]) -> None:
    """Leave out what clips a Quant's result to more than that holds."""
    made = {node.output[0]: node for node in draft.graph.node}
    for node in clips:
        quant = made.get(node.input[0])
        if quant is None or not is_quant(quant):
            continue
        to: Format = read_quant(draft.view, quant, narrow=False)
        bounds = read_bounds(draft.view, node)
        ends = to.lo * to.step, to.hi * to.step
        if (bounds.lo is not None and bounds.lo > ends[0]) or (
                bounds.hi is not None and bounds.hi < ends[1]):
            draft.view.refuse(
                f"clips to {bounds} what the Quant before it ({short(quant.name or 'unnamed')}) "
                "gives",
                node, allowed=f"{ends[0]:.9g}..{ends[1]:.9g} or more",
                fix="clip before that Quant")
        draft.note(node, f"to {bounds} left out: the Quant before gives no more")
        for user in draft.graph.node:
            for index, name in enumerate(user.input):
                if name == node.output[0]:
                    user.input[index] = node.input[0]
        for value in draft.graph.output:
            if value.name == node.output[0]:
                value.name = node.input[0]
        gone.add(node.output[0])
