// SPDX-License-Identifier: Apache-2.0
// Constant memory, its output registered twice: a RAM's word meets a flip-flop at once.
//
// Its contents are a parameter, word 0 in the low bits, and not a file: a file is found in one
// folder only, and most tools go on with an empty memory where they do not find it.
// Latency 2 cycles.

`default_nettype none

module fsrcnnx_rom #(
  parameter int Width    = 8,
  parameter int Depth    = 1,
  parameter int AddrBits = 1,
  parameter bit [Depth*Width-1:0] Contents = '0
) (
  input  wire logic                clk_i,
  input  wire logic [AddrBits-1:0] addr_i,
  output logic      [Width-1:0]    data_o
);

  logic [Width-1:0] mem [0:Depth-1];
  logic [Width-1:0] word_q;

  initial begin
    for (int i = 0; i < Depth; i++) mem[i] = Contents[i*Width +: Width];
  end

  if (Depth == 1) begin : gen_constant
    wire logic unused_addr = &{1'b0, addr_i};
    always_ff @(posedge clk_i) word_q <= mem[0];
  end else begin : gen_table
    always_ff @(posedge clk_i) word_q <= mem[addr_i];
  end

  always_ff @(posedge clk_i) data_o <= word_q;

endmodule

`default_nettype wire
