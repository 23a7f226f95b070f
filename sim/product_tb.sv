// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_product by all of its inputs: every sample with every two weights.
//
// 2^(SampleBits + 2*WeightBits) clocks: seconds in Verilator for 8 bits each. Prints PASS or FAIL.

`default_nettype none

module product_tb #(
  parameter int SampleBits   = 8,
  parameter int SampleSigned = 0,
  parameter int WeightBits   = 8
) ();
  localparam int P    = SampleBits + WeightBits;
  localparam int Bits = SampleBits + 2*WeightBits;

  logic                     clk = 1'b0;
  logic [Bits:0]            at = '0;    // what goes in: sample, upper weight, lower weight
  logic [2*P-1:0]           found;
  logic [3*(Bits+1)-1:0]    sent_q = '1;
  int                       wrong = 0, seen = 0;

  fsrcnnx_product #(
    .SampleBits(SampleBits), .SampleSigned(SampleSigned), .WeightBits(WeightBits), .Count(2)
  ) u_product (
    .clk_i(clk), .sample_i(at[2*WeightBits +: SampleBits]), .weights_i(at[2*WeightBits-1:0]),
    .products_o(found));

  function automatic int sample(input logic [SampleBits-1:0] bits);
    sample = SampleSigned != 0 ? int'($signed(bits)) : int'(bits);
  endfunction

  function automatic logic [P-1:0] product(input logic [31:0] x, input logic [WeightBits-1:0] bits);
    product = P'($signed(x) * int'($signed(bits)));
  endfunction

  wire logic [Bits:0] sent = sent_q[2*(Bits+1) +: Bits+1];  // of three clocks ago
  wire logic [31:0] x = sample(sent[2*WeightBits +: SampleBits]);

  always #1 clk = !clk;

  always @(posedge clk) begin
    sent_q <= (3*(Bits+1))'({sent_q, at});
    at     <= at + 1'b1;
    if (!sent[Bits]) begin
      seen <= seen + 1;
      if (found != {product(x, sent[WeightBits +: WeightBits]), product(x, sent[0 +: WeightBits])})
        wrong <= wrong + 1;
    end
    if (sent[Bits] && seen != 0) begin
      if (wrong == 0) $display("PASS %0d inputs", seen);
      else $display("FAIL %0d of %0d inputs", wrong, seen);
      $finish;
    end
  end
endmodule

`default_nettype wire
