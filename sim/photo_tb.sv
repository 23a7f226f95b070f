// SPDX-License-Identifier: Apache-2.0
// Bulk driver: whole pictures through fsrcnnx_top at the simulator's own speed.
//
// Makes the clock, reads frames from files, writes the raster that comes out, checks start of
// frame, end of line and error count itself, and says where it stands when nothing moves.
//   +dir=D      sizes.txt ("width height" a line), pixels.bin in; out.bin out
//   +idle=P     gap before an input pixel with P per cent chance       (default 0)
//   +stall=P    output not ready with P per cent chance                (default 0)
//   +seed=N     seed of both; the same gaps in every simulator         (default 1)
//   +limit=N    clocks without any beat in or out that count as a hang (default 1000000)
// A pixel is 1, 2, 4 or 8 bytes of a file, as few as hold its format's bits, the low byte first;
// the bits above are not looked at in what is read, and 0 in what is written.
// Clock, reset and instance are as in fsrcnnx_check_tb, and shared with nothing: that one goes out
// with every core and must stand alone, this one is compiled with any core, an older one too.
// With `define FSRCNNX_TRACE each layer stream l goes to stream_l.hex, one beat a line.
// Python twin: fsrcnnx/prove/simulation/simulate.py. Works in Verilator (--timing) and Icarus 11.
`default_nettype none

module photo_tb;
  localparam int InBits = fsrcnnx_pkg::IN_BITS;
  localparam int OutBits = fsrcnnx_pkg::OUT_BITS;
  localparam int InBytes = InBits <= 8 ? 1 : InBits <= 16 ? 2 : InBits <= 32 ? 4 : 8;
  localparam int OutBytes = OutBits <= 8 ? 1 : OutBits <= 16 ? 2 : OutBits <= 32 ? 4 : 8;
  localparam int Beat = fsrcnnx_pkg::PIXELS_PER_BEAT;
  localparam int Scale = fsrcnnx_pkg::SCALE;
  localparam int DimBits = fsrcnnx_pkg::DIM_BITS;
  localparam int Layers = fsrcnnx_pkg::LAYERS;
  localparam int ResetClocks = 8;
  localparam int DrainClocks = 4096;  // after the last beat, to see surplus ones

  // xorshift32 (Marsaglia 2003): the same sequence in every simulator, unlike $urandom
  function automatic logic [31:0] advance(input logic [31:0] state);
    logic [31:0] s;
    s = state ^ (state << 13);
    s = s ^ (s >> 17);
    return s ^ (s << 5);
  endfunction

  function automatic logic chance(input logic [31:0] state, input int percent);
    return (int'(state[30:16]) * 100) < (percent * 32768);
  endfunction

  // ------------------------------------------------------------------------------ core under test
  logic aclk = 1'b0;
  logic aresetn = 1'b0;
  logic [DimBits-1:0] width_q, height_q;
  logic [InBits-1:0] s_tdata;
  logic s_tvalid, s_tready, s_tuser, s_tlast;
  logic [OutBits*Beat-1:0] m_tdata;
  logic m_tvalid, m_tready, m_tuser, m_tlast;
  logic error_pulse;
  logic [15:0] error_count;

  always #5 aclk = ~aclk;

  fsrcnnx_top u_top (
    .aclk(aclk),
    .aresetn(aresetn),
    .frame_width_i(width_q),
    .frame_height_i(height_q),
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
    .error_count_o(error_count)
  );

  // ------------------------------------------------------------------------------ set-up
  string dir;
  int idle, stall, seed, limit;
  int pixels_file, in_sizes, out_sizes, out_file;

  initial begin
    if (!$value$plusargs("dir=%s", dir)) dir = ".";
    if (!$value$plusargs("idle=%d", idle)) idle = 0;
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    if (!$value$plusargs("limit=%d", limit)) limit = 1000000;
    pixels_file = $fopen({dir, "/pixels.bin"}, "rb");
    in_sizes = $fopen({dir, "/sizes.txt"}, "r");
    out_sizes = $fopen({dir, "/sizes.txt"}, "r");
    out_file = $fopen({dir, "/out.bin"}, "wb");
    if (pixels_file == 0 || in_sizes == 0 || out_sizes == 0 || out_file == 0) begin
      $display("photo_tb: FAIL cannot open the files in %0s", dir);
      $finish;
    end
  end

  int cycle = 0;
  always @(posedge aclk) begin
    cycle <= cycle + 1;
    if (cycle == ResetClocks) aresetn <= 1'b1;
  end

  // ------------------------------------------------------------------------------ source
  int in_width, in_height, in_x, in_y, in_frame, in_byte, first_cycle, got_in;
  logic in_done;
  logic [31:0] in_random;
  logic [8*InBytes-1:0] in_pixel;
  wire logic in_beat = s_tvalid && s_tready && aresetn;

  always @(posedge aclk) begin
    if (!aresetn) begin
      s_tvalid <= 1'b0;
      in_random <= advance(32'h1234567 ^ (seed * 32'd747796405));
      in_x = 0;
      in_y = 0;
      in_frame = 0;
      in_width = 0;
      in_done = 1'b0;
      first_cycle = 0;
    end else begin
      in_random <= advance(in_random);
      if (in_beat && first_cycle == 0) first_cycle = cycle;
      if (!s_tvalid || s_tready) begin
        if (!in_done && in_width == 0) begin
          got_in = $fscanf(in_sizes, "%d %d", in_width, in_height);
          if (got_in != 2) in_done = 1'b1;
        end
        if (in_done || chance(in_random, idle)) begin
          s_tvalid <= 1'b0;
        end else begin
          s_tvalid <= 1'b1;
          for (int b = 0; b < InBytes; b++) begin
            in_byte = $fgetc(pixels_file);
            if (in_byte < 0) fail("pixels.bin ends within a frame");
            in_pixel[8*b+:8] = 8'(in_byte);
          end
          s_tdata <= InBits'(in_pixel);
          s_tuser <= in_x == 0 && in_y == 0;
          s_tlast <= in_x == in_width - 1;
          width_q <= DimBits'(in_width);
          height_q <= DimBits'(in_height);
          in_x = in_x + 1;
          if (in_x == in_width) begin
            in_x = 0;
            in_y = in_y + 1;
            if (in_y == in_height) begin
              in_y = 0;
              in_frame = in_frame + 1;
              in_width = 0;  // read the next size
            end
          end
        end
      end
    end
  end

  // ------------------------------------------------------------------------------ sink
  int out_width, out_height, out_x, out_y, out_frame, lines, got_out, drain, last_cycle;
  logic out_done;
  logic [31:0] out_random;
  logic [8*OutBytes-1:0] out_pixel;
  wire logic out_beat = m_tvalid && m_tready && aresetn;

  task automatic fail(input string what);
    $display("photo_tb: FAIL %0s; output frame %0d y %0d x %0d, input frame %0d y %0d x %0d", what,
             out_frame, out_y, out_x, in_frame, in_y, in_x);
    $finish;
  endtask

  always @(posedge aclk) begin
    if (!aresetn) begin
      m_tready <= 1'b0;
      out_random <= advance(32'h89abcde ^ (seed * 32'd277803737));
      out_x = 0;
      out_y = 0;
      out_frame = 0;
      lines = 0;
      out_done = 1'b0;
      drain = 0;
      last_cycle = 0;
      got_out = $rewind(out_sizes);
      got_out = $fscanf(out_sizes, "%d %d", out_width, out_height);
      if (got_out != 2) fail("there is no frame in sizes.txt");
    end else begin
      out_random <= advance(out_random);
      m_tready <= out_done || !chance(out_random, stall);
      if (out_done) begin
        drain = drain + 1;
        if (m_tvalid) begin
          fail("a beat after the last frame");
        end else if (error_count != 0) begin
          fail("errors were counted on well-formed input");
        end else if (drain == DrainClocks) begin
          $display("photo_tb: done frames %0d cycles %0d", out_frame, last_cycle - first_cycle + 1);
          $fclose(out_file);
          $finish;
        end
      end else if (out_beat) begin
        if (m_tuser !== (out_x == 0 && out_y == 0)) fail("TUSER (start of frame) is wrong");
        if (m_tlast !== (out_x + Beat >= Scale * out_width)) fail("TLAST (end of line) is wrong");
        if ((^m_tdata) === 1'bx) fail("the output is undefined (x)");
        for (int p = 0; p < Beat; p++) begin
          out_pixel = '0;
          out_pixel[OutBits-1:0] = m_tdata[OutBits*p+:OutBits];
          // a line's last beat may be longer than what is left of it
          for (int b = 0; b < OutBytes && out_x + p < Scale * out_width; b++) begin
            $fwrite(out_file, "%c", out_pixel[8*b+:8]);
          end
        end
        out_x = out_x + Beat;
        if (out_x >= Scale * out_width) begin
          out_x = 0;
          out_y = out_y + 1;
          if (out_y == Scale * out_height) begin
            out_y = 0;
            out_frame = out_frame + 1;
            last_cycle = cycle;
            got_out = $fscanf(out_sizes, "%d %d", out_width, out_height);
            if (got_out != 2) out_done = 1'b1;
          end
          lines = lines + 1;
          if (lines % 64 == 0) begin
            $display("photo_tb: lines %0d", lines);
            $fflush;
          end
        end
      end
    end
  end

  // ------------------------------------------------------------------------------ watchdog
  int quiet = 0;
  always @(posedge aclk) begin
    quiet <= (in_beat || out_beat || out_done || !aresetn) ? 0 : quiet + 1;
    if (quiet == limit) begin
`ifndef FSRCNNX_NETLIST  // which has no layers
      $display("photo_tb: valid in %b layers %b out %b", s_tvalid, u_top.u_core.stream_valid,
               m_tvalid);
      $display("photo_tb: ready in %b layers %b out %b", s_tready, u_top.u_core.stream_ready,
               m_tready);
`endif
      fail("nothing moves: the core hangs");
    end
  end

  // ------------------------------------------------------------------------------ layer streams
`ifdef FSRCNNX_TRACE
  for (genvar l = 0; l <= Layers; l++) begin : gen_trace
    localparam int Lsb = fsrcnnx_pkg::STREAM_LSB[l*32+:32];
    localparam int Width = fsrcnnx_pkg::STREAM_WIDTH[l*32+:32];
    int file;
    initial begin
      #1 file = $fopen($sformatf("%0s/stream_%0d.hex", dir, l), "w");
    end
    always @(posedge aclk) begin
      if (aresetn && u_top.u_core.stream_valid[l] && u_top.u_core.stream_ready[l]) begin
        $fwrite(file, "%h\n", u_top.u_core.stream_data[Lsb+:Width]);
      end
    end
  end
`endif
endmodule

`default_nettype wire
