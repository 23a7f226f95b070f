"""The folder of a C reference: a header, a source, and in `test/` a program with its pictures.

May import the plan, what prints it, the test vectors, bicubic and what writes folders. The folder
stands alone: README, licence, `manifest.json` with the content hash; the program reads a picture
and writes one, which must be the expected one byte for byte.

    emit(network, Path("build/c"))["content_hash"]
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from fsrcnnx import __version__
from fsrcnnx.emit.c.plan import KIND, Plan, make
from fsrcnnx.emit.c.source import header, source
from fsrcnnx.emit.vectors import HEIGHT, WIDTH, pgm, picture
from fsrcnnx.exact import golden
from fsrcnnx.exact.network import Network
from fsrcnnx.files import carried
from fsrcnnx.media.pictures.resample import bicubic
from fsrcnnx.owned import check, whole_folder

PROGRAM = "fsrcnnx_pgm.c"  # in c/, with NAME where the prefix goes
SHOWN = 960  # LR columns of the work memory that is told


def source_dir() -> Path:
    """Find what every reference carries.

    Returns:
        The folder `c` of the package.

    Raises:
        InputError: If it is missing.
    """
    return carried("c", PROGRAM)


def sources(plan: Plan) -> dict[str, str]:
    """Write the header and the source.

    Args:
        plan: The plan.

    Returns:
        File name -> text.
    """
    return {f"{plan.prefix}.h": header(plan), f"{plan.prefix}.c": source(plan)}


def manifest(plan: Plan) -> dict:
    """Describe a C reference.

    Args:
        plan: The plan.

    Returns:
        A JSON-ready dict.
    """
    network = plan.network
    return {
        "made_by": f"fsrcnnx {__version__}", "network": network.name,
        "content_hash": network.content_hash(), "scale": network.scale,
        "prescale": network.prescale, "in_format": str(network.in_format),
        "out_format": str(network.out_format), "anchor": network.anchor, "prefix": plan.prefix,
        "work_bytes_per_column": plan.bytes_per_column, "work_bytes_fixed": plan.bytes_fixed,
        "layers": [{"name": stage.layer.name, "kind": stage.layer.kind, "sums": stage.sums,
                    "acc_bits": stage.proved.acc_width, "lines": stage.lines}
                   for stage in plan.stages],
        "files": [f"{plan.prefix}.h", f"{plan.prefix}.c"],
    }


def readme(plan: Plan) -> str:
    """Write README.md of a folder: c/EMITTED.md with the plan's figures.

    Args:
        plan: The plan.

    Returns:
        Markdown.
    """
    network, template = plan.network, (source_dir() / "EMITTED.md").read_text(encoding="utf-8")
    before = "" if network.prescale == 1 else (
        f" The network takes a picture that bicubic has enlarged {network.prescale} times, as the "
        f"hardware does; `{plan.prefix}_enlarge` makes it.")
    return template.format(
        **manifest(plan), before=before, pixel=plan.pixel, shown=SHOWN,
        work_bytes=f"{plan.work_bytes(SHOWN):,}", upper=plan.prefix.upper())


def _program(prefix: str) -> str:
    """The program that upscales a PGM file, for a prefix."""
    text = (source_dir() / PROGRAM).read_text(encoding="utf-8")
    return text.replace("fsrcnnx_NAME", prefix).replace("FSRCNNX_NAME", prefix.upper())


def emit(network: Network, out_dir: Path | str, *, prefix: str | None = None) -> dict:
    """Write a folder with a network's C reference.

    Args:
        network: A checked integer network.
        out_dir: The folder; it appears whole or not at all.
        prefix: What its names begin with; None: `fsrcnnx_` and the network's name.

    Returns:
        The manifest, as written to `manifest.json`.

    Raises:
        InputError: If the prefix cannot be one, or the folder cannot be written.
        Unrepresentable: If the reference cannot hold the network.
    """
    out_dir = Path(out_dir)
    check(out_dir, KIND)
    plan = make(network, prefix)
    described = manifest(plan)
    lr = picture(network.in_format, WIDTH, HEIGHT)
    hr = golden.run(network, bicubic(lr, network.prescale, network.in_format.hi))
    texts = {**sources(plan), "README.md": readme(plan),
             "manifest.json": json.dumps(described, indent=2) + "\n",
             f"test/{PROGRAM}": _program(plan.prefix)}
    with whole_folder(out_dir, KIND) as folder:
        (folder / "test").mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "test/lr.pgm").write_bytes(pgm(lr, network.in_format))
        (folder / "test/hr.pgm").write_bytes(pgm(hr, network.out_format))
        shutil.copyfile(source_dir() / "LICENSE", folder / "LICENSE")
    return described
