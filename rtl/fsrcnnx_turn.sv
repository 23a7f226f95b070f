// SPDX-License-Identifier: Apache-2.0
// Turn: counts steps, and says from a register which one is the last of every count_i.
//
// The count is compared one step ahead, so that no adder and no comparison stands before what
// follows from last_o. A new count holds from two clocks after it on, between two turns.
// Python twin: itertools.cycle.

`default_nettype none

module fsrcnnx_turn #(
  parameter int Bits = 5
) (
  input  wire logic            clk_i,
  input  wire logic            rst_ni,

  input  wire logic [Bits-1:0] count_i,  // 1 or more; changes only between two turns
  input  wire logic            step_i,
  output logic                 first_o,  // the next step begins a turn
  output logic                 last_o    // the next step ends it
);

  logic [Bits-1:0] left_q, before_q;  // steps left after the next one; of a turn's first step
  logic            one_q;             // a turn is one step

  always_ff @(posedge clk_i) begin
    before_q <= count_i - 1'b1;
    one_q    <= count_i == Bits'(1);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) first_o <= 1'b1;
    else if (step_i) first_o <= last_o;
  end

  always_ff @(posedge clk_i) begin
    if (step_i ? last_o : first_o) begin
      left_q <= before_q;
      last_o <= one_q;
    end else if (step_i) begin
      left_q <= left_q - 1'b1;
      last_o <= left_q == Bits'(1);
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!step_i || count_i != '0);                           // relied on
      assert ((first_o && !step_i) || before_q == count_i - 1'b1);  // and: a turn keeps its count
      assert (first_o || last_o == (left_q == '0));                // guaranteed
    end
  end
`endif

endmodule

`default_nettype wire
