# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_subpixel: a raster of phases to HR lines, its rate and the room it frees."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.frames import frames
from sim.raster import BETWEEN, Step, line_of
from sim.tb import PATTERNS, Sink, config

FIELDS = ("out_data_o", "out_keep_o", "out_sof_o", "out_eol_o")


def pixels_of(frame: np.ndarray, scale: int, bits: int) -> np.ndarray:
    """Phases (H, W), phase py*scale + px from the low bits on, to pixels (scale*H, scale*W)."""
    height, width = frame.shape
    phases = (frame[:, :, None] >> (bits * np.arange(scale * scale))) & ((1 << bits) - 1)
    return phases.reshape(height, width, scale, scale).transpose(0, 2, 1, 3).reshape(
        height * scale, width * scale)


def expected(pixels: np.ndarray, per_beat: int, bits: int) -> list[dict[str, int]]:
    """The beats of a raster: leftmost pixel low, which there are, start of frame, end of line."""
    height, width = pixels.shape
    made = []
    for y in range(height):
        for x in range(0, width, per_beat):
            part = pixels[y, x : x + per_beat].tolist()
            made.append({"out_data_o": sum(v << (bits * at) for at, v in enumerate(part)),
                         "out_keep_o": (1 << len(part)) - 1, "out_sof_o": int(x == y == 0),
                         "out_eol_o": int(x + per_beat >= width)})
    return made


class Bench:
    """The module, a raster with credits before it and a sink behind it."""

    def __init__(self, dut, stall: str):
        self.dut, self.clock = dut, 0
        Clock(dut.clk_i, 10, "ns").start()
        for port in (dut.rst_ni, dut.step_i, dut.line_i, dut.live_i, dut.data_i):
            port.value = 0
        self.sink = Sink(dut.clk_i, dut.rst_ni, dut.out_valid_o, dut.out_ready_i,
                         {name: getattr(dut, name) for name in FIELDS})
        self.stall = stall
        self.room = config()["Words"] * config()["Scale"]
        self.lines = 0
        cocotb.start_soon(self._count())

    async def _count(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            self.clock += 1
            if self.dut.rst_ni.value == 1:
                self.lines += int(self.dut.line_read_o.value)

    async def reset(self) -> None:
        for _ in range(4):
            await RisingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        self.sink.pause = PATTERNS[self.stall]()

    async def step(self, step: Step, interval: int) -> None:
        """Drive one step, and hold what is not looked at."""
        self.dut.step_i.value, self.dut.line_i.value = 1, step.line
        self.dut.live_i.value, self.dut.data_i.value = step.live, step.data
        await RisingEdge(self.dut.clk_i)
        if interval > 1:
            self.dut.step_i.value = 0
            self.dut.data_i.value = random.getrandbits(len(self.dut.data_i))
            for _ in range(interval - 1):
                await RisingEdge(self.dut.clk_i)

    async def size(self, width: int, height: int) -> None:
        """Set the frame's size, as the sequencer does, some clocks before its first pixel."""
        self.dut.width_i.value, self.dut.height_i.value = width, height
        for _ in range(4):
            await self.step(BETWEEN, 1)

    async def frame(self, frame: np.ndarray, interval: int, gap: int) -> None:
        """Send a frame and a line of zeros, each line when there is room for it."""
        height, width = frame.shape
        await self.size(width, height)
        need, before = width + config()["Scale"] - 1, self.lines
        sent = 0
        for live, row in [*((1, row) for row in frame), (0, [0] * width)]:
            while live and need * (sent + 1 - (self.lines - before)) > self.room:
                await self.step(BETWEEN, interval)
            for step in line_of(row, live, width + gap):
                await self.step(step, interval)
            sent += live
        while self.lines - before < sent:
            await self.step(BETWEEN, interval)


@cocotb.test()
@cocotb.parametrize(stall=["none", "randomly", "bursts", "one_long"], interval=[1, 3])
async def frames_back_to_back(dut, stall, interval):
    scale, bits, beat = (config()[key] for key in ("Scale", "PixelBits", "PixelsPerBeat"))
    bench, want = Bench(dut, stall), []
    await bench.reset()
    rng = np.random.default_rng(random.getrandbits(32))
    sent = frames(rng, config()["MaxWidth"], scale * scale * bits)
    for frame in sent:
        await bench.frame(frame, interval, max(scale - 1, 1))
        want += expected(pixels_of(frame, scale, bits), beat, bits)
    for _ in range(200):
        await RisingEdge(dut.clk_i)
    got = bench.sink.beats
    assert len(got) == len(want)
    wrong = [at for at, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, f"beat {wrong[0]}: want {want[wrong[0]]}, got {got[wrong[0]]}"
    assert bench.lines == sum(len(frame) for frame in sent)
    assert len({beat["out_data_o"] for beat in got}) > 5


@cocotb.test()
async def no_gap_at_full_rate(dut):
    scale, beat, width = (config()[key] for key in ("Scale", "PixelsPerBeat", "MaxWidth"))
    bench = Bench(dut, "none")
    await bench.reset()
    await bench.size(width, 4)
    row, beats = [3] * width, scale * -(-scale * width // beat)
    gap = max(scale - 1, beats - width)
    start = bench.clock
    for _ in range(4):
        for step in line_of(row, 1, width + gap):
            await bench.step(step, 1)
    # the last line's beats may still come, those of the others have
    assert bench.clock - start == 4 * (width + gap)
    while len(bench.sink.beats) < 4 * beats:
        await RisingEdge(dut.clk_i)
        assert bench.clock - start < 5 * (width + gap) + 12, "the output is slower than promised"
