"""The table of engines: what upscale, demo, test, results, verify and bench run, an entry each.

May import the engines, and nothing heavy: the command line reads its choices here.

    ENGINE["emulate"].what; offered()      # ('float', 'golden', 'emulate', 'onnx', ...)
"""

from __future__ import annotations

from fsrcnnx.errors import InputError
from fsrcnnx.prove.engines import hardware, software
from fsrcnnx.prove.engines.engine import Engine

SIMULATE = "compile, run {simulator}"

ENGINE = {engine.name: engine for engine in (
    Engine("float", "float ONNX in onnxruntime", software.floats, exact=False, per_channel=18),
    Engine("golden", "integer model in numpy", software.golden, per_channel=64),
    Engine("emulate", "integer model on tensor kernels, in tiles", software.emulate),
    Engine("onnx", "stock ONNX in onnxruntime", software.onnx, per_channel=18),
    Engine("hls", "hls4ml project in g++", hardware.hls, busy="compile and run C++"),
    Engine("rtl", "emitted core in a simulator", hardware.rtl, busy=SIMULATE),
    Engine("bicubic", "without a network", software.bicubic, network=False, exact=False),
    Engine("c", "generated C99, compiled", software.c, offered=False),
    Engine("qat", "torch module of quantisation-aware training", software.qat, offered=False),
    Engine("qonnx", "model.onnx in qonnx", software.qonnx, offered=False),
    Engine("hls4ml", "hls4ml's g++ emulation", hardware.hls4ml, offered=False),
)}


def offered() -> tuple[str, ...]:
    """Names of the engines that the commands that upscale pictures offer, in their order."""
    return tuple(engine.name for engine in ENGINE.values() if engine.offered)


def quick() -> tuple[str, ...]:
    """Names of those among them that run a network and need no minutes to begin."""
    return tuple(name for name in offered() if ENGINE[name].network and not ENGINE[name].busy)


def taking(option: str) -> tuple[str, ...]:
    """Names of the offered engines that look at an option.

    Args:
        option: Its name.

    Returns:
        The names, in order.
    """
    return tuple(name for name in offered() if option in ENGINE[name].takes)


def find(name: str) -> Engine:
    """Look an engine up among those that are offered.

    Args:
        name: Its name.

    Returns:
        The engine.

    Raises:
        InputError: If there is none, listing the names.
    """
    if name not in offered():
        raise InputError(f"unknown engine {name!r}", where="engine", allowed=", ".join(offered()))
    return ENGINE[name]
