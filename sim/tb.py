# SPDX-License-Identifier: Apache-2.0
"""What every bench needs: clock and reset, a stream source, a stream sink, and gap patterns.

May import cocotb. One coroutine per stream side samples at the rising edge, as the flip-flops do,
and drives for the next one. The sink asserts that payload and valid hold while it stalls.

    tb = TB(dut); await tb.reset(); tb.source.send({"data": 3}); await tb.drain(1)
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import deque
from collections.abc import Callable, Iterator

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

LONG = 400  # clocks of the one long stall


def config() -> dict:
    """Parameters of the module and whatever else the launching test passed."""
    return json.loads(os.environ["FSRCNNX_BENCH"])


# Patterns yield, clock by clock, whether to pause.
def none() -> Iterator[bool]:
    """Never."""
    return itertools.repeat(False)


def regular() -> Iterator[bool]:
    """Two clocks of three."""
    return itertools.cycle((True, False, True))


def randomly() -> Iterator[bool]:
    """Half of the time."""
    while True:
        yield random.random() < 0.5


def bursts() -> Iterator[bool]:
    """Runs of random length, on and off."""
    while True:
        for pause in (False, True):
            yield from itertools.repeat(pause, random.randint(1, 20))


def one_long() -> Iterator[bool]:
    """A free run, then one long pause, then free again."""
    return itertools.chain(itertools.repeat(False, random.randint(10, 60)),
                           itertools.repeat(True, LONG), itertools.repeat(False))


PATTERNS: dict[str, Callable[[], Iterator[bool]]] = {
    "none": none, "regular": regular, "randomly": randomly, "bursts": bursts, "one_long": one_long}
# of the source and of the sink
PAIRS = [("none", "none"), ("none", "randomly"), ("randomly", "none"), ("regular", "regular"),
         ("bursts", "bursts"), ("randomly", "one_long"), ("one_long", "randomly")]


class Source:
    """Drives a valid/ready stream with queued beats, one dict of port name to value each."""

    def __init__(self, clk, reset, valid, ready, fields: dict[str, object]):
        self.clk, self.reset, self.valid, self.ready, self.fields = clk, reset, valid, ready, fields
        self.queue: deque[dict[str, int]] = deque()
        self.pause = none()
        self.sent = 0
        valid.value = 0
        for handle in fields.values():
            handle.value = 0
        cocotb.start_soon(self._run())

    def send(self, *beats: dict[str, int]) -> None:
        """Queue beats."""
        self.queue.extend(beats)

    async def _run(self) -> None:
        driving = False
        while True:
            await RisingEdge(self.clk)
            if self.reset.value == 0:
                driving = False
                self.valid.value = 0
                continue
            if driving and self.ready.value == 1:
                driving = False
                self.sent += 1
            if not driving:
                if self.queue and not next(self.pause):
                    driving = True
                    for name, value in self.queue.popleft().items():
                        self.fields[name].value = value
                else:  # what is not valid must not matter
                    for handle in self.fields.values():
                        handle.value = random.getrandbits(len(handle))
                self.valid.value = int(driving)


class Sink:
    """Takes a valid/ready stream into a list and checks that a stalled beat does not change."""

    def __init__(self, clk, reset, valid, ready, fields: dict[str, object]):
        self.clk, self.reset, self.valid, self.ready, self.fields = clk, reset, valid, ready, fields
        self.beats: list[dict[str, int]] = []
        self.pause = none()
        self.stalled = 0
        ready.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        taking, held = False, None
        while True:
            await RisingEdge(self.clk)
            if self.reset.value == 0:
                held = None
            elif self.valid.value == 1:
                beat = {name: int(handle.value) for name, handle in self.fields.items()}
                assert held is None or beat == held, f"a stalled beat changed: {held} -> {beat}"
                held = None if taking else beat
                self.stalled += not taking
                if taking:
                    self.beats.append(beat)
            else:
                assert self.valid.value == 0, "valid is undefined"
                assert held is None, f"valid fell before ready: {held} is lost"
            taking = not next(self.pause)
            self.ready.value = int(taking)


class TB:
    """Clock, reset, one source and one sink on a module of the core.

    Args:
        dut: The module under test.
        inputs: Port names of the source's payload.
        outputs: Port names of the sink's payload.
        prefix: Port name patterns of valid and ready, source and sink.
        clk: Name of the clock.
        reset: Name of the reset, active low.
    """

    def __init__(self, dut, inputs, outputs,
                 prefix=("in_valid_i", "in_ready_o", "out_valid_o", "out_ready_i"),
                 clk="clk_i", reset="rst_ni"):
        self.dut, self.clk, self.rst = dut, getattr(dut, clk), getattr(dut, reset)
        port = {name: getattr(dut, name) for name in (*inputs, *outputs, *prefix)}
        self.rst.value = 0
        Clock(self.clk, 10, "ns").start()
        self.source = Source(self.clk, self.rst, port[prefix[0]], port[prefix[1]],
                             {name: port[name] for name in inputs})
        self.sink = Sink(self.clk, self.rst, port[prefix[2]], port[prefix[3]],
                         {name: port[name] for name in outputs})

    async def reset(self, idle: str = "none", stall: str = "none") -> None:
        """Reset, then pause as the patterns say."""
        self.rst.value = 0
        for _ in range(4):
            await RisingEdge(self.clk)
        self.source.pause, self.sink.pause = PATTERNS[idle](), PATTERNS[stall]()
        self.rst.value = 1

    async def clocks(self, count: int) -> None:
        """Wait."""
        for _ in range(count):
            await RisingEdge(self.clk)

    async def drain(self, count: int, limit: int = 5_000, quiet: int = 60) -> list[dict]:
        """Wait for `count` beats, then see that no more come.

        Args:
            count: Beats that must come.
            limit: Clocks without a beat that mean a hang.
            quiet: Clocks to wait for surplus beats, with the sink ready.

        Returns:
            The beats; the sink is empty again.
        """
        waited, seen = 0, len(self.sink.beats)
        while len(self.sink.beats) < count:
            await RisingEdge(self.clk)
            waited = 0 if len(self.sink.beats) > seen else waited + 1
            seen = len(self.sink.beats)
            assert waited < limit, (f"hangs: {seen} of {count} beats out, {self.source.sent} in, "
                                    f"{len(self.source.queue)} to go")
        self.sink.pause = none()
        await self.clocks(quiet)
        beats, self.sink.beats = self.sink.beats, []
        assert len(beats) == count, f"{len(beats) - count} surplus beats"
        assert not self.source.queue, f"{len(self.source.queue)} beats were never taken"
        return beats
