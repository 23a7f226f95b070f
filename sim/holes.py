# SPDX-License-Identifier: Apache-2.0
"""Why some lines, branches and bits of rtl/ are reached by no bench.

The first pattern that fits is the reason; `python -m sim.coverage` fails on a hole without one and
on a reason without its hole.
"""

# (file, text of the line, what it lacks) -> reason
BUILT = "a function of constants: it runs while a core is built, not in it"
LINES: dict[tuple[str, str, str], str] = {
    ("fsrcnnx_layer.sv", line, "run"): BUILT for line in (
        "function automatic bit [FoldOut*Outs*SlopeBits-1:0] slope_words();", "slope_words = '0;",
        "for (int o = 0; o < Outputs; o++) begin",
        "slope_words[o*SlopeBits +: SlopeBits] = Slopes[o*32 +: SlopeBits];")
} | {
    ("fsrcnnx_row_sums.sv", line, "run"): BUILT for line in (
        "function automatic int width(input int field);",
        "width = field < (Side-1)*Sums ? fsrcnnx_pkg::STORED_WIDTHS[field*32 +: 32] : 0;")
}

# (file, signal) -> why some of its bits never rise or never fall
CONSTANT = "constants of the networks that were run: weights, biases, slopes of few values each"
ROOM = "counts up to a room that is more than what is ever held: it never fills"
SPARE = "as wide as its limit, which its greatest value is one short of, or more"
LOW = "frames of the benches of cores have 7 lines or fewer; `make soak` sends higher ones"
FEW = "the benches make few faults; `make soak` counts until it is full"
FLAT = "few weights of 3 bits: some are 0 or even, and the proved ranges are not filled"
ASSERTED = "what an assertion compares: wide enough for any parameters"
TOGGLES: dict[tuple[str, str], str] = {
    ("*", "*unused_*"): "nobody reads it: a sink of what is left over, 0 by its AND with 0",
    ("fsrcnnx_adder_tree.sv", "gen_tree.*"): "a tree is padded with zeros to a power of two, and "
    "sums of few terms do not fill the width of all",
    ("fsrcnnx_aside.sv", "held_q"): ROOM,
    ("fsrcnnx_axis_guard.sv", "*_width_*"): SPARE + ": sizes of an HLS core, whose frame is small",
    ("fsrcnnx_axis_guard.sv", "*_height_*"): SPARE + ": sizes of an HLS core, whose frame is small",
    ("fsrcnnx_axis_guard.sv", "width_q"): SPARE + ": sizes of an HLS core, whose frame is small",
    ("fsrcnnx_axis_guard.sv", "height_q"): SPARE + ": sizes of an HLS core, whose frame is small",
    ("fsrcnnx_turn.sv", "count_i"): SPARE + ": sizes of an HLS core, whose frame is small",
    ("fsrcnnx_column.sv", "*data_*"): "the sign of a map that is never negative in that network",
    ("fsrcnnx_delay.sv", "data_*"): "the sign of a map that is never negative in that network",
    ("fsrcnnx_window.sv", "gen_row.newest"): "the sign of a map that is never negative there",
    ("fsrcnnx_core.sv", "*height*"): LOW,
    ("fsrcnnx_top.sv", "*height*"): LOW,
    ("fsrcnnx_sequencer.sv", "height_o"): LOW,
    ("fsrcnnx_subpixel.sv", "height_i"): LOW,
    ("fsrcnnx_fifo.sv", "mem"): LOW + ": the top bit of the height beside a pixel",
    ("fsrcnnx_fifo.sv", "out_data_o"): LOW + ": the top bit of the height beside a pixel",
    ("fsrcnnx_core.sv", "stream_ready"): "constant: nothing in a core ever waits",
    ("fsrcnnx_fifo.sv", "beats_q"): "it never holds as many beats as it has places: proved",
    ("fsrcnnx_line_fifo.sv", "pixels_q"): "it never holds as many pixels as it has places: proved",
    ("fsrcnnx_line_fifo.sv", "lines_q"): ROOM + " by lines of one pixel alone",
    ("fsrcnnx_hls_top.sv", "error_count_o"): FEW,
    ("fsrcnnx_top.sv", "error_count_o"): FEW,
    ("fsrcnnx_hls_top.sv", "model_id_o"): "constant: the id of the network",
    ("fsrcnnx_top.sv", "model_id_o"): "constant: the id of the network",
    ("fsrcnnx_hls_top.sv", "y_q"): SPARE,
    ("fsrcnnx_layer.sv", "slopes"): CONSTANT,
    ("fsrcnnx_layer.sv", "totals"): "0 where a layer stores lines, not sums of rows",
    ("fsrcnnx_layer.sv", "gen_cell.*"): FLAT,
    ("fsrcnnx_mac.sv", "bias"): CONSTANT,
    ("fsrcnnx_mac.sv", "first_q"): "a layer of one turn: every turn is the first",
    ("fsrcnnx_mac_lane.sv", "bias_i"): CONSTANT,
    ("fsrcnnx_mac_lane.sv", "weights"): CONSTANT,
    ("fsrcnnx_mac_lane.sv", "gen_outputs.*"): CONSTANT + ", and their products",
    ("fsrcnnx_product.sv", "x*"): "the sign of samples without one",
    ("fsrcnnx_rom.sv", "*"): CONSTANT,
    ("fsrcnnx_row_sums.sv", "gen_row.gen_sum.part"): ASSERTED,
    ("fsrcnnx_row_sums.sv", "gen_row.gen_sum.rest"): ASSERTED,
    ("fsrcnnx_row_sums.sv", "gen_row.gen_sum.above"): ASSERTED,
    ("fsrcnnx_row_sums.sv", "*"): FLAT,
    ("fsrcnnx_sequencer.sv", "need_q"): SPARE + ": the room of the whole output",
    ("fsrcnnx_sequencer.sv", "slots*"): SPARE,
    ("fsrcnnx_slope.sv", "gen_digit.gen_next.term"): "the low bits of what is shifted up: 0",
    ("fsrcnnx_subpixel.sv", "fresh_q"): ROOM,
    ("fsrcnnx_subpixel.sv", "l*_q"): SPARE,
}
