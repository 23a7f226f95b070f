# SPDX-License-Identifier: Apache-2.0
"""What the benches of whole cores are about: the network, the frames to send, the raster.

May import the integer side and numpy.

    hr = golden.run(network(), lr_frames()[0])
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from fsrcnnx.emit.rtl.raster import Raster
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io as onnx_io
from sim.frames import frames
from sim.tb import config
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


def raster() -> Raster | None:
    """The raster of the core under test; None of what has none."""
    return Raster(**config()["raster"]) if "raster" in config() else None
