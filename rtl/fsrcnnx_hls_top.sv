// SPDX-License-Identifier: Apache-2.0
// HLS top: AXI4-Stream Video (UG934) around an IP from HLS; the ports of fsrcnnx_top.
//
// The IP is made for frames of one size and knows neither TUSER nor TLAST: it takes
// FrameWidth x FrameHeight LR pixels and gives Scale*Scale times as many HR pixels, in raster order.
// So the guard lets whole frames of that size in and nothing else (another size is an illegal one,
// counted and dropped), and SOF and EOL of the output are counted here.
// fsrcnnx_hls_ip, made by fsrcnnx.emit.rtl.hls_top, adapts the IP's port names. All outputs come from
// registers. Python twin: exact.golden.run.

`default_nettype none

module fsrcnnx_hls_top #(
  // from the package, not to be set
  parameter int InBits      = fsrcnnx_hls_pkg::IN_BITS,
  parameter int OutBits     = fsrcnnx_hls_pkg::OUT_BITS,
  parameter int Scale       = fsrcnnx_hls_pkg::SCALE,
  parameter int FrameWidth  = fsrcnnx_hls_pkg::FRAME_WIDTH,
  parameter int FrameHeight = fsrcnnx_hls_pkg::FRAME_HEIGHT,
  parameter int DimBits     = fsrcnnx_hls_pkg::DIM_BITS
) (
  input  wire logic               aclk,
  input  wire logic               aresetn,

  // must be FrameWidth and FrameHeight; sampled with each frame's first pixel
  input  wire logic [DimBits-1:0] frame_width_i,
  input  wire logic [DimBits-1:0] frame_height_i,

  input  wire logic [InBits-1:0]  s_axis_video_tdata,
  input  wire logic               s_axis_video_tvalid,
  output logic                    s_axis_video_tready,
  input  wire logic               s_axis_video_tuser,
  input  wire logic               s_axis_video_tlast,

  output logic      [OutBits-1:0] m_axis_video_tdata,
  output logic                    m_axis_video_tvalid,
  input  wire logic               m_axis_video_tready,
  output logic                    m_axis_video_tuser,
  output logic                    m_axis_video_tlast,

  output logic                    error_o,         // one cycle for each malformed event
  output logic             [15:0] error_count_o,   // saturates

  output logic             [31:0] model_id_o       // first 8 digits of the network's content hash
);

  localparam int HrWidth  = Scale*FrameWidth;
  localparam int HrHeight = Scale*FrameHeight;
  localparam int XBits    = $clog2(HrWidth + 1);
  localparam int YBits    = $clog2(HrHeight + 1);

  if (FrameWidth < 1 || FrameHeight < 1 || FrameWidth >= 2**DimBits || FrameHeight >= 2**DimBits)
  begin : gen_bad_frame
    fsrcnnx_error_hls_top_needs_a_frame_size_that_dim_bits_can_hold u_error ();
  end

  assign model_id_o = fsrcnnx_hls_pkg::CONTENT_HASH[255 -: 32];

  // ---------------------------------------------------------------- input
  logic              beat_valid, beat_ready, beat_sof, beat_eol, size_ok;
  logic [InBits-1:0] beat_data;

  fsrcnnx_skid #(.Width(InBits + 3)) u_in_skid (
    .clk_i(aclk), .rst_ni(aresetn),
    .in_valid_i(s_axis_video_tvalid), .in_ready_o(s_axis_video_tready),
    .in_data_i({frame_width_i == DimBits'(FrameWidth) && frame_height_i == DimBits'(FrameHeight),
                s_axis_video_tuser, s_axis_video_tlast, s_axis_video_tdata}),
    .out_valid_o(beat_valid), .out_ready_i(beat_ready),
    .out_data_o({size_ok, beat_sof, beat_eol, beat_data}));

  logic               lr_valid, lr_ready;
  logic [InBits-1:0]  lr_data;
  logic [DimBits-1:0] unused_width, unused_height;   // always FrameWidth, FrameHeight

  // a size of 0 is illegal
  logic unused_new;

  fsrcnnx_axis_guard #(
    .PixelBits(InBits), .MaxWidth(FrameWidth), .MaxHeight(FrameHeight), .DimBits(DimBits)
  ) u_guard (
    .clk_i(aclk), .rst_ni(aresetn),
    .frame_width_i(size_ok ? DimBits'(FrameWidth) : '0),
    .frame_height_i(DimBits'(FrameHeight)),
    .in_valid_i(beat_valid), .in_ready_o(beat_ready), .in_data_i(beat_data),
    .in_sof_i(beat_sof), .in_eol_i(beat_eol),
    .out_valid_o(lr_valid), .out_ready_i(lr_ready), .out_data_o(lr_data),
    .out_width_o(unused_width), .out_height_o(unused_height),
    .out_new_o(unused_new), .error_o);

  always_ff @(posedge aclk) begin
    if (!aresetn) error_count_o <= '0;
    else if (error_o && error_count_o != '1) error_count_o <= error_count_o + 1'b1;
  end

  // ---------------------------------------------------------------- network
  logic               hr_valid, hr_ready;
  logic [OutBits-1:0] hr_data;

  fsrcnnx_hls_ip u_ip (
    .clk_i(aclk), .rst_ni(aresetn),
    .in_valid_i(lr_valid), .in_ready_o(lr_ready), .in_data_i(lr_data),
    .out_valid_o(hr_valid), .out_ready_i(hr_ready), .out_data_o(hr_data));

  // ---------------------------------------------------------------- output
  logic [XBits-1:0] x_q;
  logic [YBits-1:0] y_q;
  logic             sof, eol, last_y;

  assign sof    = x_q == '0 && y_q == '0;
  assign eol    = x_q == XBits'(HrWidth - 1);
  assign last_y = y_q == YBits'(HrHeight - 1);

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      x_q <= '0;
      y_q <= '0;
    end else if (hr_valid && hr_ready) begin
      x_q <= eol ? '0 : x_q + 1'b1;
      if (eol) y_q <= last_y ? '0 : y_q + 1'b1;
    end
  end

  fsrcnnx_skid #(.Width(OutBits + 2)) u_out_skid (
    .clk_i(aclk), .rst_ni(aresetn),
    .in_valid_i(hr_valid), .in_ready_o(hr_ready), .in_data_i({sof, eol, hr_data}),
    .out_valid_o(m_axis_video_tvalid), .out_ready_i(m_axis_video_tready),
    .out_data_o({m_axis_video_tuser, m_axis_video_tlast, m_axis_video_tdata}));

`ifndef SYNTHESIS
  always @(posedge aclk) begin
    if (aresetn) begin  // guaranteed: the output keeps to its frame
      assert (x_q < XBits'(HrWidth) && y_q < YBits'(HrHeight));
    end
  end
`endif

endmodule

`default_nettype wire
