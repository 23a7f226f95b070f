// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_turn, for any steps, any counts and any reset.
//
// Relied on: a count is not 0, changes only between two turns, and no step comes in the 2 clocks
// from the change on, nor in the clock after a reset.
//   1 the next step is said to be the first exactly where it begins a turn of count_i steps
//   2 and the last exactly where it ends one

`default_nettype none

module turn_proof #(
  parameter int Bits = 4
) (
  input wire logic            clk_i,
  input wire logic            reset_i,
  input wire logic [Bits-1:0] count_i,
  input wire logic            step_i
);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  logic first, last;

  fsrcnnx_turn #(.Bits(Bits)) u_dut (
    .clk_i, .rst_ni(rst_n), .count_i, .step_i, .first_o(first), .last_o(last));

  logic [Bits-1:0] done_q, count_q;  // steps of this turn
  logic            reset_q, changed_q;
  wire logic       ends    = done_q == count_i - 1'b1;
  wire logic       changed = count_i != count_q;
  wire logic       settled = !reset_q && !changed && !changed_q;

  always_ff @(posedge clk_i) begin
    count_q   <= count_i;
    changed_q <= changed || !begun_q;
    reset_q   <= !rst_n;
    if (!rst_n) done_q <= '0;
    else if (step_i) done_q <= ends ? '0 : done_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    assume (count_i != '0);
    if (rst_n) begin
      if (!settled) assume (!step_i);
      if (done_q != '0 && !reset_q) assume (!changed);
      rule_1: assert (first == (done_q == '0));
      if (settled) rule_2: assert (last == ends);
      the_longest_turn: cover (step_i && ends && count_i == '1);
      turns_of_one:     cover (step_i && ends && first);
    end
  end

endmodule

`default_nettype wire
