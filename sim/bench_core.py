# SPDX-License-Identifier: Apache-2.0
"""Bench of fsrcnnx_core, and so of fsrcnnx_layer and fsrcnnx_mac_lane, on tiny networks.

Output phases, LR pixel by LR pixel, against the golden model.
"""

from __future__ import annotations

import random
from pathlib import Path

import cocotb
import numpy as np

from fsrcnnx.exact import golden
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io as onnx_io
from sim.bench_window import PAIRS
from sim.frames import beats, frames
from sim.tb import TB, config
from tests.networks import random_network

MAX_WIDTH = 12


def only() -> tuple[int, int] | None:
    """Size (H, W) of every frame, if the module under test knows only one."""
    return tuple(config()["frame"]) if "frame" in config() else None


def network() -> Network:
    """The network that was emitted."""
    if "model" in config():
        return onnx_io.load(Path(config()["model"]))
    options = {key: tuple(value) if isinstance(value, list) else value
               for key, value in config()["network"].items()}
    return random_network(np.random.default_rng(config()["seed"]), **options)


def lr_frames() -> list[np.ndarray]:
    """Frames to send; Icarus gets the small ones only."""
    rng = np.random.default_rng(random.getrandbits(32))
    if only():
        return [*rng.integers(0, 256, (3, *only())), np.zeros(only(), int), np.full(only(), 255)]
    made = frames(rng, MAX_WIDTH, 8)
    return made if config()["simulator"] == "verilator" else [f for f in made if f.size <= 36]


def phases(hr: np.ndarray, scale: int, bits: int) -> list[int]:
    """HR pixels (s*H, s*W) as one word per LR pixel, phase py*scale + px from the low bits on."""
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    parts = hr.reshape(height, scale, width, scale).transpose(0, 2, 1, 3)
    return [sum(int(v) << (bits * at) for at, v in enumerate(part))
            for part in parts.reshape(height * width, -1)]


@cocotb.test()
@cocotb.parametrize(pattern=PAIRS)
async def frames_back_to_back(dut, pattern):
    tb = TB(dut, ["in_data_i", "in_width_i", "in_height_i"],
            ["out_data_o", "out_width_o", "out_height_o"])
    await tb.reset(*pattern)
    net, want = network(), []
    for frame in lr_frames():
        tb.source.send(*beats(frame))
        words = phases(golden.run(net, frame), net.scale, net.out_format.width)
        want += [{"out_data_o": word, "out_width_o": frame.shape[1],
                  "out_height_o": frame.shape[0]} for word in words]
    got = await tb.drain(len(want), quiet=400)
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    assert not wrong, f"{len(wrong)} wrong, beat {wrong[0]}: {want[wrong[0]]}, got {got[wrong[0]]}"
    assert len({beat["out_data_o"] for beat in got}) > 20
