# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_line_fifo: what goes in comes out, whole lines are counted, nothing is lost."""

from __future__ import annotations

import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import PATTERNS, config


@cocotb.test()
@cocotb.parametrize(push=["none", "randomly", "bursts"], take=["none", "randomly", "bursts"],
                    width=[1, 3, 8])
async def lines_go_out_without_a_gap(dut, push, take, width):
    bits, total = config()["Width"], 40 * width
    sent = [random.getrandbits(bits) | 1 for _ in range(total)]
    to_go, got, popped = deque(sent), [], deque([False] * 3)
    Clock(dut.clk_i, 10, "ns").start()
    for port in (dut.rst_ni, dut.in_valid_i, dut.take_i, dut.pop_i):
        port.value = 0
    dut.in_last_i.value = 0
    for _ in range(3):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    pauses, rests, left, offered, full = PATTERNS[push](), PATTERNS[take](), 0, False, 0
    taken = False  # line_o says so a clock later
    for clock in range(20_000):
        await RisingEdge(dut.clk_i)
        if popped[-3]:  # sampled two edges ago
            got.append(int(dut.data_o.value))
        elif clock > 4:
            assert int(dut.data_o.value) == 0, "a pixel nobody asked for"
        if offered and dut.in_ready_o.value == 1:
            to_go.popleft()
            offered = False
        full += dut.in_ready_o.value == 0
        offered = offered or (bool(to_go) and not next(pauses))
        dut.in_valid_i.value = int(offered)
        dut.in_last_i.value = int((total - len(to_go)) % width == width - 1)
        dut.in_data_i.value = to_go[0] if offered else random.getrandbits(bits)
        # what is driven now is sampled at the next edge: only a line that is there now is taken
        starts = left == 0 and not taken and dut.line_o.value == 1 and not next(rests)
        left, taken = width if starts else left, starts
        dut.take_i.value = int(starts)
        dut.pop_i.value = int(left > 0)
        popped.append(left > 0)
        left = max(left - 1, 0)
        if len(got) == total:
            break
    assert got == sent
    assert full > (0 if take == "bursts" and push == "none" else -1), "it was never full"
