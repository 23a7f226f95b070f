// SPDX-License-Identifier: Apache-2.0
// Check: does the core beside this file give, bit for bit, what the network gives?
//
// Sends the picture of fsrcnnx_check_pkg twice, back to back: at full speed, then with gaps before
// the pixels in and stalls of the pixels out. Compares every pixel, start of frame, end of line,
// the error count and the network's number. Prints PASS, or FAIL with the first divergence (frame,
// y, x, want, got) and how many pixels differ, and then ends by $fatal: the exit code is not 0.
// Reads no file and takes no option. Works in Verilator (--binary) and Icarus 11.
// Clock, reset and instance are as in photo_tb, and shared with nothing: this file goes out with
// the core, and stands alone there.
`default_nettype none

module fsrcnnx_check_tb;
  localparam int InBits  = fsrcnnx_pkg::IN_BITS;
  localparam int OutBits = fsrcnnx_pkg::OUT_BITS;
  localparam int Beat    = fsrcnnx_pkg::PIXELS_PER_BEAT;
  localparam int Scale   = fsrcnnx_pkg::SCALE;
  localparam int DimBits = fsrcnnx_pkg::DIM_BITS;
  localparam int Width   = fsrcnnx_check_pkg::WIDTH;
  localparam int Height  = fsrcnnx_check_pkg::HEIGHT;
  localparam int Frames  = 2;
  localparam int Pixels  = Scale * Width * Scale * Height;  // out, of a frame
  localparam int Quiet   = 50000;  // clocks without a beat that mean a hang
  localparam int Drain   = 1000;   // clocks after the last beat, to see surplus ones

  // xorshift32 (Marsaglia 2003): the same gaps in every simulator
  function automatic logic [31:0] advance(input logic [31:0] state);
    logic [31:0] s;
    s = state ^ (state << 13);
    s = s ^ (s >> 17);
    return s ^ (s << 5);
  endfunction

  // ------------------------------------------------------------------------------ core under test
  logic aclk = 1'b0;
  logic aresetn = 1'b0;
  logic [InBits-1:0] s_tdata;
  logic s_tvalid, s_tready, s_tuser, s_tlast;
  logic [Beat*OutBits-1:0] m_tdata;
  logic m_tvalid, m_tready, m_tuser, m_tlast;
  logic error_pulse;
  logic [15:0] error_count;
  logic [31:0] model_id;

  always #5 aclk = ~aclk;

  fsrcnnx_top u_top (
    .aclk(aclk),
    .aresetn(aresetn),
    .frame_width_i(DimBits'(Width)),
    .frame_height_i(DimBits'(Height)),
    .s_axis_video_tdata(s_tdata),
    .s_axis_video_tvalid(s_tvalid),
    .s_axis_video_tready(s_tready),
    .s_axis_video_tuser(s_tuser),
    .s_axis_video_tlast(s_tlast),
    .m_axis_video_tdata(m_tdata),
    .m_axis_video_tvalid(m_tvalid),
    .m_axis_video_tready(m_tready),
    .m_axis_video_tuser(m_tuser),
    .m_axis_video_tlast(m_tlast),
    .error_o(error_pulse),
    .error_count_o(error_count),
    .model_id_o(model_id)
  );

  // ------------------------------------------------------------------------------ source
  int cycle = 0;
  int sent = 0;  // pixels in, of all frames
  logic [31:0] gap;

  always @(posedge aclk) begin
    cycle <= cycle + 1;
    if (cycle == 8) aresetn <= 1'b1;
    if (!aresetn) begin
      s_tvalid <= 1'b0;
      gap <= 32'h2545f491;
    end else begin
      gap <= advance(gap);
      if (!s_tvalid || s_tready) begin
        if (sent < Frames * Width * Height && (sent < Width * Height || gap[1:0] != 2'd0)) begin
          s_tvalid <= 1'b1;
          s_tdata <= fsrcnnx_check_pkg::LR[(sent % (Width * Height)) * InBits +: InBits];
          s_tuser <= sent % (Width * Height) == 0;
          s_tlast <= sent % Width == Width - 1;
          sent <= sent + 1;
        end else begin
          s_tvalid <= 1'b0;
        end
      end
    end
  end

  // ------------------------------------------------------------------------------ sink
  int got = 0;  // pixels out, of all frames
  int wrong = 0;
  int broken = 0;  // beats with a wrong start of frame or end of line
  int quiet = 0;
  logic [31:0] stall;
  logic [OutBits-1:0] want, have;

  task automatic fail(input string what);
    $display("fsrcnnx_check: FAIL %0s", what);
    $fatal(1, "the core differs from its network");
  endtask

  always @(posedge aclk) begin
    if (!aresetn) begin
      m_tready <= 1'b0;
      stall <= 32'h9e3779b9;
    end else begin
      stall <= advance(stall);
      m_tready <= got < Pixels || stall[1:0] != 2'd0;
      quiet <= quiet + 1;
      if (s_tvalid && s_tready) quiet <= 0;
      if (m_tvalid && m_tready) begin
        quiet <= 0;
        if (got >= Frames * Pixels) fail("a beat after the last frame");
        if (m_tuser !== (got % Pixels == 0) ||
            m_tlast !== (got % (Scale * Width) + Beat >= Scale * Width)) begin
          if (broken == 0) begin
            $display("fsrcnnx_check: frame %0d y %0d x %0d: start of frame %b, end of line %b",
                     got / Pixels, got % Pixels / (Scale * Width), got % (Scale * Width), m_tuser,
                     m_tlast);
          end
          broken = broken + 1;
        end
        // a line may end within a beat
        for (int p = 0; p < Beat && (p == 0 || got % (Scale * Width) != 0); p++) begin
          want = fsrcnnx_check_pkg::HR[(got % Pixels) * OutBits +: OutBits];
          have = m_tdata[p*OutBits +: OutBits];
          if (have !== want) begin
            if (wrong == 0) begin
              $display("fsrcnnx_check: first divergence at frame %0d y %0d x %0d: want %h, got %h",
                       got / Pixels, got % Pixels / (Scale * Width), got % (Scale * Width), want,
                       have);
            end
            wrong = wrong + 1;
          end
          got = got + 1;
        end
      end
      if (quiet == Quiet) begin
        $display("fsrcnnx_check: %0d of %0d pixels came out", got, Frames * Pixels);
        fail("nothing moves: the core hangs");
      end
      if (got == Frames * Pixels && quiet == Drain) begin
        if (wrong != 0) begin
          $display("fsrcnnx_check: %0d of %0d pixels differ", wrong, Frames * Pixels);
          fail("pixels differ");
        end
        if (broken != 0) fail("start of frame or end of line is wrong");
        if (error_count !== 16'd0) fail("errors were counted on well-formed input");
        if (model_id !== fsrcnnx_check_pkg::MODEL_ID) fail("the core is another network's");
        $display("fsrcnnx_check: PASS %0d pixels of network %h in %0d clocks", got, model_id,
                 cycle - Drain);
        $finish;
      end
    end
  end
endmodule

`default_nettype wire
