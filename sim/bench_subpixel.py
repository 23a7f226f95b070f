# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_subpixel: phases to raster lines, against numpy's transpose."""

from __future__ import annotations

import random

import cocotb
import numpy as np

from sim.bench_window import PAIRS
from sim.frames import beats, frames
from sim.tb import TB, config


def bench(dut) -> TB:
    return TB(dut, ["in_data_i", "in_width_i", "in_height_i"],
              ["out_data_o", "out_sof_o", "out_eol_o"])


def raster(frame: np.ndarray, scale: int, bits: int) -> np.ndarray:
    """Phases (H, W), phase py*scale + px from the low bits on, to pixels (scale*H, scale*W)."""
    height, width = frame.shape
    phases = (frame[:, :, None] >> (bits * np.arange(scale * scale))) & ((1 << bits) - 1)
    return phases.reshape(height, width, scale, scale).transpose(0, 2, 1, 3).reshape(
        height * scale, width * scale)


def expected(pixels: np.ndarray, per_beat: int, bits: int) -> list[dict[str, int]]:
    """The beats of a raster: leftmost pixel in the low bits, start of frame, end of line."""
    height, width = pixels.shape
    words = pixels.reshape(height, width // per_beat, per_beat).astype(object)
    return [{"out_data_o": sum(int(v) << (bits * i) for i, v in enumerate(words[y, x])),
             "out_sof_o": int(x == y == 0), "out_eol_o": int(x == words.shape[1] - 1)}
            for y in range(height) for x in range(words.shape[1])]


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def frames_back_to_back(dut, pattern):
    scale, bits, per_beat, width = (
        config()[key] for key in ("Scale", "PixelBits", "PixelsPerBeat", "MaxWidth"))
    tb = bench(dut)
    await tb.reset(*pattern)
    rng = np.random.default_rng(random.getrandbits(32))
    want = []
    for frame in frames(rng, width, scale * scale * bits):
        tb.source.send(*beats(frame))
        want += expected(raster(frame, scale, bits), per_beat, bits)
    got = await tb.drain(len(want))
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, f"beat {wrong[0]}: want {want[wrong[0]]}, got {got[wrong[0]]}"
    assert len({beat["out_data_o"] for beat in got}) > 5


@cocotb.test()
async def no_gap_at_full_rate(dut):
    scale, per_beat, width = (config()[key] for key in ("Scale", "PixelsPerBeat", "MaxWidth"))
    tb = bench(dut)
    await tb.reset()
    frame = np.random.default_rng(2).integers(0, 1 << 16, (4, width), dtype=np.int64)
    tb.source.send(*beats(frame), *beats(frame))
    count = 2 * frame.size * scale * scale // per_beat
    await tb.clocks(count + 16)
    assert len(tb.sink.beats) == count
