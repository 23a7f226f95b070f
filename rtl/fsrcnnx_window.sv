// SPDX-License-Identifier: Apache-2.0
// Window: the newest Side columns of a raster, which hold from one step to the next.
//
// A step puts its column to the right of the others; where a step comes every clock the window
// moves every clock, else whoever works on it in turns finds it still.
// Latency 1 cycle. Python twin: numpy.lib.stride_tricks.sliding_window_view.

`default_nettype none

module fsrcnnx_window #(
  parameter int PixelBits = 8,   // all channels of one pixel
  parameter int Side      = 3
) (
  input  wire logic                           clk_i,

  input  wire logic                           step_i,
  input  wire logic [Side*PixelBits-1:0]      column_i,   // row r at [r*PixelBits +: PixelBits]
  output logic      [Side*Side*PixelBits-1:0] window_o    // tap (r, c) at [(r*Side + c)*PixelBits]
);

  for (genvar r = 0; r < Side; r++) begin : gen_row
    logic [Side*PixelBits-1:0] taps_q;
    wire  logic [PixelBits-1:0] newest = column_i[r*PixelBits +: PixelBits];

    if (Side == 1) begin : gen_one
      always_ff @(posedge clk_i) if (step_i) taps_q <= newest;
    end else begin : gen_shift
      always_ff @(posedge clk_i) begin
        if (step_i) taps_q <= {newest, taps_q[Side*PixelBits-1:PixelBits]};
      end
    end
    assign window_o[r*Side*PixelBits +: Side*PixelBits] = taps_q;
  end

endmodule

`default_nettype wire
