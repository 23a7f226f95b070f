"""Call a compiled HLS project in a process of its own: an assertion in C++ ends the process.

May import numpy and the standard library. Reads and writes .npz files of doubles, which
hold every fixed-point value exactly.

    python -m fsrcnnx.prove.hls.predict fsrcnnx_hls.so frames.npz out.npz
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path

import numpy as np


class _Traced(ctypes.Structure):
    """hls4ml's `trace_data`: a layer's name and its values."""

    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p))


def _call(library: ctypes.CDLL, top: str, lr: np.ndarray, scale: int) -> np.ndarray:
    """Run one frame: float64 (H, W) -> (s*H, s*W)."""
    hr = np.zeros((lr.shape[0] * scale, lr.shape[1] * scale))
    double = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
    function = getattr(library, f"{top}_double")
    function.argtypes, function.restype = [double, double], None
    function(np.ascontiguousarray(lr), hr)
    return hr


def _trace(library: ctypes.CDLL, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Collect what the traced layers gave for the last frame: name -> float64 (values,)."""
    found = (_Traced * len(sizes))()
    library.collect_trace_output(found)
    names = {item.name.decode(): item.data for item in found}
    return {name: np.ctypeslib.as_array(ctypes.cast(names[name], ctypes.POINTER(ctypes.c_double)),
                                        (size,)).copy() for name, size in sizes.items()}


def main(library: str, frames: str, out: str) -> None:
    """Run frames through a library.

    Args:
        library: Shared object of the project and hls4ml's bridge.
        frames: .npz with `lr` (N, H, W), `scale`, `top`, and for a trace `names` and `sizes`.
        out: .npz to write: `hr` (N, s*H, s*W), `seconds` (N,), `trace_<name>` of the last frame.
    """
    loaded, given = ctypes.CDLL(library), np.load(frames)
    names = [str(name) for name in given["names"]]
    if names:
        loaded.allocate_trace_storage.argtypes = [ctypes.c_size_t]
        loaded.allocate_trace_storage(8)
    outputs, seconds = [], []
    for lr in given["lr"]:
        start = time.perf_counter()
        outputs.append(_call(loaded, str(given["top"]), lr, int(given["scale"])))
        seconds.append(time.perf_counter() - start)
    trace = _trace(loaded, dict(zip(names, given["sizes"].tolist(), strict=True))) if names else {}
    np.savez(Path(out), hr=np.stack(outputs), seconds=np.array(seconds),
             **{f"trace_{name}": value for name, value in trace.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
