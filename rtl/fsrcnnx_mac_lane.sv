// SPDX-License-Identifier: Apache-2.0
// Folded multiply-accumulate: Outputs sums over the same Inputs samples, with few multipliers.
//
// Turn (o, i) of FoldOut x FoldIn forms Outs x Ins products: inputs i*Ins.. for outputs o*Outs..,
// acc = (i = 0 ? bias : acc) + sum of products. The weights of turn t lie in word t = o*FoldIn + i
// of Weights, weight (output j, input m) at [(j*Ins + m)*WeightBits].
// A sample's products with two outputs' weights may share one wide multiplier (PerMultiplier).
// Latency Stages + 6 cycles from the turn. Sums stay inside AccBits, as proved from the weights
// (fsrcnnx.exact.ranges). Python twin: fsrcnnx.exact.golden.convolve.

`default_nettype none

module fsrcnnx_mac_lane #(
  parameter int SampleBits    = 8,
  parameter int SampleSigned  = 0,
  parameter int Inputs        = 9,   // samples per window
  parameter int FoldIn        = 1,
  parameter int FoldOut       = 1,
  parameter int Outs          = 1,   // sums side by side
  parameter int WeightBits    = 8,
  parameter int PerMultiplier = 2,   // products, 1 or 2
  parameter int AccBits       = 20,
  parameter int Stages        = 4,   // of the adder tree
  // derived, not to be set
  parameter int Ins           = (Inputs + FoldIn - 1) / FoldIn,
  parameter int TurnBits      = $clog2(FoldIn*FoldOut) > 0 ? $clog2(FoldIn*FoldOut) : 1,
  parameter int PartBits      = $clog2(FoldIn) > 0 ? $clog2(FoldIn) : 1,
  // contents of the memory, word 0 in the low bits
  parameter bit [FoldIn*FoldOut*Outs*Ins*WeightBits-1:0] Weights = '0
) (
  input  wire logic                         clk_i,

  // turn: its index, and its i; the window holds for all turns
  input  wire logic [TurnBits-1:0]          turn_i,
  input  wire logic [PartBits-1:0]          part_i,
  input  wire logic [Inputs*SampleBits-1:0] window_i,

  // Stages + 5 cycles after the turn: whether its i is 0, and the biases of its outputs
  input  wire logic                         first_i,
  input  wire logic [Outs*AccBits-1:0]      bias_i,

  // sums o*Outs + j at [j*AccBits +: AccBits], after the turn with i = FoldIn - 1
  output logic      [Outs*AccBits-1:0]      acc_o
);

  localparam int ProductBits = SampleBits + WeightBits;

  // ---------------------------------------------------------------- cycle 2: samples and weights
  wire logic [FoldIn*Ins*SampleBits-1:0] padded = (FoldIn*Ins*SampleBits)'(window_i);
  logic [Ins*SampleBits-1:0]             samples_q1, samples_q2;
  logic [Outs*Ins*WeightBits-1:0]        weights;

  if (FoldIn == 1) begin : gen_all
    wire logic unused_part = &{1'b0, part_i};
    always_ff @(posedge clk_i) samples_q1 <= padded;
  end else begin : gen_part
    always_ff @(posedge clk_i) begin
      samples_q1 <= padded[part_i*(Ins*SampleBits) +: Ins*SampleBits];
    end
  end

  always_ff @(posedge clk_i) samples_q2 <= samples_q1;

  fsrcnnx_rom #(
    .Width(Outs*Ins*WeightBits), .Depth(FoldIn*FoldOut), .AddrBits(TurnBits), .Contents(Weights)
  ) u_weights (.clk_i, .addr_i(turn_i), .data_o(weights));

  // ---------------------------------------------------------------- cycle 5: products
  logic [Outs*Ins*AccBits-1:0] products;  // (output j, input m) at [(j*Ins + m)*AccBits]

  for (genvar p = 0; p < Outs; p = p + PerMultiplier) begin : gen_outputs
    localparam int Count = Outs - p < PerMultiplier ? Outs - p : PerMultiplier;
    for (genvar m = 0; m < Ins; m++) begin : gen_input
      logic [Count*WeightBits-1:0]  factors;
      logic [Count*ProductBits-1:0] found;

      fsrcnnx_product #(
        .SampleBits(SampleBits), .SampleSigned(SampleSigned), .WeightBits(WeightBits),
        .Count(Count)
      ) u_product (
        .clk_i, .sample_i(samples_q2[m*SampleBits +: SampleBits]), .weights_i(factors),
        .products_o(found));

      for (genvar n = 0; n < Count; n++) begin : gen_product
        wire logic signed [ProductBits-1:0] product = $signed(found[n*ProductBits +: ProductBits]);
        if (ProductBits > AccBits) begin : gen_surplus  // copies of the sign, as proved
          wire logic unused_sign = &{1'b0, product[ProductBits-1:AccBits]};
        end
        assign factors[n*WeightBits +: WeightBits] =
            weights[((p + n)*Ins + m)*WeightBits +: WeightBits];
        assign products[((p + n)*Ins + m)*AccBits +: AccBits] = AccBits'(product);
      end
    end
  end

  // ---------------------------------------------------------------- to cycle 6 + Stages: sums
  for (genvar j = 0; j < Outs; j++) begin : gen_sum
    logic signed [AccBits-1:0] sum, acc_q;

    fsrcnnx_adder_tree #(.Inputs(Ins), .Width(AccBits), .Stages(Stages)) u_tree (
      .clk_i, .terms_i(products[j*Ins*AccBits +: Ins*AccBits]), .sum_o(sum));

    always_ff @(posedge clk_i) begin
      acc_q <= (first_i ? $signed(bias_i[j*AccBits +: AccBits]) : acc_q) + sum;
    end
    assign acc_o[j*AccBits +: AccBits] = acc_q;
  end

endmodule

`default_nettype wire
