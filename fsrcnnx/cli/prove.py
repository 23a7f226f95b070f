"""The commands that prove a network and hold its forms against each other: verify, ranges, bench.

May import everything, heavy packages only inside a command.

    fsrcnnx verify --images set5/ --json report.json
"""

from __future__ import annotations

import click

from fsrcnnx.cli.images import (
    Images,
    images_option,
    lr_option,
    max_pixels_option,
    pictures_of,
)
from fsrcnnx.cli.options import FILE, json_option, model_argument, seed_option
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.tables import table
from fsrcnnx.cli.unused import refuse_of_pictures
from fsrcnnx.progress import bar, working


@click.command(cls=Images)
@model_argument
@images_option
@max_pixels_option
@lr_option
@click.option("--rungs", help="Comma-separated names; default: all but the long ones, which are "
              "hls-pictures, netlists and those of adders.")
@click.option("--rtl-dir", type=FILE, help="Check this emitted folder.")
@seed_option("the random frames")
@json_option
def verify(model, images, lr, rungs, rtl_dir, seed, json_file):
    """Compare every form of the network bit for bit.

    MODEL comes before --images, which takes all pictures behind it.
    """
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.ladder import climb as ladder

    refuse_of_pictures(images)
    if json_file:
        check_report(json_file)
    with working("verify") as say:
        report = ladder.verify(
            Model.open(model), pictures_of(images),
            None if rungs is None else rungs.split(","), lr=lr, seed=seed, rtl_dir=rtl_dir,
            replay=model, progress=say)
    click.echo(report.table())
    if json_file:
        report.write(json_file)
    report.check()


@click.command(cls=Images)
@model_argument
@images_option
@max_pixels_option
@lr_option
@click.option("--channels", is_flag=True, help="One row per channel.")
@seed_option("the noise")
@click.option("--plot", type=FILE, help="Draw the ranges there (.png, .pdf or .svg).")
@json_option
def ranges(model, images, lr, channels, seed, plot, json_file):
    """Print the proved ranges beside what frames reach.

    Per layer or channel: the accumulator's bits, proved for every frame there can be.

    MODEL comes before --images, which takes all pictures behind it.
    """
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove import bounds, stimuli

    refuse_of_pictures(images)
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
@model_argument
@click.option("--size", "sizes", multiple=True,
              default=("64x48", "512x512", "960x540", "1920x1080"),
              help="LR frame, WIDTHxHEIGHT.")
@click.option("--contenders", help="Comma-separated names; default: all.")
@click.option("--rounds", type=click.IntRange(1), default=3, help="Turns of each contender.")
@json_option
def bench(model, sizes, contenders, rounds, json_file):
    """Compare the speed and memory of the exact engines."""
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


COMMANDS = (verify, ranges, bench)
