"""The commands of the integer side: ranges, bench.

May import everything, heavy packages only inside a command. cli.py adds them to `fsrcnnx`.

    fsrcnnx ranges --plot ranges.png
"""

from __future__ import annotations

import click

from fsrcnnx.console import (
    FILE,
    MODEL,
    bar,
    check_json,
    json_option,
    pictures_of,
    table,
    write_json,
)


@click.command()
@click.argument("model", default=MODEL)
@click.option("--images", type=FILE, multiple=True, help="HR pictures or folders of them.")
@click.option("--lr", is_flag=True, help="The pictures are LR already.")
@click.option("--channels", is_flag=True, help="One row per channel.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of the noise.")
@click.option("--plot", type=FILE, help="Draw the ranges there (.png, .pdf or .svg).")
@json_option
def ranges(model, images, lr, channels, seed, plot, json_file):
    """Print each layer's proved accumulators beside what frames reach."""
    from fsrcnnx import engines
    from fsrcnnx.exact import onnx_io
    from fsrcnnx.prove import bounds, stimuli

    if json_file:
        check_json(json_file)
    if plot:
        bounds.check_plot(plot)
        check_json(plot)
    network = onnx_io.load(engines.find_model(model))
    shown = stimuli.pictures(pictures_of(images), network.scale, lr)
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


COMMANDS = (ranges,)
