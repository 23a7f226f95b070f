// SPDX-License-Identifier: Apache-2.0
// Soak driver: any beats into fsrcnnx_top, resets among them, gaps and stalls that change at random.
//
// Reads beats.txt, a line each: "0 data sof eol width height", or "1 clocks length 0 0 0": a reset of
// so many clocks after so many. Writes out.txt: a line for each beat that leaves (data keep sof eol),
// "E errors" before each reset and at the end. Checks itself that
//   - a beat that is offered and not taken stays, and no output is undefined
//   - neither ready follows from valid nor valid from ready without a clock between
//   - a beat waits at most +limit clocks in which the sink takes what it is offered: nothing hangs
//   - the error count is the pulses counted, up to its greatest value; model_id_o is +id
// and prints the longest wait. sim/soak.py makes the beats and holds out.txt against golden.
// Works in Verilator (--timing) and Icarus 11.

`default_nettype none

module soak_tb;
  localparam int InBits  = fsrcnnx_pkg::IN_BITS;
  localparam int Beat    = fsrcnnx_pkg::PIXELS_PER_BEAT;
  localparam int OutBits = fsrcnnx_pkg::OUT_BITS*Beat;
  localparam int DimBits = fsrcnnx_pkg::DIM_BITS;

  // xorshift32 (Marsaglia 2003): the same in every simulator
  function automatic logic [31:0] advance(input logic [31:0] state);
    logic [31:0] s;
    s = state ^ (state << 13);
    s = s ^ (s >> 17);
    return s ^ (s << 5);
  endfunction

  logic aclk = 1'b0, aresetn = 1'b0, poke_s = 1'b0, poke_m = 1'b0;
  logic s_valid_q = 1'b0, m_ready_q = 1'b0;
  logic s_tready, s_tuser, s_tlast, m_tvalid, m_tuser, m_tlast, error_pulse;
  logic [InBits-1:0]  s_tdata;
  logic [DimBits-1:0] width_q, height_q;
  logic [OutBits-1:0] m_tdata;
  logic [Beat-1:0]    m_tkeep;
  logic [15:0]        error_count;
  logic [31:0]        model_id;

  always #5 aclk = ~aclk;

  fsrcnnx_top u_top (
    .aclk(aclk), .aresetn(aresetn), .frame_width_i(width_q), .frame_height_i(height_q),
    .s_axis_video_tdata(s_tdata), .s_axis_video_tvalid(s_valid_q ^ poke_s),
    .s_axis_video_tready(s_tready), .s_axis_video_tuser(s_tuser), .s_axis_video_tlast(s_tlast),
    .m_axis_video_tdata(m_tdata), .m_axis_video_tkeep(m_tkeep), .m_axis_video_tvalid(m_tvalid),
    .m_axis_video_tready(m_ready_q ^ poke_m), .m_axis_video_tuser(m_tuser),
    .m_axis_video_tlast(m_tlast), .error_o(error_pulse), .error_count_o(error_count),
    .model_id_o(model_id));

  string dir;
  int beats, out, limit, id, got;
  int kind, a, b, c, d, e;                // a line of beats.txt
  int until_reset, reset_left, waited, longest, quiet, pulses, mode, mode_left, sent;
  logic done, stalled, over;
  logic [OutBits+Beat+1:0] held;
  logic [31:0] random;
  wire logic [OutBits+Beat+1:0] beat = {m_tdata, m_tkeep, m_tuser, m_tlast};

  initial begin
    if (!$value$plusargs("dir=%s", dir)) dir = ".";
    if (!$value$plusargs("limit=%d", limit)) limit = 100000;
    if (!$value$plusargs("id=%h", id)) id = 0;
    if (!$value$plusargs("seed=%d", random)) random = 1;
    random = advance(32'h1234567 ^ (random * 32'd747796405));
    beats = $fopen({dir, "/beats.txt"}, "r");
    out = $fopen({dir, "/out.txt"}, "w");
    if (beats == 0 || out == 0) fail("cannot open the files");
    {until_reset, waited, longest, quiet, pulses, mode, mode_left, sent} = '0;
    {done, stalled, over} = '0;
    reset_left = 8;
  end

  task automatic fail(input string what);
    $display("soak_tb: FAIL %0s, after %0d beats", what, sent);
    over = 1'b1;
    $finish;
  endtask

  // whether to pause, by the mode of the last clocks: never, often, mostly, always
  function automatic logic pauses(input int how, input logic [7:0] dice);
    case (how)
      1: pauses = dice[0];
      2: pauses = dice[3:0] != '0;
      3: pauses = 1'b1;
      default: pauses = 1'b0;
    endcase
  endfunction

  // what is driven is looked at and put back in the middle of a clock
  logic ready_before;
  logic [OutBits+Beat+2:0] valid_before;
  always @(negedge aclk) begin
    if (aresetn && !over && random[31:30] == '0) begin
      ready_before = s_tready;
      valid_before = {m_tvalid, beat};
      poke_s = 1'b1;
      #1 if (s_tready !== ready_before) fail("ready follows from valid");
      poke_s = 1'b0;
      poke_m = 1'b1;
      #1 if ({m_tvalid, beat} !== valid_before) fail("valid or payload follows from ready");
      poke_m = 1'b0;
    end
  end

  always @(posedge aclk) if (!over) begin
    random = advance(random);
    // ---------------------------------------------------------------- modes of source and sink
    if (mode_left == 0) begin
      mode = int'(random[7:4]);             // source in the low half, sink in the high one
      mode_left = 1 + int'(random[16:8]);
    end else mode_left = mode_left - 1;
    m_ready_q <= done || !pauses(mode/4, random[27:20]);

    // ---------------------------------------------------------------- reset
    if (reset_left != 0) begin
      reset_left = reset_left - 1;
      aresetn <= reset_left == 0;
      s_valid_q <= 1'b0;
      {waited, pulses, stalled} = '0;
    end else begin
      // -------------------------------------------------------------- what leaves
      if (m_tvalid === 1'bx || s_tready === 1'bx || (m_tvalid && (^beat) === 1'bx)) begin
        fail("an output is undefined");
      end
      if (stalled && (!m_tvalid || beat !== held)) fail("a beat that was offered changed");
      stalled = m_tvalid && !m_ready_q;
      held = beat;
      if (m_tvalid && m_ready_q) $fwrite(out, "%h %b %b %b\n", m_tdata, m_tkeep, m_tuser, m_tlast);
      if (error_count !== 16'(pulses > 65535 ? 65535 : pulses)) fail("the error count is not right");
      if (error_pulse) pulses = pulses + 1;
      if (model_id !== id) fail("the model's id is another one");
      // -------------------------------------------------------------- hangs
      if (s_valid_q && !s_tready) begin
        if (m_ready_q || !m_tvalid) waited = waited + 1;
        if (waited > longest) longest = waited;
        if (waited > limit) fail("hangs: a beat waits longer than is promised");
      end
      // -------------------------------------------------------------- what comes
      if (s_valid_q && s_tready) begin
        waited = 0;
        sent = sent + 1;
      end
      if (!s_valid_q || s_tready) begin
        s_valid_q <= 1'b0;
        if (until_reset != 0) begin
          until_reset = until_reset - 1;
          if (until_reset == 0) begin
            $fwrite(out, "E %0d\n", error_count);
            aresetn <= 1'b0;
            reset_left = b;
          end
        end else if (!done && !pauses(mode%4, random[19:12])) begin
          got = $fscanf(beats, "%d %d %d %d %d %d", kind, a, b, c, d, e);
          if (got != 6) done = 1'b1;
          else if (kind == 1) until_reset = a;
          else begin
            s_valid_q <= 1'b1;
            s_tdata   <= InBits'(a);
            s_tuser   <= b != 0;
            s_tlast   <= c != 0;
            width_q   <= DimBits'(d);
            height_q  <= DimBits'(e);
          end
        end
      end
      // -------------------------------------------------------------- the end
      quiet = m_tvalid || s_valid_q || !done ? 0 : quiet + 1;
      if (quiet == limit + 1000) begin
        $fwrite(out, "E %0d\n", error_count);
        $fclose(out);
        $display("soak_tb: done beats %0d longest_wait %0d", sent, longest);
        $finish;
      end
    end
  end
endmodule

`default_nettype wire
