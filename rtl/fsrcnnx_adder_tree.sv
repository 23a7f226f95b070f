// Adder tree: the sum of Inputs signed terms, a register behind every level.
//
// The tree is a heap: node n adds nodes 2n+1 and 2n+2, leaves past Inputs are 0. Stages beyond the
// tree's own levels are plain delays, so that trees of unequal size stay in step.
// Latency Stages cycles under ce_i, one sum a cycle. The user proves that no sum leaves Width bits.

`default_nettype none

module fsrcnnx_adder_tree #(
  parameter int Inputs = 2,
  parameter int Width  = 8,
  parameter int Stages = 1    // at least clog2(Inputs)
) (
  input  wire logic                    clk_i,
  input  wire logic                    ce_i,
  input  wire logic [Inputs*Width-1:0] terms_i,
  output logic signed [Width-1:0]      sum_o
);

  localparam int Levels = $clog2(Inputs);
  localparam int Leaves = 1 << Levels;
  localparam int Delays = Stages - Levels;

  if (Stages < Levels) begin : gen_bad_stages
    fsrcnnx_error_adder_tree_needs_clog2_inputs_stages u_error ();
  end

  // node n at [n*Width +: Width]; the root is node 0, the leaves are the last
  logic [(2*Leaves-1)*Width-1:0] node;

  for (genvar n = 0; n < Leaves; n++) begin : gen_leaf
    if (n < Inputs) begin : gen_term
      assign node[(Leaves-1+n)*Width +: Width] = terms_i[n*Width +: Width];
    end else begin : gen_zero
      assign node[(Leaves-1+n)*Width +: Width] = '0;
    end
  end

  for (genvar n = 0; n < Leaves - 1; n++) begin : gen_sum
    logic [Width-1:0] sum_q;
    always_ff @(posedge clk_i) begin
      if (ce_i) sum_q <= node[(2*n+1)*Width +: Width] + node[(2*n+2)*Width +: Width];
    end
    assign node[n*Width +: Width] = sum_q;
  end

  if (Stages == 0) begin : gen_wire  // one term: nothing to clock
    wire logic unused_clock = &{1'b0, clk_i, ce_i};
  end

  if (Delays == 0) begin : gen_root
    assign sum_o = $signed(node[Width-1:0]);
  end else begin : gen_delay
    logic [Delays*Width-1:0] delay_q;
    if (Delays == 1) begin : gen_one
      always_ff @(posedge clk_i) begin
        if (ce_i) delay_q <= node[Width-1:0];
      end
    end else begin : gen_more
      always_ff @(posedge clk_i) begin
        if (ce_i) delay_q <= {delay_q[(Delays-1)*Width-1:0], node[Width-1:0]};
      end
    end
    assign sum_o = $signed(delay_q[(Delays-1)*Width +: Width]);
  end

endmodule

`default_nettype wire
