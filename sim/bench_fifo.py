# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_fifo: in order and complete, and a short wait is not felt before it."""

from __future__ import annotations

import random

import cocotb
from cocotb.triggers import RisingEdge

from sim.tb import PATTERNS, TB, config

BEATS = 400


@cocotb.test()
@cocotb.parametrize(idle=list(PATTERNS), stall=list(PATTERNS))
async def in_order_and_complete(dut, idle, stall):
    tb = TB(dut, ["in_data_i"], ["out_data_o"])
    await tb.reset(idle, stall)
    sent = [random.getrandbits(config()["Width"]) for _ in range(BEATS)]
    tb.source.send(*({"in_data_i": value} for value in sent))
    beats = await tb.drain(BEATS)
    assert [beat["out_data_o"] for beat in beats] == sent
    assert len(set(sent)) > BEATS // 2


@cocotb.test()
async def a_short_wait_is_not_felt(dut):
    """The sink waits Depth/2 clocks of 24, the source has no beat in as many."""
    tb, wait = TB(dut, ["in_data_i"], ["out_data_o"]), config()["Depth"] // 2
    await tb.reset()

    def pause(at):
        while True:
            yield from [False] * at + [True] * wait + [False] * (24 - wait - at)

    tb.source.pause, tb.sink.pause = pause(12), pause(0)
    tb.source.send(*({"in_data_i": value} for value in range(BEATS)))
    refused = clocks = 0
    while len(tb.sink.beats) < BEATS:
        await RisingEdge(dut.clk_i)
        clocks += 1
        refused += int(dut.in_valid_i.value == 1 and dut.in_ready_o.value == 0)
        assert clocks < 2 * BEATS, "beats are lost"
    assert tb.sink.stalled > 0 and refused == 0
