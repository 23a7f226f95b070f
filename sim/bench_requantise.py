# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_requantise: rounding to even, saturation and the frame's mask, bit for bit."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from fsrcnnx.exact.formats import Format, requantise
from sim.tb import config

LATENCY = 2


@cocotb.test()
async def every_value_after_two_clocks(dut):
    bits, shift = config()["ValueBits"], config()["Shift"]
    to = Format(bool(config()["OutSigned"]), config()["OutBits"], 0)
    rng = np.random.default_rng(random.getrandbits(32))
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if bits <= 12:  # all of them
        values = rng.permutation(np.arange(low, high + 1))
    else:
        half = 1 << max(shift - 1, 0)
        ends = np.array([to.lo, to.hi, to.lo - 1, to.hi + 1, 0])[:, None] << shift
        near = (ends + np.array([-half - 1, -half, 1 - half, -1, 0, 1, half - 1, half, half + 1]))
        ties = np.arange(-600, 601)[:, None] * half + np.array([-1, 0, 1])
        wide = rng.integers(low, high, 3000, endpoint=True)
        small = wide >> rng.integers(0, bits, 3000)
        values = rng.permutation(np.clip(np.concatenate(
            [[low, high], near.ravel(), ties.ravel(), wide, small]), low, high))
    inside = rng.random(values.size) < 0.9
    want = np.where(inside, requantise(values, shift, to), 0) & ((1 << to.width) - 1)
    Clock(dut.clk_i, 10, "ns").start()
    got = []
    for at in range(values.size + LATENCY + 1):
        await RisingEdge(dut.clk_i)
        if at > LATENCY:
            got.append(int(dut.out_o.value))
        dut.value_i.value = int(values[min(at, values.size - 1)]) & ((1 << bits) - 1)
        dut.outside_i.value = 1 - int(inside[np.clip(at - 1, 0, values.size - 1)])
    wrong = np.flatnonzero(np.array(got) != want)
    assert not wrong.size, (f"{wrong.size} wrong, first value {values[wrong[0]]} inside "
                            f"{inside[wrong[0]]}: want {want[wrong[0]]}, got {got[wrong[0]]}")
    if bits - shift > to.width:
        assert {to.lo, to.hi} <= set(requantise(values, shift, to).tolist())
