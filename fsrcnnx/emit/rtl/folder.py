"""The RTL folder: hand-written modules, a generated package of constants, and memories.

May import the integer side and the folds. The folder stands alone: sources, `files.f`,
`manifest.json` with the content hash, README, licence, and in `test/` a bench with the vectors that
prove it. No source names a file: tools run anywhere.

    emit(network, Path("build/rtl/fsrcnn-x_x2"), cycles_per_pixel=16)
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from fsrcnnx import __version__, limits
from fsrcnnx.emit.rtl.fold import Fold, balance, lanes
from fsrcnnx.emit.rtl.memories import memories, memory_package
from fsrcnnx.emit.rtl.package import Build, line_bits, package, window
from fsrcnnx.emit.rtl.readme import readme
from fsrcnnx.emit.vectors import check_package, pgm, vectors
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import ranges
from fsrcnnx.exact.network import Network
from fsrcnnx.files import carried
from fsrcnnx.owned import whole_folder

ENGINES = ("mac",)
MODULES = ("skid", "line_ram", "rom", "adder_tree", "requantise", "mac_lane", "window", "layer",
           "core", "subpixel", "axis_guard", "top")  # users after what they use


def source_dir() -> Path:
    """Find the hand-written modules.

    Returns:
        The folder `rtl` of the package.

    Raises:
        InputError: If it is missing.
    """
    return carried("rtl", "fsrcnnx_top.sv")


def _check(network: Network, build: Build) -> None:
    """Refuse what the hardware cannot represent."""
    def need(ok: bool, what: str, where: str, allowed: str) -> None:
        if not ok:
            raise InputError(what, where=where, allowed=allowed)

    need(build.engine in ENGINES, f"engine {build.engine!r}", "--engine", ", ".join(ENGINES))
    need(build.pixels_per_beat in (1, network.scale), f"{build.pixels_per_beat} pixels per beat",
         "--pixels-per-beat", f"1 or {network.scale} (the scale)")
    for name in ("max_width", "max_height"):
        need(1 <= getattr(build, name) <= limits.FRAME_SIDE, f"{getattr(build, name)} pixels",
             f"--{name.replace('_', '-')}", f"1..{limits.FRAME_SIDE}")
    if network.anchor and network.in_format.signed:
        raise Unrepresentable(f"an anchor in {network.in_format}", where=network.name,
                              allowed="an unsigned anchor in RTL")
    for layer in network.layers:
        if layer.slope_format and layer.slope_format.frac < 0:
            raise Unrepresentable(f"slopes in {layer.slope_format}", where=f"layer {layer.name}",
                                  allowed="0 or more fraction bits in RTL")


def manifest(network: Network, build: Build, folds: tuple[Fold, ...]) -> dict:
    """Describe an RTL folder: what made it, and what it will do.

    Args:
        network: The network.
        build: Build parameters.
        folds: One fold per layer.

    Returns:
        A JSON-ready dict.
    """
    beats = network.scale**2 // build.pixels_per_beat
    proved = ranges.prove(network)
    return {
        "made_by": f"fsrcnnx {__version__}",
        "network": network.name,
        "content_hash": network.content_hash(),
        "scale": network.scale,
        "prescale": network.prescale,
        "in_format": str(network.in_format),
        "out_format": str(network.out_format),
        "anchor": network.anchor,
        "engine": build.engine,
        "cycles_per_pixel": build.cycles_per_pixel,
        # the slowest of the layers and the output decides
        "cycles_per_pixel_expected": max(beats, *(f.cycles for f in folds)),
        "pixels_per_beat": build.pixels_per_beat,
        "max_width": build.max_width,
        "max_height": build.max_height,
        # rows that a layer waits for below its window's centre
        "latency_lines": sum(side - 1 - before for side, before in map(window, network.layers)),
        "multipliers": sum(f.multipliers for f in folds),
        "layers": [
            {
                "name": layer.name, "kind": layer.kind, "kernel": layer.kernel,
                "in_channels": layer.in_channels, "out_channels": layer.out_channels,
                "lanes": len(lanes(layer)), "fold_in": f.fold_in, "fold_out": f.fold_out,
                "cycles": f.cycles, "multipliers": f.multipliers, "acc_bits": bound.acc_width,
                "line_bits": lines,
                "weight_format": str(layer.weight_format), "out_format": str(layer.out_format),
            }
            for layer, f, bound, lines in zip(network.layers, folds, proved,
                                              line_bits(network, build), strict=True)
        ],
        "files": [f"fsrcnnx_{name}.sv" for name in ("pkg", "mem_pkg", *MODULES)],
    }


def emit(
    network: Network,
    out_dir: Path | str,
    *,
    engine: str = "mac",
    cycles_per_pixel: int = 16,
    pixels_per_beat: int = 1,
    max_width: int = 1920,
    max_height: int = 1920,
) -> dict:
    """Write a self-contained RTL folder.

    Args:
        network: A checked integer network.
        out_dir: The folder; it appears whole or not at all.
        engine: `mac`.
        cycles_per_pixel: Most cycles that a layer may take per LR pixel.
        pixels_per_beat: HR pixels per output beat, 1 or the scale.
        max_width: Greatest LR frame width; sizes the line memories.
        max_height: Greatest LR frame height.

    Returns:
        The manifest, as written to `manifest.json`.

    Raises:
        InputError: If a parameter is out of range or the folder cannot be written.
        Unrepresentable: If the network has what the RTL cannot represent.
    """
    out_dir = Path(out_dir)
    build = Build(engine, cycles_per_pixel, pixels_per_beat, max_width, max_height)
    _check(network.check(), build)
    folds = balance(network, cycles_per_pixel)
    described = manifest(network, build, folds)
    proof = vectors(network, max_width, max_height)
    texts = {
        "README.md": readme((source_dir() / "EMITTED.md").read_text(encoding="utf-8"), network,
                            described, proof.distinct, proof.lr.shape),
        "fsrcnnx_pkg.sv": package(network, build, folds),
        "files.f": "".join(f"{name}\n" for name in described["files"]),
        "manifest.json": json.dumps(described, indent=2) + "\n",
        "fsrcnnx_mem_pkg.sv": memory_package(memories(network, folds), network.content_hash()),
        "test/fsrcnnx_check_pkg.sv": check_package(proof, network),
    }
    pictures = {"test/lr.pgm": pgm(proof.lr, network.in_format),
                "test/hr.pgm": pgm(proof.hr, network.out_format)}
    copied = {**{f"fsrcnnx_{name}.sv": source_dir() for name in MODULES}, "LICENSE": source_dir(),
              "test/fsrcnnx_check_tb.sv": carried("sim", "fsrcnnx_check_tb.sv")}
    with whole_folder(out_dir, "an RTL folder") as folder:
        (folder / "test").mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, content in pictures.items():
            (folder / name).write_bytes(content)
        for name, source in copied.items():
            shutil.copyfile(source / Path(name).name, folder / name)
    return described
