"""Adders that stay adders: two in one clock become two carry chains, not one and a compressor.

May import nothing. Yosys' alumacc takes adders that feed each other for one sum of three, and
maps that to two LUTs for each bit before a carry chain: half as many sites again, and more wires.
A chain behind a chain takes hardly longer: its carries follow those of the first bit by bit.

Source: alumacc.cc of Yosys (merge_macc); the map turns $add and $sub into $alu before it looks.
"""

FILE = "plain_adders.v"
# operands are as wide as they must be before they are mapped
PASSES = f"proc; opt_expr; opt_clean; wreduce; techmap -map {FILE}"
MAP = r"""
(* techmap_celltype = "$add $sub" *)
module plain_adder (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter _TECHMAP_CELLTYPE_ = "";
  localparam SIGNED = A_SIGNED && B_SIGNED;
  localparam [0:0] MINUS = _TECHMAP_CELLTYPE_ == "$sub";
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire [Y_WIDTH-1:0] unused_x, unused_co;
  \$alu #(.A_SIGNED(SIGNED), .B_SIGNED(SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH),
          .Y_WIDTH(Y_WIDTH)) _TECHMAP_REPLACE_ (
    .A(A), .B(B), .CI(MINUS), .BI(MINUS), .Y(Y), .X(unused_x), .CO(unused_co));
endmodule
"""
