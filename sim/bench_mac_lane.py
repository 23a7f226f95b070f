# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_mac_lane, its memory, multipliers and adder tree: sums in turns, against numpy.

Weights and biases are what the launching test packed into the parameters.
"""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import config


@cocotb.test()
async def sums_of_windows_in_turns(dut):
    inputs, fold_in, fold_out, outs, bits, signed, acc_bits, stages = (config()[key] for key in (
        "Inputs", "FoldIn", "FoldOut", "Outs", "SampleBits", "SampleSigned", "AccBits", "Stages"))
    weights = np.array(config()["weights"])  # (fold_out * outs, inputs)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    rng = np.random.default_rng(random.getrandbits(32))
    windows = rng.integers(low, high, (40, inputs), endpoint=True)
    windows[0], windows[1] = low, high
    biases = rng.integers(-100, 100, (fold_out, outs))
    want = windows @ weights.T + biases.ravel()
    turns, latency = fold_in * fold_out, stages + 6
    Clock(dut.clk_i, 10, "ns").start()
    got: dict[tuple[int, int], list[int]] = {}
    for clock in range(len(windows) * turns + latency + 1):
        await RisingEdge(dut.clk_i)
        back = clock - latency - 1  # the turn whose sums are there
        if back >= 0 and back % fold_in == fold_in - 1:
            word = int(dut.acc_o.value)
            raw = [word >> acc_bits * j & ((1 << acc_bits) - 1) for j in range(outs)]
            got[back // turns, back % turns // fold_in] = [
                value - (value >> acc_bits - 1 << acc_bits) for value in raw]
        turn = clock % turns
        window = windows[min(clock // turns, len(windows) - 1)]
        dut.window_i.value = sum((int(v) & ((1 << bits) - 1)) << bits * n
                                 for n, v in enumerate(window))
        dut.turn_i.value, dut.part_i.value = turn, turn % fold_in
        later = clock - (latency - 1)  # the turn whose bias is wanted now
        dut.first_i.value = int(later % fold_in == 0)
        bias = biases[later % turns // fold_in]
        dut.bias_i.value = sum((int(v) & ((1 << acc_bits) - 1)) << acc_bits * n
                               for n, v in enumerate(bias))
    for (at, slice_), sums in got.items():
        assert sums == want[at, slice_ * outs:(slice_ + 1) * outs].tolist(), (at, slice_)
    assert len(got) == len(windows) * fold_out
