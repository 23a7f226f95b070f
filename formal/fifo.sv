// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_fifo, for any source, any sink and any reset.
//
//   1 what it offers is the oldest beat it holds: none is lost, doubled, changed or overtaken
//   2 it never holds more than Depth - 1 beats beside the one at its output: asserted in the module
//   3 a beat that is offered and not taken stays
//   4 what it holds is offered 2 clocks later or earlier: nothing hangs inside
//   5 with room for 4 beats or more it is ready 2 clocks later or earlier

`default_nettype none

module fifo_proof #(
  parameter int Width = 1,
  parameter int Depth = 4
) (
  input wire logic             clk_i,
  input wire logic             reset_i,
  input wire logic             in_valid_i,
  input wire logic [Width-1:0] in_data_i,
  input wire logic             out_ready_i
);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  logic             in_ready, out_valid;
  logic [Width-1:0] out_data;

  fsrcnnx_fifo #(.Width(Width), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni(rst_n), .in_valid_i, .in_ready_o(in_ready), .in_data_i,
    .out_valid_o(out_valid), .out_ready_i, .out_data_o(out_data));

  // what it must hold, the oldest lowest
  localparam int Most     = Depth + 2;  // one more than there may be, so that it is seen
  localparam int HeldBits = $clog2(Most + 1);
  logic [HeldBits-1:0]   held_q;
  logic [Most*Width-1:0] beats_q;
  wire logic             push = in_valid_i && in_ready, pop = out_valid && out_ready_i;

  always_ff @(posedge clk_i) held_q <= rst_n ? held_q + HeldBits'(push) - HeldBits'(pop) : '0;

  for (genvar n = 0; n < Most; n++) begin : gen_beat
    always_ff @(posedge clk_i) begin
      if (push && held_q - HeldBits'(pop) == HeldBits'(n)) beats_q[n*Width +: Width] <= in_data_i;
      else if (pop && n < Most - 1) beats_q[n*Width +: Width] <= beats_q[(n+1)%Most*Width +: Width];
    end
  end

  logic             stalled_q;
  logic [Width-1:0] data_q;
  logic [1:0]       silent_q, refused_q;

  always_ff @(posedge clk_i) begin
    stalled_q <= rst_n && out_valid && !out_ready_i;
    data_q    <= out_data;
    silent_q  <= !rst_n || out_valid || held_q == '0 ? '0 : silent_q + 1'b1;
    refused_q <= !rst_n || in_ready || held_q > HeldBits'(Depth - 4) ? '0 : refused_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      if (out_valid) rule_1: assert (held_q != '0 && out_data == beats_q[Width-1:0]);
      if (stalled_q) rule_3: assert (out_valid && out_data == data_q);
      rule_4: assert (silent_q < 2'd2);
      rule_5: assert (refused_q < 2'd2);
      full:           cover (held_q == HeldBits'(Depth));
      one_in_one_out: cover (push && pop);
    end
  end

endmodule

`default_nettype wire
