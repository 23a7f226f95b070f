"""The commands of the integer side: ranges, bench.

May import everything, heavy packages only inside a command. cli/main.py adds them to `fsrcnnx`.

    fsrcnnx ranges --plot ranges.png
"""

from __future__ import annotations

import click

from fsrcnnx.cli.console import (
    FILE,
    MODEL,
    check_report,
    json_option,
    pictures_of,
    table,
    write_json,
)
from fsrcnnx.cli.pictures import Images, images_option, max_pixels_option
from fsrcnnx.progress import bar


@click.command(cls=Images)
@click.argument("model", default=MODEL)
@images_option
@max_pixels_option
@click.option("--lr", is_flag=True, help="The pictures are LR already.")
@click.option("--channels", is_flag=True, help="One row per channel.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of the noise.")
@click.option("--plot", type=FILE, help="Draw the ranges there (.png, .pdf or .svg).")
@json_option
def ranges(model, images, lr, channels, seed, plot, json_file):
    """Print each layer's proved accumulators beside what frames reach.

    MODEL comes before --images, which takes all pictures behind it.
    """
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove import bounds
    from fsrcnnx.prove.ladder import stimuli

    if json_file:
        check_report(json_file)
    if plot:
        bounds.check_plot(plot)
        check_report(plot, ())
    network = Model.open(model).network
    shown = stimuli.pictures(pictures_of(images), network, lr)
    frames = [*bounds.made_up(network, seed), *(stimulus.lr for stimulus in shown)]
    with bar("run frames") as progress:
        found = bounds.report(network, frames, progress)
    table(bounds.COLUMNS, found.rows(channels))
    click.echo(f"{network.name} {network.content_hash()[:12]}: nothing in {len(frames)} frames, "
               f"{len(shown)} of them pictures, leaves the proved ranges")
    if json_file:
        write_json(json_file, found.as_dict())
    if plot:
        bounds.plot(found, plot)


@click.command()
@click.argument("model", default=MODEL)
@click.option("--size", "sizes", multiple=True, default=("512x512", "960x540", "1920x1080"),
              help="LR frame, WIDTHxHEIGHT.")
@click.option("--contenders", help="Comma-separated names; default: all.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Turns of each contender.")
@json_option
def bench(model, sizes, contenders, rounds, json_file):
    """Compare the speed and memory of the exact engines, side by side."""
    from dataclasses import asdict

    from fsrcnnx import __version__
    from fsrcnnx.errors import CheckError
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove import bench as prove

    if json_file:
        check_report(json_file)
    opened = Model.open(model)
    shapes = [prove.size_of(size) for size in sizes]
    names = tuple(prove.CONTENDER) if contenders is None else contenders.split(",")
    rows, before = [], prove.machine()
    for size, shape in zip(sizes, shapes, strict=True):
        with bar(size) as progress:
            rows += prove.bench(opened, shape, names, rounds=rounds, progress=progress)
    table(prove.COLUMNS, [row.cells() for row in rows])
    click.echo(f"{model}: before: {before}; after: {prove.machine()}")
    if json_file:
        write_json(json_file, {"made_by": f"fsrcnnx {__version__}", "model": str(model),
                               "before": before, "after": prove.machine(),
                               "rows": [asdict(row) for row in rows]})
    wrong = [row for row in rows if row.result == "FAIL"]
    if wrong:
        raise CheckError(f"{wrong[0].mismatches}/{wrong[0].pixels} mismatches against "
                         f"{wrong[0].against}", where=f"{wrong[0].contender} on {wrong[0].frame}")


COMMANDS = (ranges, bench)
