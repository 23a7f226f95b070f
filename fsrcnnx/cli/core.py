"""The commands about SystemVerilog: sim runs its benches, synth counts what a core takes.

May import everything, heavy packages only inside a command.

    fsrcnnx synth build/rtl --device ecp5
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from fsrcnnx.cli.options import FILE, SIMULATORS, json_option, seed_option
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.tables import table
from fsrcnnx.errors import CheckError, InputError
from fsrcnnx.progress import working

DEVICES = ("xcup", "ecp5", "xc7")


@click.command()
@click.argument("benches", nargs=-1)
@click.option("--sim", type=click.Choice(SIMULATORS), help="Simulator.  [default: both]")
@seed_option("everything random")
@click.option("--waves", is_flag=True, help="Write waveforms under build/benches.")
def sim(benches, sim, seed, waves):
    """Run the cocotb benches of the RTL.

    BENCHES are words: those whose names contain one run, e.g. `fsrcnnx sim skid`; without, all.
    """
    import signal
    import sys

    from fsrcnnx import processes, tools

    for word in benches:  # pytest would take others for options or as an expression
        if not re.fullmatch(r"[A-Za-z0-9_]+", word) or word in ("and", "or", "not"):
            raise InputError(f"no such bench {word!r}", where="sim",
                             allowed="words of their names: letters, digits and _",
                             fix="leave it out to run all")

    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "rtl").is_dir():
        raise InputError("the benches are not here", where=root, allowed="a clone of the project",
                         fix="clone it, then `make sim` there")
    tools.locate("cocotb")
    chosen = ["-k", " or ".join(benches)] if benches else []
    # as by Ctrl-C, so that pytest ends the simulators and what lies around
    done = processes.run(
        [sys.executable, "-m", "pytest", "tests/rtl", "-m", "sim", *chosen], cwd=root,
        polite=signal.SIGINT, grace=10.0, stdout=None, stderr=None,
        env={**os.environ, "SIM": sim or "", "SEED": str(seed), "WAVES": str(int(waves))})
    if done.returncode == 5:  # pytest: no test was selected
        raise InputError("no such bench", where=" ".join(benches), allowed="a word of its name",
                         fix="leave it out to run all")
    if done.returncode:
        raise CheckError("a bench failed", where="sim", fix="see above how to repeat it")


@click.command()
@click.argument("folder", type=FILE)
@click.option("--device", type=click.Choice(DEVICES), default=DEVICES[0],
              help="UltraScale+, ECP5 or 7 series.")
@click.option("--depth", type=click.IntRange(0), default=2,
              help="Levels of hierarchy in the table.")
@json_option
def synth(folder, device, depth, json_file):
    """Count LUT, FF, DSP and block RAM of an emitted folder in Yosys."""
    from fsrcnnx.prove import synth as prove

    if json_file:
        check_report(json_file)
    with working(f"synthesise for {prove.DEVICES[device].family} with Yosys"):
        report = prove.synth(folder, device)
    columns = list(report["total"])
    table(["instance", "layer or module", *columns],
          [[record["instance"] or "total", record["layer"] or record["module"],
            *(str(record[c]) for c in columns)]
           for record in report["instances"] if record["depth"] <= depth])
    click.echo(f"{report['network']} {report['content_hash'][:12]} on {report['family']}, "
               f"{report['tool']}, {report['seconds']} s; {report['note']}")
    if json_file:
        write_json(json_file, report)


COMMANDS = (sim, synth)
