"""Cores at the edges of the parameters are lint clean too: one product a sum, no slope."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx.emit.rtl import emit
from tests.networks import random_network

LINT = Path(__file__).parents[2] / "scripts" / "lint.py"


@pytest.mark.sim
@pytest.mark.parametrize(("network", "core"), [
    ({"channels": (2,), "kernels": (1, 3)}, {"cycles_per_pixel": 64}),
    ({"channels": (), "kernels": (3,)}, {"cycles_per_pixel": 1, "pixels_per_beat": 2}),
    ({"channels": (), "kernels": (3,), "anchor": True}, {"cycles_per_pixel": 1}),
    ({"channels": (2, 2), "kernels": (9, 1, 5), "scale": 1, "deconv": False, "anchor": True},
     {"cycles_per_pixel": 64}),
    ({"channels": (3, 2), "kernels": (5, 3, 9), "scale": 3, "prelu": False}, {"max_width": 33}),
])
def test_every_tool_takes_the_core_without_a_warning(tmp_path, network, core):
    emit(random_network(np.random.default_rng(1), **network), tmp_path / "rtl", **core)
    done = subprocess.run([sys.executable, str(LINT), str(tmp_path / "rtl")],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
