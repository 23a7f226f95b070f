// SPDX-License-Identifier: Apache-2.0
// Proof of fsrcnnx_line_fifo, for any lines, any source and any reset.
//
// Relied on, of who pops: with Paced 0 it takes a line only when line_o says that one is there, pops
// it in clocks that follow each other without looking, and takes no other until it is through; with
// Paced 1 it pops a pixel only when pixel_o says so, and pixels count, not lines.
//   1 what is popped is there: asserted in the module
//   2 it never holds more than Depth - 1 pixels: asserted in the module
//   3 2 clocks after a pop comes the oldest pixel, 2 clocks after no pop 0
//   4 a pixel that is there is said to be 1 clock later, unless one was popped
//   5 a line that is there whole is said to be 1 clock later, unless one was taken
//   6 with room for 4 pixels or more it is ready 2 clocks later or earlier

`default_nettype none

module line_fifo_proof #(
  parameter int Depth = 4,
  parameter int Paced = 0
) (
  input wire logic clk_i,
  input wire logic reset_i,
  input wire logic in_valid_i,
  input wire logic in_data_i,
  input wire logic in_last_i,
  input wire logic pop_i
);

  logic begun_q = 1'b0;  // the first clock is a reset
  always_ff @(posedge clk_i) begun_q <= 1'b1;
  wire logic rst_n = begun_q && !reset_i;

  logic in_ready, pixel, line, data, inside_q;
  // of lines: the first pixel is popped if we like, the others must be
  wire logic take = Paced == 0 && !inside_q && line && pop_i;
  wire logic pop  = Paced == 0 ? take || inside_q : pixel && pop_i;

  fsrcnnx_line_fifo #(.Width(1), .Depth(Depth)) u_dut (
    .clk_i, .rst_ni(rst_n), .in_valid_i, .in_ready_o(in_ready), .in_data_i, .in_last_i,
    .pixel_o(pixel), .line_o(line), .take_i(take), .pop_i(pop), .data_o(data));

  // what it must hold, the oldest lowest: pixels, and which end a line
  localparam int Most     = Depth + 1;  // one more than there may be, so that it is seen
  localparam int HeldBits = $clog2(Most + 1);
  logic [HeldBits-1:0] held_q, lines_q;
  logic [Most-1:0]     pixels_q, lasts_q;
  wire logic           push = in_valid_i && in_ready;
  wire logic           ends = push && in_last_i;

  always_ff @(posedge clk_i) begin
    held_q   <= rst_n ? held_q + HeldBits'(push) - HeldBits'(pop) : '0;
    lines_q  <= rst_n ? lines_q + HeldBits'(ends) - HeldBits'(take) : '0;
    inside_q <= rst_n && pop && !lasts_q[0];
  end

  for (genvar n = 0; n < Most; n++) begin : gen_pixel
    always_ff @(posedge clk_i) begin
      if (push && held_q - HeldBits'(pop) == HeldBits'(n)) begin
        {pixels_q[n], lasts_q[n]} <= {in_data_i, in_last_i};
      end else if (pop && n < Most - 1) begin
        {pixels_q[n], lasts_q[n]} <= {pixels_q[(n+1)%Most], lasts_q[(n+1)%Most]};
      end
    end
  end

  logic       want_q, want_q1, there_q, whole_q;
  logic [1:0] age_q, refused_q;  // clocks since the reset

  always_ff @(posedge clk_i) begin
    want_q    <= pop && pixels_q[0];
    want_q1   <= want_q;
    there_q   <= rst_n && held_q > HeldBits'(pop);
    whole_q   <= rst_n && lines_q > HeldBits'(take);
    age_q     <= !rst_n ? '0 : age_q == 2'd2 ? 2'd2 : age_q + 1'b1;
    refused_q <= !rst_n || in_ready || held_q > HeldBits'(Depth - 4) ? '0 : refused_q + 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      if (age_q == 2'd2) rule_3: assert (data == want_q1);
      rule_4: assert (pixel == there_q);
      if (Paced == 0) rule_5: assert (line == whole_q);
      rule_6: assert (refused_q < 2'd2);
      full:           cover (held_q == HeldBits'(Depth - 1));
      two_lines:      cover (Paced != 0 || lines_q == HeldBits'(2));
      one_in_one_out: cover (push && pop);
    end
  end

endmodule

`default_nettype wire
