"""The generated SystemVerilog package: constants only, one 32-bit field per layer or lane.

May import the plan.

    print(package(make(network, build)))
"""

from __future__ import annotations

from collections.abc import Sequence

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.adders import slope_cycles, value_bits
from fsrcnnx.emit.rtl.plan import Plan


def _vector(name: str, fields: Sequence[int]) -> str:
    """A packed vector of 32-bit fields, field 0 in the low bits."""
    listed = ", ".join(f"32'd{field & 0xFFFFFFFF}" for field in reversed(fields))
    return f"  localparam bit [{len(fields)}*32-1:0] {name} = {{{listed}}};\n"


def _starts(sizes: Sequence[int]) -> list[int]:
    """Where each of some things starts that lie one behind the other."""
    return [sum(sizes[:index]) for index in range(len(sizes))]


def scalars(plan: Plan) -> dict[str, int]:
    """Collect the constants of the whole core.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> value.
    """
    network, build = plan.network, plan.build
    return {
        "LAYERS": len(plan.layers),
        "SCALE": network.scale,
        "IN_BITS": network.in_format.width,
        "OUT_BITS": network.out_format.width,
        "PIXELS_PER_BEAT": build.pixels_per_beat,
        "MAX_WIDTH": build.max_width,
        "MAX_HEIGHT": build.max_height,
        "DIM_BITS": build.dim_bits,
        # the LR pixel beside the inner streams: its bits, and its place in the last accumulator
        "ANCHOR_BITS": plan.anchor_bits,
        "ANCHOR_SHIFT": plan.anchor_shift,
        "STREAM_BITS": sum(plan.stream_bits),
        **raster_scalars(plan),
    }


def raster_scalars(plan: Plan) -> dict[str, int]:
    """Collect the constants of the raster.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> value; empty for a core that stalls.
    """
    found = plan.raster
    return {} if found is None else {
        # clocks per step; borders and slots; pixels that wait before it, and words behind it
        "INTERVAL": found.interval,
        "PAD": found.pad,
        "GAP": found.gap,
        "AFTER": found.after,
        "DRAIN": found.drain,
        "MIN_SLOTS": found.min_slots,
        "FIFO_DEPTH": found.fifo_depth,
        "RING_WORDS": found.ring_words,
    }


def map_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect what every engine's layers are told of their maps.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per layer.
    """
    parts = plan.layers
    return {
        "LAYER_IN_CHANNELS": [part.layer.in_channels for part in parts],
        "LAYER_IN_BITS": [part.in_format.width for part in parts],
        "LAYER_IN_SIGNED": [int(part.in_format.signed) for part in parts],
        "LAYER_SIDE": [part.side for part in parts],
        "LAYER_BEFORE": [part.before for part in parts],
        "LAYER_LANES": [len(part.lanes) for part in parts],
    }


def graph_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect the parameters of every fsrcnnx_layer instance of the engine `adders`.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per layer.
    """
    parts = plan.layers
    layers, graphs = [part.layer for part in parts], [part.work.graph for part in parts]
    sums = [graph.sum_bits for graph in graphs]
    # the anchor comes to the last layer's sums
    accs = [*sums[:-1], max(sums[-1], parts[-1].proved.sum_width if plan.anchor_bits else 0)]
    maps = map_fields(plan)
    del maps["LAYER_IN_SIGNED"]  # the graphs know
    return {
        **maps,
        "LAYER_OUTPUTS": [layer.out_channels for layer in layers],
        "LAYER_SUM_BITS": sums,
        "LAYER_ACC_BITS": accs,
        "LAYER_SUM_LATENCY": [graph.latency for graph in graphs],
        "LAYER_SLOPE_LATENCY": [slope_cycles(layer) for layer in layers],
        "LAYER_SLOPE_FRAC": [layer.slope_format.frac if layer.slope_format else 0
                             for layer in layers],
        "LAYER_SLOPE_FIRST": _starts([layer.out_channels for layer in layers]),
        "LAYER_VALUE_BITS": [value_bits(*pair) for pair in zip(layers, accs, strict=True)],
        "LAYER_SHIFT": [part.shift for part in parts],
        "LAYER_OUT_BITS": [layer.out_format.width for layer in layers],
        "LAYER_OUT_SIGNED": [int(layer.out_format.signed) for layer in layers],
    }


def slopes(plan: Plan) -> dict[str, list[int]]:
    """Collect the slopes of all outputs.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per output of each layer, 0 where there is no slope.
    """
    return {"SLOPES": [slope for part in plan.layers for slope in (
        [0] * part.layer.out_channels if part.layer.slope is None else part.layer.slope.tolist())]}


def layer_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect the parameters of every fsrcnnx_layer instance.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per layer.
    """
    parts = plan.layers
    layers, folds = [part.layer for part in parts], [part.fold for part in parts]
    slopes = [layer.slope_format for layer in layers]
    weights, biases, steep = ([part.memories(kind) for part in parts]
                              for kind in ("WEIGHTS", "BIASES", "SLOPES"))
    return {
        **map_fields(plan),
        "LAYER_LANE_FIRST": _starts([len(part.lanes) for part in parts]),
        "LAYER_OUTPUTS": [layer.out_channels for layer in layers],
        "LAYER_FOLD_IN": [fold.fold_in for fold in folds],
        "LAYER_FOLD_OUT": [fold.fold_out for fold in folds],
        "LAYER_STAGES": [fold.stages for fold in folds],
        "LAYER_WEIGHT_BITS": [layer.weight_format.width for layer in layers],
        "LAYER_ACC_BITS": [part.proved.acc_width for part in parts],
        "LAYER_BIAS_LANES": [len(found) for found in biases],
        "LAYER_HAS_SLOPE": [int(fmt is not None) for fmt in slopes],
        "LAYER_SLOPE_BITS": [part.slope_bits for part in parts],
        "LAYER_SLOPE_FRAC": [fmt.frac if fmt else 0 for fmt in slopes],
        "LAYER_SHIFT": [part.shift for part in parts],
        "LAYER_OUT_BITS": [layer.out_format.width for layer in layers],
        "LAYER_OUT_SIGNED": [int(layer.out_format.signed) for layer in layers],
        "LAYER_WEIGHTS_LSB": [found[0].lsb for found in weights],
        "LAYER_WEIGHTS_WIDTH": [sum(memory.bits for memory in found) for found in weights],
        "LAYER_BIASES_LSB": [found[0].lsb for found in biases],
        "LAYER_SLOPES_LSB": [found[0].lsb for found in steep],
    }


def lane_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect the parameters of every lane of all layers.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per lane.
    """
    lanes = [lane for part in plan.layers for lane in part.lanes]
    weights = [part.memories("WEIGHTS") for part in plan.layers]
    return {
        "LANE_ROW": [lane.row for lane in lanes],
        "LANE_ROWS": [lane.weight.shape[1] for lane in lanes],
        "LANE_COL": [lane.col for lane in lanes],
        "LANE_COLS": [lane.weight.shape[2] for lane in lanes],
        # counted from its layer's first bit
        "LANE_WEIGHTS_LSB": [memory.lsb - found[0].lsb for found in weights for memory in found],
    }


def package(plan: Plan) -> str:
    """Write fsrcnnx_pkg.sv.

    Args:
        plan: The core's plan.

    Returns:
        The file's text.
    """
    network = plan.network
    streams = {"STREAM_WIDTH": plan.stream_bits, "STREAM_LSB": _starts(plan.stream_bits)}
    before = "" if network.prescale == 1 else \
        f"// LR is luma that bicubic has enlarged {network.prescale} times.\n"
    text = ("// SPDX-License-Identifier: Apache-2.0\n"
            f"// Constants of {network.name}, made by fsrcnnx {__version__}; do not edit.\n"
            f"// Layers, field 0 first: {', '.join(part.layer.name for part in plan.layers)}.\n"
            f"{before}\npackage fsrcnnx_pkg;\n\n"
            "  // SHA-256 of the integer network\n"
            f"  localparam bit [255:0] CONTENT_HASH = 256'h{network.content_hash()};\n\n")
    text += "".join(f"  localparam int {name} = {value};\n"
                    for name, value in scalars(plan).items())
    if plan.raster:
        own = (("one field per layer", graph_fields(plan)),
               ("one field per output of each layer, two's complement", slopes(plan)))
    else:
        own = (("one field per layer", layer_fields(plan)),
               ("one field per lane", lane_fields(plan)))
    streamed = ("one field per stream: the input, then each layer's output", streams)
    for title, fields in (*own, streamed):
        text += f"\n  // {title}\n" + "".join(_vector(n, f) for n, f in fields.items())
    return text + "\nendpackage\n"
