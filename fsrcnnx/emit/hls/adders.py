"""Distributed arithmetic: constant products of a convolution as shared shift-adds, by da4ml.

May import hls4ml, da4ml, numpy and the stages. hls4ml's own pass builds arrays of the whole frame's
windows only to learn that all pixels have the same format; here the solver gets one window.
Source: hls4ml 1.3.0, backends/vivado/passes/distributed_arithmetic.py.

    code(node, stage)      # C++ of `dense_da_<index>` and the wrapper that hls4ml calls
"""

from __future__ import annotations

import numpy as np
from da4ml.codegen.hls import hls_logic_and_bridge_gen
from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
from hls4ml.backends.vivado.passes.distributed_arithmetic import add_kernel_wrapper
from hls4ml.model.layers import Layer
from hls4ml.model.types import Source

from fsrcnnx.emit.hls.stages import Stage

SOLVER = {"hard_dc": 2, "search_all_decompose_dc": True}  # hls4ml's own: 2 adders deeper at most


def code(node: Layer, stage: Stage) -> Source:
    """Solve a convolution's constant products.

    Args:
        node: hls4ml's layer; gives its number and the format of its input.
        stage: The plan's; gives weights and biases.

    Returns:
        C++ source.
    """
    n_in, n_out = stage.products
    precision = node.get_input_variable().type.precision
    signed, integer, frac = (np.full(n_in, value, np.int16) for value in (
        int(precision.signed), precision.integer - int(precision.signed), precision.fractional))
    window = FixedVariableArray.from_kif(signed, integer, frac, HWConfig(1, -1, -1),
                                         solver_options=SOLVER)
    kernel = stage.attributes["weight_data"].reshape(n_in, n_out)
    sums = comb_trace(window, window @ kernel + stage.attributes["bias_data"])
    name = f"dense_da_{node.index}"
    text, _ = hls_logic_and_bridge_gen(sums, name, "vitis", pragmas=["#pragma HLS INLINE"],
                                       print_latency=True)
    return Source(f"{text}\n\n{add_kernel_wrapper(node.index, n_in, n_out)}")
