// SPDX-License-Identifier: Apache-2.0
// Delay: Width bits, Cycles clocks later; no enable and no reset, 0 clocks is a wire.

`default_nettype none

module fsrcnnx_delay #(
  parameter int Width  = 1,
  parameter int Cycles = 1
) (
  input  wire logic             clk_i,
  input  wire logic [Width-1:0] data_i,
  output logic      [Width-1:0] data_o
);

  if (Cycles == 0) begin : gen_wire
    wire logic unused_clock = &{1'b0, clk_i};
    assign data_o = data_i;
  end else if (Cycles == 1) begin : gen_one
    always_ff @(posedge clk_i) data_o <= data_i;
  end else begin : gen_chain
    logic [Cycles*Width-1:0] chain_q;  // cycle c at [(c-1)*Width +: Width]
    always_ff @(posedge clk_i) chain_q <= {chain_q[(Cycles-1)*Width-1:0], data_i};
    assign data_o = chain_q[(Cycles-1)*Width +: Width];
  end

endmodule

`default_nettype wire
