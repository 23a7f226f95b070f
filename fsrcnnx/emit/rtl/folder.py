"""The RTL folder: hand-written modules, a generated package of constants, and memories.

May import the plan and what prints it. The folder stands alone: sources, `files.f`,
`manifest.json` with the content hash, README, licence, and in `test/` a bench with the vectors that
prove it. No source names a file: tools run anywhere.

    emit(network, Path("build/rtl/fsrcnn-x_x2"), cycles_per_pixel=16)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fsrcnnx import __version__
from fsrcnnx.emit.rtl.adders import graph_choice
from fsrcnnx.emit.rtl.build import Build, Video
from fsrcnnx.emit.rtl.cells import slope_adders
from fsrcnnx.emit.rtl.graphs import Keep
from fsrcnnx.emit.rtl.memory_package import memory_package
from fsrcnnx.emit.rtl.package import package
from fsrcnnx.emit.rtl.plan import Plan, make
from fsrcnnx.emit.rtl.readme import readme
from fsrcnnx.emit.vectors import check_package, pgm, vectors
from fsrcnnx.errors import InputError
from fsrcnnx.exact.network import Network
from fsrcnnx.files import carried
from fsrcnnx.names import PREFIX, PREFIX_SAYS, is_prefix, renamed
from fsrcnnx.owned import check, whole_folder

KIND = "an RTL folder"
# users after what they use
FIRST = ("copy", "skid", "turn", "delay", "line_fifo", "line_ram", "centre", "column",
         "slope", "requantise")
LAST = ("layer", "sequencer", "aside", "core", "subpixel", "axis_guard", "fifo", "top")
MULTIPLIERS = ("rom", "window", "product", "adder_tree", "mac_lane", "mac", "prelu")


def source_dir() -> Path:
    """Find the hand-written modules.

    Returns:
        The folder `rtl` of the package.

    Raises:
        InputError: If it is missing.
    """
    return carried("rtl", "fsrcnnx_top.sv")


def manifest(plan: Plan, made: Iterable[str], prefix: str = PREFIX) -> dict:
    """Describe an RTL folder: what made it, and what it will do.

    Args:
        plan: The core's plan.
        made: Names of the sources that are made for it, in reading order.
        prefix: Of its modules, packages and files.

    Returns:
        A JSON-ready dict.
    """
    network, build = plan.network, plan.build
    return {
        "made_by": f"fsrcnnx {__version__}",
        "network": network.name,
        "content_hash": network.content_hash(),
        "scale": network.scale,
        "prescale": network.prescale,
        "in_format": str(network.in_format),
        "out_format": str(network.out_format),
        "anchor": network.anchor,
        "prefix": prefix,
        "engine": build.engine,
        "cycles_per_pixel": build.cycles_per_pixel,
        "cycles_per_pixel_expected": plan.cycles_per_pixel,
        "clocks_per_frame": plan.clocks_per_frame,
        "pixels_per_beat": build.pixels_per_beat,
        "max_width": build.max_width,
        "max_height": build.max_height,
        "latency_lines": plan.latency_lines,
        "multipliers": plan.multipliers,
        "multiplier_bits": build.multiplier_bits,
        "adders_per_stage": build.adders_per_stage,
        "utilisation": round(plan.utilisation, 3),
        "raster": plan.raster.manifest(),
        "layers": [
            {
                "name": part.layer.name, "kind": part.layer.kind, "kernel": part.layer.kernel,
                "in_channels": part.layer.in_channels, "out_channels": part.layer.out_channels,
                "lanes": len(part.lanes), "fold_in": part.fold.fold_in,
                "fold_out": part.fold.fold_out, "cycles": part.fold.cycles,
                "multipliers": part.fold.multipliers,
                "products_per_multiplier": part.fold.per_multiplier,
                "acc_bits": part.proved.acc_width, "line_bits": part.line_bits,
                "weight_format": str(part.layer.weight_format),
                "out_format": str(part.layer.out_format),
                **({} if part.work.graph is None else {
                    "adders": part.work.graph.cost.adders,
                    "slope_adders": slope_adders(part.layer, part.outputs)}),
            }
            for part in plan.layers
        ],
        "files": [renamed(name, prefix) for name in (*made, *_written(plan))],
    }


def _written(plan: Plan) -> tuple[str, ...]:
    """Names of the hand-written sources of a core, in reading order."""
    own = ("row_sums",) if plan.layers[0].work.graph else MULTIPLIERS
    return tuple(f"fsrcnnx_{module}.sv" for module in (*FIRST, *own, *LAST))


def generated(plan: Plan) -> dict[str, str]:
    """Write the sources that are made for one network, all but hand-written.

    Args:
        plan: The core's plan.

    Returns:
        File name -> text, in reading order.
    """
    made = {"fsrcnnx_pkg.sv": package(plan)}
    graphs = [part.work.graph for part in plan.layers if part.work.graph]
    if not graphs:
        return made | {"fsrcnnx_mem_pkg.sv": memory_package(plan.memories,
                                                            plan.network.content_hash())}
    for index, graph in enumerate(graphs):
        made[f"fsrcnnx_graph_{index}.sv"] = graph.text(f"fsrcnnx_graph_{index}")
    return made | {"fsrcnnx_graph.sv": graph_choice(len(graphs))}


def emit(
    network: Network,
    out_dir: Path | str,
    *,
    engine: str = "mac",
    cycles_per_pixel: int | None = None,
    pixels_per_beat: int | None = None,
    max_width: int | None = None,
    max_height: int | None = None,
    multiplier_bits: int = 25,
    video: Video | None = None,
    adders_per_stage: int = 1,
    prefix: str = PREFIX,
    keep: Keep | None = None,
) -> dict:
    """Write a self-contained RTL folder.

    Args:
        network: A checked integer network.
        out_dir: The folder; it appears whole or not at all.
        engine: `mac`, of multipliers, or `adders`, of shifts and adders.
        cycles_per_pixel: Most clocks per LR pixel; None for 16, and for 1 of `adders`, which takes
            no other.
        pixels_per_beat: HR pixels per output beat, 1, the scale or its square; None for the fewest
            that keep the rate.
        max_width: Greatest LR frame width, sizes the line memories; None for the video's, or 1920.
        max_height: Greatest LR frame height; None as well.
        multiplier_bits: Bits of a multiplier's wide factor: two products share one where it fits.
        video: Frames to keep up with, from which the clocks per LR pixel follow.
        adders_per_stage: Adders between the registers of a graph, with `adders`.
        prefix: Of its modules, packages and files; cores of two prefixes live in one design.
        keep: Keeps what takes long to find, by its content, or None.

    Returns:
        The manifest, as written to `manifest.json`.

    Raises:
        InputError: If a parameter is out of range or the folder cannot be written.
        Unrepresentable: If the network has what the RTL cannot represent.
        ImportError: If what the engine needs is not installed.
    """
    out_dir = Path(out_dir)
    if not is_prefix(prefix):
        raise InputError(f"prefix {prefix!r}", where="--prefix", allowed=PREFIX_SAYS)
    check(out_dir, KIND)  # before the work of graphs and vectors
    plan = make(network, Build(engine, cycles_per_pixel, pixels_per_beat, max_width, max_height,
                               multiplier_bits, video, adders_per_stage), keep)
    made = generated(plan)
    described = manifest(plan, made, prefix)
    proof = vectors(network, plan.build.max_width, plan.build.max_height)
    texts = {
        "README.md": readme((source_dir() / "EMITTED.md").read_text(encoding="utf-8"), plan,
                            proof.distinct, proof.lr.shape),
        **made,
        "files.f": "".join(f"{name}\n" for name in described["files"]),
        "manifest.json": json.dumps(described, indent=2) + "\n",
        "test/fsrcnnx_check_pkg.sv": check_package(proof, network),
    }
    pictures = {"test/lr.pgm": pgm(proof.lr, network.in_format),
                "test/hr.pgm": pgm(proof.hr, network.out_format)}
    copied = {**dict.fromkeys((*_written(plan), "LICENSE"), source_dir()),
              "test/fsrcnnx_check_tb.sv": carried("sim", "fsrcnnx_check_tb.sv")}
    texts |= {name: (source / Path(name).name).read_text(encoding="utf-8")
              for name, source in copied.items()}
    with whole_folder(out_dir, KIND) as folder:
        (folder / "test").mkdir()
        for name, text in texts.items():
            (folder / renamed(name, prefix)).write_text(renamed(text, prefix), encoding="utf-8")
        for name, content in pictures.items():
            (folder / name).write_bytes(content)
    return described
