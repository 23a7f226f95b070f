// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_skid, for any source, any sink and any reset.
//
//   1 it is ready unless it holds two beats: ready follows from what came before, nothing of now
//   2 it offers a beat if it holds one
//   3 that is the oldest beat it holds: none is lost, doubled, changed or overtaken
//   4 a beat that is offered and not taken stays: asserted in the module

`default_nettype none

module skid_proof #(
  parameter int Width = 2
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

  fsrcnnx_skid #(.Width(Width)) u_dut (
    .clk_i, .rst_ni(rst_n), .in_valid_i, .in_ready_o(in_ready), .in_data_i,
    .out_valid_o(out_valid), .out_ready_i, .out_data_o(out_data));

  // what it must hold, the oldest first
  logic [1:0]       held_q;
  logic [Width-1:0] first_q, second_q;
  wire logic        push = in_valid_i && in_ready, pop = out_valid && out_ready_i;

  always_ff @(posedge clk_i) begin
    held_q <= rst_n ? held_q + 2'(push) - 2'(pop) : '0;
    if (pop) first_q <= second_q;
    if (push && held_q == 2'(pop)) first_q <= in_data_i;
    else if (push) second_q <= in_data_i;
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      rule_1: assert (in_ready == (held_q != 2'd2));
      rule_2: assert (out_valid == (held_q != '0));
      if (out_valid) rule_3: assert (out_data == first_q);
      full_is_emptied: cover (held_q == 2'd2 && pop);
      one_in_one_out:  cover (push && pop);
    end
  end

endmodule

`default_nettype wire
