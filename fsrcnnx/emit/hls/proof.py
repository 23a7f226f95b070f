"""What an HLS project carries for its reader: README, licence, and test vectors that prove it.

May import the integer network, the vectors of a core and the ground. The text is hls/EMITTED.md.

    write(folder, network, manifest)
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from fsrcnnx.emit.hls.layers import source_dir
from fsrcnnx.emit.vectors import Vectors, vectors
from fsrcnnx.exact.network import Network

MOST_PIXELS = 1 << 16  # of a frame: the golden model takes some seconds, the files a megabyte
CHECK = """`test/` holds a frame (`lr.txt`) and the expected output (`want.txt`, {distinct}
different values), raw numbers one a line. Folder and compiler run anywhere:

    D=path/of/this/folder
    g++ -std=c++17 -O1 -w -I"$D/firmware/ap_types" -I"$D" \\
      "-DWEIGHTS_DIR=\\"$D/firmware/weights\\"" \\
      "$D/{top}_test.cpp" "$D/firmware/{top}.cpp" -o check
    mkdir -p data && cp "$D/test/lr.txt" "$D/test/want.txt" data && ./check data

It prints how many values differ and the first of them; the exit code is 0 if none does."""
TOO_LARGE = """This frame is too large to carry test vectors. `fsrcnnx verify MODEL --rungs
golden,hls` checks the same layers, and a project with `--width` and `--height` up to {side} carries
vectors and says how to run them."""


def _text(raw: np.ndarray) -> str:
    """Raw numbers, one a line."""
    return "".join(f"{value}\n" for value in raw.reshape(-1).tolist())


def write(folder: Path, network: Network, manifest: dict) -> None:
    """Write README.md, LICENSE and, for a small frame, test/lr.txt and test/want.txt.

    Args:
        folder: The project.
        network: The network.
        manifest: The project's.
    """
    width, height, scale = manifest["width"], manifest["height"], manifest["scale"]
    check = TOO_LARGE.format(side=int(MOST_PIXELS**0.5))
    if width * height <= MOST_PIXELS:
        found: Vectors = vectors(network, width, height, largest=None)
        (folder / "test").mkdir()
        (folder / "test" / "lr.txt").write_text(_text(found.lr), encoding="utf-8")
        (folder / "test" / "want.txt").write_text(_text(found.hr), encoding="utf-8")
        check = CHECK.format(distinct=found.distinct, top=manifest["top"])
    factors = sorted({layer["reuse"] for layer in manifest["layers"] if "reuse" in layer})
    text = (source_dir() / "EMITTED.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(text.format(
        **{key: value for key, value in manifest.items() if key not in ("layers", "fifo_depths")},
        check=check, hr_width=scale * width, hr_height=scale * height, hr_pixels=scale**2,
        reuse=f", a multiplier used {' or '.join(map(str, factors))} times" if factors else "",
        layers=", ".join(f"`{layer['name']}`" for layer in manifest["layers"]),
        depths=", ".join(f"`{name}` {depth}" for name, depth in manifest["fifo_depths"].items())),
        encoding="utf-8")
    shutil.copyfile(source_dir() / "LICENSE", folder / "LICENSE")
