# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_turn: the first and the last step of every turn, whatever the pauses."""

from __future__ import annotations

from itertools import cycle

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import PATTERNS, config


@cocotb.test()
@cocotb.parametrize(idle=["none", "randomly", "bursts"])
async def first_and_last_of_every_turn(dut, idle):
    pauses = PATTERNS[idle]()
    Clock(dut.clk_i, 10, "ns").start()
    dut.rst_ni.value = 0
    dut.step_i.value = 0
    for count in (1, 2, 3, 7, (1 << config()["Bits"]) - 1, 1, 4):
        dut.count_i.value = count
        for _ in range(4):  # of a reset, or between two turns
            await RisingEdge(dut.clk_i)
            dut.step_i.value = 0
        dut.rst_ni.value = 1
        places = cycle(range(count))
        stepped, left = False, 3 * count
        while left:
            await RisingEdge(dut.clk_i)
            if stepped:
                place = next(places)
                assert dut.first_o.value == (place == 0), f"first, {place} of {count}"
                assert dut.last_o.value == (place == count - 1), f"last, {place} of {count}"
                left -= 1
            stepped = bool(left) and not next(pauses)
            dut.step_i.value = int(stepped)
