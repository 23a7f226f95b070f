// SPDX-License-Identifier: Apache-2.0
// Input guard: AXI4-Stream Video in, whole well-formed frames out, whatever comes.
//
//   fault                          what happens (each is one error pulse)
//   beat without SOF, no frame     dropped, up to the next SOF
//   SOF with an illegal size       dropped, up to the next SOF
//   SOF inside a frame             the frame is completed with zeros; the beat starts the next one
//   EOL before the line's end      the line is completed with zeros
//   no EOL at the line's end       beats are dropped up to EOL (included) or SOF (kept)
// So the stages behind never see a broken frame and the next well-formed frame is exact.
// Data passes through; what follows from the size comes from registers, so a frame's first pixel
// waits 3 clocks; whether that is another size than the last frame's goes beside its first pixel.
// Combinational from in to out: put a skid buffer before it and behind it. II 1.

`default_nettype none

module fsrcnnx_axis_guard #(
  parameter int PixelBits = 8,
  parameter int MaxWidth  = 16,
  parameter int MaxHeight = 16,
  parameter int DimBits   = 5
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,

  // frame size, sampled with a frame's first pixel
  input  wire logic [DimBits-1:0]   frame_width_i,
  input  wire logic [DimBits-1:0]   frame_height_i,

  input  wire logic                 in_valid_i,
  output logic                      in_ready_o,
  input  wire logic [PixelBits-1:0] in_data_i,
  input  wire logic                 in_sof_i,
  input  wire logic                 in_eol_i,

  output logic                      out_valid_o,
  input  wire logic                 out_ready_i,
  output logic      [PixelBits-1:0] out_data_o,
  output logic      [DimBits-1:0]   out_width_o,
  output logic      [DimBits-1:0]   out_height_o,
  output logic                      out_new_o,  // the first pixel of a frame of another size

  output logic                      error_o    // one cycle for each fault
);

  // Idle: no frame. Skip: idle, and the fault that dropped beats is counted already.
  // Size, Settle: a frame's first pixel waits while its size is looked at.
  // Pixels: a frame is coming in. FillLine, FillFrame: zeros up to the line's, the frame's end.
  // Drop: the line is complete, its surplus goes.
  localparam logic [2:0] Idle = 3'd0, Skip = 3'd1, Pixels = 3'd2, FillLine = 3'd3,
                         FillFrame = 3'd4, Drop = 3'd5, Size = 3'd6, Settle = 3'd7;

  logic [2:0] state_q, state_d;
  logic       legal, starts, strays, fill, advance, frame_done, error;
  logic       first_x, first_y, last_x, last_y, new_q;
  logic [DimBits-1:0] width_q, height_q;  // of the frame before

  assign legal = frame_width_i  != '0 && frame_width_i  <= DimBits'(MaxWidth) &&
                 frame_height_i != '0 && frame_height_i <= DimBits'(MaxHeight);

  fsrcnnx_turn #(.Bits(DimBits)) u_x (
    .clk_i, .rst_ni, .count_i(out_width_o), .step_i(advance), .first_o(first_x), .last_o(last_x));
  fsrcnnx_turn #(.Bits(DimBits)) u_y (
    .clk_i, .rst_ni, .count_i(out_height_o), .step_i(advance && last_x), .first_o(first_y),
    .last_o(last_y));

  always_comb begin
    starts      = in_sof_i && legal;
    strays      = in_sof_i && !(first_x && first_y);
    fill        = state_q == FillLine || state_q == FillFrame;

    out_valid_o = fill || (in_valid_i && state_q == Pixels && !strays);
    out_data_o  = fill ? '0 : in_data_i;
    out_new_o   = first_x && first_y && new_q;
    advance     = out_valid_o && out_ready_i;
    frame_done  = last_x && last_y;

    // a beat is taken when its pixel goes out, or dropped
    in_ready_o  = 1'b0;
    state_d     = state_q;
    error       = 1'b0;
    case (state_q)
      Size:   state_d = Settle;
      Settle: state_d = Pixels;
      Pixels: begin
        in_ready_o = out_ready_i && !strays;
        if (in_valid_i && strays) begin
          error   = 1'b1;
          state_d = FillFrame;
        end
      end
      FillLine:  if (advance && last_x) state_d = last_y ? Idle : Pixels;
      FillFrame: if (advance && frame_done) state_d = Idle;
      Drop: begin
        in_ready_o = !in_sof_i;
        if (in_valid_i && (in_sof_i || in_eol_i)) state_d = first_y ? Idle : Pixels;
      end
      default: begin  // Idle, Skip
        in_ready_o = !starts;
        if (in_valid_i && starts) begin
          state_d = Size;
        end else if (in_valid_i) begin
          error   = state_q == Idle || in_sof_i;
          state_d = Skip;
        end
      end
    endcase

    // a real pixel went out: is the line's end where EOL says?
    if (advance && !fill) begin
      state_d = frame_done ? Idle : Pixels;
      if (in_eol_i && !last_x) begin
        error   = 1'b1;
        state_d = FillLine;
      end else if (!in_eol_i && last_x) begin
        error   = 1'b1;
        state_d = Drop;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
      error_o <= 1'b0;
      {width_q, height_q} <= '0;
    end else begin
      state_q <= state_d;
      error_o <= error;
      if (state_q == Settle) {width_q, height_q} <= {out_width_o, out_height_o};
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == Idle || state_q == Skip) begin
      out_width_o  <= frame_width_i;
      out_height_o <= frame_height_i;
    end
    if (state_q == Size) new_q <= {width_q, height_q} != {out_width_o, out_height_o};
  end

`ifndef SYNTHESIS
  logic waits_q;

  always @(posedge clk_i) begin
    waits_q <= rst_ni && in_valid_i && !in_ready_o;
    if (rst_ni) begin
      assert (!waits_q || in_valid_i);  // relied on: what is offered stays until it is taken
      if (out_valid_o) begin            // guaranteed: whole frames of legal sizes
        assert (out_width_o != '0 && out_width_o <= DimBits'(MaxWidth) &&
                out_height_o != '0 && out_height_o <= DimBits'(MaxHeight));
        assert (fill || in_sof_i == (first_x && first_y));
      end
    end
  end
`endif

endmodule

`default_nettype wire
