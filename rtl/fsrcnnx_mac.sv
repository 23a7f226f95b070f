// SPDX-License-Identifier: Apache-2.0
// Sums of one layer by multipliers in turns: window, schedule, lanes.
//
// A step starts FoldIn*FoldOut turns on the window that it completes, and the next step comes no
// sooner than they take (clocks per step, in the sequencer): a fixed schedule without a handshake.
// Sums are there slice by slice, FoldIn clocks apart. A lane covers a rectangle of the window; a
// deconvolution has a lane per output phase, over the taps that land on it, so that nothing is
// multiplied by an inserted zero. All lanes run the same turns and share the biases.
// fsrcnnx_pkg holds one 32-bit field per layer or lane of every parameter, fsrcnnx_mem_pkg what the
// memories hold. Latency FoldIn*FoldOut + Stages + 6 cycles from the step to the last slice.
// Python twin: fsrcnnx.exact.golden.convolve.

`default_nettype none

module fsrcnnx_mac #(
  parameter int Layer      = 0,
  parameter int PixelBits  = 8,
  parameter int Side       = 3,
  parameter int Lanes      = 1,
  parameter int FoldOut    = 1,
  parameter int Outs       = 1,    // of each lane, side by side
  parameter int SumBits    = 20,
  parameter int BesideBits = 1,
  parameter int SliceBits  = 1
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic                          step_i,
  input  wire logic [Side*PixelBits-1:0]     column_i,
  input  wire logic [BesideBits-1:0]         beside_i,  // comes out with the sums

  output logic      [SliceBits-1:0]          slice_o,   // two clocks before its sums
  output logic                               done_o,    // a slice of sums is there
  output logic      [BesideBits-1:0]         beside_o,
  output logic      [Lanes*Outs*SumBits-1:0] sums_o     // sum j of lane l at [(l*Outs + j)*SumBits]
);

  localparam int SampleBits   = fsrcnnx_pkg::LAYER_IN_BITS[Layer*32 +: 32];
  localparam int SampleSigned = fsrcnnx_pkg::LAYER_IN_SIGNED[Layer*32 +: 32];
  localparam int Channels     = fsrcnnx_pkg::LAYER_IN_CHANNELS[Layer*32 +: 32];
  localparam int FoldIn       = fsrcnnx_pkg::LAYER_FOLD_IN[Layer*32 +: 32];
  localparam int Stages       = fsrcnnx_pkg::LAYER_STAGES[Layer*32 +: 32];
  localparam int WeightBits   = fsrcnnx_pkg::LAYER_WEIGHT_BITS[Layer*32 +: 32];
  localparam int Products     = fsrcnnx_pkg::LAYER_PER_MULTIPLIER[Layer*32 +: 32];
  localparam int BiasesLsb    = fsrcnnx_pkg::LAYER_BIASES_LSB[Layer*32 +: 32];
  localparam int FirstLane    = fsrcnnx_pkg::LAYER_LANE_FIRST[Layer*32 +: 32];

  localparam int Turns     = FoldIn*FoldOut;
  localparam int TurnBits  = $clog2(Turns) > 0 ? $clog2(Turns) : 1;
  localparam int PartBits  = $clog2(FoldIn) > 0 ? $clog2(FoldIn) : 1;
  localparam int Cycles    = Stages + 6;  // from a turn to its sums
  localparam int BiasCycle = Cycles - 3;  // when a slice's bias is looked up
  localparam int EarlySlice = Cycles - 2;

  // ---------------------------------------------------------------- cycle 0: the turns of a window
  logic [Side*Side*PixelBits-1:0] window;
  logic [BesideBits-1:0]          beside_q;
  logic [TurnBits-1:0]            turn_q;   // slice_q*FoldIn + part_q
  logic [PartBits-1:0]            part_q;
  logic [SliceBits-1:0]           slice_q;
  logic                           busy_q, last_part, last_turn;

  fsrcnnx_window #(.PixelBits(PixelBits), .Side(Side)) u_window (
    .clk_i, .step_i, .column_i, .window_o(window));

  assign last_part = part_q == PartBits'(FoldIn - 1);
  assign last_turn = turn_q == TurnBits'(Turns - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) busy_q <= 1'b0;
    else busy_q <= step_i || (busy_q && !last_turn);
  end

  always_ff @(posedge clk_i) begin
    if (step_i) begin
      beside_q <= beside_i;
      turn_q   <= '0;
      part_q   <= '0;
      slice_q  <= '0;
    end else begin
      turn_q <= turn_q + 1'b1;
      part_q <= last_part ? '0 : part_q + 1'b1;
      if (last_part) slice_q <= slice_q + 1'b1;
    end
  end

  // ---------------------------------------------------------------- what travels with a turn
  logic [Cycles-1:0]               done_q;    // of cycle c at [c-1]
  logic [Cycles-2:0]               first_q;
  logic [EarlySlice*SliceBits-1:0] slices_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) done_q <= '0;
    else done_q <= Cycles'({done_q, busy_q && last_part});
  end

  always_ff @(posedge clk_i) begin
    first_q  <= (Cycles-1)'({first_q, part_q == '0});
    slices_q <= (EarlySlice*SliceBits)'({slices_q, slice_q});
  end

  assign done_o  = done_q[Cycles-1];
  assign slice_o = slices_q[(EarlySlice-1)*SliceBits +: SliceBits];

  fsrcnnx_delay #(.Width(BesideBits), .Cycles(Cycles)) u_beside (
    .clk_i, .data_i(beside_q), .data_o(beside_o));

  // ---------------------------------------------------------------- lanes, to cycle Cycles
  logic [Outs*SumBits-1:0] bias;

  fsrcnnx_rom #(
    .Width(Outs*SumBits), .Depth(FoldOut), .AddrBits(SliceBits),
    .Contents(fsrcnnx_mem_pkg::BIASES[BiasesLsb +: FoldOut*Outs*SumBits])
  ) u_bias (
    .clk_i, .addr_i(slices_q[(BiasCycle-1)*SliceBits +: SliceBits]), .data_o(bias));

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    localparam int Row    = fsrcnnx_pkg::LANE_ROW[(FirstLane + l)*32 +: 32];
    localparam int Rows   = fsrcnnx_pkg::LANE_ROWS[(FirstLane + l)*32 +: 32];
    localparam int Col    = fsrcnnx_pkg::LANE_COL[(FirstLane + l)*32 +: 32];
    localparam int Cols   = fsrcnnx_pkg::LANE_COLS[(FirstLane + l)*32 +: 32];
    localparam int Lsb    = fsrcnnx_pkg::LANE_WEIGHTS_LSB[(FirstLane + l)*32 +: 32];
    localparam int Inputs = Rows*Cols*Channels;
    localparam int Ins    = (Inputs + FoldIn - 1) / FoldIn;

    logic [Rows*Cols*PixelBits-1:0] taps;

    for (genvar r = 0; r < Rows; r++) begin : gen_row
      assign taps[r*Cols*PixelBits +: Cols*PixelBits] =
          window[((Row + r)*Side + Col)*PixelBits +: Cols*PixelBits];
    end

    fsrcnnx_mac_lane #(
      .SampleBits(SampleBits), .SampleSigned(SampleSigned), .Inputs(Inputs), .FoldIn(FoldIn),
      .FoldOut(FoldOut), .Outs(Outs), .WeightBits(WeightBits), .PerMultiplier(Products),
      .AccBits(SumBits), .Stages(Stages),
      .Weights(fsrcnnx_mem_pkg::WEIGHTS[Lsb +: Turns*Outs*Ins*WeightBits])
    ) u_lane (
      .clk_i, .turn_i(turn_q), .part_i(part_q), .window_i(taps),
      .first_i(first_q[Cycles-2]), .bias_i(bias), .acc_o(sums_o[l*Outs*SumBits +: Outs*SumBits]));
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni) begin  // relied on: the next step comes no sooner than the turns take
      assert (!step_i || !busy_q || last_turn);
    end
  end
`endif

endmodule

`default_nettype wire
