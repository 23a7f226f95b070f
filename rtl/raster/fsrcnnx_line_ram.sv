// SPDX-License-Identifier: Apache-2.0
// Line memory, one slice: gives what was stored in this place of the line above, stores anew.
//
// The address counts the steps of a line from 0; each slice counts for itself, so that no net runs
// to all RAMs. A word is read in the clock of its step and registered twice, so that the RAM's
// output meets a flip-flop at once; it is written over three clocks after its step. So reading and
// writing never meet as long as lines begin 4 clocks apart or more.
// Latency 3 cycles; data_i is sampled with data_o. Outside a line data_o is 0. Contents are not
// initialised: the sequencer begins with lines of zeros.

`default_nettype none

module fsrcnnx_line_ram #(
  parameter int Width = 8,
  parameter int Depth = 16
) (
  input  wire logic             clk_i,

  input  wire logic             step_i,   // a step of the raster
  input  wire logic             line_i,   // it is in a line, else between two
  output logic      [Width-1:0] data_o,   // cycle 3
  input  wire logic [Width-1:0] data_i    // cycle 3
);

  localparam int AddrBits = $clog2(Depth) > 0 ? $clog2(Depth) : 1;

  (* no_rw_check *) logic [Width-1:0] mem [0:Depth-1];

  logic [AddrBits-1:0] addr_q, addr_q1, addr_q2, addr_q3;
  logic                store_q1, store_q2, store_q3;
  logic                blank_q1, blank_q2;  // between lines; as it resets data_o, without a LUT
  logic [Width-1:0]    word_q1, word_q2;

  always_ff @(posedge clk_i) begin
    if (!line_i) addr_q <= '0;
    else if (step_i) addr_q <= addr_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    {addr_q3, addr_q2, addr_q1}    <= {addr_q2, addr_q1, addr_q};
    {store_q3, store_q2, store_q1} <= {store_q2, store_q1, step_i && line_i};
    {blank_q2, blank_q1}           <= {blank_q1, !line_i};
  end

  always_ff @(posedge clk_i) begin
    if (store_q3) mem[addr_q3] <= data_i;
    word_q1 <= mem[addr_q];
  end

  always_ff @(posedge clk_i) begin
    word_q2 <= word_q1;
    if (blank_q2) data_o <= '0;
    else data_o <= word_q2;
  end

endmodule

`default_nettype wire
