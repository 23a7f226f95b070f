# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_product: every sample with every weight beside the extremes, three clocks on."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.tb import config

LATENCY = 3


@cocotb.test()
async def every_sample_and_weight_after_three_clocks(dut):
    bits, signed, weight_bits, count = (
        config()[key] for key in ("SampleBits", "SampleSigned", "WeightBits", "Count"))
    rng = np.random.default_rng(random.getrandbits(32))
    samples = np.arange(1 << bits) - (1 << bits - 1 if signed else 0)
    weights = np.arange(1 << weight_bits) - (1 << weight_bits - 1)
    sample, own = (grid.ravel() for grid in np.meshgrid(samples, weights))
    ends = np.array([weights[0], -1, 0, 1, weights[-1]])
    other = np.where(rng.random(own.size) < 0.5, rng.choice(ends, own.size),
                     rng.choice(weights, own.size))
    place = rng.integers(0, count, own.size)  # of the own weight
    pairs = np.stack([np.where(place == at, own, other) for at in range(count)], 1)
    want = pairs * sample[:, None]
    mask, wide = (1 << weight_bits) - 1, bits + weight_bits
    Clock(dut.clk_i, 10, "ns").start()
    got = []
    for at in range(own.size + LATENCY + 1):
        await RisingEdge(dut.clk_i)
        if at > LATENCY:
            got.append(int(dut.products_o.value))
        now = min(at, own.size - 1)
        dut.sample_i.value = int(sample[now]) & ((1 << bits) - 1)
        dut.weights_i.value = sum(
            (int(weight) & mask) << weight_bits * n for n, weight in enumerate(pairs[now]))
    told = [sum((int(value) & ((1 << wide) - 1)) << wide * n for n, value in enumerate(row))
            for row in want]
    wrong = [at for at, pair in enumerate(zip(got, told, strict=True)) if pair[0] != pair[1]]
    assert not wrong, f"{len(wrong)} wrong, first {sample[wrong[0]]} x {pairs[wrong[0]]}"
