// SPDX-License-Identifier: Apache-2.0
// Adder tree: the sum of Inputs signed terms, a register behind every level.
//
// Each level adds neighbours in pairs; terms past Inputs are 0. Stages beyond the tree's own levels
// are plain delays, so that trees of unequal size stay in step.
// Each sum has a register and operands of its own, and a level sees only the one before: in one
// vector of all nodes an event simulator visits every node for each that changes.
// Latency Stages cycles, no enable. The user proves that no sum leaves Width bits.

`default_nettype none

module fsrcnnx_adder_tree #(
  parameter int Inputs = 2,
  parameter int Width  = 8,
  parameter int Stages = 1    // at least clog2(Inputs)
) (
  input  wire logic                    clk_i,
  input  wire logic [Inputs*Width-1:0] terms_i,
  output logic signed [Width-1:0]      sum_o
);

  localparam int Levels = $clog2(Inputs);
  localparam int Leaves = 1 << Levels;

  if (Stages < Levels) begin : gen_bad_stages
    fsrcnnx_error_adder_tree_needs_clog2_inputs_stages u_error ();
  end

  if (Stages == 0) begin : gen_wire  // one term: nothing to clock
    wire logic unused_clock = &{1'b0, clk_i};
    assign sum_o = $signed(terms_i);
  end else begin : gen_tree
    for (genvar s = 0; s < Stages; s++) begin : gen_stage
      localparam int Sums = s < Levels ? Leaves >> (s + 1) : 1;
      localparam int Came = s < Levels ? 2*Sums : 1;  // as many as Sums: a delay

      logic [Came*Width-1:0] came;  // from the stage before, term n at [n*Width +: Width]
      logic [Sums*Width-1:0] sums;

      if (s > 0) begin : gen_later
        assign came = gen_stage[s-1].sums;
      end else begin : gen_pad
        assign came = (Came*Width)'(terms_i);
      end

      for (genvar n = 0; n < Sums; n++) begin : gen_sum
        logic [Width-1:0] sum, sum_q;
        if (Came > Sums) begin : gen_add
          logic [Width-1:0] left, right;
          assign {right, left} = came[2*n*Width +: 2*Width];
          assign sum           = left + right;
        end else begin : gen_delay
          assign sum = came;
        end
        always_ff @(posedge clk_i) sum_q <= sum;
        assign sums[n*Width +: Width] = sum_q;
      end
    end
    assign sum_o = $signed(gen_stage[Stages-1].sums);
  end

endmodule

`default_nettype wire
