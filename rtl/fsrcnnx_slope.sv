// SPDX-License-Identifier: Apache-2.0
// PReLU of one accumulator with a constant slope, by shifts and adders.
//
//   value = acc >= 0 ? acc << Frac : acc * Slope
// The slope's signed digits (non-adjacent form) are added one a clock, a register behind every
// adder; the first positive one is free. The sign chooses in the clock of the last adder: then only
// a slope of three digits or more keeps the accumulator beside its product. Slopes of one layer may
// have unequal numbers of digits: the accumulator waits first, so that all take Stages clocks.
// Latency Stages cycles, no enable. Python twin: fsrcnnx.exact.golden.activate.

`default_nettype none

module fsrcnnx_slope #(
  parameter int AccBits   = 20,
  parameter int Slope     = 3,
  parameter int Frac      = 4,
  parameter int Stages    = 2,   // at least 1 and the adders that Slope takes
  parameter int ValueBits = 26   // AccBits + the greater of Frac and the bits of |Slope|
) (
  input  wire logic                        clk_i,
  input  wire logic signed [AccBits-1:0]   acc_i,
  output logic signed      [ValueBits-1:0] value_o
);

  localparam bit [31:0] Size     = Slope < 0 ? 32'(-Slope) : 32'(Slope);
  localparam bit [31:0] Half     = Size >> 1;
  localparam bit [31:0] Sum      = Size + Half;
  localparam bit [31:0] Plus     = Sum & ~Half;   // digits of |Slope|: + and -
  localparam bit [31:0] Minus    = Half & ~Sum;
  localparam bit [31:0] Positive = Slope < 0 ? Minus : Plus;
  localparam bit [31:0] Negative = Slope < 0 ? Plus : Minus;

  function automatic int count(input bit [31:0] mask);
    count = 0;
    for (int i = 0; i < 32; i++) if (mask[i]) count = count + 1;
  endfunction

  // place of digit n: the positive ones first, from the least on
  function automatic int place(input int n);
    int found;
    found = 0;
    place = 0;
    for (int i = 0; i < 64; i++) begin
      if (i < 32 ? Positive[i % 32] : Negative[i % 32]) begin
        if (found == n) place = i % 32;
        found = found + 1;
      end
    end
  endfunction

  localparam int Free   = Positive != '0 ? 1 : 0;  // digits without an adder
  localparam int Adders = count(Positive) + count(Negative) - Free;

  localparam int Last   = Adders > 1 ? Adders : 1;  // clocks from the first digit on

  if (Last > Stages) begin : gen_bad_stages
    fsrcnnx_error_slope_needs_a_stage_for_each_adder_and_one_for_none u_error ();
  end

  // ---------------------------------------------------------------- to cycle Stages - Last: wait
  logic [AccBits-1:0] first;

  fsrcnnx_delay #(.Width(AccBits), .Cycles(Stages - Last)) u_wait (
    .clk_i, .data_i(acc_i), .data_o(first));

  // ---------------------------------------------------------------- to cycle Stages - 1: digits
  for (genvar d = 0; d <= Adders; d++) begin : gen_digit
    logic signed [AccBits-1:0]   acc;
    logic signed [ValueBits-1:0] product;  // digits 0 to d, or d - 1 where none is free
    if (d == 0) begin : gen_first
      assign acc     = $signed(first);
      assign product = Free != 0 ? ValueBits'(acc) <<< place(0) : '0;
    end else begin : gen_next
      localparam int Digit = d - 1 + Free;
      wire logic signed [ValueBits-1:0] term = ValueBits'(gen_digit[d-1].acc) <<< place(Digit);
      wire logic signed [ValueBits-1:0] sum  = Digit < count(Positive) ?
          gen_digit[d-1].product + term : gen_digit[d-1].product - term;
      if (d == Adders) begin : gen_last
        assign acc     = gen_digit[d-1].acc;
        assign product = sum;
      end else begin : gen_more
        always_ff @(posedge clk_i) begin
          acc     <= gen_digit[d-1].acc;
          product <= sum;
        end
      end
    end
  end

  // ---------------------------------------------------------------- cycle Stages: choose
  wire logic signed [AccBits-1:0] acc = gen_digit[Adders].acc;

  always_ff @(posedge clk_i) begin
    value_o <= acc[AccBits-1] ? gen_digit[Adders].product : ValueBits'(acc) <<< Frac;
  end

endmodule

`default_nettype wire
