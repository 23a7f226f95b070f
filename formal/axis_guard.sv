// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_axis_guard, for any beats, any sink and any reset.
//
// Relied on: a beat that is offered stays until it is taken, as AXI4-Stream asks.
//   1 a frame that leaves has a legal size (asserted in the module), which holds from its first
//     pixel to its last
//   2 frames are whole: the first pixel of each is a start of frame with that size, and a start of
//     frame is passed nowhere else; width x height pixels later the next one begins
//   3 after an end of line only zeros are passed up to the line's end; after a line whose end was
//     not said nothing is, until the end of line or a start of frame has come
//   4 a pixel that comes is passed as it is, what is filled in is 0, and nothing else leaves
//   5 a size is said to be new exactly with the first pixel of a frame of another size than before
//   6 a pixel that is offered and not taken stays
//   7 there is an error pulse exactly one clock after each fault, counted as the module's table says
//   8 nothing hangs: a beat waits at most MaxWidth * MaxHeight + 3 clocks of a ready sink

`default_nettype none

module axis_guard_proof #(
  parameter int MaxWidth  = 3,
  parameter int MaxHeight = 2,
  parameter int DimBits   = 3
) (
  input wire logic               clk_i,
  input wire logic               reset_i,
  input wire logic               in_valid_i,
  input wire logic               in_data_i,
  input wire logic               in_sof_i,
  input wire logic               in_eol_i,
  input wire logic [DimBits-1:0] width_i,
  input wire logic [DimBits-1:0] height_i,
  input wire logic               out_ready_i
);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  logic               in_ready, out_valid, out_data, is_new, error;
  logic [DimBits-1:0] out_width, out_height;

  fsrcnnx_axis_guard #(
    .PixelBits(1), .MaxWidth(MaxWidth), .MaxHeight(MaxHeight), .DimBits(DimBits)
  ) u_dut (
    .clk_i, .rst_ni(rst_n), .frame_width_i(width_i), .frame_height_i(height_i),
    .in_valid_i, .in_ready_o(in_ready), .in_data_i, .in_sof_i, .in_eol_i,
    .out_valid_o(out_valid), .out_ready_i, .out_data_o(out_data), .out_width_o(out_width),
    .out_height_o(out_height), .out_new_o(is_new), .error_o(error));

  wire logic take = in_valid_i && in_ready, pass = out_valid && out_ready_i;

  // ---------------------------------------------------------------- the source
  logic waits_q;
  logic [2*DimBits+2:0] beat_q;
  wire  logic [2*DimBits+2:0] beat = {in_data_i, in_sof_i, in_eol_i, width_i, height_i};

  always_ff @(posedge clk_i) begin
    waits_q <= rst_n && in_valid_i && !in_ready;
    beat_q  <= beat;
  end

  // ---------------------------------------------------------------- where the output is
  logic [DimBits-1:0] x_q, y_q, width_q, height_q, old_width_q, old_height_q;
  wire  logic begins = x_q == '0 && y_q == '0;  // the next pixel that leaves begins a frame
  wire  logic [DimBits-1:0] width  = begins ? out_width : width_q;
  wire  logic [DimBits-1:0] height = begins ? out_height : height_q;
  wire  logic last_x = x_q == width - 1'b1, last_y = y_q == height - 1'b1;
  wire  logic legal  = width_i != '0 && width_i <= DimBits'(MaxWidth) && height_i != '0 &&
                       height_i <= DimBits'(MaxHeight);

  // what the beats said; each but the last holds up to the end of its line, or of its frame
  logic short_q, broken_q, over_q, dropped_q;
  wire  logic fills = short_q || broken_q;
  wire  logic real_pass = pass && !fills;
  // faults, of the beat that is offered; that of a start of frame in a frame when it is seen
  wire  logic strays = in_valid_i && in_sof_i && !begins && !fills && !over_q;
  wire  logic stray  = take && begins && !over_q && !(in_sof_i && legal);
  wire  logic fault  = strays || (stray && (in_sof_i || !dropped_q)) ||
                       (real_pass && in_eol_i != last_x);

  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      {x_q, y_q, old_width_q, old_height_q} <= '0;
      {short_q, broken_q, over_q, dropped_q} <= '0;
    end else begin
      if (pass) begin
        x_q <= last_x ? '0 : x_q + 1'b1;
        if (last_x) y_q <= last_y ? '0 : y_q + 1'b1;
        width_q  <= width;
        height_q <= height;
        if (last_x && last_y) {old_width_q, old_height_q} <= {width, height};
      end
      short_q   <= (short_q && !(pass && last_x)) || (real_pass && in_eol_i && !last_x);
      broken_q  <= (broken_q && !(pass && last_x && last_y)) || strays;
      over_q    <= over_q ? !(in_valid_i && (in_sof_i || in_eol_i))
                          : real_pass && last_x && !in_eol_i;
      dropped_q <= stray || (dropped_q && !real_pass);
    end
  end

  logic fault_q, stalled_q;
  logic [2*DimBits+1:0] pixel_q;
  logic [3:0] wait_q;

  always_ff @(posedge clk_i) begin
    fault_q   <= rst_n && fault;
    stalled_q <= rst_n && out_valid && !out_ready_i;
    pixel_q   <= {out_data, is_new, out_width, out_height};
    wait_q    <= !rst_n || !in_valid_i || in_ready ? '0 : wait_q + 4'(out_ready_i);
  end

  always_ff @(posedge clk_i) begin
    if (waits_q && rst_n) assume (in_valid_i && beat == beat_q);
    if (rst_n) begin
      if (out_valid) begin
        rule_1: assert (out_width == width && out_height == height);
        rule_5: assert (is_new == (begins && {width, height} != {old_width_q, old_height_q}));
      end
      if (real_pass) begin
        rule_2: assert (take && in_sof_i == begins);
        if (begins) rule_2_size: assert (width == width_i && height == height_i);
        rule_3: assert (!over_q);
      end
      if (out_valid) rule_4: assert (out_data == (!fills && in_data_i) && (fills || in_valid_i));
      if (take && !pass) rule_4_lost: assert (stray || over_q);
      if (fills) rule_4_filled: assert (!take);
      if (stalled_q) rule_6: assert (out_valid && pixel_q == {out_data, is_new, out_width,
                                                              out_height});
      rule_7: assert (error == fault_q);
      rule_8: assert (wait_q <= 4'(MaxWidth*MaxHeight + 3));
      fills_a_line:       cover (short_q && pass && last_x && !last_y);
      fills_a_frame:      cover (broken_q && pass && last_x && last_y);
      drops_what_is_over: cover (over_q && take && in_eol_i);
      greatest_frame:     cover (real_pass && in_eol_i && last_x && last_y &&
                                 width == DimBits'(MaxWidth) && height == DimBits'(MaxHeight));
      another_size:       cover (pass && is_new && old_width_q != '0);
      same_size:          cover (pass && begins && !is_new);
    end
  end

endmodule

`default_nettype wire
