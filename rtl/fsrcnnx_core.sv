// SPDX-License-Identifier: Apache-2.0
// Core: the layers of fsrcnnx_pkg in a row, LR pixels in, output phases out.
//
// fsrcnnx_pkg holds one 32-bit field per layer (and per lane) of every parameter, fsrcnnx_mem_pkg
// what the memories hold. Streams lie side by side in flat vectors, stream 0 the input, stream l+1
// the output of layer l, so that a bench can watch any of them by the same expression. Each stream
// carries the frame size with it and, in a network with an anchor, the LR pixel above the samples,
// from the first layer to the last.

`default_nettype none

module fsrcnnx_core #(
  // from the package, not to be set
  parameter int InBits  = fsrcnnx_pkg::IN_BITS,
  parameter int OutBits = fsrcnnx_pkg::OUT_BITS,
  parameter int Scale   = fsrcnnx_pkg::SCALE,
  parameter int Layers  = fsrcnnx_pkg::LAYERS,
  parameter int DimBits = fsrcnnx_pkg::DIM_BITS
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                in_valid_i,
  output logic                     in_ready_o,
  input  wire logic [InBits-1:0]  in_data_i,
  input  wire logic [DimBits-1:0] in_width_i,
  input  wire logic [DimBits-1:0] in_height_i,

  // phase py*Scale + px at [(py*Scale + px)*OutBits +: OutBits]
  output logic                     out_valid_o,
  input  wire logic                out_ready_i,
  output logic [Scale*Scale*OutBits-1:0] out_data_o,
  output logic      [DimBits-1:0] out_width_o,
  output logic      [DimBits-1:0] out_height_o
);

  logic [Layers:0]                stream_valid, stream_ready;
  logic [fsrcnnx_pkg::STREAM_BITS-1:0]         stream_data;
  logic [(Layers+1)*DimBits-1:0] stream_width, stream_height;

  assign stream_valid[0]                = in_valid_i;
  assign in_ready_o                     = stream_ready[0];
  assign stream_data[InBits-1:0]       = in_data_i;
  assign stream_width[DimBits-1:0]     = in_width_i;
  assign stream_height[DimBits-1:0]    = in_height_i;

  for (genvar l = 0; l < Layers; l++) begin : gen_layer
    localparam int InLsb    = fsrcnnx_pkg::STREAM_LSB[l*32 +: 32];
    localparam int InWidth  = fsrcnnx_pkg::STREAM_WIDTH[l*32 +: 32];
    localparam int OutLsb   = fsrcnnx_pkg::STREAM_LSB[(l+1)*32 +: 32];
    localparam int OutWidth = fsrcnnx_pkg::STREAM_WIDTH[(l+1)*32 +: 32];
    localparam int Lanes    = fsrcnnx_pkg::LAYER_LANES[l*32 +: 32];
    localparam int Lane     = fsrcnnx_pkg::LAYER_LANE_FIRST[l*32 +: 32];

    localparam int Outputs   = fsrcnnx_pkg::LAYER_OUTPUTS[l*32 +: 32];
    localparam int FoldOut   = fsrcnnx_pkg::LAYER_FOLD_OUT[l*32 +: 32];
    localparam int AccBits   = fsrcnnx_pkg::LAYER_ACC_BITS[l*32 +: 32];
    localparam int SlopeBits = fsrcnnx_pkg::LAYER_SLOPE_BITS[l*32 +: 32];
    // its places in fsrcnnx_mem_pkg
    localparam int Words       = FoldOut * ((Outputs + FoldOut - 1) / FoldOut);
    localparam int WeightsLsb  = fsrcnnx_pkg::LAYER_WEIGHTS_LSB[l*32 +: 32];
    localparam int WeightsBits = fsrcnnx_pkg::LAYER_WEIGHTS_WIDTH[l*32 +: 32];
    localparam int BiasLanes   = fsrcnnx_pkg::LAYER_BIAS_LANES[l*32 +: 32];
    localparam int BiasesLsb   = fsrcnnx_pkg::LAYER_BIASES_LSB[l*32 +: 32];
    localparam int SlopesLsb   = fsrcnnx_pkg::LAYER_SLOPES_LSB[l*32 +: 32];

    fsrcnnx_layer #(
      .MaxWidth   (fsrcnnx_pkg::MAX_WIDTH),
      .DimBits    (DimBits),
      .InChannels (fsrcnnx_pkg::LAYER_IN_CHANNELS[l*32 +: 32]),
      .InBits     (fsrcnnx_pkg::LAYER_IN_BITS[l*32 +: 32]),
      .InSigned   (fsrcnnx_pkg::LAYER_IN_SIGNED[l*32 +: 32]),
      .Side       (fsrcnnx_pkg::LAYER_SIDE[l*32 +: 32]),
      .Before     (fsrcnnx_pkg::LAYER_BEFORE[l*32 +: 32]),
      .Lanes      (Lanes),
      .LaneRow    (fsrcnnx_pkg::LANE_ROW[Lane*32 +: Lanes*32]),
      .LaneRows   (fsrcnnx_pkg::LANE_ROWS[Lane*32 +: Lanes*32]),
      .LaneCol    (fsrcnnx_pkg::LANE_COL[Lane*32 +: Lanes*32]),
      .LaneCols   (fsrcnnx_pkg::LANE_COLS[Lane*32 +: Lanes*32]),
      .Outputs    (Outputs),
      .FoldIn     (fsrcnnx_pkg::LAYER_FOLD_IN[l*32 +: 32]),
      .FoldOut    (FoldOut),
      .Stages     (fsrcnnx_pkg::LAYER_STAGES[l*32 +: 32]),
      .WeightBits (fsrcnnx_pkg::LAYER_WEIGHT_BITS[l*32 +: 32]),
      .AccBits    (AccBits),
      .HasSlope   (fsrcnnx_pkg::LAYER_HAS_SLOPE[l*32 +: 32]),
      .SlopeBits  (SlopeBits),
      .SlopeFrac  (fsrcnnx_pkg::LAYER_SLOPE_FRAC[l*32 +: 32]),
      .Shift      (fsrcnnx_pkg::LAYER_SHIFT[l*32 +: 32]),
      .OutBits    (fsrcnnx_pkg::LAYER_OUT_BITS[l*32 +: 32]),
      .OutSigned  (fsrcnnx_pkg::LAYER_OUT_SIGNED[l*32 +: 32]),
      .AnchorBits (fsrcnnx_pkg::ANCHOR_BITS),
      .CarryIn    (l > 0 ? fsrcnnx_pkg::ANCHOR_BITS : 0),
      .CarryOut   (l < Layers - 1 ? fsrcnnx_pkg::ANCHOR_BITS : 0),
      .AnchorShift(fsrcnnx_pkg::ANCHOR_SHIFT),
      .WeightsBits(WeightsBits),
      .LaneWeights(fsrcnnx_pkg::LANE_WEIGHTS_LSB[Lane*32 +: Lanes*32]),
      .Weights    (fsrcnnx_mem_pkg::WEIGHTS[WeightsLsb +: WeightsBits]),
      .BiasLanes  (BiasLanes),
      .Biases     (fsrcnnx_mem_pkg::BIASES[BiasesLsb +: BiasLanes*Words*AccBits]),
      .Slopes     (fsrcnnx_mem_pkg::SLOPES[SlopesLsb +: Words*SlopeBits])
    ) u_layer (
      .clk_i, .rst_ni,
      .in_valid_i  (stream_valid[l]),
      .in_ready_o  (stream_ready[l]),
      .in_data_i   (stream_data[InLsb +: InWidth]),
      .in_width_i  (stream_width[l*DimBits +: DimBits]),
      .in_height_i (stream_height[l*DimBits +: DimBits]),
      .out_valid_o (stream_valid[l+1]),
      .out_ready_i (stream_ready[l+1]),
      .out_data_o  (stream_data[OutLsb +: OutWidth]),
      .out_width_o (stream_width[(l+1)*DimBits +: DimBits]),
      .out_height_o(stream_height[(l+1)*DimBits +: DimBits])
    );
  end

  assign out_valid_o          = stream_valid[Layers];
  assign stream_ready[Layers] = out_ready_i;
  assign out_data_o           = stream_data[fsrcnnx_pkg::STREAM_BITS-1 -: Scale*Scale*OutBits];
  assign out_width_o          = stream_width[Layers*DimBits +: DimBits];
  assign out_height_o         = stream_height[Layers*DimBits +: DimBits];

endmodule

`default_nettype wire
