// SPDX-License-Identifier: Apache-2.0
// One layer: window, folded multiply-accumulate lanes, PReLU and requantisation, skid buffer.
//
// A convolution has one lane over the whole window. A deconvolution has scale*scale lanes, one per
// output phase, each over the rectangle of taps that lands on it (TDC): nothing is multiplied by
// an inserted zero. A sub-pixel convolution has a lane per phase too, each over the whole window
// and with biases of its own. All lanes run the same steps. One pixel takes FoldIn*FoldOut cycles.
// Latency after the window: FoldIn*FoldOut + Stages + 9 cycles. Backpressure stalls this layer
// only: the skid buffer cuts ready.
// Anchor: the LR pixel at the window's centre goes on beside the outputs, or, in the last layer,
// is added to each sum; the first layer finds it among its samples.

`default_nettype none

module fsrcnnx_layer #(
  parameter int MaxWidth   = 16,
  parameter int DimBits    = 5,
  // input: InChannels samples, channel 0 in the low bits
  parameter int InChannels = 1,
  parameter int InBits     = 8,
  parameter int InSigned   = 0,
  // window and lanes; lane l covers rows LaneRow.. and columns LaneCol.. of the window
  parameter int Side       = 3,
  parameter int Before     = 1,
  parameter int Lanes      = 1,
  parameter bit [Lanes*32-1:0] LaneRow  = {Lanes{32'd0}},
  parameter bit [Lanes*32-1:0] LaneRows = {Lanes{32'd3}},
  parameter bit [Lanes*32-1:0] LaneCol  = {Lanes{32'd0}},
  parameter bit [Lanes*32-1:0] LaneCols = {Lanes{32'd3}},
  // arithmetic
  parameter int Outputs    = 2,    // per lane
  parameter int FoldIn     = 1,
  parameter int FoldOut    = 1,
  parameter int Stages     = 4,    // of the adder trees, clog2 of the most products per sum
  parameter int WeightBits = 8,
  parameter int AccBits    = 20,
  parameter int HasSlope   = 1,
  parameter int SlopeBits  = 8,
  parameter int SlopeFrac  = 7,
  parameter int Shift      = 14,
  parameter int OutBits    = 8,
  parameter int OutSigned  = 1,
  // anchor, unsigned: its bits, 0 for none; those above the input, 0 for the only sample itself;
  // those above the output, 0 to add it here, shifted to the accumulator's fraction
  parameter int AnchorBits  = 0,
  parameter int CarryIn     = 0,
  parameter int CarryOut    = 0,
  parameter int AnchorShift = 0,
  // contents of the memories, word 0 in the low bits; the weights of lane l from LaneWeights on
  parameter int WeightsBits = 1,
  parameter bit [Lanes*32-1:0] LaneWeights = '0,
  parameter bit [WeightsBits-1:0] Weights  = '0,
  parameter int Outs = (Outputs + FoldOut - 1) / FoldOut,  // derived, not to be set
  parameter int BiasLanes = 1,  // Lanes, each with its own biases; 1: they share them
  parameter bit [BiasLanes*FoldOut*Outs*AccBits-1:0] Biases = '0,
  parameter bit [FoldOut*Outs*SlopeBits-1:0] Slopes = '0
) (
  input  wire logic                                clk_i,
  input  wire logic                                rst_ni,

  input  wire logic                                in_valid_i,
  output logic                                     in_ready_o,
  input  wire logic [CarryIn+InChannels*InBits-1:0] in_data_i,
  input  wire logic [DimBits-1:0]                  in_width_i,
  input  wire logic [DimBits-1:0]                  in_height_i,

  // output o of lane l at [(l*Outputs + o)*OutBits +: OutBits]; the anchor above
  output logic                                     out_valid_o,
  input  wire logic                                out_ready_i,
  output logic      [CarryOut+Lanes*Outputs*OutBits-1:0] out_data_o,
  output logic      [DimBits-1:0]                  out_width_o,
  output logic      [DimBits-1:0]                  out_height_o
);

  localparam int PixelBits = InChannels * InBits;
  localparam int StepBits  = $clog2(FoldIn*FoldOut) > 0 ? $clog2(FoldIn*FoldOut) : 1;
  localparam int SliceBits = $clog2(FoldOut) > 0 ? $clog2(FoldOut) : 1;
  localparam int PartBits  = $clog2(FoldIn) > 0 ? $clog2(FoldIn) : 1;
  localparam int AccCycle  = Stages + 3;    // a step's sums are there
  localparam int OutCycle  = AccCycle + 4;  // a step's outputs are there
  localparam int TapsBits  = Side*Side*PixelBits;
  localparam int DataBits  = Lanes*Outputs*OutBits;

  if (FoldIn < 1 || FoldOut < 1 || (FoldOut - 1)*Outs >= Outputs) begin : gen_bad_fold
    fsrcnnx_error_layer_fold_leaves_a_step_without_outputs u_error ();
  end

  // ---------------------------------------------------------------- window
  logic                           win_valid, win_ready;
  logic [CarryIn+TapsBits-1:0]    win_data;
  logic [DimBits-1:0]             win_width, win_height;

  if (Side == 1) begin : gen_pointwise
    assign win_valid  = in_valid_i;
    assign in_ready_o = win_ready;
    assign win_data   = in_data_i;
    assign win_width  = in_width_i;
    assign win_height = in_height_i;
  end else begin : gen_window
    fsrcnnx_window #(
      .PixelBits(PixelBits), .CarryBits(CarryIn), .Side(Side), .Before(Before),
      .MaxWidth(MaxWidth), .DimBits(DimBits)
    ) u_window (
      .clk_i, .rst_ni, .in_valid_i, .in_ready_o, .in_data_i, .in_width_i, .in_height_i,
      .out_valid_o(win_valid), .out_ready_i(win_ready), .out_data_o(win_data),
      .out_width_o(win_width), .out_height_o(win_height));
  end

  // ---------------------------------------------------------------- cycle 0: steps of one window
  // step_q = out_q*FoldIn + in_q
  logic                 ce, last_in, last_out;
  logic [StepBits-1:0]  step_q;
  logic [PartBits-1:0]  in_q;
  logic [SliceBits-1:0] out_q;

  assign last_in   = in_q == PartBits'(FoldIn - 1);
  assign last_out  = out_q == SliceBits'(FoldOut - 1);
  assign win_ready = ce && last_in && last_out;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      step_q <= '0;
      in_q   <= '0;
      out_q  <= '0;
    end else if (ce && win_valid) begin
      step_q <= last_in && last_out ? '0 : step_q + 1'b1;
      in_q   <= last_in ? '0 : in_q + 1'b1;
      if (last_in) out_q <= last_out ? '0 : out_q + 1'b1;
    end
  end

  // What travels with a step: bit or field of cycle c at [c-1].
  logic [OutCycle-1:0]           done_q;   // a slice of sums is complete
  logic [OutCycle*SliceBits-1:0] slice_q;  // which
  logic [OutCycle*2*DimBits-1:0] size_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) done_q <= '0;
    else if (ce) done_q <= {done_q[OutCycle-2:0], win_valid && last_in};
  end

  always_ff @(posedge clk_i) begin
    if (ce) begin
      slice_q <= {slice_q[(OutCycle-1)*SliceBits-1:0], out_q};
      size_q  <= {size_q[(OutCycle-1)*2*DimBits-1:0], win_height, win_width};
    end
  end

  // ---------------------------------------------------------------- lanes, up to cycle OutCycle
  logic [Outs*SlopeBits-1:0] slopes;

  if (HasSlope != 0) begin : gen_slopes
    fsrcnnx_rom #(
      .Width(Outs*SlopeBits), .Depth(FoldOut), .AddrBits(SliceBits), .Contents(Slopes)
    ) u_slopes (
      .clk_i, .en_i(ce), .addr_i(slice_q[(AccCycle-2)*SliceBits +: SliceBits]), .data_o(slopes));
  end else begin : gen_no_slopes
    assign slopes = '0;
  end

  logic [AccBits-1:0]            anchor;  // added to every sum
  logic [Lanes*Outs*OutBits-1:0] lane_out;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    localparam int Row    = LaneRow[l*32 +: 32];
    localparam int Rows   = LaneRows[l*32 +: 32];
    localparam int Col    = LaneCol[l*32 +: 32];
    localparam int Cols   = LaneCols[l*32 +: 32];
    localparam int Ins    = (Rows*Cols*InChannels + FoldIn - 1) / FoldIn;
    localparam int Lsb    = LaneWeights[l*32 +: 32];
    localparam int Biased = FoldOut*Outs*AccBits;  // bits of a lane's biases

    logic [Rows*Cols*PixelBits-1:0] taps;
    logic [Outs*AccBits-1:0]        acc;

    for (genvar r = 0; r < Rows; r++) begin : gen_row
      assign taps[r*Cols*PixelBits +: Cols*PixelBits] =
          win_data[((Row + r)*Side + Col)*PixelBits +: Cols*PixelBits];
    end

    fsrcnnx_mac_lane #(
      .SampleBits(InBits), .SampleSigned(InSigned), .Inputs(Rows*Cols*InChannels),
      .Outputs(Outputs), .FoldIn(FoldIn), .FoldOut(FoldOut), .WeightBits(WeightBits),
      .AccBits(AccBits), .Stages(Stages),
      .Weights(Weights[Lsb +: FoldIn*FoldOut*Outs*Ins*WeightBits]),
      .Biases(Biases[(BiasLanes > 1 ? l*Biased : 0) +: Biased])
    ) u_mac (
      .clk_i, .ce_i(ce), .step_i(step_q), .step_in_i(in_q), .step_out_i(out_q),
      .window_i(taps), .acc_o(acc));

    for (genvar j = 0; j < Outs; j++) begin : gen_cell
      fsrcnnx_requantise #(
        .AccBits(AccBits), .HasSlope(HasSlope), .SlopeBits(SlopeBits), .SlopeFrac(SlopeFrac),
        .Shift(Shift), .OutBits(OutBits), .OutSigned(OutSigned)
      ) u_requantise (
        .clk_i, .ce_i(ce), .acc_i(acc[j*AccBits +: AccBits] + anchor),
        .slope_i(slopes[j*SlopeBits +: SlopeBits]),
        .out_o(lane_out[(l*Outs + j)*OutBits +: OutBits]));
    end
  end

  // ---------------------------------------------------------------- collect the slices of a pixel
  logic                         full_q, skid_ready;
  logic [CarryOut+DataBits-1:0] pixel_q;
  logic [2*DimBits-1:0]         pixel_size_q;
  wire  logic [SliceBits-1:0] slice = slice_q[(OutCycle-1)*SliceBits +: SliceBits];

  assign ce = !full_q || skid_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) full_q <= 1'b0;
    else if (ce) full_q <= done_q[OutCycle-1] && slice == SliceBits'(FoldOut - 1);
  end

  for (genvar l = 0; l < Lanes; l++) begin : gen_collect_lane
    for (genvar o = 0; o < Outputs; o++) begin : gen_collect
      always_ff @(posedge clk_i) begin
        if (ce && done_q[OutCycle-1] && slice == SliceBits'(o / Outs)) begin
          pixel_q[(l*Outputs + o)*OutBits +: OutBits] <=
              lane_out[(l*Outs + o % Outs)*OutBits +: OutBits];
        end
      end
    end
  end

  // outputs past the last one, where Outs does not divide Outputs
  if (Outs*FoldOut > Outputs) begin : gen_surplus
    wire logic unused_surplus = &{1'b0, lane_out};
  end

  always_ff @(posedge clk_i) begin
    if (ce) pixel_size_q <= size_q[(OutCycle-1)*2*DimBits +: 2*DimBits];
  end

  // ---------------------------------------------------------------- anchor
  if (AnchorBits == 0) begin : gen_no_anchor
    assign anchor = '0;
  end else begin : gen_anchor
    localparam int Cycles = CarryOut > 0 ? OutCycle : AccCycle;
    logic [AnchorBits-1:0]        lr;
    logic [Cycles*AnchorBits-1:0] lr_q;  // cycle c at [(c-1)*AnchorBits]

    if (CarryIn > 0) begin : gen_carried
      assign lr = win_data[TapsBits +: AnchorBits];
    end else begin : gen_sample
      assign lr = win_data[(Before*Side + Before)*PixelBits +: AnchorBits];
    end

    always_ff @(posedge clk_i) begin
      if (ce) lr_q <= {lr_q[(Cycles-1)*AnchorBits-1:0], lr};
    end

    if (CarryOut > 0) begin : gen_carry
      assign anchor = '0;
      always_ff @(posedge clk_i) begin
        if (ce) pixel_q[DataBits +: AnchorBits] <= lr_q[(Cycles-1)*AnchorBits +: AnchorBits];
      end
    end else begin : gen_add
      assign anchor = AccBits'(lr_q[(Cycles-1)*AnchorBits +: AnchorBits]) << AnchorShift;
    end
  end

  fsrcnnx_skid #(.Width(CarryOut + DataBits + 2*DimBits)) u_skid (
    .clk_i, .rst_ni,
    .in_valid_i(full_q), .in_ready_o(skid_ready), .in_data_i({pixel_size_q, pixel_q}),
    .out_valid_o, .out_ready_i, .out_data_o({out_height_o, out_width_o, out_data_o}));

endmodule

`default_nettype wire
