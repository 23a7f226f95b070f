// SPDX-License-Identifier: Apache-2.0
// Copy: one bit, a clock later, in a register of this place's own.
//
// Its hierarchy is kept while tools look for equal registers: many copies cut a net of many sinks,
// which would cross the device, into short ones.

`default_nettype none

(* keep_hierarchy *)
module fsrcnnx_copy (
  input  wire logic clk_i,
  input  wire logic data_i,
  output logic      data_o
);

  always_ff @(posedge clk_i) data_o <= data_i;

`ifndef SYNTHESIS
  initial data_o = 1'b0;  // of a reset: assertions wait for it
`endif

endmodule

`default_nettype wire
