// SPDX-License-Identifier: Apache-2.0
// Products of one sample with one weight, or with two in one wide multiplier.
//
//   (w1 * 2^P + w0) * x = p1 * 2^P + p0, P = SampleBits + WeightBits
// P bits hold either product, its sign included. So p0 is the low word as it stands, and p1 the high
// word, which has lent p0 a one where that is negative. The factor has P + WeightBits + 1 bits: two
// products of 8 bits take 25 x 9, of 4-bit weights 17 x 9.
// Latency 3 cycles: factors, product, words; the multiplier's own registers. Proved for all inputs
// by its bench. Python twin: the product.

`default_nettype none

module fsrcnnx_product #(
  parameter int SampleBits   = 8,
  parameter int SampleSigned = 0,
  parameter int WeightBits   = 8,
  parameter int Count        = 2,   // 1 or 2
  parameter int ProductBits  = SampleBits + WeightBits   // derived, not to be set
) (
  input  wire logic                         clk_i,
  input  wire logic [SampleBits-1:0]        sample_i,
  input  wire logic [Count*WeightBits-1:0]  weights_i,   // weight n at [n*WeightBits +: WeightBits]
  output logic      [Count*ProductBits-1:0] products_o
);

  localparam int XBits      = SampleSigned != 0 ? SampleBits : SampleBits + 1;
  localparam int FactorBits = Count == 1 ? WeightBits : ProductBits + WeightBits + 1;

  if (Count < 1 || Count > 2) begin : gen_bad_count
    fsrcnnx_error_product_needs_1_or_2_weights u_error ();
  end

  logic signed [XBits-1:0]             x, x_q;
  logic signed [FactorBits-1:0]        factor, factor_q;
  logic signed [Count*ProductBits-1:0] product_q;

  if (SampleSigned != 0) begin : gen_signed
    assign x = $signed(sample_i);
  end else begin : gen_unsigned
    assign x = $signed({1'b0, sample_i});
  end

  always_ff @(posedge clk_i) begin
    x_q       <= x;
    factor_q  <= factor;
    product_q <= x_q * factor_q;
  end

  if (Count == 1) begin : gen_one
    assign factor = $signed(weights_i);
    always_ff @(posedge clk_i) products_o <= product_q;
  end else begin : gen_two
    wire logic signed [WeightBits-1:0]  low   = $signed(weights_i[WeightBits-1:0]);
    wire logic signed [WeightBits-1:0]  high  = $signed(weights_i[2*WeightBits-1:WeightBits]);
    wire logic        [ProductBits-1:0] above = product_q[2*ProductBits-1:ProductBits];

    assign factor = (FactorBits'(high) <<< ProductBits) + FactorBits'(low);
    always_ff @(posedge clk_i) begin
      products_o <= {above + ProductBits'(product_q[ProductBits-1]), product_q[ProductBits-1:0]};
    end
  end

endmodule

`default_nettype wire
