# SPDX-License-Identifier: Apache-2.0
"""Emit the cores that mutants of RTL must be lint clean in: each module is in one of them.

    python -m scripts.mutation.cores FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from fsrcnnx.emit.rtl.folder import emit
from sim.soak import CORES
from tests.networks import random_network
from tests.rtl import test_hls_top


def main(folder: Path) -> None:
    """Emit the cores into folders named after them.

    Args:
        folder: Where.
    """
    for name in ("anchor", "folded"):
        network, options = CORES[name]
        emit(random_network(np.random.default_rng(1), **network), folder / name, max_width=12,
             max_height=9, **options)
    (folder / "around").mkdir()
    test_hls_top.standin(folder / "around", *test_hls_top.CASES["3x2"]).rename(folder / "hls")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
