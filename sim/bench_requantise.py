# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_requantise: activation, rounding to even and saturation, bit for bit."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from fsrcnnx.exact.formats import Format, requantise
from sim.tb import config

LATENCY = 4


def stimuli(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Accumulators and slopes: extremes, exact ties and their neighbours, then random ones."""
    bits, shift = config()["AccBits"], config()["Shift"]
    extra = config()["SlopeFrac"] if config()["HasSlope"] else 0
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    half = 1 << max(shift - extra - 1, 0)
    ties = np.arange(-40, 41)[:, None] * half + np.array([-1, 0, 1])
    wide = rng.integers(low, high, 3000, endpoint=True)
    near = rng.integers(low, high, 1500, endpoint=True) >> rng.integers(0, bits, 1500)
    acc = np.clip(np.concatenate([[low, high, 0, -1, 1], ties.ravel(), wide, near]), low, high)
    width = config()["SlopeBits"]
    slope = rng.integers(-(1 << (width - 1)), 1 << (width - 1), acc.size)
    slope[:40:4], slope[1:40:4] = -(1 << (width - 1)), (1 << (width - 1)) - 1
    order = rng.permutation(acc.size)
    return acc[order], slope[order]


def expected(acc: np.ndarray, slope: np.ndarray) -> np.ndarray:
    value = acc
    if config()["HasSlope"]:
        value = np.where(acc >= 0, acc << config()["SlopeFrac"], acc * slope)
    return requantise(value, config()["Shift"],
                      Format(bool(config()["OutSigned"]), config()["OutBits"], 0))


@cocotb.test()
async def every_value_after_four_enabled_clocks(dut):
    Clock(dut.clk_i, 10, "ns").start()
    acc, slope = stimuli(np.random.default_rng(random.getrandbits(32)))
    want = expected(acc, slope)
    mask = (1 << config()["OutBits"]) - 1
    got, sent, enabled = [], 0, False
    while len(got) < len(want):
        await RisingEdge(dut.clk_i)
        if enabled and sent > LATENCY:  # the value of LATENCY enabled clocks ago is there
            got.append(int(dut.out_o.value))
        enabled = random.random() < 0.7
        dut.ce_i.value = int(enabled)
        if enabled:
            at = min(sent, len(want) - 1)
            dut.acc_i.value = int(acc[at]) & ((1 << config()["AccBits"]) - 1)
            dut.slope_i.value = int(slope[at]) & ((1 << config()["SlopeBits"]) - 1)
            sent += 1
    wrong = [i for i, value in enumerate(got) if value != int(want[i]) & mask]
    assert not wrong, (f"{len(wrong)} wrong, first acc {acc[wrong[0]]} slope {slope[wrong[0]]}: "
                       f"want {want[wrong[0]]}, got {got[wrong[0]]}")
    # the stimuli reach both ends, and the middle between them
    to = Format(bool(config()["OutSigned"]), config()["OutBits"], 0)
    reach = [requantise(np.array([end]), config()["Shift"], to)[0] for end in (
        -(1 << (config()["AccBits"] - 1)), (1 << (config()["AccBits"] - 1)) - 1)]
    if not config()["HasSlope"]:
        assert [want.min(), want.max()] == reach
    assert len(np.unique(want)) > min(mask, 100) // 2
