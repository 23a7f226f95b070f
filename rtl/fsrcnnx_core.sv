// Core: the layers of fsrcnnx_pkg in a row, LR pixels in, output phases out.
//
// The package holds one 32-bit field per layer (and per lane) of every parameter. Streams lie side
// by side in flat vectors, stream 0 the input, stream l+1 the output of layer l, so that a bench
// can watch any of them by the same expression. Each stream carries the frame size with it.

`default_nettype none

module fsrcnnx_core
  import fsrcnnx_pkg::*;
(
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                in_valid_i,
  output logic                     in_ready_o,
  input  wire logic [IN_BITS-1:0]  in_data_i,
  input  wire logic [DIM_BITS-1:0] in_width_i,
  input  wire logic [DIM_BITS-1:0] in_height_i,

  // phase py*SCALE + px at [(py*SCALE + px)*OUT_BITS +: OUT_BITS]
  output logic                     out_valid_o,
  input  wire logic                out_ready_i,
  output logic [SCALE*SCALE*OUT_BITS-1:0] out_data_o,
  output logic      [DIM_BITS-1:0] out_width_o,
  output logic      [DIM_BITS-1:0] out_height_o
);

  logic [LAYERS:0]                stream_valid, stream_ready;
  logic [STREAM_BITS-1:0]         stream_data;
  logic [(LAYERS+1)*DIM_BITS-1:0] stream_width, stream_height;

  assign stream_valid[0]                = in_valid_i;
  assign in_ready_o                     = stream_ready[0];
  assign stream_data[IN_BITS-1:0]       = in_data_i;
  assign stream_width[DIM_BITS-1:0]     = in_width_i;
  assign stream_height[DIM_BITS-1:0]    = in_height_i;

  for (genvar l = 0; l < LAYERS; l++) begin : gen_layer
    localparam int InLsb    = STREAM_LSB[l*32 +: 32];
    localparam int InWidth  = STREAM_WIDTH[l*32 +: 32];
    localparam int OutLsb   = STREAM_LSB[(l+1)*32 +: 32];
    localparam int OutWidth = STREAM_WIDTH[(l+1)*32 +: 32];
    localparam int Lanes    = LAYER_LANES[l*32 +: 32];
    localparam int Lane     = LAYER_LANE_FIRST[l*32 +: 32];

    fsrcnnx_layer #(
      .Index      (l),
      .MaxWidth   (MAX_WIDTH),
      .DimBits    (DIM_BITS),
      .InChannels (LAYER_IN_CHANNELS[l*32 +: 32]),
      .InBits     (LAYER_IN_BITS[l*32 +: 32]),
      .InSigned   (LAYER_IN_SIGNED[l*32 +: 32]),
      .Side       (LAYER_SIDE[l*32 +: 32]),
      .Before     (LAYER_BEFORE[l*32 +: 32]),
      .Lanes      (Lanes),
      .LaneRow    (LANE_ROW[Lane*32 +: Lanes*32]),
      .LaneRows   (LANE_ROWS[Lane*32 +: Lanes*32]),
      .LaneCol    (LANE_COL[Lane*32 +: Lanes*32]),
      .LaneCols   (LANE_COLS[Lane*32 +: Lanes*32]),
      .Outputs    (LAYER_OUTPUTS[l*32 +: 32]),
      .FoldIn     (LAYER_FOLD_IN[l*32 +: 32]),
      .FoldOut    (LAYER_FOLD_OUT[l*32 +: 32]),
      .Stages     (LAYER_STAGES[l*32 +: 32]),
      .WeightBits (LAYER_WEIGHT_BITS[l*32 +: 32]),
      .AccBits    (LAYER_ACC_BITS[l*32 +: 32]),
      .HasSlope   (LAYER_HAS_SLOPE[l*32 +: 32]),
      .SlopeBits  (LAYER_SLOPE_BITS[l*32 +: 32]),
      .SlopeFrac  (LAYER_SLOPE_FRAC[l*32 +: 32]),
      .Shift      (LAYER_SHIFT[l*32 +: 32]),
      .OutBits    (LAYER_OUT_BITS[l*32 +: 32]),
      .OutSigned  (LAYER_OUT_SIGNED[l*32 +: 32])
    ) u_layer (
      .clk_i, .rst_ni,
      .in_valid_i  (stream_valid[l]),
      .in_ready_o  (stream_ready[l]),
      .in_data_i   (stream_data[InLsb +: InWidth]),
      .in_width_i  (stream_width[l*DIM_BITS +: DIM_BITS]),
      .in_height_i (stream_height[l*DIM_BITS +: DIM_BITS]),
      .out_valid_o (stream_valid[l+1]),
      .out_ready_i (stream_ready[l+1]),
      .out_data_o  (stream_data[OutLsb +: OutWidth]),
      .out_width_o (stream_width[(l+1)*DIM_BITS +: DIM_BITS]),
      .out_height_o(stream_height[(l+1)*DIM_BITS +: DIM_BITS])
    );
  end

  assign out_valid_o          = stream_valid[LAYERS];
  assign stream_ready[LAYERS] = out_ready_i;
  assign out_data_o           = stream_data[STREAM_BITS-1 -: SCALE*SCALE*OUT_BITS];
  assign out_width_o          = stream_width[LAYERS*DIM_BITS +: DIM_BITS];
  assign out_height_o         = stream_height[LAYERS*DIM_BITS +: DIM_BITS];

endmodule

`default_nettype wire
