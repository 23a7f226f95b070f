# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_top: AXI4-Stream Video in and out, good and bad, against the golden model.

With `frame` in the configuration it is the bench of fsrcnnx_hls_top, which knows one size only.
"""

from __future__ import annotations

import random

import cocotb
import numpy as np

from fsrcnnx.exact import golden
from sim.bench_core import MAX_WIDTH, lr_frames, network, only
from sim.bench_subpixel import expected
from sim.bench_window import PAIRS
from sim.tb import TB, config
from sim.video import FAULTS, Beat, fuzz, repaired, video

S, M = "s_axis_video", "m_axis_video"


def bench(dut) -> TB:
    return TB(dut, [f"{S}_tdata", f"{S}_tuser", f"{S}_tlast", "frame_width_i", "frame_height_i"],
              [f"{M}_tdata", f"{M}_tuser", f"{M}_tlast"],
              (f"{S}_tvalid", f"{S}_tready", f"{M}_tvalid", f"{M}_tready"), "aclk", "aresetn")


async def check(tb: TB, sent: list[Beat], before: int = 0) -> int:
    """Send beats; the output must be golden's of the repaired frames, the errors counted."""
    net, want = network(), []
    side = max(only() or [MAX_WIDTH])
    lrs, errors = repaired(sent, side, side, only())
    for lr in lrs:
        hr = golden.run(net, lr)
        want += [tuple(beat.values()) for beat in
                 expected(hr, config().get("pixels_per_beat", 1), net.out_format.width)]
    tb.source.send(*({f"{S}_tdata": b.data, f"{S}_tuser": b.sof, f"{S}_tlast": b.eol,
                      "frame_width_i": b.width, "frame_height_i": b.height} for b in sent))
    got = [tuple(beat.values()) for beat in await tb.drain(len(want), quiet=600)]
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, (f"{len(wrong)} wrong, beat {wrong[0]} (data, sof, eol): want "
                       f"{want[wrong[0]]}, got {got[wrong[0]]}")
    assert int(tb.dut.error_count_o.value) == before + errors
    return len({beat[0] for beat in got})


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def frames_back_to_back(dut, pattern):
    tb = bench(dut)
    await tb.reset(*pattern)
    sent = [beat for frame in lr_frames() for beat in video(frame)]
    assert await check(tb, sent) > 40, "the output hardly varies: a match proves nothing"
    # the one long stall may be over before the first pixel of a few small frames comes
    assert pattern[1] in ("none", "one_long" if only() else "none") or tb.sink.stalled > 0


@cocotb.test()
async def every_fault_is_counted_and_the_next_frame_exact(dut):
    tb = bench(dut)
    await tb.reset("randomly", "randomly")
    rng, errors = np.random.default_rng(random.getrandbits(32)), 0
    faults = dict(FAULTS)
    if only():
        height, width = only()
        for name, size in (("another size", (height, width + 1)), ("swapped", (width, height))):
            faults[name] = lambda _, size=size: video(rng.integers(0, 256, size))
    for name, fault in faults.items():
        sent = [*fault(video(rng.integers(0, 256, only() or (3, 4)))),
                *video(rng.integers(0, 256, only() or (2, 3)))]
        await check(tb, sent, errors)
        counted = int(dut.error_count_o.value)
        assert counted > errors, f"{name} was not counted"
        errors = counted


@cocotb.test()
async def random_rubbish(dut):
    tb = bench(dut)
    await tb.reset("randomly", "bursts")
    rng, sent = np.random.default_rng(random.getrandbits(32)), []
    for _ in range(15):
        size = only() or (random.randint(1, 3), random.randint(1, 5))
        sent += fuzz(video(rng.integers(0, 256, size)), MAX_WIDTH)
    await check(tb, [*sent, *video(rng.integers(0, 256, only() or (2, 3)))])


@cocotb.test()
async def reset_in_the_middle_of_a_frame(dut):
    tb = bench(dut)
    await tb.reset()
    frame = np.random.default_rng(random.getrandbits(32)).integers(0, 256, only() or (3, 5))
    tb.source.send(*({f"{S}_tdata": b.data, f"{S}_tuser": b.sof, f"{S}_tlast": b.eol,
                      "frame_width_i": b.width, "frame_height_i": b.height}
                     for b in video(frame)[:9]))
    await tb.clocks(random.randint(20, 80))
    tb.source.queue.clear()
    await tb.reset()
    tb.sink.beats.clear()
    await check(tb, video(frame))
