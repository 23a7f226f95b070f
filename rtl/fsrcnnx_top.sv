// SPDX-License-Identifier: Apache-2.0
// Top: AXI4-Stream Video (UG934) in and out around the core; TUSER[0] = SOF, TLAST = EOL.
//
// One LR pixel a beat in, PIXELS_PER_BEAT HR pixels a beat out (leftmost in the low bits). The LR
// frame size is sampled with the first pixel of each frame: 1..MAX_WIDTH by 1..MAX_HEIGHT.
// Malformed input is counted, padded or dropped (see fsrcnnx_axis_guard); the next well-formed
// frame is exact. All outputs come from registers.

`default_nettype none

module fsrcnnx_top #(
  // from the package, not to be set
  parameter int InBits        = fsrcnnx_pkg::IN_BITS,
  parameter int OutBits       = fsrcnnx_pkg::OUT_BITS,
  parameter int Scale         = fsrcnnx_pkg::SCALE,
  parameter int PixelsPerBeat = fsrcnnx_pkg::PIXELS_PER_BEAT,
  parameter int MaxWidth      = fsrcnnx_pkg::MAX_WIDTH,
  parameter int MaxHeight     = fsrcnnx_pkg::MAX_HEIGHT,
  parameter int DimBits       = fsrcnnx_pkg::DIM_BITS
) (
  input  wire logic                aclk,
  input  wire logic                aresetn,

  input  wire logic [DimBits-1:0] frame_width_i,
  input  wire logic [DimBits-1:0] frame_height_i,

  input  wire logic [InBits-1:0]  s_axis_video_tdata,
  input  wire logic                s_axis_video_tvalid,
  output logic                     s_axis_video_tready,
  input  wire logic                s_axis_video_tuser,
  input  wire logic                s_axis_video_tlast,

  output logic [PixelsPerBeat*OutBits-1:0] m_axis_video_tdata,
  output logic                     m_axis_video_tvalid,
  input  wire logic                m_axis_video_tready,
  output logic                     m_axis_video_tuser,
  output logic                     m_axis_video_tlast,

  output logic                     error_o,         // one cycle for each malformed event
  output logic              [15:0] error_count_o,   // saturates

  output logic              [31:0] model_id_o       // first 8 digits of the network's content hash
);

  assign model_id_o = fsrcnnx_pkg::CONTENT_HASH[255 -: 32];

  // ---------------------------------------------------------------- input
  logic                beat_valid, beat_ready, beat_sof, beat_eol;
  logic [InBits-1:0]  beat_data;
  logic [DimBits-1:0] beat_width, beat_height;

  // the size travels with its beat, so that the next frame's may follow at once
  fsrcnnx_skid #(.Width(InBits + 2*DimBits + 2)) u_in_skid (
    .clk_i(aclk), .rst_ni(aresetn),
    .in_valid_i(s_axis_video_tvalid), .in_ready_o(s_axis_video_tready),
    .in_data_i({frame_height_i, frame_width_i, s_axis_video_tuser, s_axis_video_tlast,
                s_axis_video_tdata}),
    .out_valid_o(beat_valid), .out_ready_i(beat_ready),
    .out_data_o({beat_height, beat_width, beat_sof, beat_eol, beat_data}));

  logic                lr_valid, lr_ready;
  logic [InBits-1:0]  lr_data;
  logic [DimBits-1:0] lr_width, lr_height;

  logic unused_new;

  fsrcnnx_axis_guard #(
    .PixelBits(InBits), .MaxWidth(MaxWidth), .MaxHeight(MaxHeight), .DimBits(DimBits)
  ) u_guard (
    .clk_i(aclk), .rst_ni(aresetn), .frame_width_i(beat_width), .frame_height_i(beat_height),
    .in_valid_i(beat_valid), .in_ready_o(beat_ready), .in_data_i(beat_data),
    .in_sof_i(beat_sof), .in_eol_i(beat_eol),
    .out_valid_o(lr_valid), .out_ready_i(lr_ready), .out_data_o(lr_data),
    .out_width_o(lr_width), .out_height_o(lr_height),
    .out_new_o(unused_new), .error_o);

  always_ff @(posedge aclk) begin
    if (!aresetn) error_count_o <= '0;
    else if (error_o && error_count_o != '1) error_count_o <= error_count_o + 1'b1;
  end

  // ---------------------------------------------------------------- network
  logic                            hr_valid, hr_ready;
  logic [Scale*Scale*OutBits-1:0] hr_data;
  logic [DimBits-1:0]             hr_width, hr_height;

  fsrcnnx_core u_core (
    .clk_i(aclk), .rst_ni(aresetn),
    .in_valid_i(lr_valid), .in_ready_o(lr_ready), .in_data_i(lr_data),
    .in_width_i(lr_width), .in_height_i(lr_height),
    .out_valid_o(hr_valid), .out_ready_i(hr_ready), .out_data_o(hr_data),
    .out_width_o(hr_width), .out_height_o(hr_height));

  // ---------------------------------------------------------------- output
  fsrcnnx_subpixel #(
    .PixelBits(OutBits), .Scale(Scale), .PixelsPerBeat(PixelsPerBeat), .MaxWidth(MaxWidth),
    .DimBits(DimBits)
  ) u_subpixel (
    .clk_i(aclk), .rst_ni(aresetn),
    .in_valid_i(hr_valid), .in_ready_o(hr_ready), .in_data_i(hr_data),
    .in_width_i(hr_width), .in_height_i(hr_height),
    .out_valid_o(m_axis_video_tvalid), .out_ready_i(m_axis_video_tready),
    .out_data_o(m_axis_video_tdata), .out_sof_o(m_axis_video_tuser),
    .out_eol_o(m_axis_video_tlast));

endmodule

`default_nettype wire
