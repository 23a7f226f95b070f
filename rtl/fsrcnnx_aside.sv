// SPDX-License-Identifier: Apache-2.0
// Aside: bits that pass the layers between, in order, and meet the pixel that they came with.
//
// Steps come out of the layers as they went in, so no more is asked than room for all that is under
// way: Words. Nothing is asked that was not given before.
// Latency 2 cycles from pop_i to data_o, 0 where nothing was popped. Python twin: collections.deque.

`default_nettype none

module fsrcnnx_aside #(
  parameter int Width = 8,
  parameter int Words = 32
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,

  input  wire logic             push_i,
  input  wire logic [Width-1:0] data_i,

  input  wire logic             pop_i,
  output logic      [Width-1:0] data_o
);

  localparam int AddrBits = $clog2(Words) > 0 ? $clog2(Words) : 1;

  (* no_rw_check *) logic [Width-1:0] mem [0:Words-1];
  logic [AddrBits-1:0] write_q, read_q;
  logic [Width-1:0]    word_q;
  logic                popped_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
    end else begin
      if (push_i) write_q <= write_q == AddrBits'(Words - 1) ? '0 : write_q + 1'b1;
      if (pop_i) read_q <= read_q == AddrBits'(Words - 1) ? '0 : read_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push_i) mem[write_q] <= data_i;
    word_q <= mem[read_q];
  end

  always_ff @(posedge clk_i) begin
    popped_q <= pop_i;
    if (!popped_q) data_o <= '0;
    else data_o <= word_q;
  end

`ifndef SYNTHESIS
  logic [AddrBits:0] held_q;  // words that were pushed and not popped

  always_ff @(posedge clk_i) begin
    if (!rst_ni) held_q <= '0;
    else held_q <= held_q + (AddrBits+1)'(push_i) - (AddrBits+1)'(pop_i);
  end

  always @(posedge clk_i) begin
    if (rst_ni) begin  // relied on: what is asked was given before, and there is room
      assert (!pop_i || held_q != '0);
      assert (!push_i || held_q < (AddrBits+1)'(Words));
    end
  end
`endif

endmodule

`default_nettype wire
