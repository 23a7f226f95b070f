// SPDX-License-Identifier: Apache-2.0
// Core: the sequencer and the layers of fsrcnnx_pkg in a row; frames in, a raster of phases out.
//
// fsrcnnx_pkg holds one 32-bit field per layer of every parameter. Streams lie side by side in flat
// vectors, stream 0 what the sequencer sends, stream l+1 the output of layer l, so that a bench can
// watch any of them by the same expression: a beat is a pixel of the frame. Each stream carries, in
// a network with an anchor, the LR pixel above the samples, from the first layer to the last; some
// of its bits, or all, may pass the layers between aside.
// No step waits: what leaves here must be taken, and the room for it come back to the sequencer.

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
  input  wire logic [InBits-1:0]   in_data_i,
  input  wire logic                in_new_i,
  input  wire logic [DimBits-1:0]  in_width_i,
  input  wire logic [DimBits-1:0]  in_height_i,

  // raster; phase py*Scale + px at [(py*Scale + px)*OutBits +: OutBits]
  output logic                     step_o,
  output logic                     line_o,
  output logic                     live_o,
  output logic      [Scale*Scale*OutBits-1:0] data_o,

  // size of the frames that are in the core or behind it
  output logic      [DimBits-1:0]  width_o,
  output logic      [DimBits-1:0]  height_o,

  input  wire logic                line_read_i   // room for a line behind the core again
);

  logic [Layers:0]                      stream_step, stream_line, stream_live;
  logic [Layers:0]                      stream_valid, stream_ready;
  logic [fsrcnnx_pkg::STREAM_BITS-1:0]  stream_data;

  // for whoever watches
  wire logic unused_watched = &{1'b0, stream_valid, stream_ready};
  assign stream_valid = stream_step & stream_line & stream_live;
  assign stream_ready = '1;

  // a copy of the reset for each part
  logic [Layers:0] reset_n;  // the sequencer's last

  for (genvar p = 0; p <= Layers; p++) begin : gen_reset
    fsrcnnx_copy u_copy (.clk_i, .data_i(rst_ni), .data_o(reset_n[p]));
  end

  fsrcnnx_sequencer #(
    .PixelBits(InBits), .DimBits(DimBits),
    .FifoDepth(fsrcnnx_pkg::FIFO_DEPTH),
    .Interval (fsrcnnx_pkg::INTERVAL),
    .Pad      (fsrcnnx_pkg::PAD),
    .Gap      (fsrcnnx_pkg::GAP),
    .After    (fsrcnnx_pkg::AFTER),
    .Drain    (fsrcnnx_pkg::DRAIN),
    .MinSlots (fsrcnnx_pkg::MIN_SLOTS),
    .Room     (fsrcnnx_pkg::RING_WORDS * Scale),
    .Spare    (Scale - 1)
  ) u_sequencer (
    .clk_i, .rst_ni(reset_n[Layers]), .in_valid_i, .in_ready_o, .in_data_i, .in_new_i, .in_width_i,
    .in_height_i,
    .step_o(stream_step[0]), .line_o(stream_line[0]), .live_o(stream_live[0]),
    .data_o(stream_data[InBits-1:0]), .width_o, .height_o, .line_read_i);

  // ---------------------------------------------------------------- the anchor's bits aside
  localparam int Anchor = fsrcnnx_pkg::ANCHOR_BITS;
  localparam int Aside  = fsrcnnx_pkg::ASIDE_BITS;  // of them, past the inner layers
  logic [Layers-1:0]                    soon;
  logic [(Aside > 0 ? Aside : 1)-1:0]   aside;

  if (Aside > 0) begin : gen_aside
    localparam int Lsb = fsrcnnx_pkg::STREAM_LSB[32 +: 32] + fsrcnnx_pkg::STREAM_WIDTH[32 +: 32];
    fsrcnnx_aside #(.Width(Aside), .Words(fsrcnnx_pkg::ASIDE_WORDS)) u_aside (
      .clk_i, .rst_ni(reset_n[Layers-1]), .push_i(stream_valid[1]),
      .data_i(stream_data[Lsb-Aside +: Aside]), .pop_i(soon[Layers-2]), .data_o(aside));
  end else begin : gen_no_aside
    assign aside = '0;
  end

  wire logic unused_soon = &{1'b0, soon, aside};

  // ---------------------------------------------------------------- layers
  for (genvar l = 0; l < Layers; l++) begin : gen_layer
    localparam int InLsb    = fsrcnnx_pkg::STREAM_LSB[l*32 +: 32];
    localparam int InWidth  = fsrcnnx_pkg::STREAM_WIDTH[l*32 +: 32] - (l == 1 ? Aside : 0);
    localparam bit Ends     = l == 0 || l == Layers - 1;
    localparam int Back     = l == Layers - 1 ? Aside : 0;  // comes back here
    localparam int OutLsb   = fsrcnnx_pkg::STREAM_LSB[(l+1)*32 +: 32];
    localparam int OutWidth = fsrcnnx_pkg::STREAM_WIDTH[(l+1)*32 +: 32];
    localparam int Outputs  = fsrcnnx_pkg::LAYER_OUTPUTS[l*32 +: 32];
    localparam int Slope    = fsrcnnx_pkg::LAYER_SLOPE_FIRST[l*32 +: 32];

    logic [Back+InWidth-1:0] data;
    if (Back > 0) begin : gen_back
      assign data = {aside, stream_data[InLsb +: InWidth]};
    end else begin : gen_straight
      assign data = stream_data[InLsb +: InWidth];
    end

    fsrcnnx_layer #(
      .Layer      (l),
      .MaxWidth   (fsrcnnx_pkg::MAX_WIDTH),
      .InChannels (fsrcnnx_pkg::LAYER_IN_CHANNELS[l*32 +: 32]),
      .InBits     (fsrcnnx_pkg::LAYER_IN_BITS[l*32 +: 32]),
      .Side       (fsrcnnx_pkg::LAYER_SIDE[l*32 +: 32]),
      .Before     (fsrcnnx_pkg::LAYER_BEFORE[l*32 +: 32]),
      .Lanes      (fsrcnnx_pkg::LAYER_LANES[l*32 +: 32]),
      .Outputs    (Outputs),
      .FoldOut    (fsrcnnx_pkg::LAYER_FOLD_OUT[l*32 +: 32]),
      .SumBits    (fsrcnnx_pkg::LAYER_SUM_BITS[l*32 +: 32]),
      .AccBits    (fsrcnnx_pkg::LAYER_ACC_BITS[l*32 +: 32]),
      .SumCycles  (fsrcnnx_pkg::LAYER_SUM_LATENCY[l*32 +: 32]),
      .Stored     (l == Layers - 1 ? fsrcnnx_pkg::STORED_BITS : 0),
      .SlopeCycles(fsrcnnx_pkg::LAYER_SLOPE_LATENCY[l*32 +: 32]),
      .SlopeBits  (fsrcnnx_pkg::LAYER_SLOPE_BITS[l*32 +: 32]),
      .SlopeFrac  (fsrcnnx_pkg::LAYER_SLOPE_FRAC[l*32 +: 32]),
      .ValueBits  (fsrcnnx_pkg::LAYER_VALUE_BITS[l*32 +: 32]),
      .Slopes     (fsrcnnx_pkg::SLOPES[Slope*32 +: Outputs*32]),
      .Shift      (fsrcnnx_pkg::LAYER_SHIFT[l*32 +: 32]),
      .OutBits    (fsrcnnx_pkg::LAYER_OUT_BITS[l*32 +: 32]),
      .OutSigned  (fsrcnnx_pkg::LAYER_OUT_SIGNED[l*32 +: 32]),
      .AnchorBits (Ends ? Anchor : Anchor - Aside),
      .CarryIn    (l == 0 ? 0 : Ends ? Anchor : Anchor - Aside),
      .CarryOut   (l == Layers - 1 ? 0 : Ends ? Anchor : Anchor - Aside),
      .AnchorShift(fsrcnnx_pkg::ANCHOR_SHIFT)
    ) u_layer (
      .clk_i, .rst_ni(reset_n[l]),
      .step_i(stream_step[l]),
      .line_i(stream_line[l]),
      .live_i(stream_live[l]),
      .data_i(data),
      .step_o(stream_step[l+1]),
      .line_o(stream_line[l+1]),
      .live_o(stream_live[l+1]),
      .soon_o(soon[l]),
      .data_o(stream_data[OutLsb +: OutWidth])
    );
  end

  assign step_o = stream_step[Layers];
  assign line_o = stream_line[Layers];
  assign live_o = stream_live[Layers];
  assign data_o = stream_data[fsrcnnx_pkg::STREAM_BITS-1 -: Scale*Scale*OutBits];

endmodule

`default_nettype wire
