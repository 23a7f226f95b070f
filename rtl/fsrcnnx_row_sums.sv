// SPDX-License-Identifier: Apache-2.0
// Sums of a window row by row: the line memory keeps sums that wait for lines, not the lines.
//
// The graph forms, of the newest row alone, what it adds to each sum as row k of the window, 0 the
// lowest; total k is that and total k + 1 of the line above. Total 0 is whole, the others are stored:
// worth it where many channels become few sums. An anchor is one more sample of the row.
// A step every clock. Latency Cycles, which is that of the graph and 1; the memory's is within it.
// Python twin: fsrcnnx.emit.rtl.products.row_products.

`default_nettype none

module fsrcnnx_row_sums #(
  parameter int Layer    = 0,   // which graph
  parameter int MaxWidth = 16,
  parameter int RowBits  = 8,   // all samples of one pixel
  parameter int Side     = 2,
  parameter int Before   = 0,
  parameter int Sums     = 1,   // fields of the package that are there in any case
  parameter int SumBits  = 20,  // of what the graph gives
  parameter int AccBits  = 20,  // of a whole sum
  parameter int Cycles   = 7,
  parameter int SliceBits = 36  // bits that share an address counter
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,

  input  wire logic                    step_i,
  input  wire logic                    line_i,
  input  wire logic                    live_i,
  input  wire logic      [RowBits-1:0] data_i,

  // of the window's centre
  output logic                         step_o,
  output logic                         line_o,
  output logic                         live_o,
  output logic      [Sums*AccBits-1:0] sums_o
);

  localparam int Graph = Cycles - 1;                  // latency of the graph
  localparam int Early = Graph - 5;                   // when the line memory is asked
  localparam int Bits  = fsrcnnx_pkg::STORED_BITS;    // of a word: total k of sum s is the field
  localparam int Slices = (Bits + SliceBits - 1) / SliceBits;  // (k - 1)*Sums + s

  if (Early < 0) begin : gen_bad_cycles
    fsrcnnx_error_row_sums_need_a_graph_of_5_clocks_or_more u_error ();
  end

  function automatic int width(input int field);
    width = field < (Side-1)*Sums ? fsrcnnx_pkg::STORED_WIDTHS[field*32 +: 32] : 0;
  endfunction

  function automatic int lsb(input int field);
    lsb = 0;
    for (int f = 0; f < field; f++) lsb = lsb + fsrcnnx_pkg::STORED_WIDTHS[f*32 +: 32];
  endfunction

  // ---------------------------------------------------------------- the centre's raster
  logic                line, live;
  logic [3*Cycles-1:0] flags_q;
  wire  logic [3*Cycles+2:0] flags = {flags_q, step_i, line, live};  // of cycle c at [3*c]

  fsrcnnx_centre #(.After(Side - 1 - Before)) u_centre (
    .clk_i, .rst_ni, .step_i, .line_i, .live_i, .line_o(line), .live_o(live));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) flags_q <= '0;
    else flags_q <= flags[3*Cycles-1:0];
  end

  assign {step_o, line_o, live_o} = flags[3*Cycles +: 3];

  // ---------------------------------------------------------------- products and line memory
  logic [Side*Sums*SumBits-1:0] products;  // of row k and sum s at [(k*Sums + s)*SumBits]
  logic [Bits-1:0]              stored, store;

  fsrcnnx_graph #(
    .Layer(Layer), .ColumnBits(RowBits), .SumsBits(Side*Sums*SumBits)
  ) u_graph (
    .clk_i, .column_i(data_i), .sums_o(products));

  for (genvar s = 0; s < Slices; s++) begin : gen_slice
    localparam int Lsb   = s*SliceBits;
    localparam int Width = Bits - Lsb < SliceBits ? Bits - Lsb : SliceBits;
    fsrcnnx_line_ram #(.Width(Width), .Depth(MaxWidth)) u_ram (
      .clk_i, .step_i(flags[3*Early+2]), .line_i(flags[3*Early+1]),
      .data_o(stored[Lsb +: Width]), .data_i(store[Lsb +: Width]));
  end

  // ---------------------------------------------------------------- totals, cycle Cycles
  for (genvar k = 0; k < Side; k++) begin : gen_row
    for (genvar s = 0; s < Sums; s++) begin : gen_sum
      localparam int Own   = k == 0 ? AccBits : width((k > 0 ? k-1 : 0)*Sums + s);
      localparam int Wide  = Own > 0 ? Own : 1;
      localparam int Above = width(k*Sums + s);  // total k + 1 of the line above
      wire logic signed [Wide-1:0] product =
          Wide'($signed(products[(k*Sums + s)*SumBits +: SumBits]));
      logic signed [Wide-1:0] total;

      if (Above > 0) begin : gen_above
        assign total = product + Wide'($signed(stored[lsb(k*Sums + s) +: Above]));
      end else begin : gen_alone
        assign total = product;
      end
      if (k == 0) begin : gen_whole
        always_ff @(posedge clk_i) sums_o[s*AccBits +: AccBits] <= total;
      end else if (Own > 0) begin : gen_store
        assign store[lsb((k-1)*Sums + s) +: Own] = total;
      end else begin : gen_nothing
        wire logic unused_total = &{1'b0, total};
      end

`ifndef SYNTHESIS
      localparam int Most = SumBits + Wide + Above + 1;  // wide enough for any of them
      wire logic signed [Most-1:0] part = Most'($signed(products[(k*Sums + s)*SumBits +: SumBits]));
      wire logic signed [Most-1:0] rest = Most'(total) - part;
      logic signed [Most-1:0] above;

      if (Above > 0) begin : gen_room
        assign above = Most'($signed(stored[lsb(k*Sums + s) +: Above]));
      end else begin : gen_none
        assign above = '0;
      end
      always @(posedge clk_i) begin
        if (rst_ni && flags[3*Graph +: 3] == 3'b111 && Own > 0) begin  // guaranteed: nothing wraps
          assert (rest == above);
        end
      end
`endif
    end
  end

endmodule

`default_nettype wire
