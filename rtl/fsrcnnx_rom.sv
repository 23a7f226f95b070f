// Constant memory, loaded from a hex file, with a registered output.
//
// Why a file: weights change with every training run, the source does not.
// The word appears one cycle after en_i. File is relative to the folder of the tool's run.

`default_nettype none

module fsrcnnx_rom #(
  parameter int Width    = 8,
  parameter int Depth    = 1,
  parameter int AddrBits = 1,
  parameter     File     = ""
) (
  input  wire logic                clk_i,
  input  wire logic                en_i,
  input  wire logic [AddrBits-1:0] addr_i,
  output logic      [Width-1:0]    data_o
);

  logic [Width-1:0] mem [0:Depth-1];

  if (File != "") begin : gen_contents
    initial $readmemh(File, mem);
  end else begin : gen_zero
    initial begin
      for (int i = 0; i < Depth; i++) mem[i] = '0;
    end
  end

  if (Depth == 1) begin : gen_constant
    wire logic unused_addr = &{1'b0, addr_i};
    always_ff @(posedge clk_i) begin
      if (en_i) data_o <= mem[0];
    end
  end else begin : gen_table
    always_ff @(posedge clk_i) begin
      if (en_i) data_o <= mem[addr_i];
    end
  end

endmodule

`default_nettype wire
