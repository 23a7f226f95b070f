// SPDX-License-Identifier: Apache-2.0
// Column: the raster in, the newest column of each Side x Side window out.
//
// Side-1 lines are stored, never a frame. Zeros come with the raster, between lines and between
// frames, so no tap is masked and no row is counted: the only question is whether the window's
// centre lies in the frame, and that is what was said of its pixel After lines and After steps ago.
// Carried bits only wait for the centre's row: After lines of them are stored.
// Latency 5 cycles (0 where Side is 1), a step every clock or every N clocks.
// Python twin: numpy.pad.

`default_nettype none

module fsrcnnx_column #(
  parameter int PixelBits = 8,    // all channels of one pixel
  parameter int CarryBits = 0,    // above them, to come out with the centre
  parameter int Side      = 3,
  parameter int Before    = 1,    // rows above and columns left of the centre
  parameter int MaxWidth  = 16,
  parameter int SliceBits = 36    // bits that share an address counter
) (
  input  wire logic                           clk_i,
  input  wire logic                           rst_ni,

  // raster: a step may lie in a line or between two, and the line in a frame or between two
  input  wire logic                           step_i,
  input  wire logic                           line_i,
  input  wire logic                           live_i,
  input  wire logic [CarryBits+PixelBits-1:0] data_i,

  // row r of the column at [r*PixelBits +: PixelBits], the oldest first
  output logic                                step_o,
  output logic      [Side*PixelBits-1:0]      column_o,
  // of the centre of the window that this column completes
  output logic                                line_o,
  output logic                                live_o,
  output logic      [(CarryBits > 0 ? CarryBits : 1)-1:0] carry_o
);

  localparam int After = Side - 1 - Before;

  if (Side > 1 && (Before < 0 || After < 1)) begin : gen_bad_side
    fsrcnnx_error_column_needs_a_row_after_the_centre u_error ();
  end

  if (Side == 1) begin : gen_pointwise
    wire logic unused_clock = &{1'b0, clk_i, rst_ni};
    assign {step_o, line_o, live_o} = {step_i, line_i, live_i};
    assign column_o = data_i[PixelBits-1:0];
    if (CarryBits > 0) begin : gen_carry
      assign carry_o = data_i[PixelBits +: CarryBits];
    end else begin : gen_no_carry
      assign carry_o = 1'b0;
    end
  end else begin : gen_lines
    localparam int RowsBits = (Side-1)*PixelBits;
    localparam int Bits     = RowsBits + After*CarryBits;
    localparam int Slices   = (Bits + SliceBits - 1) / SliceBits;

    // ---------------------------------------------------------------- line memory, to cycle 5
    logic [Bits-1:0]                stored, store;  // rows, the oldest first, then carried bits
    logic [CarryBits+PixelBits-1:0] data_q;
    logic                           line_q, live_q;

    fsrcnnx_delay #(.Width(CarryBits + PixelBits + 2), .Cycles(5)) u_delay (
      .clk_i, .data_i({data_i, live_i, line_i}), .data_o({data_q, live_q, line_q}));

    assign column_o = {data_q[PixelBits-1:0], stored[RowsBits-1:0]};
    assign store[RowsBits-1:0] = column_o[PixelBits +: RowsBits];  // every row moves up by one

    for (genvar s = 0; s < Slices; s++) begin : gen_slice
      localparam int Lsb   = s*SliceBits;
      localparam int Width = Bits - Lsb < SliceBits ? Bits - Lsb : SliceBits;
      fsrcnnx_line_ram #(.Width(Width), .Depth(MaxWidth)) u_ram (
        .clk_i, .step_i, .line_i, .data_o(stored[Lsb +: Width]), .data_i(store[Lsb +: Width]));
    end

    // ---------------------------------------------------------------- the centre
    logic [4:0] step_q;

    assign step_o = step_q[4];

    always_ff @(posedge clk_i) begin
      if (!rst_ni) step_q <= '0;
      else step_q <= {step_q[3:0], step_i};
    end

    fsrcnnx_centre #(.After(After)) u_centre (
      .clk_i, .rst_ni, .step_i(step_o), .line_i(line_q), .live_i(live_q), .line_o, .live_o);

    if (CarryBits > 0) begin : gen_carry
      logic [After*CarryBits-1:0] carry_q;  // of the steps before, the last first

      if (After > 1) begin : gen_up
        assign store[RowsBits +: (After-1)*CarryBits] =
            stored[RowsBits+CarryBits +: (After-1)*CarryBits];
      end
      assign store[RowsBits+(After-1)*CarryBits +: CarryBits] = data_q[PixelBits +: CarryBits];

      always_ff @(posedge clk_i) begin
        if (step_o) begin
          carry_q <= (After*CarryBits)'({carry_q, stored[RowsBits +: CarryBits]});
        end
      end
      assign carry_o = carry_q[(After-1)*CarryBits +: CarryBits];
    end else begin : gen_no_carry
      assign carry_o = 1'b0;
    end
  end

endmodule

`default_nettype wire
