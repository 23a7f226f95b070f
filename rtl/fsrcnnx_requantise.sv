// SPDX-License-Identifier: Apache-2.0
// PReLU and requantisation of one accumulator: slope, shift, round half to even, saturate.
//
//   v = acc >= 0 ? acc << SlopeFrac : acc * slope      (v = acc without slope, HasSlope = 0)
//   y = saturate(round_half_even(v / 2^Shift))
// Latency 4 cycles under ce_i, one value a cycle. Rounding as ap_fixed's AP_RND_CONV, AP_SAT.
// Python twin: fsrcnnx.exact.golden.activate and fsrcnnx.exact.formats.requantise.

`default_nettype none

module fsrcnnx_requantise #(
  parameter int AccBits   = 20,
  parameter int HasSlope  = 1,
  parameter int SlopeBits = 8,
  parameter int SlopeFrac = 7,
  parameter int Shift     = 14,   // 0 or more
  parameter int OutBits   = 8,
  parameter int OutSigned = 1
) (
  input  wire logic                        clk_i,
  input  wire logic                        ce_i,
  input  wire logic signed [AccBits-1:0]   acc_i,
  input  wire logic signed [SlopeBits-1:0] slope_i,
  output logic      [OutBits-1:0]          out_o
);

  // one multiplier serves both signs: its factor is the slope or 2^SlopeFrac
  localparam int FactorBits = SlopeBits > SlopeFrac + 2 ? SlopeBits : SlopeFrac + 2;
  localparam int ValueBits  = HasSlope != 0 ? AccBits + FactorBits : AccBits;
  // one bit more than the shifted value: rounding up may carry
  localparam int RoundBits  = ValueBits > Shift ? ValueBits - Shift + 1 : 2;
  localparam int WideBits   = ValueBits > Shift ? ValueBits : Shift + 1;

  if (Shift < 0) begin : gen_bad_shift
    fsrcnnx_error_requantise_needs_a_shift_of_0_or_more u_error ();
  end

  // ---------------------------------------------------------------- cycles 1 and 2: activation
  logic signed [ValueBits-1:0] value_q;

  if (HasSlope != 0) begin : gen_slope
    logic signed [AccBits-1:0]    acc_q;
    logic signed [FactorBits-1:0] factor_q;
    always_ff @(posedge clk_i) begin
      if (ce_i) begin
        acc_q    <= acc_i;
        factor_q <= acc_i[AccBits-1] ? FactorBits'(slope_i)
                                     : $signed({{(FactorBits-1){1'b0}}, 1'b1} << SlopeFrac);
        value_q  <= acc_q * factor_q;
      end
    end
  end else begin : gen_linear
    wire logic unused_slope = &{1'b0, slope_i};
    logic signed [AccBits-1:0] acc_q;
    always_ff @(posedge clk_i) begin
      if (ce_i) begin
        acc_q   <= acc_i;
        value_q <= acc_q;
      end
    end
  end

  // ---------------------------------------------------------------- cycle 3: round half to even
  logic signed [WideBits-1:0]  wide;
  logic signed [RoundBits-1:0] floor, rounded_q;
  logic                        up;

  assign wide  = WideBits'(value_q);
  assign floor = RoundBits'(wide >>> Shift);

  if (Shift == 0) begin : gen_exact
    assign up = 1'b0;
  end else if (Shift == 1) begin : gen_half
    assign up = wide[0] && floor[0];
  end else begin : gen_round
    assign up = wide[Shift-1] && (floor[0] || wide[Shift-2:0] != '0);
  end

  always_ff @(posedge clk_i) begin
    if (ce_i) rounded_q <= floor + $signed({{(RoundBits-1){1'b0}}, up});
  end

  // ---------------------------------------------------------------- cycle 4: saturate
  if (OutSigned != 0) begin : gen_signed
    if (RoundBits <= OutBits) begin : gen_fits
      always_ff @(posedge clk_i) begin
        if (ce_i) out_o <= OutBits'(rounded_q);
      end
    end else begin : gen_clip
      // in range if all bits above the output's sign bit equal it
      wire logic [RoundBits-OutBits:0] top = rounded_q[RoundBits-1:OutBits-1];
      always_ff @(posedge clk_i) begin
        if (ce_i) begin
          if (&top || top == '0) out_o <= rounded_q[OutBits-1:0];
          else out_o <= {rounded_q[RoundBits-1], {(OutBits-1){!rounded_q[RoundBits-1]}}};
        end
      end
    end
  end else begin : gen_unsigned
    if (RoundBits <= OutBits + 1) begin : gen_fits
      always_ff @(posedge clk_i) begin
        if (ce_i) out_o <= rounded_q[RoundBits-1] ? '0 : OutBits'(rounded_q[RoundBits-2:0]);
      end
    end else begin : gen_clip
      always_ff @(posedge clk_i) begin
        if (ce_i) begin
          if (rounded_q[RoundBits-1]) out_o <= '0;
          else if (rounded_q[RoundBits-2:OutBits] != '0) out_o <= '1;
          else out_o <= rounded_q[OutBits-1:0];
        end
      end
    end
  end

endmodule

`default_nettype wire
