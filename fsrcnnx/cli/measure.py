"""The commands that measure what was learnt: test, results, card, contrast.

May import everything, heavy packages only inside a command.

    fsrcnnx test set5/ --model fsrcnn-x_x2
"""

from __future__ import annotations

import click

from fsrcnnx.cli.images import max_pixels_option
from fsrcnnx.cli.options import FILE, json_option, model_option, protocol_option
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.tables import table
from fsrcnnx.errors import InputError
from fsrcnnx.progress import bar
from fsrcnnx.prove.engines.table import quick


@click.command()
@click.argument("images", type=FILE)
@model_option
@click.option("--engine", type=click.Choice(quick()),
              default="golden")
@protocol_option
@max_pixels_option
@json_option
def test(images, model, engine, protocol, json_file):
    """Measure PSNR and SSIM over a folder of HR pictures."""
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.report.results import quality

    if json_file:
        check_report(json_file)
    score = quality(engine, Model.open(model), images, protocol)
    mean = (f"mean, {protocol} protocol", score.psnr, score.ssim, score.bicubic_psnr,
            score.bicubic_ssim)
    table(["picture", "bicubic dB", "bicubic SSIM", f"{engine} dB", f"{engine} SSIM"],
          [[name, f"{plain:.2f}", f"{alike:.4f}", f"{ours:.2f}", f"{our_alike:.4f}"]
           for name, ours, our_alike, plain, alike in (*score.pictures, mean)])
    if json_file:
        write_json(json_file, score.as_dict())


@click.command()
@click.argument("folders", type=FILE, nargs=-1, required=True)
@click.option("--model", "chosen", multiple=True, help="Measure this one, by name or .onnx file; "
              "repeatable.  [default: every shipped model]")
@click.option("--plot", type=FILE, help="Draw dB over bits there (.png, .pdf or .svg).")
@protocol_option
@max_pixels_option
def results(folders, chosen, plot, protocol):
    """Measure models over folders of HR pictures.

    FOLDERS are e.g. Set5 and Set14. Prints a Markdown table.
    """
    from fsrcnnx.exact.onnx.model import Model, shipped
    from fsrcnnx.learn.sources import pictures_in
    from fsrcnnx.report import results as measure

    if plot:
        measure.check_plot(plot)
        check_report(plot, ())
    for folder in folders:  # before any of them is measured
        try:
            pictures_in(folder)
        except InputError as error:
            raise InputError(error.what, where=error.where, allowed="folders of HR pictures",
                             fix="name yours, e.g. `fsrcnnx results DATA/test/Set5`; to make, by "
                                 "DATA=folder with test/Set5 and test/Set14") from None
    models = [Model.open(name) for name in chosen] or shipped()
    rows = []
    with bar("results") as progress:
        for row in measure.results(models, folders, protocol):
            rows.append(row)
            progress(len(rows) / (len(models) * len(folders)))
    click.echo(measure.markdown(rows))
    if plot:
        measure.plot(rows, plot)


@click.command()
@click.argument("folder", type=FILE)
@click.argument("pictures", type=FILE, nargs=-1, required=True)
@max_pixels_option
def card(folder, pictures):
    """Measure a network and write its card.md.

    The network lies in FOLDER, PICTURES are folders of HR pictures.
    """
    from fsrcnnx.report import card as cards

    click.echo(f"{cards.write(folder, pictures)}: written")


@click.command()
@click.argument("weights", type=FILE)
@click.argument("eval_file", type=FILE)
def contrast(weights, eval_file):
    """Show what single pictures lose, from black to white.

    Held-out pictures as they are, stretched and inverted, whole and in tiles, and stripes:
    quantised weights against the float ones of the same file. EVAL_FILE is as `prepare --eval`
    writes it.
    """
    from fsrcnnx.learn.quantising.contrast import MOST
    from fsrcnnx.learn.quantising.contrast import contrast as learn

    rows = [[kind, f"{lost.count}", f"{lost.mean:.3f}", f"{lost.above}", f"{lost.most:.2f}",
             f"{lost.worst} (float {lost.plain:.1f} dB)"]
            for kind, lost in learn(weights, eval_file).items()]
    table(["class", "pictures", "dB lost, mean", f"above {MOST}", "most", "by"], rows)


COMMANDS = (test, results, card, contrast)
