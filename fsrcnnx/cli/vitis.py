"""The commands that need AMD's Vitis HLS: hls-synth, hls-cosim. Without it they SKIP.

May import everything, heavy packages only inside a command.

    fsrcnnx hls-synth build/project --json report.json
"""

from __future__ import annotations

import click

from fsrcnnx.cli.options import FILE, json_option, seed_option
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.tables import table
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.progress import bar

require_option = click.option("--require", is_flag=True,
                              help="Fail instead of SKIP where the tool is missing.")


def find(require: bool):
    """Find the tool; without it print SKIP and give None, or fail."""
    from fsrcnnx.prove.hls import vitis

    tool = vitis.find_tool()
    if tool is None and require:
        raise ToolError("not found", where="vitis_hls", allowed=", ".join(vitis.COMMANDS),
                        fix=vitis.INSTALL)
    if tool is None:
        click.echo(f"SKIP(vitis_hls not found); to install: {vitis.INSTALL}")
    return tool


@click.command("hls-synth")
@click.argument("project", type=FILE)
@click.option("--export/--no-export", default=True, help="Pack an IP for Vivado too.")
@require_option
@json_option
def hls_synth(project, export, require, json_file):
    """Synthesise an HLS project with Vitis HLS.

    Writes its RTL, ready for `make sim DUT=hls`.
    """
    from fsrcnnx.emit.rtl.hls_top import wrap
    from fsrcnnx.prove.hls import vitis
    from fsrcnnx.prove.hls.vitis_work import work_copy

    given = vitis.read_project(project)
    if json_file:
        check_report(json_file)
    tool = find(require)
    if tool is None:
        return
    found = work_copy(given)
    with bar(f"{tool.name}: synthesis") as progress:
        report = vitis.synth(found, tool, export=export, progress=progress)
    columns = list(report["total"])
    table(["module", "latency", "interval", *columns],
          [[name, *("?" if v is None else str(v) for v in (latency, interval)),
            *(str(figures[c]) for c in columns)]
           for name, latency, interval, figures in (
               (report["top"], report["latency"]["worst"], report["interval"]["max"],
                report["total"]),
               *((m["module"], m["latency_worst"], m["interval_max"], m)
                 for m in report["modules"]))])
    clock = report["clock"]
    click.echo(f"{report['top']} on {report['part']}, {report['tool']}, {report['seconds']} s; "
               f"clock {clock['estimated_ns']} ns estimated, {clock['target_ns']} ns asked for; "
               f"{report['cycles_per_pixel'] or '?'} clocks per LR pixel")
    if json_file:
        write_json(json_file, report)
    if found.manifest:
        rtl = found.folder / "rtl"
        wrap(found.solution / "syn" / "verilog", found.manifest, rtl)
        click.echo(f"{rtl}: make sim DUT=hls HLS_RTL={rtl}")


@click.command("hls-cosim")
@click.argument("project", type=FILE)
@click.option("--model", help="Its network; default: the one that the project names.")
@click.option("--frames", type=click.IntRange(1), default=2, help="Random frames, before extremes.")
@seed_option("the random frames")
@require_option
@json_option
def hls_cosim(project, model, frames, seed, require, json_file):
    """Compare the RTL of an HLS project with golden, in Vitis HLS.

    Bit for bit, by its co-simulation.
    """
    import numpy as np

    from fsrcnnx.exact import golden
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.hls import vitis
    from fsrcnnx.prove.hls.vitis_work import work_copy
    from fsrcnnx.prove.stimuli import extremes

    opened = Model.open(model) if model else None
    given = vitis.read_project(project)
    if json_file:
        check_report(json_file)
    manifest = given.manifest
    network = (opened or Model.open(manifest.get("network", ""))).network
    if network.content_hash() != manifest.get("content_hash"):
        raise InputError("made of another network", where=project,
                         allowed=f"content hash {network.content_hash()[:12]} of {network.name}",
                         fix="give its model with --model FILE.onnx, or emit the project again")
    tool = find(require)
    if tool is None:
        return
    found = work_copy(given)
    size, rng = (manifest["height"], manifest["width"]), np.random.default_rng(seed)
    to = network.in_format
    lrs = {f"random {at}": rng.integers(to.lo, to.hi, size, to.dtype, endpoint=True)
           for at in range(frames)}
    lrs |= extremes(to, *size)
    with bar(f"{tool.name}: co-simulation") as progress:
        report = vitis.cosim(found, tool, lrs, [golden.run(network, lr) for lr in lrs.values()],
                             progress)
    table(["form", "frame", "mismatches", "first divergence"],
          [[r["form"], r["frame"], f"{r['mismatches']}/{r['pixels']}",
            r["first_divergence"] or ""] for r in report["records"]])
    click.echo(f"{report['top']}: {report['rtl']} {report['status']}, {report['tool']}, "
               f"{report['seconds']} s, seed {seed}; latency {report['latency_max']}, interval "
               f"{report['interval_max']} clocks a frame")
    if json_file:
        write_json(json_file, report)
    wrong = sum(record["mismatches"] for record in report["records"])
    if wrong or report["status"] != "Pass":
        raise CheckError(f"{wrong} mismatches, co-simulation {report['status']}",
                         where=found.top, fix=f"see {report['log']}")


COMMANDS = (hls_synth, hls_cosim)
