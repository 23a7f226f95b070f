"""The generated SystemVerilog package: constants only, one 32-bit field per layer or lane.

May import the plan.

    print(package(make(network, build)))
"""

from __future__ import annotations

from collections.abc import Sequence

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.cells import slope_bits, slope_cycles, value_bits
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
    network, build, found = plan.network, plan.build, plan.raster
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
        "ASIDE_BITS": plan.aside_bits,
        "ASIDE_WORDS": plan.aside_words,
        "ANCHOR_SHIFT": plan.anchor_shift,
        "STREAM_BITS": sum(plan.stream_bits),
        # sums by shift-add graphs, else by multipliers
        "GRAPHS": int(plan.layers[0].work.graph is not None),
        # sums of rows that the last layer's line memory keeps, 0 where it keeps lines
        "STORED_BITS": sum(plan.layers[-1].work.stored),
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


def layer_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect the parameters of every fsrcnnx_layer instance.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per layer.
    """
    parts = plan.layers
    layers = [part.layer for part in parts]
    return {
        "LAYER_IN_CHANNELS": [layer.in_channels for layer in layers],
        "LAYER_IN_BITS": [part.in_format.width for part in parts],
        "LAYER_SIDE": [part.side for part in parts],
        "LAYER_BEFORE": [part.before for part in parts],
        "LAYER_LANES": [len(part.lanes) for part in parts],
        "LAYER_OUTPUTS": [part.lanes[0].outputs for part in parts],
        "LAYER_FOLD_OUT": [part.fold.fold_out for part in parts],
        "LAYER_SUM_BITS": [part.work.sum_bits for part in parts],
        "LAYER_ACC_BITS": [part.acc_bits for part in parts],
        "LAYER_SUM_LATENCY": [part.work.latency for part in parts],
        "LAYER_SLOPE_LATENCY": [slope_cycles(part.layer, part.fold.fold_out) for part in parts],
        "LAYER_SLOPE_BITS": [slope_bits(layer) for layer in layers],
        "LAYER_SLOPE_FRAC": [layer.slope_format.frac if layer.slope_format else 0
                             for layer in layers],
        "LAYER_SLOPE_FIRST": _starts([part.lanes[0].outputs for part in parts]),
        "LAYER_VALUE_BITS": [value_bits(part.layer, part.acc_bits) for part in parts],
        "LAYER_SHIFT": [part.shift for part in parts],
        "LAYER_OUT_BITS": [layer.out_format.width for layer in layers],
        "LAYER_OUT_SIGNED": [int(layer.out_format.signed) for layer in layers],
    }


def slopes(plan: Plan) -> dict[str, list[int]]:
    """Collect the slopes of all outputs of a lane.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per output of each layer, 0 where there is no slope.
    """
    found = []
    for part in plan.layers:
        own = [0] * part.layer.out_channels if part.layer.slope is None else \
            part.layer.slope.tolist()
        found += own * (part.lanes[0].outputs // len(own))  # phase by phase
    return {"SLOPES": found}


def mac_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect what fsrcnnx_mac looks up for its layer.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per layer.
    """
    parts = plan.layers
    return {
        "LAYER_IN_SIGNED": [int(part.in_format.signed) for part in parts],
        "LAYER_LANE_FIRST": _starts([len(part.lanes) for part in parts]),
        "LAYER_FOLD_IN": [part.fold.fold_in for part in parts],
        "LAYER_STAGES": [part.fold.stages for part in parts],
        "LAYER_WEIGHT_BITS": [part.layer.weight_format.width for part in parts],
        "LAYER_PER_MULTIPLIER": [part.fold.per_multiplier for part in parts],
        "LAYER_BIASES_LSB": [part.memories("BIASES")[0].lsb for part in parts],
    }


def lane_fields(plan: Plan) -> dict[str, list[int]]:
    """Collect what fsrcnnx_mac looks up for each lane of all layers.

    Args:
        plan: The core's plan.

    Returns:
        Constant name -> one value per lane.
    """
    lanes = [lane for part in plan.layers for lane in part.lanes]
    return {
        "LANE_ROW": [lane.row for lane in lanes],
        "LANE_ROWS": [lane.weight.shape[1] for lane in lanes],
        "LANE_COL": [lane.col for lane in lanes],
        "LANE_COLS": [lane.weight.shape[2] for lane in lanes],
        "LANE_WEIGHTS_LSB": [memory.lsb for part in plan.layers
                             for memory in part.memories("WEIGHTS")],
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
    own = [("one field per layer", layer_fields(plan)),
           ("one field per output of each layer, two's complement", slopes(plan)),
           ("one field per stream: the input, then each layer's output", streams)]
    if plan.layers[0].work.graph is None:
        own += [("one field per layer", mac_fields(plan)),
                ("one field per lane", lane_fields(plan))]
    else:
        own += [("bits of each sum that is stored", {
            "STORED_WIDTHS": plan.layers[-1].work.stored or (0,)})]
    for title, fields in own:
        text += f"\n  // {title}\n" + "".join(_vector(n, f) for n, f in fields.items())
    return text + "\nendpackage\n"
