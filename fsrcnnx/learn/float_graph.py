"""A float graph as a chain of layers: what is linear between two activations becomes one of them.

May import numpy, onnx, exact.onnx, learn.linear, learn.rows, learn.skips, learn.sums, the limits.

    row = Reader(view).row([])                     # layers, and what skips past them

The graph is walked from its end: [Clip | Relu] <- [Add of the LR pixel] <- a ConvTranspose, or any
sum of Convs (learn.sums) <- PRelu | Relu <- ... One DepthToSpace may stand anywhere behind the last
sum. Where a sum ends, a layer ends.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import NodeProto

from fsrcnnx import limits
from fsrcnnx.exact.onnx.batchnorm import read_factors
from fsrcnnx.exact.onnx.layer import read_block
from fsrcnnx.exact.onnx.own import PRODUCER
from fsrcnnx.exact.onnx.read import check_anchor
from fsrcnnx.exact.onnx.view import OnnxView
from fsrcnnx.learn.linear import identity
from fsrcnnx.learn.rows import Layer, Row
from fsrcnnx.learn.skips import WIDE, lines
from fsrcnnx.learn.sums import ACTIVATIONS, WANTED, Sum, Sums

SHUFFLE = "DepthToSpace"
LAYERS = ("Conv", "ConvTranspose")


class Reader:
    """One walk over a graph, from its output to its input.

    Args:
        view: The file, simplified.
    """

    def __init__(self, view: OnnxView):
        self.view = view
        self.blocks: list[int] = []  # of a DepthToSpace that was stepped over
        self.inside = False  # whether the last layer has been read
        self.sums = Sums(view, self.before)

    def before(self, tensor: str, wanted: str, user: NodeProto | None) -> NodeProto:
        """Find what makes a tensor, a DepthToSpace at the end stepped over."""
        node = self.view.producer(tensor, wanted, user)
        if node.op_type == SHUFFLE:
            if self.blocks or self.inside:
                self.view.refuse("a DepthToSpace before the last layer, or a second one", node,
                                 allowed="one, behind the last Conv")
            self.blocks.append(read_block(self.view, node))
            node = self.view.producer(node.input[0], wanted, node)
        return node

    def end(self, node: NodeProto) -> tuple[NodeProto, tuple[float, float]]:
        """Step over what clips the output; the node before, and the bounds."""
        low, high = -np.inf, np.inf
        while node.op_type in ("Clip", "Relu"):
            bounds = self.bounds(node)
            low, high = max(low, bounds[0]), min(high, bounds[1])
            node = self.before(node.input[0], "a layer", node)
        return node, (low, high)

    def bounds(self, node: NodeProto) -> tuple[float, float]:
        """What a Clip or Relu clips to."""
        self.view.attributes(node)
        if node.op_type == "Relu":
            return 0.0, np.inf
        found = []
        for at, (role, without) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
            if at >= len(node.input) or not node.input[at]:
                found.append(without)
                continue
            value = self.view.constant(node, at, role)
            if value.size != 1:
                self.view.refuse(f"{role} of shape {value.shape}", node, allowed="a single value")
            found.append(float(value.reshape(-1)[0]))
        return found[0], found[1]

    def slope(self, node: NodeProto, channels: int) -> np.ndarray:
        """Slopes of an activation, one or one per channel."""
        view = self.view
        if node.op_type != "PRelu":
            bounds = self.bounds(node)
            if bounds != (0, np.inf):
                view.refuse(f"clips feature maps to {bounds[0]:g}..{bounds[1]:g}", node,
                            allowed="no bound but 0 below",
                            fix="train it with ReLU; or import its checkpoint with --slope 0, "
                                "which leaves the clip out")
            return np.zeros(1)
        view.attributes(node)
        slope = view.constant(node, 1, "slope")
        if slope.size != 1 and slope.shape not in ((channels, 1, 1), (1, channels, 1, 1)):
            view.refuse(f"slope of shape {slope.shape}", node,
                        allowed=f"({channels}, 1, 1) or a single one")
        return slope.reshape(-1)

    def layer(self, tensor: str) -> tuple[Sum, np.ndarray]:
        """What the layer that gives a tensor sums up, and its slopes."""
        node = self.view.producer(tensor, WANTED, None)
        if node.op_type not in ACTIVATIONS:
            return self.sums.known[tensor], np.ones(1)
        found = self.sums.known[node.input[0]]
        if not found.name:  # nothing is summed up before it
            self.sums.misplaced(node)
        return found, self.slope(node, len(found.bias))

    def chain(self, last: Sum) -> tuple[list[Layer], list[dict[int, np.ndarray]]]:
        """All layers before the last and the last, and what skips to each."""
        found: dict[str, tuple[Sum, np.ndarray | None]] = {}
        left = list(last.terms)
        while left:
            tensor = left.pop()
            if tensor in found or tensor == self.view.input:
                continue
            found[tensor] = self.layer(tensor)
            left += found[tensor][0].terms
            if len(found) >= limits.LAYERS:
                self.view.refuse(f"more than {limits.LAYERS} layers",
                                 allowed=f"up to {limits.LAYERS}")
        order = [self.view.input, *sorted(found, key=self.sums.order.get)]
        number = {tensor: at for at, tensor in enumerate(order)}
        layers, skips = [], []
        for at, (total, slope) in enumerate([*(found[name] for name in order[1:]), (last, None)]):
            terms = {number[source]: weight for source, weight in total.terms.items()}
            width = len(found[order[at]][0].bias) if at else 1
            main = terms.pop(at, None)
            layers.append(Layer(total.name, np.zeros((len(total.bias), width, 1, 1))
                                if main is None else main, total.bias, slope, False, 1))
            skips.append(terms)
        return layers, skips

    def row(self, notes: list[str]) -> Row:
        """Read the whole graph."""
        view = self.view
        node, bounds = self.end(self.before(view.output, "a layer", None))
        anchor, upper, in_lr = "", node, bool(self.blocks)
        if node.op_type == "Add":
            for side, other in (node.input, reversed(node.input)):
                if side not in (view.input, *view.constants) \
                        and view.producer(side, "a layer", node).op_type == "Resize":
                    anchor, node = side, self.before(other, "a layer", node)
                    break
        block, self.inside = self.blocks[0] if self.blocks else 1, True
        if node.op_type in ACTIVATIONS:
            view.refuse("an activation behind the last layer", node, allowed="none, or a Clip")
        norm = None
        if node.op_type == "BatchNormalization" and view.producer(
                node.input[0], WANTED, node).op_type == "ConvTranspose":
            norm, node = node, view.producer(node.input[0], WANTED, node)
        if node.op_type == "ConvTranspose":
            if self.blocks:
                view.refuse("a DepthToSpace behind it", node, allowed="behind the last Conv")
            deconv, self.sums.folds = self.sums.convolution(node), False
            if norm is not None:
                factor, offset = read_factors(view, norm, deconv.weight.shape[1])
                deconv = replace(deconv, weight=deconv.weight * factor[:, None, None],
                                 bias=deconv.bias * factor + offset)
            source = self.sums.follow(node.input[0], node)
            tensor = node.input[0]
            layers, skips = self.chain(Sum({tensor: identity(len(source.bias))}, source.bias))
            layers[-1], block = deconv, 1
        else:
            self.sums.folds = block > 1
            total = self.sums.follow(node.output[0], upper)
            pixel = total.terms.get(view.input)
            if self.sums.folds and len(total.terms) > 1 and pixel is not None and not anchor \
                    and pixel.shape[2] == 1 and (pixel == 1).all():  # added to each sum
                anchor = view.input
                del total.terms[view.input]
            layers, skips = self.chain(total)
        layers[-1] = replace(layers[-1], block=block)
        if anchor and anchor != view.input:
            refuse_smooth(view, view.producer(anchor, "the LR pixel through Resize", upper))
            check_anchor(view, anchor, view.input, upper,
                         layers[-1].stride * (1 if in_lr else block))
        view.refuse_unvisited()
        convs = sum(node.op_type in LAYERS for node in view.graph.node)
        notes = list(notes)
        if convs > len(layers):
            notes.append(f"{convs} convolutions folded into {len(layers)}: no activation between")
        if np.isfinite(bounds).any():
            notes.append(f"the output's clip to {bounds[0]:g}..{bounds[1]:g} left out: pixels "
                         "saturate")
        return Row(view.file, tuple(layers), bool(anchor), bounds,
                   view.model.producer_name == PRODUCER, tuple(notes), tuple(skips))


def refuse_smooth(view: OnnxView, node: NodeProto) -> None:
    """Refuse an anchor that is not the nearest pixel, with what it would take.

    Args:
        view: The file.
        node: The Resize.

    Raises:
        ModelError: If it interpolates.
    """
    taps = {b"linear": 3, b"cubic": 5}
    how = next((given.s for given in node.attribute if given.name == "mode"), b"nearest")
    if how in taps:
        view.refuse(f"enlarges the LR pixel by {how.decode()} interpolation, which repeats the "
                    "picture's edge, where every layer of ours is padded by zeros: it would take "
                    f"{lines(taps[how], 1):.1f} kbit of line memory at {WIDE} pixels a line and a "
                    "stage of its own", node, allowed="mode nearest",
                    fix="train it with the nearest pixel there: the last layer learns the rest")
