// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_aside, for any pushes and pops that it allows and any reset.
//
// Relied on, of who pushes and pops: it pops only what was pushed in a clock before, and pushes only
// while fewer than Words are held.
//   1 what is popped was pushed: asserted in the module
//   2 what is pushed finds room: asserted in the module
//   3 2 clocks after a pop comes the oldest word, 2 clocks after no pop 0

`default_nettype none

module aside_proof #(
  parameter int Words = 4
) (
  input wire logic clk_i,
  input wire logic reset_i,
  input wire logic push_i,
  input wire logic data_i,
  input wire logic pop_i
);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  // what it must hold, the oldest lowest
  localparam int HeldBits = $clog2(Words + 1);
  logic [HeldBits-1:0] held_q;
  logic [Words-1:0]    words_q;
  wire logic           push = push_i && held_q != HeldBits'(Words);
  wire logic           pop  = pop_i && held_q != '0;
  logic                data;

  fsrcnnx_aside #(.Width(1), .Words(Words)) u_dut (
    .clk_i, .rst_ni(rst_n), .push_i(push), .data_i, .pop_i(pop), .data_o(data));

  always_ff @(posedge clk_i) held_q <= rst_n ? held_q + HeldBits'(push) - HeldBits'(pop) : '0;

  for (genvar n = 0; n < Words; n++) begin : gen_word
    always_ff @(posedge clk_i) begin
      if (push && held_q - HeldBits'(pop) == HeldBits'(n)) words_q[n] <= data_i;
      else if (pop && n < Words - 1) words_q[n] <= words_q[(n+1)%Words];
    end
  end

  logic       want_q, want_q1;
  logic [1:0] age_q;  // clocks since the reset

  always_ff @(posedge clk_i) begin
    want_q  <= pop && words_q[0];
    want_q1 <= want_q;
    age_q   <= !rst_n ? '0 : age_q == 2'd2 ? 2'd2 : age_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      if (age_q == 2'd2) rule_3: assert (data == want_q1);
      full:           cover (held_q == HeldBits'(Words));
      one_in_one_out: cover (push && pop);
    end
  end

endmodule

`default_nettype wire
