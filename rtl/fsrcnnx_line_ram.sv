// SPDX-License-Identifier: Apache-2.0
// Line memory, one slice: gives what was stored in this place of the line above, stores anew.
//
// The address counts the steps of a line from 0. Each slice registers step and line and counts for
// itself, and its hierarchy is kept while tools look for equal registers: no net runs to all RAMs.
// The address has a clock for the way to its RAMs. A word is registered twice, so that the RAM's
// output meets a flip-flop at once; it is written over three clocks after it was read. So reading
// and writing never meet as long as lines begin 5 clocks apart or more.
// Latency 5 cycles; data_i is sampled with data_o. Outside a line data_o is 0. Contents are not
// initialised: the sequencer begins with lines of zeros.

`default_nettype none

(* keep_hierarchy *)
module fsrcnnx_line_ram #(
  parameter int Width = 8,
  parameter int Depth = 16
) (
  input  wire logic             clk_i,

  input  wire logic             step_i,   // a step of the raster
  input  wire logic             line_i,   // it is in a line, else between two
  output logic      [Width-1:0] data_o,   // cycle 5
  input  wire logic [Width-1:0] data_i    // cycle 5
);

  localparam int AddrBits = $clog2(Depth) > 0 ? $clog2(Depth) : 1;

  (* no_rw_check *) logic [Width-1:0] mem [0:Depth-1];

  logic [AddrBits-1:0] addr_q, addr_q1, addr_q2, addr_q3, addr_q4;  // of cycles 1 to 5
  logic                step_q, store_q1, store_q2, store_q3, store_q4, store_q5;
  logic                blank_q1, blank_q2, blank_q3, blank_q4;  // between lines; resets without a LUT
  logic [Width-1:0]    word_q1, word_q2;

  always_ff @(posedge clk_i) begin
    step_q <= step_i;
    {store_q5, store_q4, store_q3, store_q2, store_q1} <=
        {store_q4, store_q3, store_q2, store_q1, step_i && line_i};
    {blank_q4, blank_q3, blank_q2, blank_q1} <= {blank_q3, blank_q2, blank_q1, !line_i};
  end

  always_ff @(posedge clk_i) begin
    if (blank_q1) addr_q <= '0;
    else if (step_q) addr_q <= addr_q + 1'b1;
    {addr_q4, addr_q3, addr_q2, addr_q1} <= {addr_q3, addr_q2, addr_q1, addr_q};
  end

  always_ff @(posedge clk_i) begin
    if (store_q5) mem[addr_q4] <= data_i;
    word_q1 <= mem[addr_q1];
  end

  always_ff @(posedge clk_i) begin
    word_q2 <= word_q1;
    if (blank_q4) data_o <= '0;
    else data_o <= word_q2;
  end

`ifndef SYNTHESIS
  logic full_q;  // the line has as many steps as there are places
  initial full_q = 1'b0;

  always @(posedge clk_i) begin
    if (blank_q1) full_q <= 1'b0;
    else if (step_q) full_q <= addr_q == AddrBits'(Depth - 1);
    assert ((full_q && step_q && !blank_q1) !== 1'b1);  // relied on: no line is longer
  end
`endif

endmodule

`default_nettype wire
