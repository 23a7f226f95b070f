"""One door to every way of upscaling: bicubic, float, golden, emulated, ONNX, HLS and RTL.

May import everything below the command line; heavy packages only when an engine needs them.

    model = Model.open("fsrcnn-x_x2")
    hr = upscale_luma("golden", model, [lr])[0]    # uint8 (H, W) -> uint8 (s*H, s*W)

Planes of more than 8 bits, as videos have, come and go as uint16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.files import scratch
from fsrcnnx.media.imaging import Picture, bicubic

if TYPE_CHECKING:
    from fsrcnnx.exact.emulate import Emulator
    from fsrcnnx.exact.network import Network
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.simulation.simulate import Result

ENGINES = ("float", "golden", "emulate", "onnx", "hls", "rtl", "bicubic")
# bytes: what the widest map of an engine that holds a whole frame takes, per channel and pixel of
# it; and what resampling takes
PER_CHANNEL = {"golden": 64, "float": 18, "onnx": 18}
PER_HR_PIXEL = 30


def _onnx(model: Model, lrs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Unmodified onnxruntime on model_uint8.onnx, made from the QONNX file if it stands alone."""
    from fsrcnnx.exact.onnx import io as onnx_io

    if beside := model.beside("model_uint8.onnx"):
        return [onnx_io.run_uint8(beside, lr) for lr in lrs]
    with scratch() as folder:
        path = Path(folder) / "model_uint8.onnx"
        onnx_io.save_uint8(model.network, path)
        return [onnx_io.run_uint8(path, lr) for lr in lrs]


def _network(model: Model, bits: int) -> Network:
    """The integer network of a model; refuse one whose luma such pixels do not hold."""
    model.check_depth(bits, "luma", "pixels", "take another network")
    return model.network


@lru_cache(maxsize=1)
def emulator(model: Model) -> Emulator:
    """Give a model's emulator; kept, since a video asks for it again and again.

    Args:
        model: The opened model.

    Returns:
        Its emulator.

    Raises:
        As `Emulator`.
    """
    from fsrcnnx.exact.emulate import Emulator

    return Emulator(model.network)


def simulate_rtl(model: Model, lrs: Sequence[np.ndarray], simulator: str = "verilator",
                 max_width: int = 1920, progress: Callable[[float], None] | None = None,
                 bits: int = 8) -> Result:
    """Emit the core of a model and run luma planes through it in a simulator.

    Args:
        model: The opened model.
        lrs: Pixels (H, W) each, what enters the network: enlarged before if it has a prescale.
        simulator: `verilator` or `icarus`.
        max_width: Widest frame that the core is emitted for.
        progress: Called with the fraction done.
        bits: Of a pixel.

    Returns:
        Frames (s*H, s*W) of as many bits, clocks and times.

    Raises:
        InputError: If a frame is too wide.
        ModelError: If the model cannot be used.
        ToolError: If the simulator is missing.
    """
    from fsrcnnx.emit.rtl.folder import emit
    from fsrcnnx.prove.simulation.simulate import simulate

    for lr in lrs:
        if lr.shape[1] > max_width:
            raise InputError(f"a frame {lr.shape[1]} pixels wide", where="engine rtl",
                             allowed=f"up to {max_width}", fix="set --max-width")
    with scratch() as folder:
        emit(_network(model, bits), Path(folder) / "rtl", max_width=max_width)
        return simulate(Path(folder) / "rtl", lrs, simulator, progress=progress)


def _hls(network: Network, lrs: Sequence[np.ndarray],
         progress: Callable[[float], None] | None) -> list[np.ndarray]:
    """The hls4ml project of each frame size, compiled with g++."""
    from fsrcnnx.prove.hls.frames import simulate

    result = simulate(network, lrs, progress)
    if result.fault:
        raise CheckError(result.fault, where="engine hls")
    return list(result.frames)


def upscale_luma(engine: str, model: Model | None, lrs: Sequence[np.ndarray], *, scale: int = 2,
                 simulator: str = "verilator", max_width: int = 1920,
                 progress: Callable[[float], None] | None = None, bits: int = 8
                 ) -> list[np.ndarray]:
    """Upscale luma planes; one engine or another, the network sees the same pixels.

    Args:
        engine: One of ENGINES.
        model: The opened model; None for bicubic.
        lrs: Pixels (H, W) each, uint8, or uint16 of more bits.
        scale: Factor of bicubic; the model's own holds for the others.
        simulator: `verilator` or `icarus`, for rtl.
        max_width: Widest frame that the core is emitted for, for rtl.
        progress: Called with the fraction done, for hls and rtl.
        bits: Of a pixel; the model's must be the same, but for float.

    Returns:
        Pixels (s*H, s*W) each, of as many bits.

    Raises:
        InputError: If the engine is unknown, a frame too wide, or the pixels have another depth
            than the model.
        ModelError: If the model cannot be used.
        ToolError: If the simulator or compiler is missing.
    """
    peak = (1 << bits) - 1
    if engine == "bicubic":
        return [bicubic(lr, scale, peak) for lr in lrs]
    lrs = [bicubic(lr, model.prescale, peak) for lr in lrs]
    return [hr.astype(np.min_scalar_type(peak)) for hr in _network_luma(
        engine, model, lrs, simulator, max_width, progress, bits)]


def _network_luma(engine: str, model: Model, lrs: list[np.ndarray], simulator: str, max_width: int,
                  progress: Callable[[float], None] | None, bits: int) -> list[np.ndarray]:
    """Run enlarged planes through the network; as `upscale_luma`, integers of any type."""
    if engine == "onnx":
        _network(model, bits)
        return _onnx(model, lrs)
    if engine == "rtl":
        return list(simulate_rtl(model, lrs, simulator, max_width, progress, bits).frames)
    from fsrcnnx.exact import golden
    from fsrcnnx.exact.formats import Format, saturate
    from fsrcnnx.exact.onnx import io as onnx_io

    if engine == "hls":
        return _hls(_network(model, bits), lrs, progress)
    if engine == "float":
        path = model.companion("model_float.onnx")
        pixel = Format(False, bits, bits)
        return [saturate(np.rint(onnx_io.run_float(path, lr, pixel, pixel)), pixel) for lr in lrs]
    if engine == "golden":
        network = _network(model, bits)
        return [golden.run(network, lr) for lr in lrs]
    if engine == "emulate":
        _network(model, bits)
        return [emulator(model)(lr) for lr in lrs]
    raise InputError(f"unknown engine {engine!r}", where="engine", allowed=", ".join(ENGINES))


def memory(engine: str, model: Model | None, pixels: int, scale: int) -> int:
    """Estimate the memory that upscaling one picture takes.

    Args:
        engine: One of ENGINES.
        model: The opened model; None for bicubic.
        pixels: Width times height.
        scale: Factor.

    Returns:
        Bytes, as measured on the shipped networks; up to a half more than are taken.
    """
    each = PER_HR_PIXEL * scale**2
    if engine in PER_CHANNEL:
        network = model.network
        widest = max(layer.out_channels for layer in network.layers)
        each += PER_CHANNEL[engine] * widest * network.prescale**2
    return each * pixels


def upscale(engine: str, model: Model | None, pictures: Sequence[Picture], *, scale: int = 2,
            **options) -> list[Picture]:
    """Upscale pictures: luma by the engine, chroma and alpha by bicubic.

    Args:
        engine: One of ENGINES.
        model: The opened model; None for bicubic.
        pictures: Gray or colour.
        scale: Factor; must be the model's.
        options: As `upscale_luma`.

    Returns:
        Pictures of scale times the size, gray or colour as they came.

    Raises:
        InputError, ModelError, ToolError: As `upscale_luma`.
    """
    lumas = upscale_luma(engine, model, [p.luma for p in pictures], scale=scale, **options)
    return [picture.enlarged(luma, scale)
            for luma, picture in zip(lumas, pictures, strict=True)]
