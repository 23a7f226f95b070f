// SPDX-License-Identifier: Apache-2.0
// Stand-in for the RTL that Vitis HLS makes of an hls4ml project: its ports, our core inside.
//
// It lets the wrapper be tested where Vitis is not installed; it says nothing about HLS itself.
// Ports as Vitis HLS names them for `axis` streams and ap_ctrl_hs (UG1399), declared in its style.
// Frames of one size only, the greatest of fsrcnnx_pkg, and no start or end of anything marked.
// Emit its core with one HR pixel a beat and 8 bits in and out.

`default_nettype none

module fsrcnnx_hls (
  lr_TDATA,
  hr_TDATA,
  ap_clk,
  ap_rst_n,
  lr_TVALID,
  lr_TREADY,
  ap_start,
  hr_TVALID,
  hr_TREADY,
  ap_done,
  ap_ready,
  ap_idle
);

input wire [7:0] lr_TDATA;
output wire [7:0] hr_TDATA;
input wire ap_clk;
input wire ap_rst_n;
input wire lr_TVALID;
output wire lr_TREADY;
input wire ap_start;
output wire hr_TVALID;
input wire hr_TREADY;
output wire ap_done;
output wire ap_ready;
output wire ap_idle;

  localparam int Scale   = fsrcnnx_pkg::SCALE;
  localparam int Width   = fsrcnnx_pkg::MAX_WIDTH;
  localparam int Height  = fsrcnnx_pkg::MAX_HEIGHT;
  localparam int DimBits = fsrcnnx_pkg::DIM_BITS;
  localparam int Pixels  = Scale*Scale*Width*Height;

  logic                     core_ready, hr_step, hr_line, hr_live, line_read;
  logic [Scale*Scale*8-1:0] hr_data;
  logic [DimBits-1:0]       width, height;
  logic                     unused_keep, unused_sof, unused_eol;

  // a real IP has no such package; the lint asks that every constant of it is used
  wire  logic unused_constants = &{1'b0, fsrcnnx_pkg::CONTENT_HASH, fsrcnnx_pkg::PIXELS_PER_BEAT,
                                   fsrcnnx_pkg::IN_BITS, fsrcnnx_pkg::OUT_BITS};

  logic seen_q;  // a pixel: the size is new with the first one only
  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) seen_q <= 1'b0;
    else if (lr_TVALID && lr_TREADY) seen_q <= 1'b1;
  end

  // the IP takes nothing before it is started
  assign lr_TREADY = core_ready && ap_start;

  fsrcnnx_core u_core (
    .clk_i(ap_clk), .rst_ni(ap_rst_n),
    .in_valid_i(lr_TVALID && ap_start), .in_ready_o(core_ready), .in_data_i(lr_TDATA),
    .in_new_i(!seen_q), .in_width_i(DimBits'(Width)), .in_height_i(DimBits'(Height)),
    .step_o(hr_step), .line_o(hr_line), .live_o(hr_live), .data_o(hr_data),
    .width_o(width), .height_o(height), .line_read_i(line_read));

  fsrcnnx_subpixel #(
    .PixelBits(8), .Scale(Scale), .PixelsPerBeat(1), .Words(fsrcnnx_pkg::RING_WORDS),
    .DimBits(DimBits)
  ) u_subpixel (
    .clk_i(ap_clk), .rst_ni(ap_rst_n), .width_i(width), .height_i(height),
    .step_i(hr_step), .line_i(hr_line), .live_i(hr_live), .data_i(hr_data),
    .line_read_o(line_read),
    .out_valid_o(hr_TVALID), .out_ready_i(hr_TREADY), .out_data_o(hr_TDATA),
    .out_keep_o(unused_keep), .out_sof_o(unused_sof), .out_eol_o(unused_eol));

  logic [31:0] count_q;
  wire  logic  last = hr_TVALID && hr_TREADY && count_q == 32'(Pixels - 1);

  assign ap_done  = last;
  assign ap_ready = last;
  assign ap_idle  = !ap_start && count_q == '0;

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) count_q <= '0;
    else if (hr_TVALID && hr_TREADY) count_q <= last ? '0 : count_q + 1'b1;
  end

endmodule

`default_nettype wire
