# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_top: AXI4-Stream Video in and out, good and bad, and its clocks per frame.

With `frame` in the configuration it is the bench of fsrcnnx_hls_top, which knows one size only and
promises no clocks.

The source that shows the clocks sends as a camera does, at exactly the rate that is promised: it
never bursts, and is never refused.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from fsrcnnx.exact import golden
from sim.bench_subpixel import expected
from sim.cores import MAX_WIDTH, lr_frames, network, only, raster
from sim.tb import PAIRS, TB
from sim.video import FAULTS, Beat, fuzz, repaired, video

S, M = "s_axis_video", "m_axis_video"
FIELDS = [f"{S}_tdata", f"{S}_tuser", f"{S}_tlast", "frame_width_i", "frame_height_i"]


def bench(dut) -> TB:
    outputs = ["tdata", "tkeep", "tuser", "tlast"] if raster() else ["tdata", "tuser", "tlast"]
    return TB(dut, FIELDS, [f"{M}_{name}" for name in outputs],
              (f"{S}_tvalid", f"{S}_tready", f"{M}_tvalid", f"{M}_tready"), "aclk", "aresetn")


def fields(beat: Beat) -> dict[str, int]:
    """A beat by the names of the ports."""
    return dict(zip(FIELDS, (beat.data, beat.sof, beat.eol, beat.width, beat.height), strict=True))


def wanted(frames: list[np.ndarray]) -> list[tuple[int, ...]]:
    """The beats of golden's frames; the HLS top has no pixel that may be missing."""
    net, made = network(), []
    for frame in frames:
        for beat in expected(golden.run(net, frame), raster().beat if raster() else 1,
                             net.out_format.width):
            if not raster():
                del beat["out_keep_o"]
            made.append(tuple(beat.values()))
    return made


async def check(tb: TB, sent: list[Beat], before: int = 0) -> int:
    """Send beats; the output must be golden's of the repaired frames, the errors counted."""
    side = max(only() or [MAX_WIDTH])
    frames, errors = repaired(sent, side, side, only())
    want = wanted(frames)
    tb.source.send(*map(fields, sent))
    got = [tuple(beat.values()) for beat in await tb.drain(len(want), quiet=600)]
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, (f"{len(wrong)} wrong, beat {wrong[0]} (data, keep, sof, eol): want "
                       f"{want[wrong[0]]}, got {got[wrong[0]]}")
    assert int(tb.dut.error_count_o.value) == before + errors
    return len({beat[0] for beat in got})


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def frames_back_to_back(dut, pattern):
    tb = bench(dut)
    await tb.reset(*pattern)
    sent = [beat for frame in lr_frames() for beat in video(frame)]
    assert await check(tb, sent) > 30, "the output hardly varies: a match proves nothing"
    # the one long stall may be over before the first pixel of a few small frames comes
    assert pattern[1] in ("none", "one_long") or tb.sink.stalled > 0


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
    tb.source.send(*map(fields, video(frame)[:9]))
    await tb.clocks(random.randint(20, 80))
    tb.source.queue.clear()
    await tb.reset()
    tb.sink.beats.clear()
    await check(tb, video(frame))


async def starts(dut, seen: list[int]) -> None:
    """Note the clock of every start of frame that goes out."""
    clock = 0
    while True:
        await RisingEdge(dut.aclk)
        clock += 1
        if dut.m_axis_video_tvalid.value == 1 and dut.m_axis_video_tready.value == 1 and \
                dut.m_axis_video_tuser.value == 1:
            seen.append(clock)


@cocotb.test(skip=raster() is None)
@cocotb.parametrize(size=[(1, 1), (3, 2), (6, MAX_WIDTH - 1), (6, MAX_WIDTH)])
async def frames_follow_at_the_promised_clocks(dut, size):
    """As fast as the core takes them."""
    tb, (height, width), seen = bench(dut), size, []
    await tb.reset()
    cocotb.start_soon(starts(dut, seen))
    rng = np.random.default_rng(random.getrandbits(32))
    frames = [rng.integers(0, 256, size) for _ in range(9)]
    tb.source.send(*(fields(beat) for frame in frames for beat in video(frame)))
    got = [tuple(beat.values()) for beat in await tb.drain(len(wanted(frames)), quiet=300)]
    assert got == wanted(frames)
    # the first ones fill what waits before and behind the core
    assert set(np.diff(seen)[5:].tolist()) == {raster().frame_clocks(width, height)}, np.diff(seen)


def camera(height: int, width: int) -> Iterator[bool]:
    """Whether a camera at exactly the promised rate has no pixel, clock by clock."""
    made = raster()
    line = max(made.interval * made.slots(width), made.line_beats(width))
    pixel = [False, *[True] * (line // width - 1)] * width
    blank = made.frame_clocks(width, height) - line * height
    while True:
        yield from ([*pixel, *[True] * (line - len(pixel))] * height + [True] * blank)


@cocotb.test(skip=raster() is None)
@cocotb.parametrize(size=[(3, 2), (6, MAX_WIDTH - 1), (6, MAX_WIDTH)])
async def a_camera_at_the_promised_rate_is_never_refused(dut, size):
    tb, seen, refused = bench(dut), [], []
    await tb.reset()
    tb.source.pause = camera(*size)
    cocotb.start_soon(starts(dut, seen))
    rng = np.random.default_rng(random.getrandbits(32))
    frames = [rng.integers(0, 256, size) for _ in range(5)]
    tb.source.send(*(fields(beat) for frame in frames for beat in video(frame)))

    async def watch() -> None:
        while True:
            await RisingEdge(dut.aclk)
            if dut.s_axis_video_tvalid.value == 1 and dut.s_axis_video_tready.value == 0:
                refused.append(tb.source.sent)  # at first, the core takes the size

    cocotb.start_soon(watch())
    got = [tuple(beat.values()) for beat in await tb.drain(len(wanted(frames)), quiet=300)]
    assert got == wanted(frames)
    late = [pixel for pixel in refused if pixel > size[0] * size[1]]
    assert not late, f"pixels {late[:9]} had to wait"
    assert set(np.diff(seen)[2:].tolist()) == {raster().frame_clocks(size[1], size[0])}
