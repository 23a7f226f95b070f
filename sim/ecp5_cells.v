// SPDX-License-Identifier: Apache-2.0
// ECP5 cells for the simulation of a netlist, as far as synthesis uses them. No timing.
//
// LUT4, CCU2C, PFUMX, L6MUX21, TRELLIS_FF, TRELLIS_DPR16X4, DP16KD, MULT18X18D without registers.
// Truth tables are inputs, so that all LUTs are one module. What the device leaves open is spoiled:
// a word that is read in the clock in which the other port writes it comes inverted.
// Sources: Lattice FPGA-DS-02012 and FPGA-TN-02204; Project Trellis.

module LUT4 (input A, B, C, D, input [15:0] INIT, output Z);
  assign Z = INIT[{D, C, B, A}];
endmodule

module PFUMX (input ALUT, BLUT, C0, output Z);
  assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21 (input D0, D1, SD, output Z);
  assign Z = SD ? D1 : D0;
endmodule

// two bits of a carry chain: each half a LUT4, whose lower quarter generates the carry
module CCU2C (
  input CIN, A0, B0, C0, D0, A1, B1, C1, D1, input [15:0] INIT0, INIT1, output S0, S1, COUT
);
  parameter INJECT1_0 = "YES", INJECT1_1 = "YES";
  wire propagate0 = INIT0[{D0, C0, B0, A0}], propagate1 = INIT1[{D1, C1, B1, A1}];
  wire generate0 = INJECT1_0 != "YES" && INIT0[{2'b00, B0, A0}];
  wire generate1 = INJECT1_1 != "YES" && INIT1[{2'b00, B1, A1}];
  wire carry = propagate0 ? CIN : generate0;
  assign S0 = propagate0 ^ (INJECT1_0 != "YES" && CIN);
  assign S1 = propagate1 ^ (INJECT1_1 != "YES" && carry);
  assign COUT = propagate1 ? carry : generate1;
endmodule

module TRELLIS_FF (input CLK, LSR, CE, DI, M, output reg Q);
  parameter GSR = "ENABLED", CEMUX = "1", CLKMUX = "CLK", LSRMUX = "LSR", LSRMODE = "LSR";
  parameter SRMODE = "LSR_OVER_CE", REGSET = "RESET";
  if (CLKMUX != "CLK" || LSRMODE != "LSR" || SRMODE == "ASYNC" || CEMUX == "0") begin : gen_other
    fsrcnnx_error_flip_flop_that_is_not_modelled u_error ();
  end
  initial Q = REGSET == "SET";
  always @(posedge CLK)
    if (LSRMUX == "INV" ? !LSR : LSR) Q <= REGSET == "SET";
    else if (CEMUX == "1" || (CEMUX == "INV" ? !CE : CE)) Q <= DI;
endmodule

module TRELLIS_DPR16X4 (input [3:0] DI, WAD, input WRE, WCK, input [3:0] RAD, output [3:0] DO);
  parameter WCKMUX = "WCK", WREMUX = "WRE";
  parameter [63:0] INITVAL = 64'h0;
  reg [63:0] mem;
  initial mem = INITVAL;
  wire clock = WCKMUX == "INV" ? ~WCK : WCK;
  wire write = WREMUX == "1" ? 1'b1 : WREMUX == "0" ? 1'b0 : WREMUX == "INV" ? ~WRE : WRE;
  always @(posedge clock) if (write) mem[4*WAD +: 4] <= DI;
  assign DO = mem[4*RAD +: 4];
endmodule

module MULT18X18D (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1,
    A0};
  wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1,
    B0};
  wire signed [18:0] left = {SIGNEDA & a[17], a}, right = {SIGNEDB & b[17], b};
  wire signed [37:0] product = left * right;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
    P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} =
    product[35:0];
endmodule

// 18 Kb of two ports. In a port of 18 bits the lowest address bits enable bytes; a port of 36, as
// only the pseudo dual port has it, takes the data of both.
module DP16KD (
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
    DIA4, DIA3, DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
    DOA4, DOA3, DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
    DIB4, DIB3, DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
    DOB4, DOB3, DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "ENABLED";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000", CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 =
    0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A
    = 0, INITVAL_0B = 0, INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0,
    INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 =
    0, INITVAL_16 = 0, INITVAL_17 = 0, INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B
    = 0, INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0,
    INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 =
    0, INITVAL_27 = 0, INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C
    = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0, INITVAL_30 = 0, INITVAL_31 = 0,
    INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 =
    0, INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D
    = 0, INITVAL_3E = 0, INITVAL_3F = 0;
  localparam [64*320-1:0] Init = {INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B,
    INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
    INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D,
    INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26,
    INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F,
    INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11,
    INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
    INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03,
    INITVAL_02, INITVAL_01, INITVAL_00};
  reg [8:0] mem [0:2047];
  integer i;
  initial for (i = 0; i < 2048; i = i + 1) mem[i] = Init[20*(i/2) + 9*(i%2) +: 9];

  wire [17:0] in_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7,
    DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [13:0] at_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
    ADA1, ADA0};
  wire [17:0] in_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7,
    DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  wire [13:0] at_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
    ADB1, ADB0};
  localparam integer BytesA = DATA_WIDTH_A > 9 ? DATA_WIDTH_A / 9 : 1;
  localparam integer BytesB = DATA_WIDTH_B > 9 ? DATA_WIDTH_B / 9 : 1;
  wire write_a = CEA && (WEA || BytesA == 4), write_b = CEB && WEB && BytesB != 4;
  wire [10:0] first_a = at_a[13:3] & ~(BytesA - 1), first_b = at_b[13:3] & ~(BytesB - 1);
  wire meet = first_a < first_b + BytesB && first_b < first_a + BytesA;
  // which bits of its byte a narrow port has, and where
  wire [2:0] low_a = at_a[2:0] & ~(DATA_WIDTH_A - 1), low_b = at_b[2:0] & ~(DATA_WIDTH_B - 1);
  wire [8:0] mask_a = DATA_WIDTH_A >= 9 ? 9'h1ff : ((1 << DATA_WIDTH_A) - 1) << low_a;
  wire [8:0] mask_b = DATA_WIDTH_B >= 9 ? 9'h1ff : ((1 << DATA_WIDTH_B) - 1) << low_b;
  wire [35:0] write = BytesA == 4 ? {in_b, in_a} : DATA_WIDTH_A >= 9 ? in_a : in_a << low_a;
  wire [17:0] write_too = DATA_WIDTH_B >= 9 ? in_b : in_b << low_b;
  reg [35:0] read_a, read_b, held_a, held_b;
  integer k, m, n;

  always @(posedge CLKA) begin
    if (RSTA) read_a <= 0;
    else if (CEA && !(write_a && WRITEMODE_A == "NORMAL"))
      for (k = 0; k < BytesA; k = k + 1)
        read_a[9*k +: 9] <= (mem[first_a + k] ^ {9{write_b && meet}})
                            >> (DATA_WIDTH_A < 9 ? low_a : 0);
    if (OCEA) held_a <= RSTA ? 36'h0 : read_a;
    if (write_a)
      for (k = 0; k < BytesA; k = k + 1)
        if (BytesA == 1 || at_a[k])
          mem[first_a + k] <= mem[first_a + k] & ~mask_a | write[9*k +: 9] & mask_a;
    if (write_b)
      for (m = 0; m < BytesB; m = m + 1)
        if (BytesB == 1 || at_b[m])
          mem[first_b + m] <= mem[first_b + m] & ~mask_b | write_too[9*m +: 9] & mask_b;
  end

  always @(posedge CLKB) begin
    if (RSTB) read_b <= 0;
    else if (CEB && !(write_b && WRITEMODE_B == "NORMAL"))
      for (n = 0; n < BytesB; n = n + 1)
        read_b[9*n +: 9] <= (mem[first_b + n] ^ {9{write_a && meet}})
                            >> (DATA_WIDTH_B < 9 ? low_b : 0);
    if (OCEB) held_b <= RSTB ? 36'h0 : read_b;
  end

  wire [35:0] out_a = REGMODE_A == "OUTREG" ? held_a : read_a;
  wire [35:0] out_b = REGMODE_B == "OUTREG" ? held_b : read_b;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
    DOA4, DOA3, DOA2, DOA1, DOA0} = BytesB == 4 ? out_b[17:0] : out_a[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
    DOB4, DOB3, DOB2, DOB1, DOB0} = BytesB == 4 ? out_b[35:18] : out_b[17:0];
endmodule
