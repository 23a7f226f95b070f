// SPDX-License-Identifier: Apache-2.0
// FIFO: a few beats deep, so that what waits a few clocks behind it is not felt before it.
//
// A skid buffer passes every wait on; this takes beats on while it gives those that it has.
// Full is said two clocks late, with room kept for the beats on their way.
// Latency 2 cycles, one beat a cycle. Backpressure: in_ready_o, from a register; the output is one.
// Python twin: collections.deque.

`default_nettype none

module fsrcnnx_fifo #(
  parameter int Width = 8,
  parameter int Depth = 8   // a power of two from 4 on
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,

  input  wire logic             in_valid_i,
  output logic                  in_ready_o,
  input  wire logic [Width-1:0] in_data_i,

  output logic                  out_valid_o,
  input  wire logic             out_ready_i,
  output logic      [Width-1:0] out_data_o
);

  localparam int AddrBits = $clog2(Depth);

  if (Depth < 4 || Depth != 1 << AddrBits) begin : gen_bad_depth
    fsrcnnx_error_fifo_needs_a_depth_of_a_power_of_two_from_4_on u_error ();
  end

  (* no_rw_check *) logic [Width-1:0] mem [0:Depth-1];
  logic [AddrBits-1:0] write_q, read_q;
  logic [AddrBits:0]   beats_q;
  logic                push, pop;

  assign push = in_valid_i && in_ready_o;
  assign pop  = (out_ready_i || !out_valid_o) && beats_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q     <= '0;
      read_q      <= '0;
      beats_q     <= '0;
      in_ready_o  <= 1'b0;
      out_valid_o <= 1'b0;
    end else begin
      if (push) write_q <= write_q + 1'b1;
      if (pop) read_q <= read_q + 1'b1;
      beats_q    <= beats_q + (AddrBits+1)'(push) - (AddrBits+1)'(pop);
      in_ready_o <= beats_q < (AddrBits+1)'(Depth - 2);
      if (out_ready_i || !out_valid_o) out_valid_o <= beats_q != '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) mem[write_q] <= in_data_i;
    if (out_ready_i || !out_valid_o) out_data_o <= mem[read_q];
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni) begin  // guaranteed: it never overflows
      assert (beats_q < (AddrBits+1)'(Depth));
    end
  end
`endif

endmodule

`default_nettype wire
