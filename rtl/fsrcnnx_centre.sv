// SPDX-License-Identifier: Apache-2.0
// Centre: from the raster of a window's newest step to that of its centre.
//
// The centre lies After lines above and After steps before the newest step. Latency 0.

`default_nettype none

module fsrcnnx_centre #(
  parameter int After = 1    // 1 or more
) (
  input  wire logic clk_i,
  input  wire logic rst_ni,

  input  wire logic step_i,
  input  wire logic line_i,
  input  wire logic live_i,

  output logic      line_o,
  output logic      live_o
);

  logic             seen_q;   // the step before was in a line
  logic [After:0]   lives_q;  // of the newest line and those above
  logic [After-1:0] lines_q;  // of the steps before, the last first

  assign line_o = lines_q[After-1];
  assign live_o = lives_q[After];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      seen_q  <= 1'b0;
      lives_q <= '0;
      lines_q <= '0;
    end else if (step_i) begin
      seen_q  <= line_i;
      lines_q <= After'({lines_q, line_i});
      if (line_i && !seen_q) lives_q <= {lives_q[After-1:0], live_i};
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni && step_i && line_i && seen_q) begin  // relied on: a line is in the frame or not
      assert (live_i == lives_q[0]);
    end
  end
`endif

endmodule

`default_nettype wire
