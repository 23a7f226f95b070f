"""A C reference as a shared library: emitted, compiled, kept by content, called in this process.

May import numpy, the ground, the integer side, the plan and writers of the reference, and the
folder of builds.

    library = build(network); hr = library.upscale(lr)     # uint8 (H, W) -> uint8 (s*H, s*W)
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import processes, tools
from fsrcnnx.emit.c.folder import sources
from fsrcnnx.emit.c.plan import Plan, make
from fsrcnnx.errors import CheckError, ToolError
from fsrcnnx.exact.network import Network, check_luma
from fsrcnnx.files import scratch
from fsrcnnx.prove.builds.cache import cached, content_key
from fsrcnnx.prove.builds.home import home, keep_log

FLAGS = ("-std=c99", "-O3", "-fPIC", "-shared")
LIBRARY = "library.so"
SIZE, PLACE = ctypes.c_size_t, ctypes.c_void_p


def _compile(folder: Path, source: str, out: Path) -> None:
    """Build the library of a source."""
    done = processes.run([tools.find("cc"), *FLAGS, source, "-o", out / LIBRARY], cwd=folder,
                         env={**os.environ, "TMPDIR": str(out)})
    if done.returncode != 0:
        first = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise ToolError(f"cannot compile the reference: {first}", where="cc",
                        fix=keep_log(done.stdout + done.stderr, f"failed-{out.name}"))


@dataclass(frozen=True, eq=False)
class Library:
    """A compiled C reference.

    Args:
        plan: What it was made of.
        loaded: The library.
        seconds: Time that building it took, 0 if it was there.
    """

    plan: Plan
    loaded: ctypes.CDLL
    seconds: float

    def _call(self, name: str, *arguments) -> None:
        """Call a function that gives a status, 0 where all is well."""
        function = self.loaded[f"{self.plan.prefix}_{name}"]
        function.restype = ctypes.c_int
        if status := function(*arguments):
            raise CheckError(f"{name} gave the error {status}", where="C reference")

    def upscale(self, lr: np.ndarray) -> np.ndarray:
        """Run the network.

        Args:
            lr: Integers (H, W), raw luma within its input format.

        Returns:
            Integers (s*H, s*W) of its output format, raw.

        Raises:
            InputError: If lr is no such picture.
            CheckError: If the function gives an error.
        """
        network = self.plan.network
        lr = np.ascontiguousarray(check_luma(lr, network.in_format), network.in_format.dtype)
        (height, width), scale = lr.shape, network.scale
        hr = np.empty((scale * height, scale * width), network.out_format.dtype)
        work = np.empty(self.plan.work_bytes(width), np.uint8)
        self._call("upscale", PLACE(lr.ctypes.data), SIZE(width), SIZE(height), SIZE(width),
                   PLACE(hr.ctypes.data), SIZE(scale * width), PLACE(work.ctypes.data),
                   SIZE(work.size))
        return hr

    def enlarge(self, lr: np.ndarray) -> np.ndarray:
        """Enlarge a picture to what the network takes.

        Args:
            lr: Integers (H, W), raw luma within its input format.

        Returns:
            Integers (p*H, p*W) of the same format, p the network's prescale; lr itself for 1.

        Raises:
            InputError: If lr is no such picture.
            CheckError: If the function gives an error.
        """
        network = self.plan.network
        lr = np.ascontiguousarray(check_luma(lr, network.in_format), network.in_format.dtype)
        (height, width), times = lr.shape, network.prescale
        if times == 1:
            return lr
        enlarged = np.empty((times * height, times * width), lr.dtype)
        self._call("enlarge", PLACE(lr.ctypes.data), SIZE(width), SIZE(height), SIZE(width),
                   PLACE(enlarged.ctypes.data), SIZE(times * width))
        return enlarged


def build(network: Network) -> Library:
    """Emit a network's reference and compile it, or take it from the cache.

    Args:
        network: A checked integer network.

    Returns:
        The library, loaded.

    Raises:
        Unrepresentable: If the reference cannot hold the network.
        ToolError: If there is no C compiler, or it does not compile it.
    """
    plan, compiler = make(network), tools.locate("cc")
    with scratch() as folder:
        for name, text in sources(plan).items():
            (folder / name).write_text(text, encoding="utf-8")
        key = content_key(folder.iterdir(), folder, str(compiler.path), compiler.version, *FLAGS)
        kept, seconds = cached(home(), f"c-{key}",
                               lambda out: _compile(folder, f"{plan.prefix}.c", out))
    return Library(plan, ctypes.CDLL(str(kept / LIBRARY)), seconds)
