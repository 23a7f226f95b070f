"""The engine without multipliers: a shift-add graph for each layer, all of it every clock.

May import the lanes and the folds.

    whole(lanes(layer))
"""

from __future__ import annotations

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.fold import Fold
from fsrcnnx.emit.rtl.lanes import Lane


def whole(parts: tuple[Lane, ...]) -> Fold:
    """Say how an engine takes turns that does everything in every clock.

    Args:
        parts: The lanes of a layer.

    Returns:
        The fold of one turn, without multipliers.
    """
    return Fold(1, 1, parts[0].outputs, tuple(part.inputs for part in parts), 0)


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
