// SPDX-License-Identifier: Apache-2.0
// Sequencer: frames in, an endless raster of steps out; the only control of the core.
//
// A line is its pixels and then slots between lines: zeros, the right border of one line and the
// left border of the next. After a frame come Pad lines of zeros or more: its lower border and the
// next one's upper border. While no line of a next frame waits, up to Drain lines of zeros push the
// last rows out. Each line pushes one out, that of After lines before: it begins only if the output
// has room for that one, if it is of a frame (credits); so nothing behind ever waits. A frame of
// another size waits until the core is empty, then lines of zeros of its width go first: the size
// is one register for all. A step every Interval clocks, or later where a line waits for a pixel: of
// 1, a line is one burst, step_o is 1.
// A frame takes Interval * max(width + Gap, MinSlots) * (height + Pad) clocks. Latency 2 cycles.

`default_nettype none

module fsrcnnx_sequencer #(
  parameter int PixelBits = 8,
  parameter int DimBits   = 5,
  parameter int FifoDepth = 32,   // two lines, or some pixels where Interval is above 1
  parameter int Interval  = 1,
  parameter int Pad       = 1,    // the widest border of any layer
  parameter int Gap       = 1,    // slots between two lines, Pad or more
  parameter int After     = 4,    // lines from one that goes in to the same that goes out
  parameter int Drain     = 4,    // lines of zeros that push the last row out; Pad, After or more
  parameter int MinSlots  = 4,    // slots of the shortest line, 2 or more
  parameter int Room      = 64,   // pixels that the output holds
  parameter int Spare     = 1     // pixels that a line may take there beyond its own
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,

  // pixels of whole frames; beside the first one of a frame of another size, new and the size
  input  wire logic                 in_valid_i,
  output logic                      in_ready_o,
  input  wire logic [PixelBits-1:0] in_data_i,
  input  wire logic                 in_new_i,
  input  wire logic [DimBits-1:0]   in_width_i,
  input  wire logic [DimBits-1:0]   in_height_i,

  // raster
  output logic                      step_o,
  output logic                      line_o,    // the step lies in a line
  output logic                      live_o,    // that line lies in the frame
  output logic      [PixelBits-1:0] data_o,    // 0 unless both

  output logic      [DimBits-1:0]   width_o,   // changes only while the core is empty
  output logic      [DimBits-1:0]   height_o,

  input  wire logic                 line_read_i  // the output has room for a line again
);

  localparam int Longest   = (1 << DimBits) + Gap > MinSlots ? (1 << DimBits) + Gap : MinSlots;
  localparam int SlotBits  = $clog2(Longest + 1);
  localparam int RoomBits  = $clog2(Room + 1);
  localparam int DrainBits = $clog2(Drain + 1);
  localparam int WaitBits  = $clog2(Interval) > 0 ? $clog2(Interval) : 1;

  if (Pad < 1 || Gap < Pad || Drain < Pad || Drain < After || MinSlots < 2 || Interval < 1)
  begin : gen_bad_raster
    fsrcnnx_error_sequencer_needs_pad_1_gap_pad_drain_pad_after_and_min_slots_2_or_more u_error ();
  end

  // ---------------------------------------------------------------- size: one for the whole core
  logic       load, loaded_q, empty_q, push, push_q, last_x, fifo_ready, pixel_waits, line_waits;
  logic [1:0] settle_q;  // what follows from the size is not there yet

  assign in_ready_o = fifo_ready && (!in_new_i || (loaded_q && settle_q == '0));
  assign push       = in_valid_i && in_ready_o;
  // a pixel of before is seen to wait two clocks after it was pushed
  assign load       = in_valid_i && in_new_i && !loaded_q && empty_q && !pixel_waits && !push_q;

  logic [SlotBits-1:0] slots_q;    // slots of a line
  logic [RoomBits-1:0] need_q;     // pixels that it may take at the output
  wire  logic [SlotBits-1:0] slots = SlotBits'(width_o) + SlotBits'(Gap);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      width_o  <= '0;
      height_o <= '0;
      loaded_q <= 1'b0;
      settle_q <= '0;
      push_q   <= 1'b0;
    end else begin
      if (load) begin
        width_o  <= in_width_i;
        height_o <= in_height_i;
      end
      loaded_q <= load || (loaded_q && !push);
      settle_q <= {settle_q[0], load};
      push_q   <= push;
    end
  end

  always_ff @(posedge clk_i) begin
    slots_q <= slots < SlotBits'(MinSlots) ? SlotBits'(MinSlots) : slots;
    need_q  <= RoomBits'(width_o) + RoomBits'(Spare);
  end

  // ---------------------------------------------------------------- pixels that wait
  logic begins_real, pop, unused_first;

  fsrcnnx_turn #(.Bits(DimBits)) u_x (
    .clk_i, .rst_ni, .count_i(width_o), .step_i(push), .first_o(unused_first), .last_o(last_x));

  fsrcnnx_line_fifo #(.Width(PixelBits), .Depth(FifoDepth)) u_fifo (
    .clk_i, .rst_ni, .in_valid_i(push), .in_ready_o(fifo_ready), .in_data_i, .in_last_i(last_x),
    .pixel_o(pixel_waits), .line_o(line_waits), .take_i(begins_real), .pop_i(pop), .data_o);

  // ---------------------------------------------------------------- cycle 0: which step is next
  logic                 busy_q;        // in a line, or in the slots after it
  logic                 in_line_q;     // the next step is in it
  logic                 real_q;        // it is a line of the frame
  logic [DimBits-1:0]   left_q;        // steps left of the line
  logic [SlotBits-1:0]  rest_q;        // slots left, those between the lines included
  logic [DrainBits-1:0] zeros_q;       // lines of zeros since its last one
  logic [RoomBits-1:0]  room_q;
  logic                 between, unused_last; // two frames
  logic                 roomy_q, due, waits, padded, may_begin, begins, begins_zero, step;
  logic                 pushes, takes;  // the line pushed out next is of a frame; takes its room

  if (Interval == 1) begin : gen_burst
    assign due   = 1'b1;
    assign waits = line_waits;
  end else begin : gen_paced
    wire logic unused_line = &{1'b0, line_waits};
    logic [WaitBits-1:0] wait_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) wait_q <= '0;
      else if (step) wait_q <= WaitBits'(Interval - 1);
      else if (wait_q != '0) wait_q <= wait_q - 1'b1;
    end
    assign due   = wait_q == '0;
    assign waits = pixel_waits;
  end

  always_comb begin
    may_begin   = !busy_q && due && (roomy_q || !pushes) && settle_q == '0;
    padded      = !between || zeros_q >= DrainBits'(Pad);
    begins_real = may_begin && waits && padded;
    begins_zero = may_begin && !begins_real && between && zeros_q != DrainBits'(Drain);
    begins      = begins_real || begins_zero;
    // slots go on when no line does, so that the windows to the right of a last pixel come; of 1,
    // the FIFO holds the whole line
    step        = due && (Interval == 1 || begins || !(in_line_q && real_q) || pixel_waits);
    pop         = begins_real || (step && in_line_q && real_q);
  end

  fsrcnnx_turn #(.Bits(DimBits)) u_row (
    .clk_i, .rst_ni, .count_i(height_o), .step_i(begins_real), .first_o(between),
    .last_o(unused_last));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q    <= 1'b0;
      in_line_q <= 1'b0;
      real_q    <= 1'b0;
      zeros_q   <= DrainBits'(Drain);
    end else begin
      if (begins) begin
        busy_q    <= 1'b1;
        in_line_q <= width_o != DimBits'(1);
        real_q    <= begins_real;
      end else if (step && busy_q) begin
        busy_q <= rest_q != SlotBits'(1);
        if (left_q == DimBits'(1)) in_line_q <= 1'b0;
      end
      if (load || begins_real) zeros_q <= '0;
      else if (begins_zero) zeros_q <= zeros_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (begins) begin
      left_q <= width_o - 1'b1;
      rest_q <= slots_q - 1'b1;
    end else if (step) begin
      left_q <= left_q - 1'b1;
      rest_q <= rest_q - 1'b1;
    end
  end

  // ---------------------------------------------------------------- credits
  if (After == 0) begin : gen_itself
    assign pushes = 1'b1;
    assign takes  = begins_real;
  end else begin : gen_before
    logic [After-1:0] reals_q;  // of the lines that have begun, the last first
    always_ff @(posedge clk_i) begin
      if (!rst_ni) reals_q <= '0;
      else if (begins) reals_q <= After'({reals_q, begins_real});
    end
    assign pushes = reals_q[After-1];
    assign takes  = begins && pushes;
  end

  logic takes_q, read_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      takes_q <= 1'b0;
      read_q  <= 1'b0;
      room_q  <= RoomBits'(Room);
      roomy_q <= 1'b0;
      empty_q <= 1'b0;
    end else begin
      takes_q <= takes;
      read_q  <= line_read_i;
      if (takes_q && !read_q) room_q <= room_q - need_q;
      else if (read_q && !takes_q) room_q <= room_q + need_q;
      // two clocks late; the next line is 4 off, or more
      roomy_q <= room_q >= need_q;
      empty_q <= !busy_q && between && zeros_q == DrainBits'(Drain) && !pixel_waits &&
                 room_q == RoomBits'(Room);
    end
  end

  // ---------------------------------------------------------------- cycles 1 and 2: beside data_o
  logic step_q, line_q, live_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {step_q, line_q, live_q} <= '0;
      {line_o, live_o}         <= '0;
    end else begin
      step_q <= step;
      line_q <= begins || (step ? in_line_q : line_q && Interval != 1);
      live_q <= pop;
      line_o <= line_q;
      live_o <= live_q;
    end
  end

  if (Interval == 1) begin : gen_always
    wire logic unused_step = &{1'b0, step_q};
    assign step_o = 1'b1;
  end else begin : gen_step
    always_ff @(posedge clk_i) begin
      if (!rst_ni) step_o <= 1'b0;
      else step_o <= step_q;
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni) begin
      // relied on: only room that was taken comes back; guaranteed: none is taken that is not there
      assert (!read_q || takes_q || room_q <= RoomBits'(Room) - need_q);
      assert (!takes_q || read_q || room_q >= need_q);
      // guaranteed: the size changes only while the core is empty
      assert (!load || (room_q == RoomBits'(Room) && !busy_q && !takes_q));
    end
  end
`endif

endmodule

`default_nettype wire
