# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_column: windows built of its columns, against numpy's padding."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.frames import frames
from sim.raster import Drive, steps
from sim.tb import config


def windows(frame: np.ndarray) -> list[tuple[int, ...]]:
    """The taps of every pixel's window, row by row, and what is carried with the pixel."""
    side, before, bits = (config()[key] for key in ("Side", "Before", "PixelBits"))
    padded = np.pad(frame & ((1 << bits) - 1), ((before, side - 1 - before),) * 2)
    views = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    return [(*map(int, window.ravel()), int(pixel >> bits)) for window, pixel in
            zip(views.reshape(-1, side, side), frame.ravel(), strict=True)]


@cocotb.test()
@cocotb.parametrize(interval=[1, 3], idle=[0, 5])
async def windows_of_frames_back_to_back(dut, interval, idle):
    side, before, bits, carry = (config().get(key, 0) for key in (
        "Side", "Before", "PixelBits", "CarryBits"))
    after, mask = side - 1 - before, (1 << bits) - 1
    pad = max(before, after)
    rng = np.random.default_rng(random.getrandbits(32))
    sent = frames(rng, config()["MaxWidth"], bits + carry)
    sent += [rng.integers(0, 1 << bits + carry, (3, 4)) for _ in range(3)]  # of one size
    Clock(dut.clk_i, 10, "ns").start()
    drive = Drive(dut, interval)
    dut.rst_ni.value = 0
    for _ in range(4):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    made = steps(sent, max(pad, 1), pad, max(pad, after), idle=idle)
    task = cocotb.start_soon(drive.send(made))
    columns, got = [], []
    while not task.done():
        await RisingEdge(dut.clk_i)
        if dut.step_o.value == 1:
            columns = [*columns, dut.column_o.value][-side:]
            if dut.line_o.value == 1 and dut.live_o.value == 1:
                words = [int(column) for column in columns]
                taps = [word >> row * bits & mask for row in range(side) for word in words]
                got.append((*taps, int(dut.carry_o.value) if carry else 0))
    want = [window for frame in sent for window in windows(frame)]
    assert len(got) == len(want), f"{len(got)} windows of {len(want)}"
    wrong = [at for at, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, f"{len(wrong)} wrong, window {wrong[0]}: {want[wrong[0]]}, {got[wrong[0]]}"
    assert len(set(got)) > len(got) // 2
