# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_window: the window around every pixel, against numpy's padding."""

from __future__ import annotations

import random

import cocotb
import numpy as np

from sim.frames import beats, frames
from sim.tb import TB, config

PAIRS = [("none", "none"), ("none", "randomly"), ("randomly", "none"), ("regular", "regular"),
         ("bursts", "bursts"), ("randomly", "one_long"), ("one_long", "randomly")]


def bench(dut) -> TB:
    return TB(dut, ["in_data_i", "in_width_i", "in_height_i"],
              ["out_data_o", "out_width_o", "out_height_o"])


def windows(frame: np.ndarray) -> list[int]:
    """All windows as the port gives them: tap (r, c) at bit (r*Side + c)*PixelBits, then carry."""
    side, before, bits = (config()[key] for key in ("Side", "Before", "PixelBits"))
    padded = np.pad(frame & ((1 << bits) - 1), ((before, side - 1 - before),) * 2)
    views = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    return [sum(int(tap) << (bits * at) for at, tap in enumerate((*window.ravel(), carry)))
            for window, carry in zip(views.reshape(-1, side, side), frame.ravel() >> bits,
                                     strict=True)]


def sendable(seed: int) -> list[np.ndarray]:
    """Frames of pixels with their carried bits above."""
    return frames(np.random.default_rng(seed), config()["MaxWidth"],
                  config()["PixelBits"] + config().get("CarryBits", 0))


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def frames_back_to_back(dut, pattern):
    tb = bench(dut)
    await tb.reset(*pattern)
    sent = sendable(random.getrandbits(32))
    for frame in sent:
        tb.source.send(*beats(frame))
    got = await tb.drain(sum(frame.size for frame in sent))
    at = 0
    for index, frame in enumerate(sent):
        part, at = got[at : at + frame.size], at + frame.size
        for pixel, (beat, want) in enumerate(zip(part, windows(frame), strict=True)):
            where = f"frame {index} {frame.shape} y {pixel // frame.shape[1]}"
            assert beat["out_data_o"] == want, f"{where} x {pixel % frame.shape[1]}"
            assert (beat["out_height_o"], beat["out_width_o"]) == frame.shape, where
    assert len({beat["out_data_o"] for beat in got}) > len(got) // 2
    assert pattern[1] == "none" or tb.sink.stalled > 0


@cocotb.test()
async def a_frame_alone_comes_out_whole(dut):
    tb = bench(dut)
    await tb.reset()
    for frame in sendable(random.getrandbits(32)):
        tb.source.send(*beats(frame))
        got = await tb.drain(frame.size)  # nothing follows that could push it out
        assert [beat["out_data_o"] for beat in got] == windows(frame)


@cocotb.test()
async def a_frame_loses_at_most_its_lines_below(dut):
    tb = bench(dut)
    await tb.reset()
    frame = np.random.default_rng(1).integers(0, 256, (6, config()["MaxWidth"]), dtype=np.int64)
    after = config()["Side"] - 1 - config()["Before"]
    for _ in range(3):
        tb.source.send(*beats(frame))
    await tb.clocks(3 * (frame.shape[0] + after) * frame.shape[1] + 8)
    assert len(tb.sink.beats) >= 3 * frame.size - after


@cocotb.test()
async def reset_in_the_middle_forgets_the_frame(dut):
    tb = bench(dut)
    await tb.reset()
    rng = np.random.default_rng(random.getrandbits(32))
    frame = rng.integers(0, 256, (5, 7), dtype=np.int64)
    tb.source.send(*beats(frame)[:20])
    await tb.clocks(30)
    await tb.reset()
    tb.sink.beats.clear()
    tb.source.send(*beats(frame))
    got = await tb.drain(frame.size)
    assert [beat["out_data_o"] for beat in got] == windows(frame)
