"""QuantizeLinear, Clip and DequantizeLinear (QCDQ, QDQ) of other tools as Quant nodes.

May import numpy, onnx and the other ONNX parts. Brevitas and onnxruntime's static quantisation
write so: what is rounded to integers goes back to float at once, which is what a Quant does.

    notes = as_quants(OnnxView.parse(data, "net.onnx", FOREIGN))

- integers that are constants: weights of a layer pass a Quant, all others become floats;
- a Clip between the two leaves the range of fewer bits, or of one value less (narrow);
- a zero point at an end of the range, or in the middle of it, is another range without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from onnx import NodeProto, helper

from fsrcnnx.exact.onnx.check import FOREIGN, QUANT_DOMAINS
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.graph import ROUNDING
from fsrcnnx.exact.onnx.simplify import array
from fsrcnnx.exact.onnx.view import OnnxView

OPERATORS = ("QuantizeLinear", "DequantizeLinear")
TYPES = ("int8", "uint8", "int16", "uint16", "int32")
MAPS = TYPES[:4]  # what a QuantizeLinear gives
LAYERS = ("Conv", "ConvTranspose")


@dataclass(frozen=True, eq=False)
class Integers:
    """A tensor of integers.

    Args:
        lo: Least value.
        hi: Greatest value.
        value: What it holds, if it is a constant.
        made: The QuantizeLinear that gives it, if it is none.
    """

    lo: int
    hi: int
    value: np.ndarray | None = None
    made: NodeProto | None = None

    def bits(self) -> tuple[int, bool, bool] | None:
        """Bits, signedness and whether the range is narrow; None if it is of no number of bits."""
        for width in range(2, 33):
            for narrow in (0, 1):
                half = 1 << width - 1
                if (self.lo, self.hi) == (narrow - half, half - 1):
                    return width, True, bool(narrow)
                if (self.lo, self.hi) == (0, 2 * half - 1 - narrow):
                    return width, False, bool(narrow)
        return None


class _Reader:
    """One walk over a graph.

    Args:
        draft: The graph; it is changed.
    """

    def __init__(self, draft: Draft):
        self.draft, self.view = draft, draft.view
        self.found: dict[str, Integers] = {}
        self.weights = {node.input[1] for node in draft.graph.node if node.op_type in LAYERS}

    def run(self) -> None:
        """Rewrite every node that makes integers, or takes them."""
        kept: list[NodeProto] = []
        for node in self.draft.graph.node:
            taken = not self.found.keys().isdisjoint(node.input)
            if node.op_type == "QuantizeLinear" and not taken:
                to = self._like(node, MAPS)
                self.found[node.output[0]] = Integers(int(to.min), int(to.max), made=node)
            elif node.op_type == "DequantizeLinear":
                kept += self._quant(node)
            elif node.op_type == "Clip" and (taken or self._integral(node)):
                self._clip(node)
            elif taken:
                self.view.refuse("takes integers", node, allowed="a DequantizeLinear before it")
            else:
                kept.append(node)
        if self.view.output in self.found:
            self.view.refuse("the graph's output is integers", allowed="a DequantizeLinear last")
        self.draft.keep(kept)

    def _integral(self, node: NodeProto) -> bool:
        """Whether a node acts on a constant of integers."""
        return node.input[0] in self.view.constants \
            and array(self.view, node, 0).dtype.name in TYPES

    def _like(self, node: NodeProto, allowed: tuple[str, ...]) -> np.iinfo:
        """The type of a node's zero point, uint8 if it has none."""
        name = array(self.view, node, 2).dtype.name if len(node.input) > 2 and node.input[2] \
            else "uint8"
        if name not in allowed:
            self.view.refuse(f"integers of type {name}", node, allowed=", ".join(allowed))
        return np.iinfo(name)

    def _integers(self, node: NodeProto) -> Integers:
        """What enters a Clip or a DequantizeLinear."""
        name = node.input[0]
        if name not in self.found and name in self.view.constants:
            value = array(self.view, node, 0)
            if value.dtype.name not in TYPES:
                self.view.refuse(f"a constant of type {value.dtype.name}", node,
                                 allowed=", ".join(TYPES))
            to = np.iinfo(value.dtype)
            self.found[name] = Integers(int(to.min), int(to.max), value)
        if name not in self.found:
            self.view.refuse(f"its input {name!r} are no integers that are read", node,
                             allowed="a constant, or QuantizeLinear before it")
        return self.found[name]

    def _clip(self, node: NodeProto) -> None:
        """Narrow the range."""
        self.view.attributes(node)
        given = self._integers(node)
        ends = [given.lo, given.hi]
        for index in (1, 2):
            if index < len(node.input) and node.input[index]:
                bound = array(self.view, node, index)
                if bound.size != 1 or bound.dtype.kind not in "iu":
                    self.view.refuse("bounds that are no single integers", node, allowed="integers")
                pick = (max, min)[index - 1]
                ends[index - 1] = pick(ends[index - 1], int(bound.reshape(-1)[0]))
        value = None if given.value is None else np.clip(given.value.astype(np.int64), *ends)
        self.found[node.output[0]] = replace(given, lo=ends[0], hi=ends[1], value=value)

    def _quant(self, node: NodeProto) -> list[NodeProto]:
        """A DequantizeLinear, and what made its integers, as a Quant or a constant."""
        view, given = self.view, self._integers(node)
        scale, zero = self._parameters(node, given)
        if given.made is not None:
            before = self._parameters(given.made, given)
            if any(a.shape != b.shape or (a != b).any()
                   for a, b in zip(before, (scale, zero), strict=True)):
                view.refuse("another scale or zero point than the QuantizeLinear before it", node,
                            allowed="the same")
            source = given.made.input[0]
        else:
            with np.errstate(over="ignore"):  # what overflows is refused where it is used
                value = ((given.value.astype(np.float64) - zero) * scale).astype(np.float32)
            if node.output[0] not in self.weights:
                self.draft.hold(node.output[0], value)
                self.draft.note(node, "of a constant done")
                return []
            source = self.draft.constant(node.output[0] + "_value", value)
        if zero.size and (zero == zero.flat[0]).all():
            # q - zero, in another range: int8 with zero point -128 is 0..255 without one
            least = int(zero.flat[0])
            moved = replace(given, lo=given.lo - least, hi=given.hi - least)
            if least and moved.bits() is not None:
                self.draft.note(node, f"zero point {least} of {given.lo}..{given.hi}: taken as "
                                f"{moved.lo}..{moved.hi} without one")
                given, zero = moved, np.zeros(())
        found = given.bits()
        if found is None:
            view.refuse(f"integers clipped to {given.lo}..{given.hi}", node,
                        allowed="the range of a number of bits, as -8..7, -7..7 or 0..15")
        bits, signed, narrow = found
        names = [self.draft.constant(f"{node.output[0]}_{role}", part.astype(np.float32))
                 for role, part in (("scale", scale), ("zero_point", zero),
                                    ("bits", np.array(bits)))]
        self.draft.note(node, "and what is before it become a Quant")
        return [helper.make_node("Quant", [source, *names], [node.output[0]],
                                 node.name, domain=QUANT_DOMAINS[0], signed=int(signed),
                                 narrow=int(narrow), rounding_mode=ROUNDING)]

    def _parameters(self, node: NodeProto, given: Integers) -> tuple[np.ndarray, np.ndarray]:
        """Scale and zero point of a node, in the shape in which a Quant has them."""
        view = self.view
        said = view.attributes(node, axis=1, saturate=1, block_size=0, output_dtype=None,
                               precision=None)
        if said["block_size"]:
            view.refuse(f"attribute block_size is {said['block_size']}", node, allowed="0")
        scale = view.constant(node, 1, "scale")
        zero = array(view, node, 2).astype(np.float64) if len(node.input) > 2 and node.input[2] \
            else np.zeros(())
        axes = 4 if given.value is None else given.value.ndim
        shaped = []
        for role, part in (("scale", scale), ("zero point", zero)):
            if part.size == 1:
                part = part.reshape(())
            elif part.ndim == 1 and -axes <= said["axis"] < axes:
                part = part.reshape([-1 if at == said["axis"] % axes else 1 for at in range(axes)])
            else:
                view.refuse(f"{role} of shape {part.shape}", node, allowed="one, or one a channel")
            if given.value is not None and part.ndim \
                    and part.size != given.value.shape[said["axis"]]:
                channels = given.value.shape[said["axis"]]
                view.refuse(f"{role}s of {part.size} channels, of {channels}", node,
                            allowed="one, or one a channel")
            shaped.append(part)
        return shaped[0], shaped[1]


def as_quants(view: OnnxView) -> tuple[OnnxView, list[str]]:
    """Turn a file's quantisers into Quant nodes.

    Args:
        view: The file; its graph is changed.

    Returns:
        A view of the new graph, the same if it has no such nodes; and what was done, a line each.

    Raises:
        ModelError: If one of them does what no Quant does; names node, found and allowed.
    """
    if not any(node.op_type in OPERATORS for node in view.graph.node):
        return view, []
    draft = Draft(view)
    _Reader(draft).run()
    if not any(entry.domain == QUANT_DOMAINS[0] for entry in view.model.opset_import):
        view.model.opset_import.append(helper.make_opsetid(QUANT_DOMAINS[0], 1))
    del view.graph.value_info[:]
    del view.graph.quantization_annotation[:]
    return OnnxView(view.model, view.file, FOREIGN, rewritten=True), draft.notes
