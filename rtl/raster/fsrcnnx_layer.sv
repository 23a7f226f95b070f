// SPDX-License-Identifier: Apache-2.0
// One layer: column, sums, PReLU and requantisation; nothing in it ever waits.
//
// The raster goes through as it comes, some lines, steps and clocks later: that of the centres goes
// out. Sums are formed and activated whether somebody looks or not; the output register is 0 where
// the centre is not in the frame, which is the next layer's border.
// A deconvolution has a lane of sums per output phase (TDC), and so has a sub-pixel convolution.
// Anchor: the LR pixel of the centre goes on beside the outputs, or, in the last layer, is added to
// each sum; the first layer finds it in its own column.
// Latency from a window's newest step: 4 (0 where Side is 1) + Sums + AnchorCycles + Slopes + 3.

`default_nettype none

module fsrcnnx_layer #(
  parameter int Layer      = 0,    // which graph
  parameter int MaxWidth   = 16,
  // input: InChannels samples, channel 0 in the low bits, and the anchor above them
  parameter int InChannels = 1,
  parameter int InBits     = 8,
  parameter int Side       = 3,
  parameter int Before     = 1,
  // sums: Outputs of each lane
  parameter int Lanes      = 1,
  parameter int Outputs    = 2,
  parameter int SumBits    = 20,
  parameter int AccBits    = 20,   // SumBits, or more where the anchor is added
  parameter int SumCycles  = 3,    // latency of the graph
  // PReLU: a slope of 32 bits for each output; SlopeCycles 0 for none
  parameter int SlopeCycles = 0,
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
  output logic      [CarryOut+Lanes*Outputs*OutBits-1:0] data_o
);

  localparam int PixelBits    = InChannels * InBits;
  localparam int Sums         = Lanes * Outputs;
  localparam int DataBits     = Sums * OutBits;
  localparam int After        = Side - 1 - Before;
  localparam int Carry        = CarryIn > 0 ? CarryIn : 1;
  localparam int AnchorCycles = AnchorBits > 0 && CarryOut == 0 ? 1 : 0;
  localparam int Cycles       = SumCycles + AnchorCycles + SlopeCycles + 3;

  // ---------------------------------------------------------------- column
  logic                      step, line, live;
  logic [Side*PixelBits-1:0] column;
  logic [Carry-1:0]          carry;

  fsrcnnx_column #(
    .PixelBits(PixelBits), .CarryBits(CarryIn), .Side(Side), .Before(Before), .MaxWidth(MaxWidth)
  ) u_column (
    .clk_i, .rst_ni, .step_i, .line_i, .live_i, .data_i,
    .step_o(step), .column_o(column), .line_o(line), .live_o(live), .carry_o(carry));

  // ---------------------------------------------------------------- flags beside the arithmetic
  logic [Cycles-1:0] step_q, line_q, live_q;  // of cycle c at [c-1]
  logic              outside_q;               // of the cycle before the last

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      step_q <= '0;
      line_q <= '0;
      live_q <= '0;
    end else begin
      step_q <= {step_q[Cycles-2:0], step};
      line_q <= {line_q[Cycles-2:0], line};
      live_q <= {live_q[Cycles-2:0], live};
    end
  end

  always_ff @(posedge clk_i) outside_q <= !(line_q[Cycles-3] && live_q[Cycles-3]);

  assign step_o = step_q[Cycles-1];
  assign line_o = line_q[Cycles-1];
  assign live_o = live_q[Cycles-1];

  // ---------------------------------------------------------------- sums
  logic [Sums*SumBits-1:0] sums;
  logic [Sums*AccBits-1:0] accs;

  fsrcnnx_graph #(
    .Layer(Layer), .ColumnBits(Side*PixelBits), .SumsBits(Sums*SumBits)
  ) u_graph (
    .clk_i, .column_i(column), .sums_o(sums));

  // ---------------------------------------------------------------- anchor
  if (AnchorBits == 0) begin : gen_no_anchor
    wire logic unused_carry = &{1'b0, carry};
    assign accs = sums;
  end else begin : gen_anchor
    localparam int Wait = CarryOut > 0 ? Cycles : SumCycles;
    logic [AnchorBits-1:0] centre, anchor;

    if (CarryIn > 0) begin : gen_carried
      assign centre = carry;
    end else begin : gen_sample
      wire logic unused_carry = &{1'b0, carry};
      if (After == 0) begin : gen_newest
        assign centre = column[AnchorBits-1:0];
      end else begin : gen_older
        logic [After*AnchorBits-1:0] row_q;  // the centre's row, the step before first
        always_ff @(posedge clk_i) begin
          if (step) begin
            row_q <= (After*AnchorBits)'({row_q, column[Before*PixelBits +: AnchorBits]});
          end
        end
        assign centre = row_q[(After-1)*AnchorBits +: AnchorBits];
      end
    end

    fsrcnnx_delay #(.Width(AnchorBits), .Cycles(Wait)) u_wait (
      .clk_i, .data_i(centre), .data_o(anchor));

    if (CarryOut > 0) begin : gen_carry
      assign accs = sums;
      assign data_o[DataBits +: AnchorBits] = anchor;
    end else begin : gen_add
      always_ff @(posedge clk_i) begin
        for (int s = 0; s < Sums; s++) begin
          accs[s*AccBits +: AccBits] <= AccBits'($signed(sums[s*SumBits +: SumBits])) +
                                        (AccBits'(anchor) << AnchorShift);
        end
      end
    end
  end

  // ---------------------------------------------------------------- activation, requantisation
  for (genvar s = 0; s < Sums; s++) begin : gen_cell
    logic signed [ValueBits-1:0] value;

    if (SlopeCycles > 0) begin : gen_slope
      fsrcnnx_slope #(
        .AccBits(AccBits), .Slope(Slopes[(s % Outputs)*32 +: 32]), .Frac(SlopeFrac),
        .Stages(SlopeCycles - 1), .ValueBits(ValueBits)
      ) u_slope (.clk_i, .acc_i(accs[s*AccBits +: AccBits]), .value_o(value));
    end else begin : gen_linear
      assign value = ValueBits'($signed(accs[s*AccBits +: AccBits]));
    end

    fsrcnnx_requantise #(
      .ValueBits(ValueBits), .Shift(Shift), .OutBits(OutBits), .OutSigned(OutSigned)
    ) u_requantise (
      .clk_i, .value_i(value), .outside_i(outside_q), .out_o(data_o[s*OutBits +: OutBits]));
  end

endmodule

`default_nettype wire
