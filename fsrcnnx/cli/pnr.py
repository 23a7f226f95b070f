"""The command that places and routes: pnr.

May import everything, heavy packages only inside a command.

    fsrcnnx pnr build/rtl --device ecp5-85 --seed 1 --seed 2
"""

from __future__ import annotations

import click

from fsrcnnx.cli.options import FILE, NumberRange, json_option
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.tables import table
from fsrcnnx.cli.unused import refuse
from fsrcnnx.errors import CheckError, InputError

DEVICES = ("ecp5-25", "ecp5-45", "ecp5-85")


@click.command()
@click.argument("folder", type=FILE)
@click.option("--device", type=click.Choice(DEVICES), default=DEVICES[-1], help="Lattice ECP5.")
@click.option("--speed", type=click.Choice(["6", "7", "8"]), default="8", help="Speed grade.")
@click.option("--mhz", type=NumberRange(1, 1000), default=148.5,
              help="Clock that the tools aim at.")
@click.option("--seed", "seeds", type=click.IntRange(0, 2**31 - 1), multiple=True, default=(1,),
              help="Seed of the placement; the best of all in the folder is kept.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, help="Seeds at a time.")
@click.option("--minutes", type=NumberRange(0.1), help="Longest time of a seed.")
@click.option("--layer", default="", help="Only this layer's shift-add graph, in minutes.")
@click.option("--pads/--no-pads", default=True, help="Whether ports are pads, for a bitstream, or "
              "the core is placed as a part of a larger design.")
@click.option("--ripup", is_flag=True, help="Route again what misses the clock, until nothing does "
              "or --minutes are over.")
@click.option("--trimmed/--untrimmed", default=True, help="Whether carry chains lose the cells "
              "that nextpnr puts at their ends.")
@click.option("--require", is_flag=True, help="Fail if the best clock is below --mhz.")
@click.option("-o", "--out", type=FILE, help="Folder of the work; default: FOLDER-pnr-DEVICE.")
@json_option
def pnr(folder, require, out, json_file, seeds, speed, **asked):
    """Place and route an emitted folder: clock and bitstream.

    With Yosys, nextpnr and ecppack, on an ECP5. A run that was stopped goes on where it was when it
    is given again. SIGKILL leaves nextpnr running: end it, too, before you go on.
    """
    from fsrcnnx.progress import status
    from fsrcnnx.prove import pnr as prove

    if len(set(seeds)) < len(seeds):
        raise InputError("a seed is given twice", where="--seed", allowed="each seed once")
    if len(seeds) == 1:
        refuse({"jobs": "given, but there is one seed"})
    if asked["ripup"] and not asked["minutes"]:
        raise InputError("given without an end", where="--ripup", allowed="beside --minutes",
                         fix="add --minutes 30")
    if json_file:
        check_report(json_file)
    name = "-".join([folder.name, "pnr", *filter(None, [asked["layer"]]), asked["device"]])
    order = prove.Order(seeds=seeds, speed=int(speed), **asked)
    with status(f"place and route on {order.device}") as say:
        report = prove.pnr(folder, out or folder.with_name(name), order, say)
    columns = list(report["best"]["utilisation"])
    table(["seed", "MHz", *columns, "longest path", "ns (routing)"],
          [[str(one["seed"]), f"{one['clock_mhz']:.1f}",
            *(str(one["utilisation"][column]["used"]) for column in columns),
            f"{one['critical_path']['from']} -> {one['critical_path']['to']}",
            f"{one['critical_path']['ns']} ({one['critical_path']['routing_ns']})"]
           if "failed" not in one else
           [str(one["seed"]), "-", *("-" for _ in columns), one["failed"], "-"]
           for one in report["seeds"]])
    best = report["best"]["clock_mhz"]
    click.echo(f"{report['network']} {report['content_hash'][:12]} on {report['part']}: {best:.1f} "
               f"MHz, aimed at {order.mhz:g}; in {out or folder.with_name(name)}")
    if json_file:
        write_json(json_file, report)
    if require and best < order.mhz:
        raise CheckError(f"{best:.1f} MHz", where=folder, allowed=f"{order.mhz:g} MHz or more",
                         fix="try other seeds")


COMMANDS = (pnr,)
