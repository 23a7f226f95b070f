"""What proves an emitted core anywhere: a small picture, and what the network makes of it.

May import numpy and the integer network with its golden model. The picture holds the extremes, an
edge, a ramp and noise over the whole input format; the expected output is the golden model's.

    found = vectors(network, 12, 10)
    print(check_package(found, network))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.emit.literal import literals
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Network

WIDTH, HEIGHT = 12, 10  # small enough for Icarus, larger than most windows


@dataclass(frozen=True, eq=False)
class Vectors:
    """A picture and what comes of it.

    Args:
        lr: int64 (H, W), raw luma within the input format.
        hr: int64 (s*H, s*W), raw luma within the output format.
    """

    lr: np.ndarray
    hr: np.ndarray

    @property
    def distinct(self) -> int:
        """How many different values the output holds: a constant output would prove nothing."""
        return int(np.unique(self.hr).size)


def picture(fmt: Format, width: int, height: int) -> np.ndarray:
    """Draw a picture that reaches the whole range of a format.

    Args:
        fmt: The input format.
        width: Pixels.
        height: Pixels.

    Returns:
        int64 (height, width): a ramp from the lowest to the highest value with noise on it, an
        edge, and the two extremes side by side.
    """
    rng, span = np.random.default_rng(1), fmt.hi - fmt.lo
    ramp = np.linspace(fmt.lo, fmt.hi, width * height).reshape(height, width)
    drawn = ramp + rng.normal(0, span / 8, (height, width))
    drawn[height // 2:, width // 2:] = fmt.hi - drawn[height // 2:, width // 2:] + fmt.lo
    drawn = np.clip(np.rint(drawn), fmt.lo, fmt.hi).astype(np.int64)
    flat = drawn.reshape(-1)
    flat[flat.size // 3:flat.size // 3 + 2] = (fmt.lo, fmt.hi)[:flat.size - flat.size // 3]
    return drawn


def vectors(network: Network, max_width: int, max_height: int,
            largest: tuple[int, int] | None = (WIDTH, HEIGHT)) -> Vectors:
    """Make the test vectors of a core.

    Args:
        network: A checked network.
        max_width: Widest frame that the core takes.
        max_height: Highest.
        largest: Width and height of the picture where that is smaller; None: the widest frame.

    Returns:
        The picture and the golden model's output.
    """
    width, height = largest or (max_width, max_height)
    lr = picture(network.in_format, min(width, max_width), min(height, max_height))
    return Vectors(lr, golden.run(network, lr))


def _lines(raw: np.ndarray, fmt: Format) -> str:
    """A picture as one hex number a line, the last line first, each with its first pixel low."""
    mask, bits = (1 << fmt.width) - 1, raw.shape[1] * fmt.width
    numbers = (sum((pixel & mask) << (fmt.width * x) for x, pixel in enumerate(line))
               for line in raw[::-1].tolist())
    return ",\n".join(f"    {part}" for number in numbers
                      for part in literals(f"{number:0{-(-bits // 4)}x}", bits))


def check_package(found: Vectors, network: Network) -> str:
    """Write fsrcnnx_check_pkg.sv, which the check bench reads.

    Args:
        found: The test vectors.
        network: The network.

    Returns:
        The file's text: two pictures as constants, the first pixel in the low bits.
    """
    height, width = found.lr.shape
    text = ("// SPDX-License-Identifier: Apache-2.0\n"
            f"// Test vectors of the core, made by fsrcnnx {__version__}; do not edit.\n"
            "// The last line of a picture comes first, each line with its first pixel last.\n\n"
            "package fsrcnnx_check_pkg;\n\n"
            "  // first 8 digits of the network's content hash\n"
            f"  localparam bit [31:0] MODEL_ID = 32'h{network.content_hash()[:8]};\n\n"
            f"  localparam int WIDTH = {width};\n  localparam int HEIGHT = {height};\n")
    for name, raw, fmt in (("LR", found.lr, network.in_format), ("HR", found.hr,
                                                                 network.out_format)):
        text += (f"\n  localparam bit [{raw.size * fmt.width}-1:0] {name} = {{\n"
                 f"{_lines(raw, fmt)}\n  }};\n")
    return text + "\nendpackage\n"


def pgm(raw: np.ndarray, fmt: Format) -> bytes:
    """Write a picture as a PGM file, for people and for other test benches.

    Args:
        raw: int64 (H, W), raw luma within the format.
        fmt: The format; negative values are written as their two's complement.

    Returns:
        The file: one byte a pixel up to 8 bits, else two, the high one first.
    """
    mask = (1 << fmt.width) - 1
    height, width = raw.shape
    kind = ">u2" if fmt.width > 8 else "u1"
    return f"P5\n{width} {height}\n{mask}\n".encode() + (raw & mask).astype(kind).tobytes()
