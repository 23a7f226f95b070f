# SPDX-License-Identifier: Apache-2.0
"""Emit a core that mutants of RTL must be lint clean in: each module is in one of three.

    python -m scripts.mutation.cores FOLDER folded
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from fsrcnnx.emit.rtl.folder import emit
from sim.soak import CORES
from tests.networks import random_network
from tests.rtl import test_hls_top


def main(folder: Path, name: str) -> None:
    """Emit a core into a folder of its name.

    Args:
        folder: Where.
        name: Of sim.soak.CORES, or hls for the wrapper.
    """
    if name == "hls":
        (folder / "around").mkdir()
        test_hls_top.standin(folder / "around", *test_hls_top.CASES["3x2"]).rename(folder / name)
    else:
        network, options = CORES[name]
        emit(random_network(np.random.default_rng(1), **network), folder / name, max_width=12,
             max_height=9, **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
