# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_sequencer: the raster it makes, its credits, and its clocks to the last one."""

from __future__ import annotations

import itertools
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from sim.frames import beats, frames
from sim.raster import Step, lines
from sim.tb import PATTERNS, Source, config

BETWEEN_LINES = Step(0, 0, 0)
QUIET = 4000  # clocks without a new line that mean a hang


class Watch:
    """The module with a source before it, and an output behind it that gives room back late.

    Args:
        dut: fsrcnnx_sequencer.
        idle: Name of the source's pattern.
        late: Most clocks from a line's end to its room, at random.
    """

    def __init__(self, dut, idle: str = "none", late: int = 0):
        self.dut, self.late = dut, late
        Clock(dut.clk_i, 10, "ns").start()
        for port in (dut.rst_ni, dut.line_read_i):
            port.value = 0
        fields = {name: getattr(dut, name) for name in (
            "in_data_i", "in_new_i", "in_width_i", "in_height_i")}
        self.source = Source(dut.clk_i, dut.rst_ni, dut.in_valid_i, dut.in_ready_o, fields)
        self.source.pause = PATTERNS[idle]()
        self.seen: list[Step] = []
        self.starts: list[tuple[int, int]] = []  # clock, live of each line
        self.held = self.most = self.clock = 0
        cocotb.start_soon(self._run())

    def send(self, sent: list[np.ndarray]) -> None:
        """Send frames; the first pixel of one of another size than the last one's says so."""
        size = (0, 0)
        for frame in sent:
            self.source.send(*({**beat, "in_new_i": int(at == 0 and frame.shape != size)}
                               for at, beat in enumerate(beats(frame))))
            size = frame.shape

    async def _run(self) -> None:
        dut, before, due, size = self.dut, BETWEEN_LINES, [], (0, 0)
        inside = [0] * config()["After"]  # whether each line in the core is of a frame
        for _ in range(4):
            await RisingEdge(dut.clk_i)
        dut.rst_ni.value = 1
        while True:
            await RisingEdge(dut.clk_i)
            self.clock += 1
            freed = bool(due) and due[0] <= self.clock
            if freed:
                due.pop(0)
                self.held -= size[0] + config()["Spare"]
            dut.line_read_i.value = int(freed)
            if dut.step_o.value != 1:
                continue
            step = Step(*(int(port.value) for port in (dut.line_o, dut.live_o, dut.data_o)))
            step = Step(step.line, step.live and step.line, step.data)
            assert step.line or step.data == 0, "a pixel between lines"
            now = (int(dut.width_o.value), int(dut.height_o.value))
            if step.line and not before.line:
                if now != size:
                    assert self.held == 0, "the size changes while a line is under way"
                size = now
                self.starts.append((self.clock, step.live))
                inside.append(step.live)
                pushed = inside.pop(0)
                if pushed:
                    self.held += now[0] + config()["Spare"]
                    self.most = max(self.most, self.held)
            if before.line and not step.line and pushed:
                due.append(max([self.clock + random.randint(0, self.late), *due[-1:]]))
            before = step
            self.seen.append(step)

    async def finish(self, rows: int) -> None:
        """Wait for so many lines of frames and the lines of zeros behind the last."""
        quiet = 0
        while quiet < 1000:
            await RisingEdge(self.dut.clk_i)
            quiet = quiet + 1 if sum(live for _, live in self.starts) == rows and self.held == 0 \
                else 0
            last = self.starts[-1][0] if self.starts else 0
            assert self.clock < last + QUIET, f"hangs after {len(self.starts)} lines"


def check(seen: list[Step], sent: list[np.ndarray]) -> None:
    """Hold a raster against its frames: every pixel, the zeros between and behind."""
    pad, gap, drain, least = (config()[key] for key in ("Pad", "Gap", "Drain", "MinSlots"))
    found = lines(seen)
    rows = [row.tolist() for frame in sent for row in frame]
    assert [pixels for live, pixels, _ in found if live] == rows
    assert all(slots >= max(len(pixels) + gap, least) for _, pixels, slots in found)
    ends, at = set(np.cumsum([len(frame) for frame in sent]).tolist()), 0
    zeros: list[int] = []  # of each run of lines of zeros: before row `at`
    for live, pixels, _ in [*found, (1, [], 0)]:
        if not live:
            assert not any(pixels)
            zeros.append(len(pixels))
            continue
        if at == len(rows):
            assert zeros == [len(rows[-1])] * drain, "the last row is not pushed out"
        elif at == 0 or at in ends:  # as wide as what comes next, Pad of them
            assert len(zeros) >= pad and set(zeros[-pad:]) == {len(rows[at])}
        else:
            assert not zeros, "zeros inside a frame"
        zeros, at = [], at + 1


@cocotb.test()
@cocotb.parametrize(idle=["none", "randomly", "bursts"], late=[0, 150])
async def frames_of_any_size(dut, idle, late):
    watch = Watch(dut, idle, late)
    rng = np.random.default_rng(random.getrandbits(32))
    sent = frames(rng, config()["MaxWidth"], config()["PixelBits"])
    sent += [rng.integers(1, 256, (2, 3)) for _ in range(4)]
    watch.send(sent)
    await watch.finish(sum(len(frame) for frame in sent))
    check(watch.seen, sent)
    assert watch.most <= config()["Room"], "more is under way than the output holds"
    if late:  # and the room was made use of
        assert watch.most > config()["Room"] - config()["MaxWidth"] - config()["Spare"]


@cocotb.test()
async def a_line_whose_pixels_come_seldom(dut):
    watch = Watch(dut)
    watch.source.pause = itertools.cycle([False, *[True] * 3 * config()["Interval"]])
    rng = np.random.default_rng(random.getrandbits(32))
    sent = [rng.integers(1, 256, (3, config()["MaxWidth"] - 1)) for _ in range(2)]
    watch.send(sent)
    await watch.finish(6)
    check(watch.seen, sent)


@cocotb.test()
@cocotb.parametrize(width=[1, 2, 5, 0])
async def frames_follow_at_the_promised_clocks(dut, width):
    width = width or config()["MaxWidth"]
    interval, pad, gap, least = (config()[k] for k in ("Interval", "Pad", "Gap", "MinSlots"))
    watch = Watch(dut)
    rng = np.random.default_rng(1)
    sent = [rng.integers(0, 256, (5, width)) for _ in range(4)]
    watch.send(sent)
    await watch.finish(20)
    check(watch.seen, sent)
    first = [clock for clock, live in watch.starts if live][::5]
    line = interval * max(width + gap, least)
    assert np.diff(first).tolist() == [line * (5 + pad)] * 3
