// SPDX-License-Identifier: Apache-2.0
// Proof that fsrcnnx_prelu is its specification, for every accumulator and every slope.
//
//   1 3 clocks after acc and slope comes acc << Frac, or acc * slope where acc is negative

`default_nettype none

module prelu_proof #(
  parameter int AccBits   = 6,
  parameter int SlopeBits = 4,
  parameter int Frac      = 3,
  parameter int ValueBits = 10
) (
  input wire logic                        clk_i,
  input wire logic signed [AccBits-1:0]   acc_i,
  input wire logic signed [SlopeBits-1:0] slope_i
);

  logic signed [ValueBits-1:0] value, want, want_q, want_q1, want_q2;

  fsrcnnx_prelu #(
    .AccBits(AccBits), .SlopeBits(SlopeBits), .Frac(Frac), .ValueBits(ValueBits)
  ) u_dut (.clk_i, .acc_i, .slope_i, .value_o(value));

  assign want = acc_i[AccBits-1] ? ValueBits'(acc_i) * ValueBits'(slope_i)
                                 : ValueBits'(acc_i) <<< Frac;

  logic [1:0] begun_q = '0;

  always_ff @(posedge clk_i) begin
    {want_q2, want_q1, want_q} <= {want_q1, want_q, want};
    if (begun_q != 2'd3) begun_q <= begun_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (begun_q == 2'd3) begin
      rule_1: assert (value == want_q2);
      greatest_product: cover (want_q2 == $signed(ValueBits'(1) << (AccBits + SlopeBits - 2)));
    end
  end

endmodule

`default_nettype wire
