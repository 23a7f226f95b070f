// SPDX-License-Identifier: Apache-2.0
// Line memory: one write port, one read port, one clock; the one RAM template of the core.
//
// The read word appears one cycle after re_i and holds until the next read. A word written in the
// same cycle as it is read comes out as it was or as it becomes: users never do that.
// Contents are not initialised; users mask what they have not written.

`default_nettype none

module fsrcnnx_line_ram #(
  parameter int Width    = 8,
  parameter int Depth    = 16,
  parameter int AddrBits = 4
) (
  input  wire logic                clk_i,

  input  wire logic                we_i,
  input  wire logic [AddrBits-1:0] waddr_i,
  input  wire logic [Width-1:0]    wdata_i,

  input  wire logic                re_i,
  input  wire logic [AddrBits-1:0] raddr_i,
  output logic      [Width-1:0]    rdata_o
);

  logic [Width-1:0] mem [0:Depth-1];

  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= wdata_i;
    if (re_i) rdata_o <= mem[raddr_i];
  end

endmodule

`default_nettype wire
