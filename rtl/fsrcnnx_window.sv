// SPDX-License-Identifier: Apache-2.0
// Line buffer: a raster of pixels in, a Side x Side window around each pixel out.
//
// Taps outside the frame are 0. Side-1 lines are stored, never a frame. The raster runs on as one
// endless line: the window of pixel n is complete when pixel n + After*W + After has come, where
// After = Side-1-Before. Behind the last line, After lines of zeros are inserted by the stage
// itself, so the bottom rows come out without waiting for the next frame; the last After windows
// overlap the next frame's first pixels if those are there, else bubbles push them out.
// Latency: After*W + After pixels + 2 cycles. II 1 (every second cycle while W is 1).
// Backpressure: ready falls while a window waits. Python twin: numpy.pad and sliding windows.
// Carried bits (CarryBits, 0 for none) only wait for the window of their own pixel: After lines.

`default_nettype none

module fsrcnnx_window #(
  parameter int PixelBits = 8,    // all channels of one pixel
  parameter int CarryBits = 0,    // above them, to come out with the pixel's window
  parameter int Side      = 3,    // window side, 2 or more
  parameter int Before    = 1,    // rows above and columns left of the centre
  parameter int MaxWidth  = 16,
  parameter int DimBits   = 5
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,

  // pixels in; the frame size is sampled with the first pixel of each frame
  input  wire logic                 in_valid_i,
  output logic                      in_ready_o,
  input  wire logic [CarryBits+PixelBits-1:0] in_data_i,
  input  wire logic [DimBits-1:0]   in_width_i,
  input  wire logic [DimBits-1:0]   in_height_i,

  // windows out: tap (r, c) at bits [(r*Side + c)*PixelBits +: PixelBits], carried bits above
  output logic                      out_valid_o,
  input  wire logic                 out_ready_i,
  output logic [CarryBits+Side*Side*PixelBits-1:0] out_data_o,
  output logic      [DimBits-1:0]   out_width_o,
  output logic      [DimBits-1:0]   out_height_o
);

  localparam int After    = Side - 1 - Before;
  localparam int Lines    = Side - 1;
  localparam int AddrBits = $clog2(MaxWidth) > 0 ? $clog2(MaxWidth) : 1;
  localparam int FewBits  = $clog2(Side + 1);            // counts 0..Side
  localparam int LeadBits = DimBits + FewBits;           // counts After*W + After

  if (Side < 2 || Before < 0 || After < 1) begin : gen_bad_side
    fsrcnnx_error_window_needs_side_2_or_more_and_a_row_after_the_centre u_error ();
  end

  // ---------------------------------------------------------------- where the raster stands
  // A step takes one pixel of the endless line: a real one, a zero below the frame (flush), or,
  // between frames, a bubble that pushes out the last windows (tail).
  logic [DimBits-1:0]  x_q, y_q, width_q, height_q;
  logic [FewBits-1:0]  flush_q;   // zero lines still to insert
  logic [FewBits-1:0]  tail_q;    // windows of the frame before still to emit
  logic [LeadBits-1:0] lead_q;    // steps until this frame's first window

  logic                ce, hazard, go, first, flushing, draining, step_pixel, step, emit, load,
                       last_x;
  logic [DimBits-1:0]  width;

  // stage 1 (cycle 1): the line memory is being read
  logic                 s1_step_q, s1_emit_q, s1_load_q, s1_write_q;
  logic [AddrBits-1:0]  s1_addr_q;
  logic [CarryBits+PixelBits-1:0] s1_data_q;
  wire  logic [PixelBits-1:0]     s1_pixel = s1_data_q[PixelBits-1:0];

  always_comb begin
    ce         = !out_valid_o || out_ready_i;
    // the word at x is still being written: wait one cycle (only lines of one pixel get here)
    hazard     = s1_write_q && s1_addr_q == AddrBits'(x_q);
    go         = ce && !hazard;
    flushing   = flush_q != '0;
    first      = x_q == '0 && y_q == '0 && !flushing;
    width      = first ? in_width_i : width_q;
    last_x     = x_q == width - 1'b1;
    // a frame of fewer than After pixels, still on its way to its first window: bubbles only
    draining   = first && tail_q != '0 && lead_q != '0;
    in_ready_o = go && !flushing && !draining;
    step_pixel = flushing || (in_valid_i && !draining);
    step       = go && (step_pixel || (first && tail_q != '0));
    emit       = first ? tail_q != '0 && lead_q == '0 : tail_q != '0 || lead_q == '0;
    load       = lead_q == LeadBits'(1) && (!first || draining);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      x_q     <= '0;
      y_q     <= '0;
      flush_q <= '0;
      tail_q  <= '0;
    end else if (step) begin
      if (tail_q != '0) tail_q <= tail_q - 1'b1;
      if (step_pixel) begin
        x_q <= last_x ? '0 : x_q + 1'b1;
        if (last_x) begin
          if (flushing) begin
            flush_q <= flush_q - 1'b1;
            if (flush_q == FewBits'(1)) tail_q <= FewBits'(After);
          end else if (y_q == (first ? in_height_i : height_q) - 1'b1) begin
            y_q     <= '0;
            flush_q <= FewBits'(After);
          end else begin
            y_q <= y_q + 1'b1;
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (step) begin
      if (first && step_pixel) begin
        width_q  <= in_width_i;
        height_q <= in_height_i;
        lead_q   <= LeadBits'(After) * LeadBits'(in_width_i) + LeadBits'(After - 1);
      end else if (lead_q != '0) begin
        lead_q <= lead_q - 1'b1;
      end
    end
  end

  // ---------------------------------------------------------------- line memory
  logic [Lines*PixelBits-1:0] above;      // line j above at [(j-1)*PixelBits +: PixelBits]
  logic [Side*PixelBits-1:0]  column;     // top row first; the new pixel is the bottom one

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s1_step_q  <= 1'b0;
      s1_emit_q  <= 1'b0;
      s1_load_q  <= 1'b0;
      s1_write_q <= 1'b0;
    end else if (ce) begin
      s1_step_q  <= step;
      s1_emit_q  <= step && emit;
      s1_load_q  <= step && load;
      s1_write_q <= step && step_pixel;
    end
  end

  always_ff @(posedge clk_i) begin
    if (ce) begin
      s1_addr_q  <= AddrBits'(x_q);
      s1_data_q <= flushing ? '0 : in_data_i;
    end
  end

  if (Lines == 1) begin : gen_one_line
    fsrcnnx_line_ram #(.Width(PixelBits), .Depth(MaxWidth), .AddrBits(AddrBits)) u_ram (
      .clk_i, .we_i(ce && s1_write_q), .waddr_i(s1_addr_q), .wdata_i(s1_pixel),
      .re_i(go), .raddr_i(AddrBits'(x_q)), .rdata_o(above));
  end else begin : gen_lines
    fsrcnnx_line_ram #(.Width(Lines*PixelBits), .Depth(MaxWidth), .AddrBits(AddrBits)) u_ram (
      .clk_i, .we_i(ce && s1_write_q), .waddr_i(s1_addr_q),
      .wdata_i({above[(Lines-1)*PixelBits-1:0], s1_pixel}),
      .re_i(go), .raddr_i(AddrBits'(x_q)), .rdata_o(above));
  end

  assign column[Lines*PixelBits +: PixelBits] = s1_pixel;
  for (genvar r = 0; r < Lines; r++) begin : gen_column
    assign column[r*PixelBits +: PixelBits] = above[(Lines-1-r)*PixelBits +: PixelBits];
  end

  // ---------------------------------------------------------------- window (cycle 2)
  logic [Side*Side*PixelBits-1:0] taps_q;

  for (genvar r = 0; r < Side; r++) begin : gen_shift
    always_ff @(posedge clk_i) begin
      if (ce && s1_step_q) begin
        taps_q[r*Side*PixelBits +: Side*PixelBits] <=
            {column[r*PixelBits +: PixelBits],
             taps_q[(r*Side+1)*PixelBits +: (Side-1)*PixelBits]};
      end
    end
  end

  // ---------------------------------------------------------------- carried bits (cycle 2)
  if (CarryBits > 0) begin : gen_carry
    // the new pixel's in the low bits, those of j lines above at [j*CarryBits +: CarryBits]
    logic [(After+1)*CarryBits-1:0] carry, carry_q;  // carry_q: the centre row, oldest column first

    assign carry[CarryBits-1:0] = s1_data_q[PixelBits +: CarryBits];
    fsrcnnx_line_ram #(.Width(After*CarryBits), .Depth(MaxWidth), .AddrBits(AddrBits)) u_ram (
      .clk_i, .we_i(ce && s1_write_q), .waddr_i(s1_addr_q),
      .wdata_i(carry[After*CarryBits-1:0]),
      .re_i(go), .raddr_i(AddrBits'(x_q)), .rdata_o(carry[CarryBits +: After*CarryBits]));

    always_ff @(posedge clk_i) begin
      if (ce && s1_step_q) begin
        carry_q <= {carry[After*CarryBits +: CarryBits], carry_q[CarryBits +: After*CarryBits]};
      end
    end
    assign out_data_o[Side*Side*PixelBits +: CarryBits] = carry_q[CarryBits-1:0];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (ce) out_valid_o <= s1_emit_q;
  end

  // ---------------------------------------------------------------- borders
  // cx, cy: the pixel whose window taps_q holds. row_q, col_q: which taps lie in the frame.
  logic [DimBits-1:0] cx_q, cy_q, cx_d, cy_d;
  logic [Side-1:0]    row_q, row_d, col_q, col_d;
  logic [DimBits-1:0] out_width_d, out_height_d;

  always_comb begin
    cx_d         = cx_q;
    cy_d         = cy_q;
    out_width_d  = out_width_o;
    out_height_d = out_height_o;
    if (ce && s1_load_q) begin
      cx_d         = '0;
      cy_d         = '0;
      out_width_d  = width_q;
      out_height_d = height_q;
    end else if (out_valid_o && out_ready_i) begin
      cx_d = cx_q == out_width_o - 1'b1 ? '0 : cx_q + 1'b1;
      if (cx_q == out_width_o - 1'b1) cy_d = cy_q + 1'b1;
    end
  end

  for (genvar t = 0; t < Side; t++) begin : gen_inside
    if (t < Before) begin : gen_before
      assign row_d[t] = cy_d >= DimBits'(Before - t);
      assign col_d[t] = cx_d >= DimBits'(Before - t);
    end else if (t == Before) begin : gen_centre
      assign row_d[t] = 1'b1;
      assign col_d[t] = 1'b1;
    end else begin : gen_after
      assign row_d[t] = out_height_d - cy_d > DimBits'(t - Before);
      assign col_d[t] = out_width_d - cx_d > DimBits'(t - Before);
    end
  end

  always_ff @(posedge clk_i) begin
    cx_q         <= cx_d;
    cy_q         <= cy_d;
    out_width_o  <= out_width_d;
    out_height_o <= out_height_d;
    row_q        <= row_d;
    col_q        <= col_d;
  end

  for (genvar r = 0; r < Side; r++) begin : gen_row
    for (genvar c = 0; c < Side; c++) begin : gen_tap
      assign out_data_o[(r*Side+c)*PixelBits +: PixelBits] =
          taps_q[(r*Side+c)*PixelBits +: PixelBits] & {PixelBits{row_q[r] && col_q[c]}};
    end
  end

endmodule

`default_nettype wire
