# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_prelu: a slope beside each accumulator, against the product."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import config

LATENCY = 3


@cocotb.test()
async def every_accumulator_after_three_clocks(dut):
    bits, slope_bits, frac = (config()[key] for key in ("AccBits", "SlopeBits", "Frac"))
    rng = np.random.default_rng(random.getrandbits(32))
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    steep, flat = -(1 << slope_bits - 1), (1 << slope_bits - 1) - 1
    acc = np.concatenate([[low, low, low, high, high, 0, -1, 1], np.arange(-300, 300),
                          rng.integers(low, high, 2000, endpoint=True)])
    slope = rng.integers(steep, flat, acc.size, endpoint=True)
    slope[:5] = steep, flat, 0, steep, flat
    want = np.where(acc >= 0, acc << frac, acc * slope)
    Clock(dut.clk_i, 10, "ns").start()
    got = []
    for at in range(acc.size + LATENCY + 1):
        await RisingEdge(dut.clk_i)
        if at > LATENCY:
            got.append(dut.value_o.value.to_signed())
        now = min(at, acc.size - 1)
        dut.acc_i.value = int(acc[now]) & ((1 << bits) - 1)
        dut.slope_i.value = int(slope[now]) & ((1 << slope_bits) - 1)
    wrong = np.flatnonzero(np.array(got) != want)
    assert not wrong.size, (f"{wrong.size} wrong, first acc {acc[wrong[0]]} slope "
                            f"{slope[wrong[0]]}: want {want[wrong[0]]}, got {got[wrong[0]]}")
