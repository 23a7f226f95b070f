"""Compile an emitted core with the bulk driver sim/photo_tb.sv, in Verilator or Icarus.

May import the ground, the builds, simulation.core and the standard library. Builds are cached by
content; the memories' contents are constants, so that new weights are a new build. Everything is
compiled by names relative to a scratch folder: make knows no path with a space.

    build(Path("build/rtl")).command
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import processes, tools
from fsrcnnx.errors import InputError, ToolError
from fsrcnnx.files import carried
from fsrcnnx.names import renamed
from fsrcnnx.prove.builds.cache import cached, content_key
from fsrcnnx.prove.builds.home import home, keep_log
from fsrcnnx.prove.simulation import verilated
from fsrcnnx.prove.simulation.core import Core, read_core

BENCH = "photo_tb.sv"
TOOL = {"verilator": "verilator", "icarus": "iverilog"}
SIMULATORS = tuple(TOOL)
VERILATOR_FLAGS = (
    "--binary", "--timing", "-O3", "--timescale", "1ns/1ps", "-Wno-fatal", "-j", "2",
    # unreset registers start at random values: an output that depends on one differs from golden
    "--x-assign", "unique", "--x-initial", "unique",
)
# thousands of gates take g++ minutes to optimise, and run for seconds: a netlist is not
OPTIMISED, PLAIN = ("-CFLAGS", "-O2"), ("-CFLAGS", "-O0", "--output-split", "20000")


@dataclass(frozen=True)
class Build:
    """A compiled simulation.

    Args:
        command: How to start it.
        seconds: Time that building took, 0 if it was cached.
    """

    command: tuple[str, ...]
    seconds: float


def bench() -> Path:
    """Find the bulk driver.

    Returns:
        Its file.

    Raises:
        InputError: If it is missing.
    """
    return carried("sim", BENCH) / BENCH


def _flags(core: Core) -> tuple[str, ...]:
    """Verilator's options for a core."""
    return (*VERILATOR_FLAGS, *(PLAIN if core.netlist else OPTIMISED))


def _key(core: Core, simulator: str, trace: bool) -> str:
    """Hash of everything that decides a build."""
    version = tools.locate(TOOL[simulator]).version
    return content_key(core.files, core.folder, simulator, str(version), str(trace),
                       *_flags(core), bench().read_text(encoding="utf-8"))


def _compile(core: Core, simulator: str, trace: bool, folder: Path) -> None:
    """Compile core and bench into folder/sim, or raise ToolError naming the kept log."""
    given = (*core.files, bench())
    sources = [f"{at}/{path.name}" for at, path in enumerate(given)]
    define = ["-DFSRCNNX_TRACE"] if trace else []
    tool = TOOL[simulator]
    with verilated.plain(folder) as work:
        for path, name in zip(given, sources, strict=True):
            (work / name).parent.mkdir()  # one each: two may have the same name
            shutil.copyfile(path, work / name)
        driver = work / sources[-1]
        driver.write_text(renamed(driver.read_text(encoding="utf-8"), core.prefix),
                          encoding="utf-8")
        if simulator == "verilator":
            with verilated.runtime(work / "obj", _flags(core)):
                code, said = verilated.compile(
                    work, [*_flags(core), *define, "--top-module", "photo_tb", "-Mdir", "obj",
                           "-o", "../sim", *sources])
        else:
            done = processes.run(
                [tools.find(tool), "-g2012", "-s", "photo_tb", *define, "-o", "sim", *sources],
                cwd=work, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(work)})
            code, said = done.returncode, done.stdout
        if code != 0 or not (work / "sim").is_file():
            first = next((line for line in said.splitlines() if "rror" in line), "no message")
            raise ToolError(f"cannot compile the core: {first}", where=tool,
                            fix=keep_log(said, f"failed-{folder.name}"))
        shutil.move(work / "sim", folder / "sim")


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
    final, seconds = cached(home(), f"{simulator}-{_key(core, simulator, trace)}",
                            lambda scratch: _compile(core, simulator, trace, scratch),
                            [] if simulator == "icarus" else ["sim"])
    runner = (str(tools.find("vvp")), "-n") if simulator == "icarus" else ()
    return Build((*runner, str(final / "sim")), seconds)
