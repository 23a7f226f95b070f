# SPDX-License-Identifier: Apache-2.0
"""The raster between the stages of the stall-free core: made, watched, and taken apart.

May import cocotb and numpy. A step is (line, live, data): it lies in a line or between two, and the
line lies in a frame or between two.

    for step in steps([frame], gap=1, pad=1, drain=4): ...
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from cocotb.triggers import RisingEdge


@dataclass(frozen=True)
class Step:
    """One step of the raster."""

    line: int
    live: int
    data: int


BETWEEN = Step(0, 0, 0)


def line_of(pixels: Sequence[int], live: int, slots: int) -> list[Step]:
    """One line and the slots after it."""
    return [*(Step(1, live, int(pixel)) for pixel in pixels),
            *[BETWEEN] * (slots - len(pixels))]


def steps(frames: Sequence[np.ndarray], gap: int, pad: int, drain: int,
          min_slots: int = 4, idle: int = 0) -> Iterator[Step]:
    """Lay frames out as the sequencer does, drained whenever the size changes.

    Args:
        frames: Integers (H, W).
        gap: Slots between lines, at least.
        pad: Lines of zeros around each frame.
        drain: Lines of zeros that push the last row out.
        min_slots: Slots of the shortest line.
        idle: Most further slots after a line, at random.

    Yields:
        Steps.
    """
    for at, frame in enumerate(frames):
        width = frame.shape[1]
        slots = max(width + gap, min_slots)
        fresh = at == 0 or frames[at - 1].shape != frame.shape
        last = at == len(frames) - 1 or frames[at + 1].shape != frame.shape
        for _ in range(pad if fresh else 0):
            yield from line_of([0] * width, 0, slots)
        for row in frame:
            yield from line_of(row, 1, slots + random.randint(0, idle))
        for _ in range(drain if last else pad):
            yield from line_of([0] * width, 0, slots)
        if last:
            yield from [BETWEEN] * 40


def lines(seen: Sequence[Step]) -> list[tuple[int, list[int], int]]:
    """Take a raster apart: (live, pixels, slots up to the next line) of each line."""
    found: list[tuple[int, list[int], int]] = []
    before = 0
    for step in seen:
        if step.line and not before:
            found.append((step.live, [], 0))
        before = step.line
        if found:
            live, pixels, slots = found[-1]
            if step.line:
                pixels.append(step.data)
                assert step.live == live, "a line is in the frame and then not"
            found[-1] = (live, pixels, slots + 1)
    return found


class Drive:
    """Drives the raster ports of a module, a step every `interval` clocks."""

    def __init__(self, dut, interval: int):
        self.dut, self.interval = dut, interval
        dut.step_i.value = int(interval == 1)
        for port in (dut.line_i, dut.live_i, dut.data_i):
            port.value = 0

    async def send(self, made: Iterator[Step]) -> None:
        """Send steps; between them nothing holds but the line."""
        for step in made:
            for wait in range(self.interval - 1):
                await RisingEdge(self.dut.clk_i)
                if wait == 0:
                    self.dut.step_i.value = 0
            await RisingEdge(self.dut.clk_i)
            self.dut.step_i.value = 1
            self.dut.line_i.value = step.line
            self.dut.live_i.value = step.live
            self.dut.data_i.value = step.data
