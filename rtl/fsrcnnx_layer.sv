// SPDX-License-Identifier: Apache-2.0
// One layer: column, sums, PReLU and requantisation; nothing in it ever waits.
//
// The raster goes through as it comes, some lines, steps and clocks later: that of the centres goes
// out. Sums are formed and activated whether somebody looks or not; the output register is 0 where
// the centre is not in the frame, which is the next layer's border.
// Sums come from a graph of shifts and adders, all of them every clock, or from multipliers in turns,
// FoldOut slices of them per step; cells activate a slice, and the last one completes the pixel.
// A deconvolution has a lane of sums per output phase (TDC). A last layer of few sums may store these,
// row by row, instead of its input's lines; then the anchor is within them (fsrcnnx_row_sums).
// Anchor: the LR pixel of the centre goes on beside the outputs, or, in the last layer, is added to
// each sum; the first layer finds it in its own column.
// Latency from a window's newest step: 5 (0 where Side is 1) + Sums + AnchorCycles + SlopeCycles + 2,
// and 1 with slices.

`default_nettype none

module fsrcnnx_layer #(
  parameter int Layer      = 0,    // which graph, or which fields of the package
  parameter int Graph      = fsrcnnx_pkg::GRAPHS,  // sums by a graph, else by multipliers
  parameter int MaxWidth   = 16,
  // input: InChannels samples, channel 0 in the low bits, and the anchor above them
  parameter int InChannels = 1,
  parameter int InBits     = 8,
  parameter int Side       = 3,
  parameter int Before     = 1,
  // sums: Outputs of each lane
  parameter int Lanes      = 1,
  parameter int Outputs    = 2,
  parameter int FoldOut    = 1,
  parameter int SumBits    = 20,
  parameter int AccBits    = 20,   // SumBits, or more where the anchor is added
  parameter int SumCycles  = 3,    // latency of the graph
  parameter int Stored     = 0,    // the line memory keeps sums of rows: SumCycles is theirs
  // PReLU: a slope of 32 bits for each output; SlopeCycles 0 for none
  parameter int SlopeCycles = 0,
  parameter int SlopeBits  = 8,
  parameter int SlopeFrac  = 0,
  parameter int ValueBits  = 20,   // of a value after it
  parameter bit [Outputs*32-1:0] Slopes = '0,
  // requantisation
  parameter int Shift      = 14,
  parameter int OutBits    = 8,
  parameter int OutSigned  = 1,
  // anchor, unsigned: its bits, 0 for none; those above the input, 0 for the only sample itself;
  // those above the output, 0 to add it here, shifted to the accumulator's fraction
  parameter int AnchorBits  = 0,
  parameter int CarryIn     = 0,
  parameter int CarryOut    = 0,
  parameter int AnchorShift = 0
) (
  input  wire logic                                 clk_i,
  input  wire logic                                 rst_ni,

  input  wire logic                                 step_i,
  input  wire logic                                 line_i,
  input  wire logic                                 live_i,
  input  wire logic [CarryIn+InChannels*InBits-1:0] data_i,

  // output o of lane l at [(l*Outputs + o)*OutBits +: OutBits]; the anchor above
  output logic                                      step_o,
  output logic                                      line_o,
  output logic                                      live_o,
  output logic                                      soon_o,  // 2 clocks later a pixel of the frame
  output logic      [CarryOut+Lanes*Outputs*OutBits-1:0] data_o
);

  localparam int PixelBits    = InChannels * InBits;
  localparam int Outs         = (Outputs + FoldOut - 1) / FoldOut;  // of a lane in a slice
  localparam int Sums         = Lanes * Outs;
  localparam int SliceBits    = $clog2(FoldOut) > 0 ? $clog2(FoldOut) : 1;
  localparam int DataBits     = Lanes * Outputs * OutBits;
  localparam int After        = Side - 1 - Before;
  localparam int Carry        = CarryIn > 0 ? CarryIn : 1;
  localparam int Anchor       = AnchorBits > 0 ? AnchorBits : 1;
  localparam int AnchorCycles = AnchorBits > 0 && CarryOut == 0 && Stored == 0 ? 1 : 0;
  localparam int Share        = 4;                                 // cells that share a mask
  localparam int Copies       = (Sums + Share - 1) / Share;
  localparam int Cycles       = AnchorCycles + SlopeCycles + 2;    // from sums to outputs

  if (FoldOut < 1 || (FoldOut - 1)*Outs >= Outputs || (Graph != 0 && FoldOut > 1))
  begin : gen_bad_fold
    fsrcnnx_error_layer_fold_leaves_a_slice_without_outputs u_error ();
  end

  // a word of slopes for each slice
  function automatic bit [FoldOut*Outs*SlopeBits-1:0] slope_words();
    slope_words = '0;
    for (int o = 0; o < Outputs; o++) begin
      slope_words[o*SlopeBits +: SlopeBits] = Slopes[o*32 +: SlopeBits];
    end
  endfunction

  // ---------------------------------------------------------------- sums
  logic [Sums*SumBits-1:0] sums;
  logic [Sums*AccBits-1:0] totals;  // of rows
  logic [SliceBits-1:0]    slice;   // two clocks before its sums
  logic                    sum_done, sum_line, sum_live;
  logic [Anchor-1:0]       sum_anchor;

  if (Stored != 0) begin : gen_rows
    fsrcnnx_row_sums #(
      .Layer(Layer), .MaxWidth(MaxWidth), .RowBits(CarryIn + PixelBits), .Side(Side),
      .Before(Before), .Sums(Sums), .SumBits(SumBits), .AccBits(AccBits), .Cycles(SumCycles)
    ) u_rows (
      .clk_i, .rst_ni, .step_i, .line_i, .live_i, .data_i,
      .step_o(sum_done), .line_o(sum_line), .live_o(sum_live), .sums_o(totals));

    assign sums       = '0;
    assign slice      = '0;
    assign sum_anchor = '0;
  end else begin : gen_window
    assign totals = '0;

    // -------------------------------------------------------------- column
    logic                      step, line, live;
    logic [Side*PixelBits-1:0] column;
    logic [Carry-1:0]          carry;

    fsrcnnx_column #(
      .PixelBits(PixelBits), .CarryBits(CarryIn), .Side(Side), .Before(Before), .MaxWidth(MaxWidth)
    ) u_column (
      .clk_i, .rst_ni, .step_i, .line_i, .live_i, .data_i,
      .step_o(step), .column_o(column), .line_o(line), .live_o(live), .carry_o(carry));

    // -------------------------------------------------------------- anchor: the centre's LR pixel
    logic [Anchor-1:0] centre;

    if (AnchorBits == 0 || CarryIn > 0) begin : gen_carried
      assign centre = Anchor'(carry);
    end else begin : gen_sample
      wire logic unused_carry = &{1'b0, carry};
      if (After == 0) begin : gen_newest
        assign centre = column[Anchor-1:0];
      end else begin : gen_older
        logic [After*Anchor-1:0] row_q;  // the centre's row, the step before first
        always_ff @(posedge clk_i) begin
          if (step) row_q <= (After*Anchor)'({row_q, column[Before*PixelBits +: Anchor]});
        end
        assign centre = row_q[(After-1)*Anchor +: Anchor];
      end
    end

    // -------------------------------------------------------------- sums
    if (Graph != 0) begin : gen_graph
      logic [3*SumCycles-1:0] flags_q;  // of cycle c at [3*(c-1)]

      fsrcnnx_graph #(
        .Layer(Layer), .ColumnBits(Side*PixelBits), .SumsBits(Sums*SumBits)
      ) u_graph (
        .clk_i, .column_i(column), .sums_o(sums));

      fsrcnnx_delay #(.Width(Anchor), .Cycles(SumCycles)) u_anchor (
        .clk_i, .data_i(centre), .data_o(sum_anchor));

      always_ff @(posedge clk_i) begin
        if (!rst_ni) flags_q <= '0;
        else flags_q <= (3*SumCycles)'({flags_q, step, line, live});
      end

      assign {sum_done, sum_line, sum_live} = flags_q[3*(SumCycles-1) +: 3];
      assign slice = '0;
    end else begin : gen_mac
      fsrcnnx_mac #(
        .Layer(Layer), .PixelBits(PixelBits), .Side(Side), .Lanes(Lanes), .FoldOut(FoldOut),
        .Outs(Outs), .SumBits(SumBits), .BesideBits(Anchor + 2), .SliceBits(SliceBits)
      ) u_mac (
        .clk_i, .rst_ni, .step_i(step), .column_i(column), .beside_i({centre, line, live}),
        .slice_o(slice), .done_o(sum_done), .beside_o({sum_anchor, sum_line, sum_live}),
        .sums_o(sums));
    end
  end

  // ---------------------------------------------------------------- flags beside the cells
  logic [3*Cycles-1:0] flags_q;    // of cycle c at [3*(c-1)]
  wire  logic [3*Cycles+2:0] flags = {flags_q, sum_done, sum_line, sum_live};  // at [3*c]
  logic [Copies-1:0]   outside;    // of the cycle before the last
  logic                done, done_line, done_live;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) flags_q <= '0;
    else flags_q <= flags[3*Cycles-1:0];
  end

  for (genvar c = 0; c < Copies; c++) begin : gen_outside
    fsrcnnx_copy u_copy (
      .clk_i, .data_i(flags[3*(Cycles-2) +: 2] != 2'b11), .data_o(outside[c]));
  end

  assign soon_o = flags[3*(Cycles-2) +: 3] == 3'b111;
  assign {done, done_line, done_live} = flags[3*Cycles +: 3];

  // ---------------------------------------------------------------- cells: anchor, PReLU, pixels
  logic [Sums*AccBits-1:0]   accs;
  logic [Outs*SlopeBits-1:0] slopes;   // of a slice's outputs
  logic [Sums*OutBits-1:0]   outs;

  if (Stored != 0) begin : gen_totals
    wire logic unused_sums = &{1'b0, sums};
    assign accs = totals;
  end else if (AnchorCycles == 0) begin : gen_no_anchor
    wire logic unused_totals = &{1'b0, totals};
    assign accs = sums;
  end else begin : gen_anchor
    wire logic unused_totals = &{1'b0, totals};
    always_ff @(posedge clk_i) begin
      for (int s = 0; s < Sums; s++) begin
        accs[s*AccBits +: AccBits] <= AccBits'($signed(sums[s*SumBits +: SumBits])) +
                                      (AccBits'(sum_anchor) << AnchorShift);
      end
    end
  end

  if (FoldOut > 1 && SlopeCycles > 0) begin : gen_slopes
    logic [SliceBits-1:0] addr;

    fsrcnnx_delay #(.Width(SliceBits), .Cycles(AnchorCycles)) u_addr (
      .clk_i, .data_i(slice), .data_o(addr));
    fsrcnnx_rom #(
      .Width(Outs*SlopeBits), .Depth(FoldOut), .AddrBits(SliceBits), .Contents(slope_words())
    ) u_slopes (.clk_i, .addr_i(addr), .data_o(slopes));
  end else begin : gen_no_slopes
    wire logic unused_slopes = &{1'b0, slopes};
    assign slopes = '0;
  end

  for (genvar s = 0; s < Sums; s++) begin : gen_cell
    wire logic signed [AccBits-1:0] acc = $signed(accs[s*AccBits +: AccBits]);
    logic signed [ValueBits-1:0]    value;

    if (SlopeCycles == 0) begin : gen_linear
      assign value = ValueBits'(acc);
    end else if (FoldOut == 1) begin : gen_constant
      fsrcnnx_slope #(
        .AccBits(AccBits), .Slope(Slopes[(s % Outputs)*32 +: 32]), .Frac(SlopeFrac),
        .Stages(SlopeCycles), .ValueBits(ValueBits)
      ) u_slope (.clk_i, .acc_i(acc), .value_o(value));
    end else begin : gen_table
      fsrcnnx_prelu #(
        .AccBits(AccBits), .SlopeBits(SlopeBits), .Frac(SlopeFrac), .ValueBits(ValueBits)
      ) u_prelu (
        .clk_i, .acc_i(acc), .slope_i(slopes[(s % Outs)*SlopeBits +: SlopeBits]),
        .value_o(value));
    end

    fsrcnnx_requantise #(
      .ValueBits(ValueBits), .Shift(Shift), .OutBits(OutBits), .OutSigned(OutSigned)
    ) u_requantise (
      .clk_i, .value_i(value), .outside_i(outside[s / Share]), .out_o(outs[s*OutBits +: OutBits]));
  end

  // ---------------------------------------------------------------- the pixel
  logic [Anchor-1:0] anchor;

  if (CarryOut > 0) begin : gen_carry
    fsrcnnx_delay #(.Width(Anchor), .Cycles(Cycles)) u_anchor (
      .clk_i, .data_i(sum_anchor), .data_o(anchor));
  end else begin : gen_no_carry
    wire logic unused_anchor = &{1'b0, sum_anchor, anchor};
    assign anchor = '0;
  end

  if (FoldOut == 1) begin : gen_whole
    wire logic unused_slice = &{1'b0, slice};
    assign {step_o, line_o, live_o} = {done, done_line, done_live};
    assign data_o[DataBits-1:0]     = outs;
    if (CarryOut > 0) begin : gen_carry
      assign data_o[DataBits +: CarryOut] = anchor;
    end
  end else begin : gen_slices
    logic [SliceBits-1:0] of;   // the slice that is there
    wire  logic last = done && of == SliceBits'(FoldOut - 1);

    fsrcnnx_delay #(.Width(SliceBits), .Cycles(Cycles + 2)) u_slice (
      .clk_i, .data_i(slice), .data_o(of));

    for (genvar l = 0; l < Lanes; l++) begin : gen_lane
      for (genvar o = 0; o < Outputs; o++) begin : gen_output
        always_ff @(posedge clk_i) begin
          if (done && of == SliceBits'(o / Outs)) begin
            data_o[(l*Outputs + o)*OutBits +: OutBits] <=
                outs[(l*Outs + o % Outs)*OutBits +: OutBits];
          end
        end
      end
    end

    if (Outs*FoldOut > Outputs) begin : gen_surplus  // past the last output
      wire logic unused_surplus = &{1'b0, outs};
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) {step_o, line_o, live_o} <= '0;
      else begin
        step_o <= last;
        if (last) {line_o, live_o} <= {done_line, done_live};
      end
    end

    if (CarryOut > 0) begin : gen_carry
      always_ff @(posedge clk_i) if (last) data_o[DataBits +: CarryOut] <= anchor;
    end
  end

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni && done && !(done_line && done_live)) begin
      assert (outs == '0);  // guaranteed: the next layer's border
    end
  end
`endif

endmodule

`default_nettype wire
