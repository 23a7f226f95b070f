"""Tensors of a float graph as sums of convolutions of others, as far as nothing else is between.

May import numpy, onnx, exact.onnx, learn.linear, learn.rows and the limits.

    Sums(view, reader.before).follow("hr", None).terms   # tensor -> weights

A tensor is linear in others where only Conv, Add, BatchNormalization and the like lie between. It
is followed back as long as the sum equals what the file does in every pixel, the borders too, and
has no more weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from onnx import NodeProto

from fsrcnnx import limits
from fsrcnnx.exact.onnx.batchnorm import read_factors
from fsrcnnx.exact.onnx.check import called
from fsrcnnx.exact.onnx.layer import read_geometry
from fsrcnnx.exact.onnx.view import OnnxView
from fsrcnnx.learn.linear import Inexact, Linear, add, identity, then
from fsrcnnx.learn.rows import Layer

ACTIVATIONS = ("PRelu", "Relu", "Clip")
WANTED = "a layer or the graph's input"
PARTS = "Conv or ConvTranspose, then BatchNormalization, PRelu or Relu"
MOST = 8 * limits.WEIGHTS  # in all sums together
# inputs that are tensors of the graph, of operators with more than one
LINKS = {"Add": 2, "Sub": 2, "Mul": 2, "Div": 2, "Concat": None}


@dataclass(frozen=True, eq=False)
class Sum:
    """A tensor as a sum of convolutions of others.

    Args:
        terms: Of each tensor, weights (out, in, k, k).
        bias: float64 (out,).
        name: What the file calls the last layer in it; empty where there is none.
    """

    terms: dict[str, np.ndarray]
    bias: np.ndarray
    name: str = ""

    @property
    def size(self) -> int:
        """How many weights it has."""
        return sum(weight.size for weight in self.terms.values())


class Sums:
    """What each tensor of a graph sums up.

    Args:
        view: The file, simplified.
        before: Finds what makes a tensor, as `OnnxView.producer` does.
    """

    def __init__(self, view: OnnxView, before: Callable[[str, str, NodeProto | None], NodeProto]):
        self.view, self.before = view, before
        self.folds = True  # whether layers may become one
        self.known: dict[str, Sum] = {}
        self.rules = {"Conv": self.conv, "Add": self.add, "Sub": self.add, "Mul": self.scaled,
                      "Div": self.scaled, "Concat": self.concat, "BatchNormalization": self.norm}
        self.order = {name: at for at, node in enumerate(view.graph.node) for name in node.output}

    def convolution(self, node: NodeProto) -> Layer:
        """A Conv or ConvTranspose alone."""
        view, deconv = self.view, node.op_type == "ConvTranspose"
        weight = view.constant(node, 1, "weight")
        if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or not weight.size:
            view.refuse(f"weight of shape {weight.shape}", node,
                        allowed="four axes, square kernel")
        view.spend(weight.size, node)
        stride, padding = read_geometry(view, node, "deconv" if deconv else "conv",
                                        weight.shape[2])
        channels = weight.shape[1 if deconv else 0]
        bias = np.zeros(channels)
        if len(node.input) > 2 and node.input[2]:
            bias = view.constant(node, 2, "bias")
            if bias.shape != (channels,):
                view.refuse(f"bias of shape {bias.shape}", node, allowed=f"({channels},)")
        return Layer(called(node.name or node.output[0]), weight, bias, None, deconv, stride,
                     padding)

    def alone(self, tensor: str, channels: int) -> Sum:
        """A tensor as it is."""
        return Sum({tensor: identity(channels)}, np.zeros(channels))

    def follow(self, tensor: str, user: NodeProto | None) -> Sum:
        """Say a tensor, and all that it comes from, as sums: in the graph's order, not by depth."""
        self.known = {self.view.input: self.alone(self.view.input, 1)}
        found, left = {}, [(tensor, user)]
        while left:
            name, of = left.pop()
            if name in found or name in self.known or name in self.view.constants:
                continue
            found[name] = node = self.before(name, WANTED, of)
            links = node.input[:LINKS.get(node.op_type, 1)]
            if node.op_type not in LINKS and links[0] in self.view.constants:
                self.misplaced(node)
            left += [(given, node) for given in links]
        weights = 0
        for name, node in sorted(found.items(), key=lambda item: self.order[item[0]]):
            if node.op_type in ACTIVATIONS:
                made = self.alone(name, len(self.known[node.input[0]].bias))
            elif node.op_type in self.rules:
                made = self.rules[node.op_type](node)
            else:
                self.misplaced(node)
            self.known[name] = made
            weights += made.size
            if weights > MOST:
                self.view.refuse(f"{weights} weights in sums of layers so far", node,
                                 allowed=f"up to {MOST}")
        return self.known[tensor]

    def misplaced(self, node: NodeProto) -> NoReturn:
        """Refuse a node that is no part of a layer."""
        self.view.refuse("found where a layer should be", node, allowed=PARTS)

    def conv(self, node: NodeProto) -> Sum:
        """A Conv of a sum: one sum, or a layer's own."""
        layer = self.convolution(node)
        own = Linear(layer.weight, layer.bias)
        inner = self.known[node.input[0]]
        if own.weight.shape[1] != len(inner.bias):
            self.view.refuse(f"weight of shape {own.weight.shape}", node,
                             allowed=f"(any, {len(inner.bias)}, k, k)")
        if not inner.name:  # the tensor itself
            return Sum(dict.fromkeys(inner.terms, own.weight), own.bias, layer.name)
        size = sum(len(own.weight) * weight.shape[1] * max(weight.shape[2], own.kernel) ** 2
                   for weight in inner.terms.values())
        if self.folds and size <= inner.size + own.weight.size:
            try:
                terms = {source: then(Linear(weight, inner.bias), own).weight
                         for source, weight in inner.terms.items()}
                return Sum(terms, own.weight.sum((2, 3)) @ inner.bias + own.bias, layer.name)
            except Inexact:
                pass
        return Sum({node.input[0]: own.weight}, own.bias, layer.name)

    def constant(self, node: NodeProto, at: int, channels: int) -> np.ndarray:
        """What a node adds to, or multiplies with, each channel."""
        value = self.view.constant(node, at, "constant")
        if value.size != 1 and value.shape not in ((channels, 1, 1), (1, channels, 1, 1)):
            self.view.refuse(f"a constant of shape {value.shape}", node,
                             allowed=f"({channels}, 1, 1) or a single one")
        return value.reshape(-1)

    def split(self, node: NodeProto) -> tuple[Sum, np.ndarray | Sum]:
        """Both sides of a node: a sum, and a constant or a second sum."""
        sides = list(node.input)
        at = next((at for at, name in enumerate(sides) if name in self.view.constants), None)
        if at is None:
            return self.known[sides[0]], self.known[sides[1]]
        if sides[1 - at] in self.view.constants:
            self.misplaced(node)
        one = self.known[sides[1 - at]]
        return one, self.constant(node, at, len(one.bias))

    def add(self, node: NodeProto) -> Sum:
        """An Add or a Sub of sums, or of a constant."""
        self.view.attributes(node)
        one, two = self.split(node)
        sign = 1 if node.op_type == "Add" else -1
        name = called(node.name or node.output[0])
        if isinstance(two, np.ndarray):
            if sign < 0 and node.input[0] in self.view.constants:
                self.misplaced(node)
            return Sum(one.terms, one.bias + sign * two, name)
        if not self.folds:
            self.view.refuse("adds feature maps", node, allowed="an Add of the LR pixel, at the "
                             "end", fix="a skip is taken in networks that end in a PixelShuffle; "
                             "an FSRCNN has no place for one: train it without")
        channels = max(len(one.bias), len(two.bias))
        if min(len(one.bias), len(two.bias)) not in (1, channels):
            self.view.refuse(f"adds {len(one.bias)} and {len(two.bias)} channels", node,
                             allowed="as many, or one")
        terms = {source: repeated(weight, channels) for source, weight in one.terms.items()}
        for source, weight in two.terms.items():
            more = sign * repeated(weight, channels)
            terms[source] = add(terms[source], more) if source in terms else more
        return Sum(terms, np.broadcast_to(one.bias, channels)
                   + sign * np.broadcast_to(two.bias, channels), name)

    def concat(self, node: NodeProto) -> Sum:
        """A Concat of channels."""
        if self.view.attributes(node, axis=0)["axis"] != 1:
            self.misplaced(node)
        parts = [self.known.get(name) or self.misplaced(node) for name in node.input]
        sizes = [len(part.bias) for part in parts]
        total, terms, at = sum(sizes), {}, 0
        if total > limits.CHANNELS:
            self.view.refuse(f"{total} channels", node, allowed=f"up to {limits.CHANNELS}")
        for part, size in zip(parts, sizes, strict=True):
            for source, weight in part.terms.items():
                rows = np.zeros((total, *weight.shape[1:]))
                rows[at:at + size] = weight
                terms[source] = add(terms[source], rows) if source in terms else rows
            at += size
        return Sum(terms, np.concatenate([part.bias for part in parts]),
                   called(node.name or node.output[0]))

    def scaled(self, node: NodeProto) -> Sum:
        """A Mul or a Div by a constant."""
        self.view.attributes(node)
        one, factor = self.split(node)
        if not isinstance(factor, np.ndarray) or (node.op_type == "Div" and (
                node.input[0] in self.view.constants or not factor.all())):
            self.misplaced(node)
        return scaled(one, factor if node.op_type == "Mul" else 1 / factor, 0.0, node)

    def norm(self, node: NodeProto) -> Sum:
        """A BatchNormalization."""
        one = self.known[node.input[0]]
        return scaled(one, *read_factors(self.view, node, len(one.bias)), node)


def repeated(weight: np.ndarray, channels: int) -> np.ndarray:
    """Repeat the weights of a single output for each of several.

    Args:
        weight: (1, in, k, k), or as many as wanted.
        channels: How many are wanted.

    Returns:
        (channels, in, k, k).
    """
    return weight if len(weight) == channels else np.repeat(weight, channels, 0)


def scaled(one: Sum, factor: np.ndarray, offset: np.ndarray | float, node: NodeProto) -> Sum:
    """Multiply and shift the channels of a sum.

    Args:
        one: The sum.
        factor: (out,) or (1,).
        offset: The same, added afterwards.
        node: What does it.

    Returns:
        The same function, in float64, as one sum.
    """
    by = factor.reshape(-1, 1, 1, 1)
    return Sum({source: weight * by for source, weight in one.terms.items()},
               one.bias * factor + offset, one.name or called(node.name or node.output[0]))
