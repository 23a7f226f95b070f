// SPDX-License-Identifier: Apache-2.0
// PReLU of one accumulator with a slope that comes beside it, by one multiplier.
//
//   value = acc >= 0 ? acc << Frac : acc * slope
// One multiplier serves both signs: its factor is the slope or 2^Frac.
// Latency 3 cycles, no enable: factors, product, value; the multiplier's own registers.
// Python twin: fsrcnnx.exact.golden.activate.

`default_nettype none

module fsrcnnx_prelu #(
  parameter int AccBits   = 20,
  parameter int SlopeBits = 8,
  parameter int Frac      = 7,
  parameter int ValueBits = 28   // AccBits + the greater of Frac and the bits of |slope|
) (
  input  wire logic                        clk_i,
  input  wire logic signed [AccBits-1:0]   acc_i,
  input  wire logic signed [SlopeBits-1:0] slope_i,
  output logic signed      [ValueBits-1:0] value_o
);

  localparam int FactorBits = SlopeBits > Frac + 2 ? SlopeBits : Frac + 2;
  localparam bit [FactorBits-1:0] One = FactorBits'(64'd1 << Frac);

  logic signed [AccBits-1:0]    acc_q;
  logic signed [FactorBits-1:0] factor_q;
  logic signed [ValueBits-1:0]  product_q;

  always_ff @(posedge clk_i) begin
    acc_q     <= acc_i;
    factor_q  <= acc_i[AccBits-1] ? FactorBits'(slope_i) : $signed(One);
    product_q <= ValueBits'(acc_q * factor_q);
    value_o   <= product_q;
  end

endmodule

`default_nettype wire
