// SPDX-License-Identifier: Apache-2.0
// Requantisation of one value: shift, round half to even, saturate; 0 outside the frame.
//
//   out = outside ? 0 : saturate(round_half_even(value / 2^Shift))
// Cycle 1 cuts and looks for what saturates, cycle 2 rounds and chooses: a saturation is known beside
// the sum of the rounding, and the 0 is the output register's reset.
// Latency 2 cycles, no enable. Rounding as ap_fixed's AP_RND_CONV, AP_SAT.
// Python twin: fsrcnnx.exact.formats.requantise.

`default_nettype none

module fsrcnnx_requantise #(
  parameter int ValueBits = 26,
  parameter int Shift     = 14,   // 0 or more
  parameter int OutBits   = 8,
  parameter int OutSigned = 1
) (
  input  wire logic                        clk_i,
  input  wire logic signed [ValueBits-1:0] value_i,
  input  wire logic                        outside_i,  // cycle 1
  output logic      [OutBits-1:0]          out_o
);

  // the floor with a sign bit above those that the output holds, and one above that
  localparam int FloorBits = ValueBits - Shift > OutBits + 2 ? ValueBits - Shift : OutBits + 2;
  localparam int WideBits  = FloorBits + Shift;
  localparam int MostBits  = OutSigned != 0 ? OutBits - 1 : OutBits;  // bits of the greatest output
  localparam bit [OutBits-1:0] Most  = OutBits'((64'd1 << MostBits) - 64'd1);
  localparam bit [OutBits-1:0] Least = ~Most;                         // 0 where unsigned

  if (Shift < 0) begin : gen_bad_shift
    fsrcnnx_error_requantise_needs_a_shift_of_0_or_more u_error ();
  end

  // ---------------------------------------------------------------- cycle 1: floor
  wire logic signed [WideBits-1:0] wide = WideBits'(value_i);
  wire logic [FloorBits-1:0]       floor = wide[Shift +: FloorBits];
  logic                            up;

  if (Shift == 0) begin : gen_exact
    assign up = 1'b0;
  end else if (Shift == 1) begin : gen_half
    assign up = wide[0] && floor[0];
  end else begin : gen_round
    assign up = wide[Shift-1] && (floor[0] || wide[Shift-2:0] != '0);
  end

  logic [OutBits-1:0] floor_q;
  logic               up_q, over_q, under_q;

  always_ff @(posedge clk_i) begin
    floor_q <= floor[OutBits-1:0];
    up_q    <= up;
    over_q  <= !floor[FloorBits-1] && floor[FloorBits-2:MostBits] != '0;
    under_q <= floor[FloorBits-1] && (OutSigned == 0 || !(&floor[FloorBits-2:MostBits]));
  end

  // ---------------------------------------------------------------- cycle 2: round, saturate
  wire logic [OutBits-1:0] rounded = floor_q + OutBits'(up_q);
  wire logic               over    = over_q || (up_q && !under_q && floor_q == Most);

  always_ff @(posedge clk_i) begin
    if (outside_i) out_o <= '0;
    else if (over) out_o <= Most;
    else if (under_q) out_o <= Least;
    else out_o <= rounded;
  end

endmodule

`default_nettype wire
