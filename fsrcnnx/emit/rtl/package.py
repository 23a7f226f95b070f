"""The generated SystemVerilog package: constants only, one 32-bit field per layer or lane.

May import the integer network, the ranges and the folds.

    print(package(network, build, folds))
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.fold import Fold, lanes
from fsrcnnx.emit.rtl.memories import bias_lanes, memories, places, slope_width
from fsrcnnx.exact import ranges, tdc
from fsrcnnx.exact.network import Layer, Network


@dataclass(frozen=True)
class Build:
    """Build parameters of an RTL folder.

    Args:
        engine: How sums of products are formed.
        cycles_per_pixel: Most cycles that a layer may take per LR pixel.
        pixels_per_beat: HR pixels per output beat.
        max_width: Greatest LR frame width.
        max_height: Greatest LR frame height.
    """

    engine: str = "mac"
    cycles_per_pixel: int = 16
    pixels_per_beat: int = 1
    max_width: int = 1920
    max_height: int = 1920


def _vector(name: str, fields: list[int]) -> str:
    """A packed vector of 32-bit fields, field 0 in the low bits."""
    listed = ", ".join(f"32'd{field}" for field in reversed(fields))
    return f"  localparam bit [{len(fields)}*32-1:0] {name} = {{{listed}}};\n"


def window(layer: Layer) -> tuple[int, int]:
    """Find the window that the hardware keeps for a layer.

    Args:
        layer: A checked layer.

    Returns:
        Its side, and the rows before its centre; there is a row after the centre.
    """
    side, before = tdc.window(layer)
    # without that row the window is widened, at no tap's cost
    return side + (side > 1 and before == side - 1), before


def _anchor_bits(network: Network) -> int:
    """Bits of the LR pixel that travels beside the inner streams, 0 without anchor."""
    return network.in_format.width if network.anchor else 0


def line_bits(network: Network, build: Build) -> list[int]:
    """Count the line memory of every layer.

    Args:
        network: A checked network.
        build: Build parameters.

    Returns:
        Bits per layer: the lines of its input map and, behind the first layer, those that the
        anchor waits for.
    """
    found = []
    for index, layer in enumerate(network.layers):
        side, before = window(layer)
        pixel = layer.in_channels * network.in_format_of(index).width
        carried = (side - 1 - before) * _anchor_bits(network) if index else 0
        found.append(build.max_width * ((side - 1) * pixel + carried))
    return found


def layer_fields(network: Network, folds: tuple[Fold, ...]) -> dict[str, list[int]]:
    """Collect the parameters of every fsrcnnx_layer instance.

    Args:
        network: A checked network.
        folds: One fold per layer.

    Returns:
        Constant name -> one value per layer.
    """
    layers, proved = network.layers, ranges.prove(network)
    formats = [network.in_format_of(index) for index in range(len(layers))]
    counts = [len(lanes(layer)) for layer in layers]
    windows = [window(layer) for layer in layers]
    slopes = [layer.slope_format for layer in layers]
    return {
        "LAYER_IN_CHANNELS": [layer.in_channels for layer in layers],
        "LAYER_IN_BITS": [fmt.width for fmt in formats],
        "LAYER_IN_SIGNED": [int(fmt.signed) for fmt in formats],
        "LAYER_SIDE": [side for side, _ in windows],
        "LAYER_BEFORE": [before for _, before in windows],
        "LAYER_LANES": counts,
        "LAYER_LANE_FIRST": [sum(counts[:index]) for index in range(len(layers))],
        "LAYER_OUTPUTS": [layer.out_channels for layer in layers],
        "LAYER_FOLD_IN": [fold.fold_in for fold in folds],
        "LAYER_FOLD_OUT": [fold.fold_out for fold in folds],
        "LAYER_STAGES": [fold.stages for fold in folds],
        "LAYER_WEIGHT_BITS": [layer.weight_format.width for layer in layers],
        "LAYER_ACC_BITS": [bound.acc_width for bound in proved],
        "LAYER_BIAS_LANES": [bias_lanes(layer) for layer in layers],
        "LAYER_HAS_SLOPE": [int(fmt is not None) for fmt in slopes],
        "LAYER_SLOPE_BITS": [slope_width(layer) for layer in layers],
        "LAYER_SLOPE_FRAC": [fmt.frac if fmt else 0 for fmt in slopes],
        "LAYER_SHIFT": [network.shift(index) for index in range(len(layers))],
        "LAYER_OUT_BITS": [layer.out_format.width for layer in layers],
        "LAYER_OUT_SIGNED": [int(layer.out_format.signed) for layer in layers],
    }


def package(network: Network, build: Build, folds: tuple[Fold, ...]) -> str:
    """Write fsrcnnx_pkg.sv.

    Args:
        network: A checked network.
        build: Build parameters.
        folds: One fold per layer.

    Returns:
        The file's text.
    """
    parts = [lane for layer in network.layers for lane in lanes(layer)]
    widths = [network.in_format.width]
    anchor, last = _anchor_bits(network), len(network.layers) - 1
    widths += [len(lanes(layer)) * layer.out_channels * layer.out_format.width
               + (anchor if index < last else 0) for index, layer in enumerate(network.layers)]
    scalars = {
        "LAYERS": len(network.layers),
        "SCALE": network.scale,
        "IN_BITS": network.in_format.width,
        "OUT_BITS": network.out_format.width,
        "PIXELS_PER_BEAT": build.pixels_per_beat,
        "MAX_WIDTH": build.max_width,
        "MAX_HEIGHT": build.max_height,
        "DIM_BITS": max(build.max_width, build.max_height).bit_length(),
        # the LR pixel beside the inner streams: its bits, and its place in the last accumulator
        "ANCHOR_BITS": anchor,
        "ANCHOR_SHIFT": network.acc_frac(last) - network.in_format.frac if anchor else 0,
        "STREAM_BITS": sum(widths),
    }
    lies = places(memories(network, folds))
    lane_fields = {
        "LANE_ROW": [part.row for part in parts],
        "LANE_ROWS": [part.weight.shape[1] for part in parts],
        "LANE_COL": [part.col for part in parts],
        "LANE_COLS": [part.weight.shape[2] for part in parts],
        "LANE_WEIGHTS_LSB": lies.pop("LANE_WEIGHTS_LSB"),
    }
    streams = {
        "STREAM_WIDTH": widths,
        "STREAM_LSB": [sum(widths[:index]) for index in range(len(widths))],
    }
    before = "" if network.prescale == 1 else \
        f"// LR is luma that bicubic has enlarged {network.prescale} times.\n"
    text = ("// SPDX-License-Identifier: Apache-2.0\n"
            f"// Constants of {network.name}, made by fsrcnnx {__version__}; do not edit.\n"
            f"// Layers, field 0 first: {', '.join(layer.name for layer in network.layers)}.\n"
            f"{before}\npackage fsrcnnx_pkg;\n\n"
            "  // SHA-256 of the integer network\n"
            f"  localparam bit [255:0] CONTENT_HASH = 256'h{network.content_hash()};\n\n")
    text += "".join(f"  localparam int {name} = {value};\n" for name, value in scalars.items())
    for title, fields in (("one field per layer", layer_fields(network, folds) | lies),
                          ("one field per lane", lane_fields),
                          ("one field per stream: the input, then each layer's output", streams)):
        text += f"\n  // {title}\n" + "".join(_vector(n, f) for n, f in fields.items())
    return text + "\nendpackage\n"
