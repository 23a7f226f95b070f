# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_axis_guard: whole frames out of anything, every fault counted once."""

from __future__ import annotations

import random

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from sim.tb import PAIRS, TB, config
from sim.video import FAULTS, fuzz, repaired, video

INPUTS = ["in_data_i", "in_sof_i", "in_eol_i", "frame_width_i", "frame_height_i"]
OUTPUTS = ["out_data_o", "out_width_o", "out_height_o", "out_new_o"]


class GuardTB(TB):
    """Counts error pulses as well."""

    def __init__(self, dut):
        super().__init__(dut, INPUTS, OUTPUTS)
        self.errors = 0
        self.size = (0, 0)  # of the last frame
        cocotb.start_soon(self._count())

    async def _count(self):
        while True:
            await RisingEdge(self.clk)
            self.errors += self.rst.value == 1 and self.dut.error_o.value == 1


async def check(tb: GuardTB, sent: list) -> None:
    """Send beats, and hold frames and errors against the Python twin."""
    frames, errors = repaired(sent, config()["MaxWidth"], config()["MaxHeight"])
    tb.errors = 0
    tb.source.send(*({"in_data_i": b.data, "in_sof_i": b.sof, "in_eol_i": b.eol,
                      "frame_width_i": b.width, "frame_height_i": b.height} for b in sent))
    got = await tb.drain(sum(frame.size for frame in frames))
    want = []
    for f in frames:
        want += [{"out_data_o": int(v), "out_width_o": f.shape[1], "out_height_o": f.shape[0],
                  "out_new_o": int(at == 0 and f.shape != tb.size)}
                 for at, v in enumerate(f.ravel())]
        tb.size = f.shape
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, f"beat {wrong[0]}: want {want[wrong[0]]}, got {got[wrong[0]]}"
    assert tb.errors == errors, f"{tb.errors} errors counted, {errors} made"


def random_frame(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(random.getrandbits(32))
    return rng.integers(1, 256, (height, width), dtype=np.int64)


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def good_frames_pass_untouched(dut, pattern):
    tb = GuardTB(dut)
    await tb.reset(*pattern)
    shapes = [(1, 1), (3, 5), (1, 1), (1, config()["MaxWidth"]), (config()["MaxHeight"], 1),
              (2, 2), (5, 7)]
    sent = [beat for shape in shapes for beat in video(random_frame(*shape))]
    frames, errors = repaired(sent, config()["MaxWidth"], config()["MaxHeight"])
    assert errors == 0 and [frame.shape for frame in frames] == shapes
    await check(tb, sent)


@cocotb.test()
@cocotb.parametrize(fault=list(FAULTS), pattern=[PAIRS[0], ("randomly", "randomly")])
async def each_fault_is_counted_and_the_next_frame_exact(dut, fault, pattern):
    tb = GuardTB(dut)
    await tb.reset(*pattern)
    for shape in ((3, 4), (2, 2), (4, 3)):
        last = random_frame(3, 5)
        sent = [*FAULTS[fault](video(random_frame(*shape))), *video(last)]
        frames, errors = repaired(sent, config()["MaxWidth"], config()["MaxHeight"])
        assert errors >= 1, "the fault is none"
        np.testing.assert_array_equal(frames[-1], last)
        await check(tb, sent)


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def random_rubbish(dut, pattern):
    tb = GuardTB(dut)
    await tb.reset(*pattern)
    sent, last = [], random_frame(2, 3)
    for _ in range(40):
        frame = random_frame(random.randint(1, 5), random.randint(1, 6))
        sent += fuzz(video(frame), config()["MaxWidth"])
    await check(tb, [*sent, *video(last)])
