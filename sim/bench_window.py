# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_window: the newest columns, still between steps, against numpy's windows."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import config


@cocotb.test()
@cocotb.parametrize(interval=[1, 2, 7])
async def windows_hold_from_step_to_step(dut, interval):
    side, bits = config()["Side"], config()["PixelBits"]
    line = np.random.default_rng(random.getrandbits(32)).integers(0, 1 << bits, (side, 60))
    want = [sum(int(tap) << bits * at for at, tap in enumerate(window.ravel())) for window in
            np.lib.stride_tricks.sliding_window_view(line, (side, side))[0]]
    Clock(dut.clk_i, 10, "ns").start()
    dut.step_i.value = 0
    await RisingEdge(dut.clk_i)
    got = []
    for column in line.T:
        dut.column_i.value = sum(int(tap) << bits * at for at, tap in enumerate(column))
        dut.step_i.value = 1
        await RisingEdge(dut.clk_i)
        held = []
        for _ in range(interval - 1):
            dut.step_i.value = 0
            dut.column_i.value = random.getrandbits(side * bits)  # what is no step must not matter
            await RisingEdge(dut.clk_i)
            held.append(dut.window_o.value)
        assert len(set(map(str, held))) <= 1, "the window moves between steps"
        got += held[:1]
        if interval == 1:
            got.append(dut.window_o.value)  # of the step before
    got = got[side - 1:] if interval > 1 else got[side:]
    assert [int(word) for word in got] == want[:len(got)] and len(got) > 40
