"""Compile an emitted core with the bulk driver sim/photo_tb.sv, in Verilator or Icarus.

May import the ground, prove.cache, prove.core and the standard library. Builds are cached by
content under build/sim; memories are read at run time, so that new weights need no new build.

    build(Path("build/rtl")).command
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import tools
from fsrcnnx.errors import InputError, ToolError
from fsrcnnx.prove import verilated
from fsrcnnx.prove.cache import cached, content_key
from fsrcnnx.prove.core import Core, read_core

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "sim" / "photo_tb.sv"
CACHE = ROOT / "build" / "sim"
TOOL = {"verilator": "verilator", "icarus": "iverilog"}
SIMULATORS = tuple(TOOL)
VERILATOR_FLAGS = (
    "--binary", "--timing", "-O3", "--timescale", "1ns/1ps", "-Wno-fatal", "-j", "2",
    # unreset registers start at random values: an output that depends on one differs from golden
    "--x-assign", "unique", "--x-initial", "unique", "-CFLAGS", "-O2",
)


@dataclass(frozen=True)
class Build:
    """A compiled simulation.

    Args:
        command: How to start it.
        seconds: Time that building took, 0 if it was cached.
    """

    command: tuple[str, ...]
    seconds: float


def _key(core: Core, simulator: str, trace: bool) -> str:
    """Hash of everything that decides a build."""
    version = tools.locate(TOOL[simulator]).version
    return content_key(core.files, core.folder, simulator, str(version), str(trace),
                       *VERILATOR_FLAGS, BENCH.read_text())


def _compile(core: Core, simulator: str, trace: bool, folder: Path) -> None:
    """Compile core and bench into folder/sim, or raise ToolError naming the kept log."""
    sources = [str(path) for path in (*core.files, BENCH)]
    define = ["-DFSRCNNX_TRACE"] if trace else []
    tool, log = TOOL[simulator], folder / "build.log"
    with log.open("w") as handle:
        def run(command: list[str], env: dict[str, str] | None = None) -> int:
            return subprocess.run([str(tools.find(tool)), *command], cwd=core.folder, env=env,
                                  stdout=handle, stderr=subprocess.STDOUT, check=False).returncode
        if simulator == "verilator":
            with verilated.runtime(folder / "obj", CACHE, VERILATOR_FLAGS):
                code = run([*VERILATOR_FLAGS, *define, "--top-module", "photo_tb", "-Mdir",
                            str(folder / "obj"), "-o", str(folder / "sim"), *sources],
                           verilated.environment())
        else:
            code = run(["-g2012", "-s", "photo_tb", *define, "-o", str(folder / "sim"), *sources])
    if code != 0:
        kept = CACHE / f"failed-{folder.name}.log"
        shutil.copyfile(log, kept)
        first = next((line for line in log.read_text(errors="replace").splitlines()
                      if "rror" in line), "no message")
        raise ToolError(f"cannot compile the core: {first}", where=tool, fix=f"see {kept}")
    shutil.rmtree(folder / "obj", ignore_errors=True)


def build(rtl_dir: Path, simulator: str = "verilator", *, trace: bool = False) -> Build:
    """Compile an emitted core with the bulk driver, or take it from the cache.

    Args:
        rtl_dir: Emitted folder.
        simulator: `verilator` or `icarus`.
        trace: Whether it writes every layer stream.

    Returns:
        The build.

    Raises:
        InputError: If the folder or the simulator's name cannot be used.
        ToolError: If the simulator is missing or does not compile the core.
    """
    if simulator not in TOOL:
        raise InputError(f"unknown simulator {simulator!r}", allowed=", ".join(TOOL))
    core = read_core(rtl_dir)
    final, seconds = cached(CACHE, f"{simulator}-{_key(core, simulator, trace)}",
                            lambda scratch: _compile(core, simulator, trace, scratch))
    runner = (str(tools.find("vvp")), "-n") if simulator == "icarus" else ()
    return Build((*runner, str(final / "sim")), seconds)
