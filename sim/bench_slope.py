# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_slope: a constant slope by signed digits, against the product."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import config


@cocotb.test()
async def every_accumulator_after_stages_clocks(dut):
    bits, slope, frac = (config()[key] for key in ("AccBits", "Slope", "Frac"))
    rng = np.random.default_rng(random.getrandbits(32))
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    acc = np.concatenate([[low, high, 0, -1, 1, low + 1], np.arange(-300, 300),
                          rng.integers(low, high, 2000, endpoint=True)])
    want = np.where(acc >= 0, acc << frac, acc * slope)
    Clock(dut.clk_i, 10, "ns").start()
    latency, got = config()["Stages"], []
    for at in range(acc.size + latency + 1):
        await RisingEdge(dut.clk_i)
        if at > latency:
            got.append(dut.value_o.value.to_signed())
        dut.acc_i.value = int(acc[min(at, acc.size - 1)]) & ((1 << bits) - 1)
    wrong = np.flatnonzero(np.array(got) != want)
    assert not wrong.size, (f"{wrong.size} wrong, first acc {acc[wrong[0]]}: want "
                            f"{want[wrong[0]]}, got {got[wrong[0]]}")
