// SPDX-License-Identifier: Apache-2.0
// Subpixel to raster: Scale*Scale phases of each LR pixel in, lines of HR pixels out; output FIFO.
//
// Input is never refused: the sequencer has counted the room. A word holds the HR pixels of Scale
// LR pixels in one HR line, Scale*Scale of them; a ring of RAMs, one for each HR line of an LR
// line, takes a word into every RAM at once. The first HR line is read as its words come, the
// others after it; with the last reading the line's room is free. A beat is a word or an equal part
// of it; out_keep_o says which pixels of a line's last beat there are, the others are 0.
// Phase py*Scale + px at [(py*Scale + px)*PixelBits]; output: leftmost pixel in the low bits.
// An LR line takes Scale * ceil(Scale*width / PixelsPerBeat) clocks. Latency 6 cycles.
// Python twin: numpy reshape and transpose (fsrcnnx.exact.tdc.gather).

`default_nettype none

module fsrcnnx_subpixel #(
  parameter int PixelBits     = 8,
  parameter int Scale         = 2,
  parameter int PixelsPerBeat = 4,   // divides Scale*Scale
  parameter int Words         = 16,  // of the ring
  parameter int DimBits       = 5
) (
  input  wire logic                               clk_i,
  input  wire logic                               rst_ni,

  input  wire logic [DimBits-1:0]                 width_i,   // LR; changes only while nothing is
  input  wire logic [DimBits-1:0]                 height_i,  // here, 4 clocks before a pixel or more

  // raster
  input  wire logic                               step_i,
  input  wire logic                               line_i,
  input  wire logic                               live_i,
  input  wire logic [Scale*Scale*PixelBits-1:0]   data_i,

  output logic                                    line_read_o,  // there is room for a line again

  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [PixelsPerBeat*PixelBits-1:0] out_data_o,
  output logic      [PixelsPerBeat-1:0]           out_keep_o,
  output logic                                    out_sof_o,
  output logic                                    out_eol_o
);

  localparam int WordPixels = Scale*Scale;
  localparam int WordBits   = WordPixels*PixelBits;
  localparam int PartBits   = Scale*PixelBits;               // one LR pixel's part of a word
  localparam int BeatBits   = PixelsPerBeat*PixelBits;
  localparam int Beats      = WordPixels/PixelsPerBeat;      // of a word
  localparam int AddrBits   = $clog2(Words) > 0 ? $clog2(Words) : 1;
  localparam int CountBits  = $clog2(Words + 1);
  localparam int PlaceBits  = $clog2(WordPixels) > 0 ? $clog2(WordPixels) : 1;
  localparam int LeftBits   = DimBits + $clog2(Scale + 1);   // HR pixels of a line

  if (Beats*PixelsPerBeat != WordPixels) begin : gen_bad_beat
    fsrcnnx_error_subpixel_needs_pixels_per_beat_that_divide_the_scale_squared u_error ();
  end

  function automatic logic [AddrBits-1:0] following(input logic [AddrBits-1:0] addr);
    following = addr == AddrBits'(Words - 1) ? '0 : addr + 1'b1;
  endfunction

  // ---------------------------------------------------------------- write side: LR pixels to words
  logic [Scale*WordBits-1:0] word_q;    // of HR line r at [r*WordBits]
  logic [Scale-1:0]          place_q;   // of the next pixel in the word, one bit set
  logic [AddrBits-1:0]       write_q;
  logic                      pixel, last_x, unused_x, write_word_q;

  assign pixel = step_i && line_i && live_i;

  fsrcnnx_turn #(.Bits(DimBits)) u_x (
    .clk_i, .rst_ni, .count_i(width_i), .step_i(pixel), .first_o(unused_x), .last_o(last_x));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      place_q      <= Scale'(1);
      write_q      <= '0;
      write_word_q <= 1'b0;
    end else begin
      if (pixel) place_q <= last_x || place_q[Scale-1] ? Scale'(1) : place_q << 1;
      write_word_q <= pixel && (last_x || place_q[Scale-1]);
      if (write_word_q) write_q <= following(write_q);
    end
  end

  for (genvar r = 0; r < Scale; r++) begin : gen_word
    for (genvar p = 0; p < Scale; p++) begin : gen_part
      always_ff @(posedge clk_i) begin
        if (pixel && place_q[p]) begin
          word_q[r*WordBits+p*PartBits +: PartBits] <= data_i[r*PartBits +: PartBits];
        end else if (pixel && place_q[0]) begin
          word_q[r*WordBits+p*PartBits +: PartBits] <= '0;
        end
      end
    end
  end

  // ---------------------------------------------------------------- read side, cycle 0: which beat
  logic [LeftBits-1:0]  line_q, left_q;         // HR pixels of a line; those to come, this beat's too
  logic                 short_q;                // a line is one beat
  logic                 first_q, last_q;        // the next beat begins, ends a line
  logic [CountBits-1:0] fresh_q;                // words that the first HR line has yet to read
  logic                 some_q;                 // there are some
  logic [AddrBits-1:0]  read_q, start_q;        // the next word; the LR line's first
  logic [PlaceBits-1:0] part_q;                 // beats of the word that have gone
  logic [Scale-1:0]     row_q;                  // HR line of the LR line, one bit set
  logic                 go, beat, word_done, read_word, line_done, first_y, last_y;

  always_comb begin
    word_done = last_q || part_q == PlaceBits'(Beats - 1);
    beat      = go && (!row_q[0] || some_q);
    read_word = beat && word_done && row_q[0];
    line_done = beat && last_q && row_q[Scale-1];
  end

  // a line is counted a clock after its last beat, however long that waits; till then last_y tells
  fsrcnnx_turn #(.Bits(DimBits)) u_y (
    .clk_i, .rst_ni, .count_i(height_i), .step_i(line_read_o), .first_o(first_y), .last_o(last_y));

  // which beat ends a line is found one beat ahead
  always_ff @(posedge clk_i) begin
    line_q  <= LeftBits'(width_i) * LeftBits'(Scale);
    short_q <= line_q <= LeftBits'(PixelsPerBeat);
    if (beat ? last_q : first_q) begin
      left_q <= line_q;
      last_q <= short_q;
    end else if (beat) begin
      left_q <= left_q - LeftBits'(PixelsPerBeat);
      last_q <= left_q <= LeftBits'(2*PixelsPerBeat);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fresh_q     <= '0;
      some_q      <= 1'b0;
      read_q      <= '0;
      start_q     <= '0;
      part_q      <= '0;
      row_q       <= Scale'(1);
      first_q     <= 1'b1;
      line_read_o <= 1'b0;
    end else begin
      fresh_q     <= fresh_q + CountBits'(write_word_q) - CountBits'(read_word);
      some_q      <= fresh_q > CountBits'(read_word);  // a clock late
      line_read_o <= line_done;
      if (beat) begin
        first_q <= last_q;
        part_q  <= word_done ? '0 : part_q + 1'b1;
        if (word_done) read_q <= last_q && !line_done ? start_q : following(read_q);
        if (last_q) row_q <= line_done ? Scale'(1) : row_q << 1;
        if (line_done) start_q <= following(read_q);
      end
    end
  end

  // ---------------------------------------------------------------- cycles 1 and 2: ring
  logic [Scale*WordBits-1:0]  words_q1, words_q2;
  logic                       valid_q1, valid_q2, sof_q1, sof_q2, eol_q1, eol_q2;
  logic [PixelsPerBeat-1:0]   keep, keep_q1, keep_q2;
  logic [PlaceBits-1:0]       part_q1, part_q2;
  logic [Scale-1:0]           row_q1, row_q2;

  for (genvar r = 0; r < Scale; r++) begin : gen_ring
    (* no_rw_check *) logic [WordBits-1:0] mem [0:Words-1];
    always_ff @(posedge clk_i) begin
      if (write_word_q) mem[write_q] <= word_q[r*WordBits +: WordBits];
      if (go) words_q1[r*WordBits +: WordBits] <= mem[read_q];
    end
  end

  for (genvar p = 0; p < PixelsPerBeat; p++) begin : gen_keep
    assign keep[p] = left_q > LeftBits'(p);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q1 <= 1'b0;
      valid_q2 <= 1'b0;
    end else if (go) begin
      valid_q1 <= beat;
      valid_q2 <= valid_q1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (go) begin
      words_q2           <= words_q1;
      {part_q2, part_q1} <= {part_q1, part_q};
      {row_q2, row_q1}   <= {row_q1, row_q};
      {keep_q2, keep_q1} <= {keep_q1, keep};
      {sof_q2, sof_q1}   <= {sof_q1, first_q && row_q[0] && (line_read_o ? last_y : first_y)};
      {eol_q2, eol_q1}   <= {eol_q1, last_q};
    end
  end

  // ---------------------------------------------------------------- cycle 3: the beat
  logic [WordBits-1:0] word;
  logic [BeatBits-1:0] data;

  always_comb begin
    word = '0;
    for (int r = 0; r < Scale; r++) begin
      if (row_q2[r]) word = word | words_q2[r*WordBits +: WordBits];
    end
    data = word[part_q2*BeatBits +: BeatBits];
  end

  fsrcnnx_skid #(.Width(BeatBits + PixelsPerBeat + 2)) u_skid (
    .clk_i, .rst_ni,
    .in_valid_i(valid_q2), .in_ready_o(go), .in_data_i({sof_q2, eol_q2, keep_q2, data}),
    .out_valid_o, .out_ready_i, .out_data_o({out_sof_o, out_eol_o, out_keep_o, out_data_o}));

`ifndef SYNTHESIS
  always @(posedge clk_i) begin
    if (rst_ni) begin
      // relied on: there is room for a word that comes
      assert (!write_word_q || write_q != start_q ||
              (fresh_q == '0 && row_q[0] && read_q == start_q));
      assert (!read_word || fresh_q != '0);  // guaranteed: only what was written is read
    end
  end
`endif

endmodule

`default_nettype wire
