// SPDX-License-Identifier: Apache-2.0
// Proof that fsrcnnx_slope is its specification, for every accumulator.
//
//   1 Stages clocks after acc comes acc << Frac, or acc * Slope where acc is negative

`default_nettype none

module slope_proof #(
  parameter int AccBits   = 12,
  parameter int Slope     = 87,
  parameter int Frac      = 6,
  parameter int Stages    = 4,
  parameter int ValueBits = 19
) (
  input wire logic                      clk_i,
  input wire logic signed [AccBits-1:0] acc_i
);

  logic signed [ValueBits-1:0] value;
  logic signed [AccBits+31:0]  wide;

  fsrcnnx_slope #(
    .AccBits(AccBits), .Slope(Slope), .Frac(Frac), .Stages(Stages), .ValueBits(ValueBits)
  ) u_dut (.clk_i, .acc_i, .value_o(value));

  always_comb begin
    wide = (AccBits+32)'(acc_i);
    wide = acc_i[AccBits-1] ? (AccBits+32)'(wide * Slope) : wide <<< Frac;
  end

  logic [Stages*ValueBits-1:0] want_q;  // the newest lowest
  logic [Stages:0]             begun_q = '0;

  always_ff @(posedge clk_i) begin
    want_q  <= (Stages*ValueBits)'({want_q, wide[ValueBits-1:0]});
    begun_q <= (Stages+1)'({begun_q, 1'b1});
  end

  always_ff @(posedge clk_i) begin
    if (begun_q[Stages-1]) begin
      rule_1: assert (value == $signed(want_q[(Stages-1)*ValueBits +: ValueBits]));
      sloped:   cover (want_q[(Stages-1)*ValueBits +: ValueBits] == ValueBits'(-Slope));
      straight: cover (value == $signed(ValueBits'(1) << Frac));
    end
  end

endmodule

`default_nettype wire
