// SPDX-License-Identifier: Apache-2.0
// Proof that fsrcnnx_requantise is its specification, for every value.
//
//   1 2 clocks after a value comes value / 2^Shift rounded half to even and saturated, or 0 if it was
//     said one clock before that it lies outside the frame

`default_nettype none

module requantise_proof #(
  parameter int ValueBits = 26,
  parameter int Shift     = 14,
  parameter int OutBits   = 8,
  parameter int OutSigned = 1
) (
  input wire logic                        clk_i,
  input wire logic signed [ValueBits-1:0] value_i,
  input wire logic                        outside_i
);

  localparam int Bits = (ValueBits > OutBits ? ValueBits : OutBits) + Shift + 2;  // none is lost
  localparam bit signed [Bits-1:0] One   = 1;
  localparam bit signed [Bits-1:0] Least = OutSigned != 0 ? -(One <<< (OutBits - 1)) : '0;
  localparam bit signed [Bits-1:0] Most  = (One <<< (OutBits - (OutSigned != 0 ? 1 : 0))) - One;

  logic [OutBits-1:0] out;

  fsrcnnx_requantise #(
    .ValueBits(ValueBits), .Shift(Shift), .OutBits(OutBits), .OutSigned(OutSigned)
  ) u_dut (.clk_i, .value_i, .outside_i, .out_o(out));

  // twice the distance from the integer below says which of the two neighbours is nearer
  logic signed [Bits-1:0] value, below, twice, rounded, chosen;

  always_comb begin
    value   = Bits'(value_i);
    below   = value >>> Shift;
    twice   = (value - (below <<< Shift)) <<< 1;
    rounded = below;
    if (twice > (One <<< Shift) || (twice == (One <<< Shift) && below[0])) rounded = below + One;
    chosen  = rounded < Least ? Least : rounded > Most ? Most : rounded;
  end

  logic [OutBits-1:0]     want_q, want_q1;
  logic signed [Bits-1:0] twice_q, rounded_q;
  logic                   negative_q;
  logic [1:0]             begun_q = '0;

  always_ff @(posedge clk_i) begin
    want_q    <= chosen[OutBits-1:0];
    want_q1   <= outside_i ? '0 : want_q;
    twice_q   <= twice;
    rounded_q <= rounded;
    negative_q <= value_i[ValueBits-1];
    if (begun_q != 2'd2) begun_q <= begun_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (begun_q == 2'd2) begin
      rule_1: assert (out == want_q1);
      negative: cover (negative_q);
    end
  end

  if (OutSigned == 0 || ValueBits - Shift > OutBits) begin : gen_saturated
    always_ff @(posedge clk_i) begin
      if (begun_q == 2'd2) saturated: cover (rounded_q > Most || rounded_q < Least);
    end
  end
  if (Shift > 0 && Shift < ValueBits) begin : gen_tied
    always_ff @(posedge clk_i) if (begun_q == 2'd2) tied: cover (twice_q == (One <<< Shift));
  end

endmodule

`default_nettype wire
