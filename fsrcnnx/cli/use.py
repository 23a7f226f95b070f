"""The commands that use a network: upscale, demo.

May import everything, heavy packages only inside a command.

    fsrcnnx upscale photo.png -o photo_x2.png
"""

from __future__ import annotations

from pathlib import Path

import click

from fsrcnnx.cli import pictures as cli_pictures
from fsrcnnx.cli import video as cli_video
from fsrcnnx.cli.images import max_pixels_option
from fsrcnnx.cli.options import FILE, max_width_option, model_option, sim_option
from fsrcnnx.cli.tables import table
from fsrcnnx.cli.unused import refuse_unused
from fsrcnnx.errors import InputError
from fsrcnnx.files import check_apart
from fsrcnnx.progress import bar
from fsrcnnx.prove.engines import table as engines


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", type=FILE, required=True,
              help="Picture or video to write; a folder if there are several inputs.")
@model_option
@click.option("--engine", type=click.Choice(engines.offered()),
              help="What computes luma.  [default: golden; videos, folders: emulate]")
@click.option("--scale", type=click.IntRange(1, 8), help="Factor of bicubic; else the model's own.")
@sim_option
@max_width_option
@cli_video.options
@max_pixels_option
def upscale(inputs, output, model, engine, scale, sim, max_width, **video):
    """Upscale pictures, videos, or a folder of frames into another.

    Luma goes through the network, chroma and alpha through bicubic; gray stays gray. Pictures come
    out upright, with their ICC profile and dpi as the format allows; what does not come out is
    listed as left out. In videos sound is copied, and pixel format, frame rate, colour range and
    matrix stay; luma is taken as it is stored, and a variable frame rate is refused unless --rate
    says what it is to become.
    """
    from fsrcnnx.exact.onnx.model import Model

    refuse_unused(engine, cli_video.takes(inputs, output)
                  and not all(path.is_dir() for path in inputs), video["codec"])
    network = Model.open(model) if engine is None or engines.ENGINE[engine].network else None
    own = scale or 2
    if network is not None:
        own = network.scale
        if scale not in (None, own):
            raise InputError(f"scale {scale}", where="--scale", allowed=f"{own}, as {model} has",
                             fix="leave it out")
    outputs = output_names(inputs, output)
    if cli_video.takes(inputs, output):
        cli_video.upscale(inputs, outputs, engine, network, own, simulator=sim, max_width=max_width,
                          **video)
    else:
        cli_pictures.upscale(inputs, outputs, engine or "golden", network, own, simulator=sim,
                             max_width=max_width)


def output_names(inputs, output: Path) -> list[Path]:
    """Name the output of each input; several, or an existing folder, go into a folder."""
    if len(inputs) == 1 and (not output.is_dir() or inputs[0].is_dir()):
        names = [output]
    else:
        names = [output / path.name for path in inputs]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError("two inputs have this file name", where=name.name,
                             allowed="different names", fix="upscale them one at a time")
    check_apart(names, inputs)
    return names


@click.command()
@click.option("-o", "--output", type=FILE, default=Path("build/demo"), help="Folder to write.")
@click.option("--image", type=FILE, help="Another photograph.")
@model_option
@sim_option
@max_pixels_option
def demo(output, image, model, sim):
    """Double a photograph in every way, the simulated core too.

    Bicubic, float, golden, ONNX and RTL: their PSNR in dB, their seconds, whether the exact ones
    agree bit for bit, and a picture of crops side by side.
    """
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.report import demo as show

    with bar(f"compile, simulate on {sim}") as progress:
        report = show.demo(output, Model.open(model), image=image, simulator=sim,
                           progress=progress)
    click.echo(f"{report.name}: {report.lr_size} doubled to {report.hr_size}")
    table(["upscaled by", "PSNR dB", "seconds"],
          [[row.name, f"{row.psnr:.2f}", f"{row.seconds:.1f}"] for row in report.rows])
    for line in report.comparisons:
        click.echo(line)
    click.echo(f"simulation: {report.speed}")
    click.echo(f"side by side: {report.picture}")
    report.check()


COMMANDS = (upscale, demo)
