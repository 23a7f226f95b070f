// SPDX-License-Identifier: Apache-2.0
// Subpixel to raster: Scale*Scale phases of each LR pixel in, lines of HR pixels out.
//
// An LR line becomes Scale HR lines, so its beats are read Scale times from a ring of MaxWidth
// entries and freed by the last reading. Input never waits for a whole line to be emitted: at
// Scale*Scale/PixelsPerBeat cycles per LR pixel the stage runs without a gap.
// Phase py*Scale + px at bits [(py*Scale + px)*PixelBits]. Output: leftmost pixel in the low bits.
// Latency 3 cycles. Python twin: numpy reshape and transpose (fsrcnnx.exact.tdc.gather).

`default_nettype none

module fsrcnnx_subpixel #(
  parameter int PixelBits     = 8,
  parameter int Scale         = 2,
  parameter int PixelsPerBeat = 1,   // 1 or Scale
  parameter int MaxWidth      = 16,
  parameter int DimBits       = 5
) (
  input  wire logic                               clk_i,
  input  wire logic                               rst_ni,

  input  wire logic                               in_valid_i,
  output logic                                    in_ready_o,
  input  wire logic [Scale*Scale*PixelBits-1:0]   in_data_i,
  input  wire logic [DimBits-1:0]                 in_width_i,
  input  wire logic [DimBits-1:0]                 in_height_i,

  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [PixelsPerBeat*PixelBits-1:0] out_data_o,
  output logic                                    out_sof_o,
  output logic                                    out_eol_o
);

  localparam int EntryBits = Scale*Scale*PixelBits;
  localparam int LineBits  = Scale*PixelBits;                 // one HR line's part of an entry
  localparam int Subs      = Scale/PixelsPerBeat;             // beats per entry and HR line
  localparam int AddrBits  = $clog2(MaxWidth) > 0 ? $clog2(MaxWidth) : 1;
  localparam int CountBits = $clog2(MaxWidth + 1);
  localparam int RowBits   = $clog2(Scale) > 0 ? $clog2(Scale) : 1;

  if (Subs*PixelsPerBeat != Scale) begin : gen_bad_beat
    fsrcnnx_error_subpixel_needs_pixels_per_beat_that_divide_the_scale u_error ();
  end

  function automatic logic [AddrBits-1:0] following(input logic [AddrBits-1:0] addr);
    following = addr == AddrBits'(MaxWidth - 1) ? '0 : addr + 1'b1;
  endfunction

  // ---------------------------------------------------------------- write side: mark lines, frames
  logic [DimBits-1:0]  x_q, y_q, width_q, height_q;
  logic [AddrBits-1:0] write_q;
  logic                write, first, last_x, last_y;

  assign first  = x_q == '0 && y_q == '0;
  assign last_x = x_q == (first ? in_width_i : width_q) - 1'b1;
  assign last_y = y_q == (first ? in_height_i : height_q) - 1'b1;
  assign write  = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      x_q     <= '0;
      y_q     <= '0;
      write_q <= '0;
    end else if (write) begin
      x_q     <= last_x ? '0 : x_q + 1'b1;
      write_q <= following(write_q);
      if (last_x) y_q <= last_y ? '0 : y_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write && first) begin
      width_q  <= in_width_i;
      height_q <= in_height_i;
    end
  end

  // ---------------------------------------------------------------- ring
  logic [AddrBits-1:0]  read_addr, read_q, line_q;   // next entry; first entry of the line
  logic [CountBits-1:0] fresh_q, held_q;             // entries not yet read; not yet freed
  logic                 read, read_new, free;
  logic [EntryBits-1:0] entry;
  logic                 entry_sof, entry_eol;

  fsrcnnx_line_ram #(.Width(EntryBits + 2), .Depth(MaxWidth), .AddrBits(AddrBits)) u_ring (
    .clk_i, .we_i(write), .waddr_i(write_q), .wdata_i({first, last_x, in_data_i}),
    .re_i(read), .raddr_i(read_addr), .rdata_o({entry_sof, entry_eol, entry}));

  assign in_ready_o = held_q != CountBits'(MaxWidth);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fresh_q <= '0;
      held_q  <= '0;
    end else begin
      fresh_q <= fresh_q + CountBits'(write) - CountBits'(read_new);
      held_q  <= held_q + CountBits'(write) - CountBits'(free);
    end
  end

  // ---------------------------------------------------------------- read side
  // entry_valid_q: the entry read last is being emitted, part sub_q of HR line row_q.
  logic               entry_valid_q, entry_done, line_done, out_free, emit;
  logic [RowBits-1:0] row_q, row_d;
  logic [RowBits-1:0] sub_q;

  always_comb begin
    out_free   = !out_valid_o || out_ready_i;
    emit       = entry_valid_q && out_free;
    entry_done = emit && sub_q == RowBits'(Subs - 1);
    line_done  = entry_done && entry_eol;
    free       = entry_done && row_q == RowBits'(Scale - 1);

    row_d      = row_q;
    read_addr  = read_q;
    if (line_done) begin
      row_d = row_q == RowBits'(Scale - 1) ? '0 : row_q + 1'b1;
      // back to the start of the line, or on to the next one
      if (row_q != RowBits'(Scale - 1)) read_addr = line_q;
    end
    read       = (entry_done || !entry_valid_q) && (row_d != '0 || fresh_q != '0);
    read_new   = read && row_d == '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      entry_valid_q <= 1'b0;
      out_valid_o   <= 1'b0;
      row_q         <= '0;
      sub_q         <= '0;
      read_q        <= '0;
      line_q        <= '0;
    end else begin
      if (entry_done || !entry_valid_q) entry_valid_q <= read;
      if (out_free) out_valid_o <= entry_valid_q;
      if (emit) sub_q <= entry_done ? '0 : sub_q + 1'b1;
      row_q  <= row_d;
      read_q <= read ? following(read_addr) : read_addr;
      if (line_done && row_d == '0) line_q <= read_addr;
    end
  end

  // ---------------------------------------------------------------- output register
  wire logic [LineBits-1:0] line = entry[row_q*LineBits +: LineBits];

  always_ff @(posedge clk_i) begin
    if (emit) begin
      out_data_o <= line[sub_q*(PixelsPerBeat*PixelBits) +: PixelsPerBeat*PixelBits];
      out_sof_o  <= entry_sof && row_q == '0 && sub_q == '0;
      out_eol_o  <= entry_eol && sub_q == RowBits'(Subs - 1);
    end
  end

endmodule

`default_nettype wire
