"""An emitted core, as its manifest describes it to a simulation.

May import numpy, the ground and the integer side.

    read_core(Path("build/rtl")).scale
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import manifests, names
from fsrcnnx.errors import FormatError, InputError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import check_luma


@dataclass(frozen=True)
class Core:
    """What the manifest of an emitted folder says that a simulation needs.

    Args:
        folder: The emitted folder.
        files: Its sources, the package first.
        layers: Layer names in order.
        in_format: Format of an LR pixel.
        out_format: Format of an HR pixel.
        scale: Output size over input size.
        cycles_per_pixel: Clocks per LR pixel that the core was folded for.
        max_width: Widest LR frame.
        max_height: Highest LR frame.
        prefix: Of its modules and packages.
        netlist: Whether it was synthesised.
    """

    folder: Path
    files: tuple[Path, ...]
    layers: tuple[str, ...]
    in_format: Format
    out_format: Format
    scale: int
    cycles_per_pixel: int
    max_width: int
    max_height: int
    prefix: str = names.PREFIX
    netlist: bool = False


def read_core(folder: Path) -> Core:
    """Read the manifest of an emitted folder.

    Args:
        folder: A folder that `fsrcnnx rtl` wrote.

    Returns:
        The core.

    Raises:
        InputError: If it is not such a folder, or a source is missing.
    """
    folder = Path(folder).resolve()
    sizes = ("scale", "cycles_per_pixel", "max_width", "max_height")
    try:
        manifest = manifests.read(folder, "layers", "in_format", "out_format", *sizes)
        files = manifests.sources(folder)
        enters, leaves = (Format.parse(manifest[key]) for key in ("in_format", "out_format"))
    except (InputError, FormatError) as error:
        where = error.where if isinstance(error, InputError) else folder / "manifest.json"
        raise InputError(f"not an emitted core ({error.what})", where=where,
                         allowed=error.allowed, fix="make one with `fsrcnnx rtl`") from error
    return Core(folder, tuple(folder / name for name in files),
                tuple(layer["name"] for layer in manifest["layers"]), enters, leaves,
                *(manifest[key] for key in sizes), manifests.prefix(manifest),
                "netlist" in manifest)


def check_frames(frames: Sequence[np.ndarray], core: Core) -> None:
    """Hold frames against what the core accepts.

    Args:
        frames: Raw luma.
        core: The core.

    Raises:
        InputError: Naming the frame, and the sizes and values allowed.
    """
    if not frames:
        raise InputError("no frame to simulate", allowed="1 or more")
    for index, frame in enumerate(frames):
        try:
            check_luma(frame, core.in_format)
        except InputError as error:
            raise InputError(error.what, where=f"frame {index}", allowed=error.allowed) from None
        height, width = frame.shape
        if width > core.max_width or height > core.max_height:
            raise InputError(
                f"{width}x{height} pixels, more than the core takes", where=f"frame {index}",
                allowed=f"up to {core.max_width}x{core.max_height}",
                fix="emit the core with a larger --max-width, or shrink the picture")
