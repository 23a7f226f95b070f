// SPDX-License-Identifier: Apache-2.0
// Folded multiply-accumulate: Outputs sums over the same Inputs samples, with few multipliers.
//
// Step (o, i) of FoldOut x FoldIn forms Outs x Ins products: inputs i*Ins.. for outputs o*Outs..,
// acc = (i = 0 ? bias : acc) + sum of products. The weights of step s lie in word s = o*FoldIn + i
// of Weights, weight (output j, input m) at [(j*Ins + m)*WeightBits]; the biases of o lie in word o.
// Latency Stages + 3 cycles from the step under ce_i. Sums stay inside AccBits, as proved from the
// weights (fsrcnnx.exact.ranges). Python twin: fsrcnnx.exact.golden.convolve.

`default_nettype none

module fsrcnnx_mac_lane #(
  parameter int SampleBits   = 8,
  parameter int SampleSigned = 0,
  parameter int Inputs       = 9,   // samples per window
  parameter int Outputs      = 1,   // sums per window
  parameter int FoldIn       = 1,
  parameter int FoldOut      = 1,
  parameter int WeightBits   = 8,
  parameter int AccBits      = 20,
  parameter int Stages       = 4,   // of the adder tree
  // derived, not to be set
  parameter int Ins          = (Inputs + FoldIn - 1) / FoldIn,
  parameter int Outs         = (Outputs + FoldOut - 1) / FoldOut,
  parameter int StepBits     = $clog2(FoldIn*FoldOut) > 0 ? $clog2(FoldIn*FoldOut) : 1,
  parameter int PartBits     = $clog2(FoldIn) > 0 ? $clog2(FoldIn) : 1,
  parameter int SliceBits    = $clog2(FoldOut) > 0 ? $clog2(FoldOut) : 1,
  // contents of the memories, word 0 in the low bits
  parameter bit [FoldIn*FoldOut*Outs*Ins*WeightBits-1:0] Weights = '0,
  parameter bit [FoldOut*Outs*AccBits-1:0]               Biases  = '0
) (
  input  wire logic                         clk_i,
  input  wire logic                         ce_i,

  // step: index o*FoldIn + i, its i and o; the window holds for all its steps
  input  wire logic [StepBits-1:0]          step_i,
  input  wire logic [PartBits-1:0]          step_in_i,
  input  wire logic [SliceBits-1:0]         step_out_i,
  input  wire logic [Inputs*SampleBits-1:0] window_i,

  // sums o*Outs + j at [j*AccBits +: AccBits], after the step with i = FoldIn-1
  output logic      [Outs*AccBits-1:0]      acc_o
);

  localparam int XBits    = SampleSigned != 0 ? SampleBits : SampleBits + 1;
  localparam int ProdBits = XBits + WeightBits;

  // ---------------------------------------------------------------- cycle 1: samples and weights
  logic [FoldIn*Ins*SampleBits-1:0] padded;
  logic [Ins*SampleBits-1:0]        samples_q;
  logic [Outs*Ins*WeightBits-1:0]   weights;

  if (FoldIn*Ins == Inputs) begin : gen_even
    assign padded = window_i;
  end else begin : gen_pad
    assign padded = {{(FoldIn*Ins - Inputs)*SampleBits{1'b0}}, window_i};
  end

  if (FoldIn == 1) begin : gen_all
    wire logic unused_step_in = &{1'b0, step_in_i};
    always_ff @(posedge clk_i) begin
      if (ce_i) samples_q <= padded;
    end
  end else begin : gen_slice
    always_ff @(posedge clk_i) begin
      if (ce_i) samples_q <= padded[step_in_i*(Ins*SampleBits) +: Ins*SampleBits];
    end
  end

  fsrcnnx_rom #(
    .Width(Outs*Ins*WeightBits), .Depth(FoldIn*FoldOut), .AddrBits(StepBits), .Contents(Weights)
  ) u_weights (.clk_i, .en_i(ce_i), .addr_i(step_i), .data_o(weights));

  // ---------------------------------------------------------------- first and o travel along
  // bit of cycle c at [c-1]: cycle 1 samples, 2 products, 2+Stages sums, 3+Stages accumulator
  localparam int Cycles = Stages + 2;
  logic [Cycles-1:0]               first_q;
  logic [(Cycles-1)*SliceBits-1:0] out_q;

  always_ff @(posedge clk_i) begin
    if (ce_i) first_q <= {first_q[Cycles-2:0], step_in_i == '0};
  end

  if (Cycles == 2) begin : gen_out_now
    always_ff @(posedge clk_i) begin
      if (ce_i) out_q <= step_out_i;
    end
  end else begin : gen_out_later
    always_ff @(posedge clk_i) begin
      if (ce_i) out_q <= {out_q[(Cycles-2)*SliceBits-1:0], step_out_i};
    end
  end

  logic [Outs*AccBits-1:0] bias;
  fsrcnnx_rom #(
    .Width(Outs*AccBits), .Depth(FoldOut), .AddrBits(SliceBits), .Contents(Biases)
  ) u_bias (
    .clk_i, .en_i(ce_i), .addr_i(out_q[(Cycles-2)*SliceBits +: SliceBits]), .data_o(bias));

  for (genvar j = 0; j < Outs; j++) begin : gen_out
    // -------------------------------------------------------------- cycle 2: products
    logic [Ins*AccBits-1:0] products;
    for (genvar m = 0; m < Ins; m++) begin : gen_product
      logic signed [XBits-1:0]      x;
      logic signed [WeightBits-1:0] w;
      logic signed [ProdBits-1:0]   product;
      logic [AccBits-1:0]           product_q;
      if (SampleSigned != 0) begin : gen_signed
        assign x = $signed(samples_q[m*SampleBits +: SampleBits]);
      end else begin : gen_unsigned
        assign x = $signed({1'b0, samples_q[m*SampleBits +: SampleBits]});
      end
      assign w       = $signed(weights[(j*Ins + m)*WeightBits +: WeightBits]);
      assign product = x * w;
      if (ProdBits > AccBits) begin : gen_surplus  // copies of the sign, as proved
        wire logic unused_sign = &{1'b0, product[ProdBits-1:AccBits]};
      end
      always_ff @(posedge clk_i) begin
        if (ce_i) product_q <= AccBits'(product);
      end
      assign products[m*AccBits +: AccBits] = product_q;
    end

    // -------------------------------------------------------------- cycles 3 to 2+Stages: sum
    logic signed [AccBits-1:0] sum;
    fsrcnnx_adder_tree #(.Inputs(Ins), .Width(AccBits), .Stages(Stages)) u_tree (
      .clk_i, .ce_i, .terms_i(products), .sum_o(sum));

    // -------------------------------------------------------------- cycle 3+Stages: accumulate
    logic signed [AccBits-1:0] acc_q;
    always_ff @(posedge clk_i) begin
      if (ce_i) begin
        acc_q <= (first_q[Cycles-1] ? $signed(bias[j*AccBits +: AccBits]) : acc_q) + sum;
      end
    end
    assign acc_o[j*AccBits +: AccBits] = acc_q;
  end

endmodule

`default_nettype wire
