# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_skid: a first-in first-out of two, at full rate."""

from __future__ import annotations

import random

import cocotb

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
    assert (stall == "none") == (tb.sink.stalled == 0)


@cocotb.test()
async def one_beat_a_clock(dut):
    tb = TB(dut, ["in_data_i"], ["out_data_o"])
    await tb.reset()
    tb.source.send(*({"in_data_i": value} for value in range(BEATS)))
    await tb.clocks(BEATS + 4)
    assert len(tb.sink.beats) >= BEATS - 1  # latency 1, no bubble
