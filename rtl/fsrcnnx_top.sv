// SPDX-License-Identifier: Apache-2.0
// Top: AXI4-Stream Video (UG934) in and out around the core; TUSER[0] = SOF, TLAST = EOL.
//
// One LR pixel a beat in, PIXELS_PER_BEAT HR pixels a beat out (leftmost in the low bits); TKEEP,
// a bit per pixel, says how many of a line's last beat there are. The LR frame size is sampled with
// the first pixel of each frame: 1..MAX_WIDTH by 1..MAX_HEIGHT.
// Malformed input is counted, padded or dropped (see fsrcnnx_axis_guard); the next well-formed
// frame is exact. All outputs come from registers. Reset: aresetn low for 4 clocks or more.

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
  output logic [PixelsPerBeat-1:0] m_axis_video_tkeep,
  output logic                     m_axis_video_tvalid,
  input  wire logic                m_axis_video_tready,
  output logic                     m_axis_video_tuser,
  output logic                     m_axis_video_tlast,

  output logic                     error_o,         // one cycle for each malformed event
  output logic              [15:0] error_count_o,   // saturates

  output logic              [31:0] model_id_o       // first 8 digits of the network's content hash
);

  assign model_id_o = fsrcnnx_pkg::CONTENT_HASH[255 -: 32];

  // ---------------------------------------------------------------- reset
  // in two clocks, by copies: it has hundreds of sinks everywhere
  logic rst_nq, front_n, output_n;

  always_ff @(posedge aclk) rst_nq <= aresetn;

  fsrcnnx_copy u_front_reset (.clk_i(aclk), .data_i(rst_nq), .data_o(front_n));
  fsrcnnx_copy u_output_reset (.clk_i(aclk), .data_i(rst_nq), .data_o(output_n));

  // ---------------------------------------------------------------- input
  logic               beat_valid, beat_ready, beat_sof, beat_eol;
  logic [InBits-1:0]  beat_data;
  logic [DimBits-1:0] beat_width, beat_height;

  // the size travels with its beat, so that the next frame's may follow at once; a frame's first
  // pixel waits in the guard, which a source at the core's own rate must not feel
  fsrcnnx_fifo #(.Width(InBits + 2*DimBits + 2)) u_in_fifo (
    .clk_i(aclk), .rst_ni(front_n),
    .in_valid_i(s_axis_video_tvalid), .in_ready_o(s_axis_video_tready),
    .in_data_i({frame_height_i, frame_width_i, s_axis_video_tuser, s_axis_video_tlast,
                s_axis_video_tdata}),
    .out_valid_o(beat_valid), .out_ready_i(beat_ready),
    .out_data_o({beat_height, beat_width, beat_sof, beat_eol, beat_data}));

  logic               whole_valid, whole_ready, whole_new, lr_valid, lr_ready, lr_new;
  logic [InBits-1:0]  whole_data, lr_data;
  logic [DimBits-1:0] whole_width, whole_height, lr_width, lr_height;

  fsrcnnx_axis_guard #(
    .PixelBits(InBits), .MaxWidth(MaxWidth), .MaxHeight(MaxHeight), .DimBits(DimBits)
  ) u_guard (
    .clk_i(aclk), .rst_ni(front_n), .frame_width_i(beat_width), .frame_height_i(beat_height),
    .in_valid_i(beat_valid), .in_ready_o(beat_ready), .in_data_i(beat_data),
    .in_sof_i(beat_sof), .in_eol_i(beat_eol),
    .out_valid_o(whole_valid), .out_ready_i(whole_ready), .out_data_o(whole_data),
    .out_width_o(whole_width), .out_height_o(whole_height), .out_new_o(whole_new), .error_o);

  // the guard is combinational
  fsrcnnx_skid #(.Width(InBits + 2*DimBits + 1)) u_lr_skid (
    .clk_i(aclk), .rst_ni(front_n),
    .in_valid_i(whole_valid), .in_ready_o(whole_ready),
    .in_data_i({whole_new, whole_height, whole_width, whole_data}),
    .out_valid_o(lr_valid), .out_ready_i(lr_ready),
    .out_data_o({lr_new, lr_height, lr_width, lr_data}));

  always_ff @(posedge aclk) begin
    if (!front_n) error_count_o <= '0;
    else if (error_o && error_count_o != '1) error_count_o <= error_count_o + 1'b1;
  end

  // ---------------------------------------------------------------- network
  logic                           hr_step, hr_line, hr_live, line_read;
  logic [Scale*Scale*OutBits-1:0] hr_data;
  logic [DimBits-1:0]             width, height;

  fsrcnnx_core u_core (
    .clk_i(aclk), .rst_ni(rst_nq),
    .in_valid_i(lr_valid), .in_ready_o(lr_ready), .in_data_i(lr_data),
    .in_new_i(lr_new), .in_width_i(lr_width), .in_height_i(lr_height),
    .step_o(hr_step), .line_o(hr_line), .live_o(hr_live), .data_o(hr_data),
    .width_o(width), .height_o(height), .line_read_i(line_read));

  // ---------------------------------------------------------------- output
  fsrcnnx_subpixel #(
    .PixelBits(OutBits), .Scale(Scale), .PixelsPerBeat(PixelsPerBeat),
    .Words(fsrcnnx_pkg::RING_WORDS), .DimBits(DimBits)
  ) u_subpixel (
    .clk_i(aclk), .rst_ni(output_n), .width_i(width), .height_i(height),
    .step_i(hr_step), .line_i(hr_line), .live_i(hr_live), .data_i(hr_data),
    .line_read_o(line_read),
    .out_valid_o(m_axis_video_tvalid), .out_ready_i(m_axis_video_tready),
    .out_data_o(m_axis_video_tdata), .out_keep_o(m_axis_video_tkeep),
    .out_sof_o(m_axis_video_tuser), .out_eol_o(m_axis_video_tlast));

`ifndef SYNTHESIS
  logic [3:0] reset_q;
  initial reset_q = '0;
  initial rst_nq  = 1'b0;  // in reset until the first clock: assertions wait for it

  always @(posedge aclk) begin
    reset_q <= {reset_q[2:0], !aresetn};
    assert ((aresetn && reset_q[0] && reset_q != '1) !== 1'b1);  // relied on: 4 clocks of reset
  end
`endif

endmodule

`default_nettype wire
