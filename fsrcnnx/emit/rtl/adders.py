"""The engine without multipliers: a shift-add graph and constant slopes for each layer.

May import the integer network and what makes graphs. Latencies are those of the modules in
rtl/raster: the column, the slopes' adders, the requantisation.

    cycles(layer, graph.latency)
"""

from __future__ import annotations

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.fold import Fold
from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.errors import Unrepresentable
from fsrcnnx.exact.formats import adders
from fsrcnnx.exact.network import Layer

COLUMN = 4       # latency of fsrcnnx_column where there is a line memory
REQUANTISE = 3   # of fsrcnnx_requantise
SLOPE_BITS = 31  # of a constant slope in fsrcnnx_slope


def slope_cycles(layer: Layer) -> int:
    """Give the latency of a layer's constant slopes.

    Args:
        layer: A layer with or without slopes.

    Returns:
        Clocks; 0 without slopes.
    """
    return 0 if layer.slope is None else 1 + int(adders(layer.slope).max())


def slope_adders(layer: Layer, lanes: int) -> int:
    """Count the adders of a layer's constant slopes.

    Args:
        layer: A layer with or without slopes.
        lanes: How many of its outputs are computed at once.

    Returns:
        Adders.
    """
    return 0 if layer.slope is None else lanes * int(adders(layer.slope).sum())


def value_bits(layer: Layer, acc_bits: int) -> int:
    """Give the width of a value after the activation.

    Args:
        layer: A layer with or without slopes.
        acc_bits: Bits of its accumulators.

    Returns:
        Bits of a signed value.
    """
    if layer.slope is None:
        return acc_bits
    size = max(abs(int(slope)).bit_length() for slope in layer.slope)
    return acc_bits + max(size, layer.slope_format.frac)


def latency(layer: Layer, side: int, sums: int) -> int:
    """Give the latency of a layer, lines, steps and the anchor aside.

    Args:
        layer: A layer.
        side: Side of its window.
        sums: Latency of its graph.

    Returns:
        Clocks from a window's newest step to its outputs.
    """
    return (COLUMN if side > 1 else 0) + sums + slope_cycles(layer) + REQUANTISE


def whole(layer: Layer, parts: tuple[Lane, ...]) -> Fold:
    """Say how an engine steps that does everything in every clock.

    Args:
        layer: A layer.
        parts: Its lanes.

    Returns:
        The fold of one step, without multipliers.

    Raises:
        Unrepresentable: If a slope is wider than the hardware takes.
    """
    if layer.slope_format and layer.slope_format.width > SLOPE_BITS:
        raise Unrepresentable(f"slopes in {layer.slope_format}", where=f"layer {layer.name}",
                              allowed=f"up to {SLOPE_BITS} bits with --engine adders",
                              fix="use --engine mac")
    return Fold(1, 1, layer.out_channels, tuple(part.inputs for part in parts), 0)


def graph_choice(count: int) -> str:
    """Write fsrcnnx_graph.sv: one name for the graphs of all layers.

    Args:
        count: Layers.

    Returns:
        SystemVerilog.
    """
    branches = " else ".join(
        f"if (Layer == {at}) begin : gen_{at}\n"
        f"    fsrcnnx_graph_{at} u_graph (.clk_i, .column_i, .sums_o);\n  end"
        for at in range(count))
    return f"""// SPDX-License-Identifier: Apache-2.0
// The shift-add graph of a layer; made by fsrcnnx {__version__}, do not edit.

`default_nettype none

module fsrcnnx_graph #(
  parameter int Layer      = 0,
  parameter int ColumnBits = 1,
  parameter int SumsBits   = 1
) (
  input  wire logic                  clk_i,
  input  wire logic [ColumnBits-1:0] column_i,
  output logic      [SumsBits-1:0]   sums_o
);

  {branches}

endmodule

`default_nettype wire
"""
