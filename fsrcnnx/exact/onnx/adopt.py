"""Bring another tool's QONNX file to the number contract: rewritten exactly, rounded by one rule.

May import numpy, onnx and the other ONNX parts. The strict reader refuses what is not exact; this
rewrites such a file first, says what it changed, and then the strict reader reads the result:

- QuantizeLinear and DequantizeLinear become Quant nodes, as onnx.qcdq says;
- what changes no value is left out, as onnx.simplify and onnx.saturate say;
- scales that are no powers of two are rounded, if that was asked for, as onnx.scales says;
- weights, bias and slopes are quantised, as onnx.rewrite says.

    adopted = adopt(Path("brevitas.onnx").read_bytes(), "brevitas.onnx")
    adopted.network, adopted.changes
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import onnx

from fsrcnnx.errors import shown
from fsrcnnx.exact import ranges
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.check import FOREIGN
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.qcdq import as_quants
from fsrcnnx.exact.onnx.read import read_network
from fsrcnnx.exact.onnx.rewrite import Change, Rewriter
from fsrcnnx.exact.onnx.saturate import settle
from fsrcnnx.exact.onnx.scales import settle_scales
from fsrcnnx.exact.onnx.simplify import simplify
from fsrcnnx.exact.onnx.stock import FloatLayer
from fsrcnnx.exact.onnx.view import OnnxView, is_quant

LONGEST = 255  # characters of a text that says where a network came from


@dataclass(frozen=True, eq=False)
class Adopted:
    """A file brought to the number contract.

    Args:
        network: The integer network.
        values: Layer name -> the file's float values, before any quantisation.
        changes: Constants that were rewritten, in the order of the layers.
        rewrites: Nodes that were left out or replaced, a line each.
        exact: Whether no value was changed: the network gives the file's bits, but for what a
            runtime's float32 rounds.
        rounded: Quant nodes that got other scales.
        steps: The file's own scales of luma in and out, a level each.
    """

    network: Network
    values: dict[str, FloatLayer]
    changes: tuple[Change, ...]
    rewrites: tuple[str, ...]
    exact: bool
    rounded: int
    steps: tuple[float, float]


def adopt(data: bytes, file: str, *, slope_bits: int = 8, weight_bits: int = 16,
          round_scales: bool = False) -> Adopted:
    """Read a QONNX file of another tool, quantising what it left in float.

    Args:
        data: The file's bytes.
        file: Its name, for errors.
        slope_bits: Width of PReLU slopes that have no exact Quant.
        weight_bits: Greatest width of weights whose scales per channel become one format.
        round_scales: Whether scales that are no powers of two are rounded to some.

    Returns:
        The checked network, the file's float values and what was changed.

    Raises:
        ModelError: If the file cannot be brought to the number contract; names node and attribute,
            what was found and what is allowed. ScaleError if rounding scales is a way out.
    """
    view, quants = as_quants(OnnxView.parse(data, file, FOREIGN))
    view, notes = simplify(view)
    notes = [*quants, *notes]
    draft = Draft(view)
    steps = _steps(draft)
    rounded = settle_scales(draft, round_scales)
    settle(draft)
    notes += draft.notes
    simple = view.model.SerializeToString()
    caps: dict[int, int] = {}
    while True:
        model = onnx.load_model_from_string(simple)
        draft = Draft(OnnxView(model, file, FOREIGN, rewritten=True))
        rewriter = Rewriter(draft, slope_bits, caps, weight_bits)
        rewriter.run()
        view = OnnxView(model, file, rewritten=True)
        network = read_network(view)
        slopes = {index: change.to for index, change in rewriter.changes if change.role == "slope"}
        problems = ranges.float32_exact(network)
        wide = [index for index in slopes if any(
            problem.startswith(f"layer {network.layers[index].name}: slope")
            for problem in problems)]
        if not any(slopes[index].frac > 1 for index in wide):
            break
        caps |= {index: max(slopes[index].frac - 1, 1) for index in wide}
    origin = {"imported_from": shown(file, LONGEST),
              "imported_sha256": hashlib.sha256(data).hexdigest()}
    if view.model.producer_name:
        origin["imported_producer"] = shown(
            f"{view.model.producer_name} {view.model.producer_version}", LONGEST)
    network = replace(network, meta={**network.meta, **origin})
    names = [layer.name for layer in network.layers]
    # a shuffle has a kernel for each phase, and one slope
    values = {
        layer.name: value if value.slope is None else replace(
            value, slope=value.slope[: layer.out_channels])
        for layer, value in zip(network.layers, rewriter.values, strict=True)}
    return Adopted(network, values,
                   tuple(replace(change, layer=names[at]) for at, change in rewriter.changes),
                   (*notes, *draft.notes),
                   not rounded and not rewriter.folded
                   and not any(c.greatest for _, c in rewriter.changes), rounded, steps)


def _steps(draft: Draft) -> tuple[float, float]:
    """Scales of the first and the last Quant of a map: of luma in and out."""
    scales = [draft.view.constant(node, 1, "scale") for node in draft.graph.node
              if is_quant(node) and node.input[0] not in draft.view.constants]
    ends = [float(scale.flat[0]) if scale.size else 1.0 for scale in scales]
    return (ends[0], ends[-1]) if ends else (1.0, 1.0)
