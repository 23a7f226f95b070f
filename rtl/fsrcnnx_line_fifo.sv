// SPDX-License-Identifier: Apache-2.0
// Line FIFO: pixels in as they come, whole lines out without a gap.
//
// It counts whole lines, so that whoever takes a line finds all of it. What the counts say comes one
// clock late from registers: full with room kept for the pixels on their way.
// Latency 2 cycles from pop_i to data_o, 0 where nothing was popped. Backpressure: in_ready_o, from
// a register. Python twin: collections.deque.

`default_nettype none

module fsrcnnx_line_fifo #(
  parameter int Width   = 8,
  parameter int Depth   = 32     // a power of two; two lines keep one coming while one goes
) (
  input  wire logic               clk_i,
  input  wire logic               rst_ni,

  input  wire logic             in_valid_i,
  output logic                  in_ready_o,
  input  wire logic [Width-1:0] in_data_i,
  input  wire logic             in_last_i,   // of a line

  output logic                  pixel_o,     // there is a pixel
  output logic                  line_o,      // there is a whole line
  input  wire logic             take_i,      // one line less: its first pixel is popped
  input  wire logic             pop_i,
  output logic      [Width-1:0] data_o
);

  localparam int AddrBits = $clog2(Depth);

  if (Depth < 4 || Depth != 1 << AddrBits) begin : gen_bad_depth
    fsrcnnx_error_line_fifo_needs_a_depth_of_a_power_of_two_from_4_on u_error ();
  end

  // ---------------------------------------------------------------- where it is written and read
  logic [AddrBits-1:0] write_q, read_q;
  logic [AddrBits:0]   pixels_q, lines_q;
  logic                push;

  assign push = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q    <= '0;
      read_q     <= '0;
      pixels_q   <= '0;
      lines_q    <= '0;
      in_ready_o <= 1'b0;
      pixel_o    <= 1'b0;
      line_o     <= 1'b0;
    end else begin
      if (push) write_q <= write_q + 1'b1;
      if (pop_i) read_q <= read_q + 1'b1;
      pixels_q   <= pixels_q + (AddrBits+1)'(push) - (AddrBits+1)'(pop_i);
      lines_q    <= lines_q + (AddrBits+1)'(push && in_last_i) - (AddrBits+1)'(take_i);
      in_ready_o <= pixels_q < (AddrBits+1)'(Depth - 2);
      pixel_o    <= pixels_q > (AddrBits+1)'(pop_i);
      line_o     <= lines_q > (AddrBits+1)'(take_i);
    end
  end

  // ---------------------------------------------------------------- memory, cycles 1 and 2
  (* no_rw_check *) logic [Width-1:0] mem [0:Depth-1];
  logic [Width-1:0] word_q;
  logic             popped_q;

  always_ff @(posedge clk_i) begin
    if (push) mem[write_q] <= in_data_i;
    word_q <= mem[read_q];
  end

  always_ff @(posedge clk_i) begin
    popped_q <= pop_i;
    if (!popped_q) data_o <= '0;
    else data_o <= word_q;
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!pop_i || pixels_q != '0);         // relied on: what is popped is there
      assert (!take_i || pop_i);                 // and it begins the line that is taken
      assert (pixels_q < (AddrBits+1)'(Depth));  // guaranteed: it never overflows
    end
  end
`endif

endmodule

`default_nettype wire
