"""An emitted C reference as its user has it: compiled under every warning, and run.

    program(folder, tmp_path); run(program, lr, network)     # int64 (s*H, s*W)
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from fsrcnnx import tools
from fsrcnnx.emit.vectors import pgm
from fsrcnnx.exact.network import Network

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion",
          "-Wshadow", "-Wcast-qual", "-Wundef", "-Wstrict-prototypes", "-Wmissing-prototypes",
          "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")


def compiled(sources: list[Path], out: Path, *flags: str) -> Path:
    """Compile under every warning; any of them is an error."""
    done = subprocess.run([tools.find("cc"), *STRICT, *flags, *sources, "-o", out],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def program(folder: Path, out: Path) -> Path:
    """Compile the example of a folder with sanitizers: it stops at what is undefined."""
    source, = folder.glob("*.c")
    return compiled([source, folder / "test/fsrcnnx_pgm.c"], out, f"-I{folder}", *SANITIZED)


def run(binary: Path, lr: np.ndarray, network: Network) -> np.ndarray:
    """Run a picture through the example: int64 (p*s*H, p*s*W)."""
    given, out = binary.with_suffix(".lr.pgm"), binary.with_suffix(".hr.pgm")
    given.write_bytes(pgm(lr.astype(np.int64), network.in_format))
    done = subprocess.run([binary, given, out], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    kind, size, peak, pixels = out.read_bytes().split(b"\n", 3)
    to, (width, height) = network.out_format, map(int, size.split())
    assert kind == b"P5" and int(peak) == (1 << to.width) - 1
    raw = np.frombuffer(pixels, ">u2" if to.width > 8 else "u1").astype(np.int64)
    return np.where(raw > to.hi, raw - (1 << to.width), raw).reshape(height, width)
