// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_subpixel, for any frames, any pace, any sink and any reset.
//
// Relied on: whole lines of whole frames; a line comes only if the ring has room for it beside those
// whose room is not back; the size changes only while nothing is here, 4 clocks before a pixel.
// Every phase is 0 but one, whose place in its frame is any: where that one comes out says the order.
//   1 the pixel with the mark, and no other, leaves at its place in the raster of the HR frame
//   2 a start of frame is said with the first beat of a frame and with no other
//   3 an end of line with the last beat of an HR line and with no other
//   4 TKEEP says the pixels that there are, the leftmost low; the others are 0
//   5 a beat that is offered and not taken stays
//   6 the room of a line comes back once, after the last of its beats has been read
//   7 no beat leaves before its pixels came
//   8 nothing hangs: with a ready sink, lines that came whole are out Patience clocks later

`default_nettype none

module subpixel_proof #(
  parameter int Scale         = 2,
  parameter int PixelsPerBeat = 4,
  parameter int Words         = 4,
  parameter int DimBits       = 2,
  parameter int Patience      = 10
) (
  input wire logic               clk_i,
  input wire logic               reset_i,
  input wire logic [DimBits-1:0] width_i,
  input wire logic [DimBits-1:0] height_i,
  input wire logic               step_i,
  input wire logic               line_i,
  input wire logic               live_i,
  input wire logic               out_ready_i
);

  localparam int Phases = Scale*Scale;
  localparam int HrBits = DimBits + $clog2(Scale + 1);
  localparam int MarkBits = $clog2(Scale);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  // the place of the mark, in LR pixels and within one
  (* anyconst *) logic [DimBits-1:0]  mark_x, mark_y;
  (* anyconst *) logic [MarkBits-1:0] mark_px, mark_py;

  logic                     line_read, valid, sof, eol;
  logic [PixelsPerBeat-1:0] data, keep;
  logic [DimBits-1:0]       x_q, y_q, width_q, height_q;  // of the next pixel that comes
  wire logic                marked = x_q == mark_x && y_q == mark_y;
  wire logic [Phases-1:0]   phases =
      marked ? Phases'(1) << (Phases'(mark_py)*Phases'(Scale) + Phases'(mark_px)) : '0;
  wire logic                pixel = step_i && line_i && live_i;

  fsrcnnx_subpixel #(
    .PixelBits(1), .Scale(Scale), .PixelsPerBeat(PixelsPerBeat), .Words(Words), .DimBits(DimBits)
  ) u_dut (
    .clk_i, .rst_ni(rst_n), .width_i, .height_i, .step_i, .line_i, .live_i, .data_i(phases),
    .line_read_o(line_read), .out_valid_o(valid), .out_ready_i, .out_data_o(data),
    .out_keep_o(keep), .out_sof_o(sof), .out_eol_o(eol));

  // ---------------------------------------------------------------- what comes
  localparam int Room     = Words*Scale;
  localparam int Lines    = Room/Scale + 1;
  localparam int LineBits = $clog2(Lines + 1);
  localparam int NeedBits = DimBits + LineBits + Scale;
  logic [LineBits-1:0] taken_q;    // lines whose room is not back
  logic [LineBits-1:0] ahead_q;    // of them, lines of whose beats one is still to leave
  logic [2:0]          steady_q;   // clocks since the size changed
  wire logic last_x = x_q == width_i - 1'b1, last_y = y_q == height_i - 1'b1;
  wire logic begins = pixel && x_q == '0;

  // ---------------------------------------------------------------- what leaves
  logic [HrBits-1:0] hx_q, hy_q;   // place of the beat, in HR pixels
  logic [DimBits-1:0] gone_q;      // LR line that it belongs to, in LR lines of the frame
  wire logic [HrBits-1:0] hr_width  = HrBits'(width_i)*HrBits'(Scale);
  wire logic [HrBits-1:0] hr_height = HrBits'(height_i)*HrBits'(Scale);
  wire logic pass     = valid && out_ready_i;
  wire logic ends     = hx_q + HrBits'(PixelsPerBeat) >= hr_width;
  wire logic ends_all = hy_q == hr_height - 1'b1;
  wire logic [HrBits-1:0] mark_hx = HrBits'(mark_x)*HrBits'(Scale) + HrBits'(mark_px);
  wire logic [HrBits-1:0] mark_hy = HrBits'(mark_y)*HrBits'(Scale) + HrBits'(mark_py);
  wire logic line_gone = pass && ends && row_q == RowBits'(Scale - 1);
  localparam int RowBits = $clog2(Scale + 1);
  logic [RowBits-1:0] row_q;       // HR line within its LR line

  logic [PixelsPerBeat-1:0] want, want_keep;
  for (genvar p = 0; p < PixelsPerBeat; p++) begin : gen_want
    assign want_keep[p] = hx_q + HrBits'(p) < hr_width;
    assign want[p]      = want_keep[p] && hy_q == mark_hy && hx_q + HrBits'(p) == mark_hx;
  end

  logic [LineBits-1:0] whole_q;    // lines that came whole, of whose beats one is still to leave
  logic [LineBits-1:0] unread_q;   // lines whose room is not back, of those that left
  logic [4:0]          wait_q;
  logic                stalled_q;
  logic [2*PixelsPerBeat+1:0] beat_q;

  always_ff @(posedge clk_i) begin
    width_q   <= width_i;
    height_q  <= height_i;
    stalled_q <= rst_n && valid && !out_ready_i;
    beat_q    <= {data, keep, sof, eol};
    steady_q  <= !rst_n || {width_q, height_q} != {width_i, height_i} ? 3'd1
               : steady_q != 3'd5 ? steady_q + 1'b1 : steady_q;
    if (!rst_n) begin
      {x_q, y_q, hx_q, hy_q, row_q, taken_q, ahead_q, whole_q, wait_q} <= '0;
    end else begin
      if (pixel) begin
        x_q <= last_x ? '0 : x_q + 1'b1;
        if (last_x) y_q <= last_y ? '0 : y_q + 1'b1;
      end
      if (pass) begin
        hx_q <= ends ? '0 : hx_q + HrBits'(PixelsPerBeat);
        if (ends) hy_q <= ends_all ? '0 : hy_q + 1'b1;
        if (ends) row_q <= row_q == RowBits'(Scale - 1) ? '0 : row_q + 1'b1;
      end
      taken_q <= taken_q + LineBits'(begins) - LineBits'(line_read);
      ahead_q <= ahead_q + LineBits'(begins) - LineBits'(line_gone);
      whole_q <= whole_q + LineBits'(pixel && last_x) - LineBits'(line_gone);
      wait_q  <= whole_q == '0 || pass || (valid && !out_ready_i) ? '0 : wait_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    assume (width_i != '0 && height_i != '0);
    if (rst_n) begin
      // the size: while nothing is here, no line has begun, and a pixel is not near
      if (taken_q != '0 || ahead_q != '0 || x_q != '0 || y_q != '0) begin
        assume ({width_i, height_i} == {width_q, height_q});
      end
      if (steady_q < 3'd4 || {width_q, height_q} != {width_i, height_i}) assume (!pixel);
      if (begins) begin
        assume ((NeedBits'(taken_q) + 1'b1)*(NeedBits'(width_i) + NeedBits'(Scale - 1)) <=
                NeedBits'(Room));
      end
      if (valid) begin
        rule_1: assert (data == want);
        rule_2: assert (sof == (hx_q == '0 && hy_q == '0));
        rule_3: assert (eol == ends);
        rule_4: assert (keep == want_keep);
        rule_7: assert (ahead_q != '0);
      end
      if (stalled_q) rule_5: assert (valid && beat_q == {data, keep, sof, eol});
      if (line_read) rule_6: assert (taken_q != '0);
      rule_8: assert (wait_q <= 5'(Patience));
      mark_leaves:  cover (pass && data != '0 && hy_q[0] && hx_q != '0);
      ring_is_full: cover (taken_q == LineBits'(Room/Scale) && whole_q == taken_q);
      short_beat:   cover (pass && keep != '1 || Scale*2 % PixelsPerBeat != 2);
      next_frame:   cover (pass && sof && y_q != '0);
      greatest:     cover (pass && eol && ends_all && width_i == '1 && height_i == '1);
    end
  end

endmodule

`default_nettype wire
