// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_sequencer, for any frames, any source, any output behind it and any reset.
//
// Relied on: pixels are those of whole frames, wait until they are taken, and say exactly a new size
// (fsrcnnx_axis_guard); room comes back only for lines that took some. The first pixel of a frame is
// 1, all others are 0.
//   1 a line is width steps that follow each other, all of a frame or none; the next one begins Gap
//     steps later or more, MinSlots steps or more after its beginning
//   2 a step carries a pixel only in a line of a frame, and then its own: the first one of a frame
//     in the first step of a frame's first line
//   3 after height lines of a frame come Pad lines of zeros or more, none between two of its lines,
//     and never more than Drain
//   4 the lines that have been pushed out and whose room is not back never take more than Room
//   5 the size changes only while nothing is on its way: no line, no room taken, Drain lines of
//     zeros after the last one of a frame
//   6 a pixel is taken only when the size is that of its frame
//   7 nothing hangs: while something waits and room comes back as soon as it may, there is a new
//     line, a pixel or a new size within Patience clocks

`default_nettype none

module sequencer_proof #(
  parameter int DimBits   = 2,
  parameter int MaxWidth  = 2,
  parameter int MaxHeight = 2,
  parameter int FifoDepth = 4,
  parameter int Interval  = 1,
  parameter int Pad       = 1,
  parameter int Gap       = 1,
  parameter int After     = 1,
  parameter int Drain     = 2,
  parameter int MinSlots  = 4,
  parameter int Room      = 4,
  parameter int Spare     = 1,
  parameter int Patience  = 14
) (
  input wire logic               clk_i,
  input wire logic               reset_i,
  input wire logic               in_valid_i,
  input wire logic               in_new_i,
  input wire logic [DimBits-1:0] in_width_i,
  input wire logic [DimBits-1:0] in_height_i,
  input wire logic               line_read_i
);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  logic               in_ready, step, line, live, data;
  logic [DimBits-1:0] x_q, y_q, width, height;  // of the next pixel that comes in
  wire logic          in_first = x_q == '0 && y_q == '0;

  fsrcnnx_sequencer #(
    .PixelBits(1), .DimBits(DimBits), .FifoDepth(FifoDepth), .Interval(Interval), .Pad(Pad),
    .Gap(Gap), .After(After), .Drain(Drain), .MinSlots(MinSlots), .Room(Room), .Spare(Spare)
  ) u_dut (
    .clk_i, .rst_ni(rst_n), .in_valid_i, .in_ready_o(in_ready), .in_data_i(in_first),
    .in_new_i, .in_width_i, .in_height_i, .step_o(step), .line_o(line), .live_o(live),
    .data_o(data), .width_o(width), .height_o(height), .line_read_i);

  // ---------------------------------------------------------------- the source
  logic               sized_q, waits_q;
  logic [2*DimBits:0] beat_q;
  logic [DimBits-1:0] width_q, height_q;  // of the last frame that said its size
  wire logic [2*DimBits:0] beat = {in_new_i, in_width_i, in_height_i};
  wire logic [DimBits-1:0] own_width  = in_new_i ? in_width_i : width_q;
  wire logic [DimBits-1:0] own_height = in_new_i ? in_height_i : height_q;
  wire logic push   = in_valid_i && in_ready;
  wire logic last_x = x_q == own_width - 1'b1, last_y = y_q == own_height - 1'b1;

  always_ff @(posedge clk_i) begin
    waits_q <= rst_n && in_valid_i && !in_ready;
    beat_q  <= beat;
    if (!rst_n) {sized_q, x_q, y_q} <= '0;
    else if (push) begin
      sized_q <= 1'b1;
      x_q     <= last_x ? '0 : x_q + 1'b1;
      if (last_x) y_q <= last_y ? '0 : y_q + 1'b1;
      {width_q, height_q} <= {own_width, own_height};
    end
  end

  // ---------------------------------------------------------------- the raster
  localparam int Slots    = (1 << DimBits) + Gap > MinSlots ? (1 << DimBits) + Gap : MinSlots;
  localparam int SlotBits = $clog2(Slots + 1);
  localparam int Lines    = Room/(1 + Spare) + 1;  // one more than there is room for
  localparam int LineBits = $clog2(Lines + 1);
  localparam int RoomBits = DimBits + LineBits + Spare;
  localparam int ZeroBits = $clog2(Drain + 2);
  localparam int WaitBits = $clog2(Patience + 2);
  logic [SlotBits-1:0]   at_q;     // steps since the last line began, that step included
  logic [DimBits-1:0]    rows_q;   // lines of the frame that have begun
  logic [ZeroBits-1:0]   zeros_q;  // lines of zeros since the last one, or a new size
  logic [After:0]        lives_q;  // the lines that have begun, the last first
  logic [LineBits-1:0]   held_q;   // lines pushed out whose room is not back
  logic [2*DimBits-1:0]  size_q;
  logic [4:0]            inside_q; // pixels, or whole lines where Interval is 1
  logic [WaitBits-1:0]   wait_q;
  logic                  live_q;
  logic [1:0]            age_q;    // clocks since the reset

  wire logic [SlotBits-1:0] slots = SlotBits'(width) + SlotBits'(Gap) > SlotBits'(MinSlots)
                                  ? SlotBits'(width) + SlotBits'(Gap) : SlotBits'(MinSlots);
  wire logic in_line = at_q < SlotBits'(width);
  wire logic begins  = step && line && !in_line;
  wire logic pixel   = step && line && live;
  wire logic resized = size_q != {width, height};
  wire logic comes   = Interval == 1 ? push && last_x : push;
  wire logic goes    = Interval == 1 ? begins && live : pixel;
  wire logic pushes  = begins && (After == 0 ? live : lives_q[After == 0 ? 0 : After-1]);
  wire logic [LineBits-1:0] held = held_q + LineBits'(pushes);
  wire logic asks    = inside_q != '0 || (in_valid_i && !in_ready);

  always_ff @(posedge clk_i) begin
    size_q <= rst_n ? {width, height} : '0;
    age_q  <= !rst_n ? '0 : age_q == 2'd2 ? 2'd2 : age_q + 1'b1;
    if (!rst_n) begin
      at_q    <= '1;
      rows_q  <= '0;
      zeros_q <= ZeroBits'(Drain);
      lives_q <= '0;
      {held_q, inside_q, wait_q, live_q} <= '0;
    end else begin
      if (begins) at_q <= SlotBits'(1);
      else if (step && at_q != '1) at_q <= at_q + 1'b1;
      if (begins) begin
        live_q  <= live;
        lives_q <= {lives_q[After == 0 ? 0 : After-1:0], live};
        if (live) rows_q <= rows_q == height - 1'b1 ? '0 : rows_q + 1'b1;
        if (live) zeros_q <= '0;
        else zeros_q <= zeros_q + 1'b1;
      end else if (resized) zeros_q <= '0;
      held_q   <= held - LineBits'(line_read_i);
      inside_q <= inside_q + 5'(comes) - 5'(goes);
      wait_q   <= !asks || begins || pixel || push || resized || (held != '0 && !line_read_i)
                ? '0 : wait_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (in_new_i) begin
      assume (in_first && in_width_i != '0 && in_height_i != '0);
      assume (in_width_i <= DimBits'(MaxWidth) && in_height_i <= DimBits'(MaxHeight));
    end
    if (in_valid_i && in_first) begin
      assume (in_new_i == (!sized_q || {in_width_i, in_height_i} != {width_q, height_q}));
    end
    if (waits_q && rst_n) assume (in_valid_i && beat == beat_q);
    if (held == '0) assume (!line_read_i);
    if (rst_n) begin
      if (step && in_line) rule_1: assert (line && live == live_q);
      if (begins) rule_1_slots: assert (at_q >= slots);
      if (step && age_q == 2'd2) rule_2: assert (data == (begins && live && rows_q == '0));
      if (begins && !live) rule_3_zeros: assert (rows_q == '0 && zeros_q < ZeroBits'(Drain));
      if (begins && live) begin
        rule_3: assert (rows_q == '0 ? zeros_q >= ZeroBits'(Pad) : zeros_q == '0);
      end
      rule_4: assert (RoomBits'(held_q)*(RoomBits'(width) + RoomBits'(Spare)) <= RoomBits'(Room));
      if (resized) begin
        rule_5: assert (held_q == '0 && rows_q == '0 && zeros_q == ZeroBits'(Drain) &&
                        at_q >= SlotBits'(size_q[2*DimBits-1:DimBits]) && !begins);
      end
      if (push) rule_6: assert ({width, height} == {own_width, own_height});
      rule_7: assert (wait_q <= WaitBits'(Patience));
      next_frame_at_once: cover (begins && live && rows_q == '0 && zeros_q == ZeroBits'(Pad) &&
                                 lives_q[Pad]);
      drained:            cover (zeros_q == ZeroBits'(Drain) && sized_q);
      another_size:       cover (resized && sized_q);
      no_room_left:       cover (held_q == LineBits'(Room/(1 + Spare)) && width == DimBits'(1));
      room_comes_back:    cover (held_q == LineBits'(2) && line_read_i && begins);
      greatest_frame:     cover (begins && live && rows_q == DimBits'(MaxHeight - 1) &&
                                 width == DimBits'(MaxWidth));
    end
  end

endmodule

`default_nettype wire
