#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold an emitted folder against Verilator (all warnings), Icarus and Yosys; no waivers.

    python scripts/lint.py build/rtl
"""

import os
import subprocess
import tempfile
from pathlib import Path

import click

from fsrcnnx import manifests, tools
from fsrcnnx.cli.console import guard
from fsrcnnx.cli.options import FILE
from fsrcnnx.errors import CheckError
from fsrcnnx.prove.synth import read_manifest


def complaints(tool: str, arguments: list[str], folder: Path) -> list[str]:
    """Run a tool in a folder; give its warnings and errors, none if it is content."""
    done = subprocess.run([tools.find(tool), *arguments], cwd=folder, check=False, text=True,
                          capture_output=True, encoding="utf-8",
                          env={**os.environ, **tools.environment(tool)})
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    marked = [line for line in lines if "rror" in line or "arning" in line]
    if done.returncode and not marked:
        return lines or [f"{tool} ended with code {done.returncode}"]
    return marked


@click.command()
@click.argument("folder", type=FILE)
def main(folder):
    """Lint the SystemVerilog in FOLDER, an emitted one."""
    top = manifests.top(read_manifest(folder))
    files = manifests.sources(folder)
    # deferred: each module with the parameters of the core, none with its defaults
    script = (f"read_verilog -sv -defer {' '.join(files)}; hierarchy -check -top {top}; proc; "
              "check -assert")
    with tempfile.TemporaryDirectory() as scratch:
        runs = {
            "verilator": ["--lint-only", "-Wall", "--top-module", top, *files],
            "iverilog": ["-g2012", "-Wall", "-Wno-timescale", "-s", top,
                         "-o", f"{scratch}/a.out", *files],
            "yosys": ["-q", "-p", script],
        }
        wrong = 0
        for tool, arguments in runs.items():
            found = complaints(tool, arguments, folder)
            wrong += bool(found)
            click.echo(f"{tool}: {'clean' if not found else ''}".rstrip())
            for line in found:
                click.echo(f"  {line}")
    if wrong:
        raise CheckError("not clean", where=folder, allowed="no warning, no error")


if __name__ == "__main__":
    guard(main)
