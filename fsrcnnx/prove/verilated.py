"""Verilator's environment and its compiled runtime, kept between builds.

May import the tools. Verilator compiles its own runtime (10 to 15 s) anew for every design; the
objects depend on the version and the flags only, so they are copied in instead.

    with runtime(folder / "obj", CACHE, flags): subprocess.run(["verilator", ...])
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fsrcnnx import tools

# not cocotb's verilator.o: it allocates the design, whose size is in its header
OBJECTS = ("verilated*.o", "verilated*.d")


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
def runtime(objects: Path, cache: Path, flags: Sequence[str]) -> Iterator[None]:
    """Lend a build the runtime's objects, and keep them if it had to make them.

    Args:
        objects: Folder that Verilator builds in (-Mdir).
        cache: Folder for what is kept.
        flags: Everything that decides how the runtime is compiled.

    Yields:
        Nothing; the build runs inside.
    """
    version = tools.locate("verilator").version
    key = hashlib.sha256("|".join([version, *flags]).encode()).hexdigest()[:16]
    kept = cache / f"runtime-{key}"
    objects.mkdir(parents=True, exist_ok=True)
    if kept.is_dir():
        for path in kept.iterdir():
            shutil.copyfile(path, objects / path.name)
            # make holds the objects against the makefile, which the build has yet to write
            os.utime(objects / path.name, times=(time.time() + 600,) * 2)
    yield
    if not kept.is_dir() and (objects / "verilated.o").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=cache, prefix=f"{kept.name}-"))
        try:
            for pattern in OBJECTS:
                for path in objects.glob(pattern):
                    shutil.copyfile(path, scratch / path.name)
            scratch.rename(kept)
        except OSError:  # another process was quicker
            pass
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
