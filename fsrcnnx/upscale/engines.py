"""One door to every way of upscaling: bicubic, float, golden, emulated, ONNX, HLS and RTL.

May import everything below the command line; heavy packages only when an engine needs them.

    model = find_model("fsrcnn-x_x2")
    hr = upscale_luma("golden", model, [lr])[0]    # uint8 (H, W) -> uint8 (s*H, s*W)

Planes of more than 8 bits, as videos have, come and go as uint16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fsrcnnx.errors import CheckError, InputError, ModelError
from fsrcnnx.files import scratch
from fsrcnnx.media.imaging import Picture, bicubic

if TYPE_CHECKING:
    from fsrcnnx.exact.emulate import Emulator
    from fsrcnnx.exact.network import Network
    from fsrcnnx.prove.simulation.simulate import Result

ENGINES = ("float", "golden", "emulate", "onnx", "hls", "rtl", "bicubic")
# bytes: what the widest map of an engine that holds a whole frame takes, per channel and pixel of
# it; and what resampling takes
PER_CHANNEL = {"golden": 64, "float": 18, "onnx": 18}
PER_HR_PIXEL = 30
SHIPPED = Path(__file__).resolve().parents[1] / "models"


def find_model(name: str | Path) -> Path:
    """Find a model's QONNX file.

    Args:
        name: Name of a folder in models/ (here, or of the project), or path of an .onnx file.

    Returns:
        Path of the file.

    Raises:
        ModelError: If there is none, listing the names that exist.
    """
    path = Path(name)
    if path.suffix == ".onnx":
        if path.is_file():
            return path
        raise ModelError("no such file", where=path, allowed="a model name or an .onnx file")
    folders = [Path("models"), SHIPPED]
    for folder in folders:
        if (folder / name / "model.onnx").is_file():
            return folder / name / "model.onnx"
    names = sorted({p.parent.name for folder in folders for p in folder.glob("*/model.onnx")})
    raise ModelError(f"unknown model {str(name)!r}", where="model",
                     allowed=", ".join([*names, "a path of an .onnx file"]),
                     fix="take one of these, or make it with `fsrcnnx export`")


def companion(model: Path, name: str) -> Path:
    """Find a file that `fsrcnnx export` writes beside model.onnx.

    Args:
        model: Path of the QONNX file.
        name: `model_float.onnx` or `model_uint8.onnx`.

    Returns:
        Its path.

    Raises:
        ModelError: If it is not there.
    """
    path = model.with_name(name)
    if model.name != "model.onnx" or not path.is_file():
        raise ModelError(f"{name} is not beside it", where=model,
                         allowed="the folder that `fsrcnnx export` wrote",
                         fix="export the model, or take another engine")
    return path


def _onnx(model: Path, lrs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Unmodified onnxruntime on model_uint8.onnx, made from the QONNX file if it stands alone."""
    from fsrcnnx.exact.onnx import io as onnx_io

    if model.name == "model.onnx" and model.with_name("model_uint8.onnx").is_file():
        return [onnx_io.run_uint8(model.with_name("model_uint8.onnx"), lr) for lr in lrs]
    with scratch() as folder:
        path = Path(folder) / "model_uint8.onnx"
        onnx_io.save_uint8(onnx_io.load(model), path)
        return [onnx_io.run_uint8(path, lr) for lr in lrs]


@lru_cache(maxsize=1)
def _network(model: Path, stamp: int) -> Network:
    """The network of a file as of a time; kept, since a video asks for it again and again."""
    from fsrcnnx.exact.onnx import io as onnx_io

    return onnx_io.load(model)


def pixel_bits(model: Path) -> str:
    """Say what pixels a model takes and gives.

    Args:
        model: Path of the QONNX file.

    Returns:
        `8 bits`, or e.g. `8 bits in and 10 signed bits out`.
    """
    network = _network(model, model.stat().st_mtime_ns)
    enters, leaves = (f"{to.width} {'signed ' * to.signed}bits"
                      for to in (network.in_format, network.out_format))
    return enters if enters == leaves else f"{enters} in and {leaves} out"


def check_depth(model: Path | None, bits: int, what: str, where: str | Path, fix: str) -> None:
    """Refuse pixels of another depth than a model's, before any work is done for them.

    Args:
        model: Path of the QONNX file; None for bicubic, which takes any.
        bits: Of a pixel, unsigned.
        what: What has them, e.g. `pixel format yuv420p10le`.
        where: File, for the error.
        fix: What can be done about it.

    Raises:
        InputError: Naming both depths.
        ModelError: If the model cannot be read.
    """
    if model is not None and pixel_bits(model) != f"{bits} bits":
        raise InputError(f"{what}, {bits} bits", where=where,
                         allowed=f"{pixel_bits(model)}, as {model} takes", fix=fix)


def _load(model: Path, bits: int) -> Network:
    """Read the integer network of a file; refuse one whose luma such pixels do not hold."""
    check_depth(model, bits, "luma", "pixels", "take another network")
    return _network(model, model.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _emulator(model: Path, stamp: int, bits: int) -> Emulator:
    """The emulator of a file as of a time; kept, as the network is."""
    from fsrcnnx.exact.emulate import Emulator

    return Emulator(_load(model, bits))


def simulate_rtl(model: Path, lrs: Sequence[np.ndarray], simulator: str = "verilator",
                 max_width: int = 1920, progress: Callable[[float], None] | None = None,
                 bits: int = 8) -> Result:
    """Emit the core of a model and run luma planes through it in a simulator.

    Args:
        model: Path of the QONNX file.
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
        emit(_load(model, bits), Path(folder) / "rtl", max_width=max_width)
        return simulate(Path(folder) / "rtl", lrs, simulator, progress=progress)


def _hls(network: Network, lrs: Sequence[np.ndarray],
         progress: Callable[[float], None] | None) -> list[np.ndarray]:
    """The hls4ml project of each frame size, compiled with g++."""
    from fsrcnnx.prove.hls.frames import simulate

    result = simulate(network, lrs, progress)
    if result.fault:
        raise CheckError(result.fault, where="engine hls")
    return list(result.frames)


def upscale_luma(engine: str, model: Path | None, lrs: Sequence[np.ndarray], *, scale: int = 2,
                 simulator: str = "verilator", max_width: int = 1920,
                 progress: Callable[[float], None] | None = None, bits: int = 8
                 ) -> list[np.ndarray]:
    """Upscale luma planes; one engine or another, the network sees the same pixels.

    Args:
        engine: One of ENGINES.
        model: Path of the QONNX file; None for bicubic.
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
    prescale = _network(model, model.stat().st_mtime_ns).prescale
    lrs = [bicubic(lr, prescale, peak) for lr in lrs]
    return [hr.astype(np.min_scalar_type(peak)) for hr in _network_luma(
        engine, model, lrs, simulator, max_width, progress, bits)]


def _network_luma(engine: str, model: Path, lrs: list[np.ndarray], simulator: str, max_width: int,
                  progress: Callable[[float], None] | None, bits: int) -> list[np.ndarray]:
    """Run enlarged planes through the network; as `upscale_luma`, integers of any type."""
    if engine == "onnx":
        _load(model, bits)
        return _onnx(model, lrs)
    if engine == "rtl":
        return list(simulate_rtl(model, lrs, simulator, max_width, progress, bits).frames)
    from fsrcnnx.exact import golden
    from fsrcnnx.exact.formats import Format, saturate
    from fsrcnnx.exact.onnx import io as onnx_io

    if engine == "hls":
        return _hls(_load(model, bits), lrs, progress)
    if engine == "float":
        path = companion(model, "model_float.onnx")
        pixel = Format(False, bits, bits)
        return [saturate(np.rint(onnx_io.run_float(path, lr, pixel, pixel)), pixel) for lr in lrs]
    if engine == "golden":
        network = _load(model, bits)
        return [golden.run(network, lr) for lr in lrs]
    if engine == "emulate":
        emulator = _emulator(model, model.stat().st_mtime_ns, bits)
        return [emulator(lr) for lr in lrs]
    raise InputError(f"unknown engine {engine!r}", where="engine", allowed=", ".join(ENGINES))


def memory(engine: str, model: Path | None, pixels: int, scale: int) -> int:
    """Estimate the memory that upscaling one picture takes.

    Args:
        engine: One of ENGINES.
        model: Path of the QONNX file; None for bicubic.
        pixels: Width times height.
        scale: Factor.

    Returns:
        Bytes, as measured on the shipped networks; up to a half more than are taken.
    """
    each = PER_HR_PIXEL * scale**2
    if engine in PER_CHANNEL:
        network = _network(model, model.stat().st_mtime_ns)
        widest = max(layer.out_channels for layer in network.layers)
        each += PER_CHANNEL[engine] * widest * network.prescale**2
    return each * pixels


def upscale(engine: str, model: Path | None, pictures: Sequence[Picture], *, scale: int = 2,
            **options) -> list[Picture]:
    """Upscale pictures: luma by the engine, chroma and alpha by bicubic.

    Args:
        engine: One of ENGINES.
        model: Path of the QONNX file; None for bicubic.
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
