// SPDX-License-Identifier: Apache-2.0
// Skid buffer: two registers that cut valid, ready and payload between two stages.
//
// Why: a stage's ready may depend on the stage after it; a chain of such stages would be one
// global stall wire. Here in_ready_o comes from a register, so the chain ends.
// Latency 1 cycle, one beat a cycle, no bubble after a stall.

`default_nettype none

module fsrcnnx_skid #(
  parameter int Width = 8
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

  logic [Width-1:0] spill_q;  // full while not ready
  wire  logic       advance = out_ready_i || !out_valid_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      out_valid_o <= 1'b0;
      in_ready_o  <= 1'b1;
    end else begin
      if (advance) out_valid_o <= !in_ready_o || in_valid_i;
      in_ready_o <= advance || (in_ready_o && !in_valid_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) out_data_o <= in_ready_o ? in_data_i : spill_q;
    if (in_ready_o) spill_q <= in_data_i;
  end

`ifndef SYNTHESIS
  logic             stalled_q;
  logic [Width-1:0] offered_q;

  always @(posedge clk_i) begin
    stalled_q <= rst_ni && out_valid_o && !out_ready_i;
    offered_q <= out_data_o;
    if (rst_ni && stalled_q) begin  // guaranteed: what is offered and not taken stays
      assert (out_valid_o && out_data_o === offered_q);
    end
  end
`endif

endmodule

`default_nettype wire
