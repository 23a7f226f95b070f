"""The command line: `fsrcnnx COMMAND`.

May import everything, but heavy packages only inside the command that needs them: `fsrcnnx --help`
must not wait for torch. Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 3 a required
tool is missing, 130 interrupted.

    fsrcnnx upscale photo.png -o out.png --engine rtl
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from fsrcnnx.cli import exact as cli_exact
from fsrcnnx.cli import hls as cli_hls
from fsrcnnx.cli import import_model as cli_import
from fsrcnnx.cli import learn as cli_learn
from fsrcnnx.cli import pictures as cli_pictures
from fsrcnnx.cli import pnr as cli_pnr
from fsrcnnx.cli import video as cli_video
from fsrcnnx.cli import vitis as cli_vitis
from fsrcnnx.cli.console import (
    FILE,
    MODEL,
    check_report,
    enlarged,
    guard,
    json_option,
    model_option,
    pictures_of,
    table,
    write_json,
)
from fsrcnnx.cli.pictures import Images, images_option, max_pixels_option
from fsrcnnx.cli.unused import refuse_unused
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.files import check_apart
from fsrcnnx.progress import bar, working
from fsrcnnx.prove.engines import table as engines

SIMULATORS = ("verilator", "icarus")
DEVICES = ("xcup", "ecp5", "xc7")

model_argument = click.argument("model", default=MODEL)
sim_option = click.option("--sim", type=click.Choice(SIMULATORS), default=SIMULATORS[0],
                          help="Simulator.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="fsrcnnx")
def main():
    """From a trained super-resolution network to bit-exact SystemVerilog."""


for command in (*cli_learn.COMMANDS, *cli_exact.COMMANDS, *cli_import.COMMANDS,
                *cli_hls.COMMANDS, *cli_vitis.COMMANDS, *cli_pnr.COMMANDS):
    main.add_command(command)


# --- pictures ------------------------------------------------------------------------------


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", type=FILE, required=True,
              help="Picture or video to write; a folder if there are several inputs.")
@model_option
@click.option("--engine", type=click.Choice(engines.offered()),
              help="What computes luma.  [default: golden; videos, folders: emulate]")
@click.option("--scale", type=click.IntRange(1, 8), help="Factor of bicubic; else the model's own.")
@sim_option
@click.option("--max-width", type=click.IntRange(1), default=1920,
              help="Widest frame of the emitted core.")
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
                  and not all(path.is_dir() for path in inputs))
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


@main.command()
@click.option("-o", "--output", type=FILE, default=Path("build/demo"), help="Folder to write.")
@click.option("--image", type=FILE, help="Another photograph.")
@model_option
@sim_option
@max_pixels_option
def demo(output, image, model, sim):
    """Double a photograph by bicubic, float, golden, ONNX and simulated RTL; compare."""
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


# --- hardware ------------------------------------------------------------------------------


@main.command()
@model_argument
@click.option("-o", "--output", type=FILE, required=True, help="Folder to write.")
@click.option("--engine", type=click.Choice(["mac"]), default="mac")
@click.option("--cycles-per-pixel", type=int, default=16, help="Clocks per LR pixel.")
@click.option("--pixels-per-beat", type=int, default=1, help="HR pixels per output beat.")
@click.option("--max-width", type=int, default=1920, help="Widest LR frame.")
@click.option("--max-height", type=int, default=1920, help="Highest LR frame.")
def rtl(model, output, engine, cycles_per_pixel, pixels_per_beat, max_width, max_height):
    """Emit a self-contained folder of SystemVerilog."""
    from fsrcnnx.emit.rtl.folder import emit
    from fsrcnnx.exact.onnx.model import Model

    manifest = emit(Model.open(model).network, output, engine=engine,
                    cycles_per_pixel=cycles_per_pixel, pixels_per_beat=pixels_per_beat,
                    max_width=max_width, max_height=max_height)
    click.echo(f"{output}: {manifest['network']} {manifest['content_hash'][:12]}, "
               f"{manifest['cycles_per_pixel']} cycles per LR pixel, "
               f"{manifest['multipliers']} multipliers{enlarged(manifest)}")


@main.command()
@click.argument("benches", nargs=-1)
@click.option("--sim", type=click.Choice(SIMULATORS), help="Simulator.  [default: both]")
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of everything random.")
@click.option("--waves", is_flag=True, help="Write waveforms under build/benches.")
def sim(benches, sim, seed, waves):
    """Run the cocotb BENCHES (all, or those whose names contain a word given)."""
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


@main.command(cls=Images)
@model_argument
@images_option
@max_pixels_option
@click.option("--lr", is_flag=True, help="The pictures are LR already.")
@click.option("--rungs", help="Comma-separated names; default: all but hls-pictures.")
@click.option("--rtl-dir", type=FILE, help="Check this emitted folder.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Seed of the random frames.")
@json_option
def verify(model, images, lr, rungs, rtl_dir, seed, json_file):
    """Compare every form of the network bit for bit.

    MODEL comes before --images, which takes all pictures behind it.
    """
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.ladder import climb as ladder

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


@main.command()
@click.argument("folder", type=FILE)
@click.option("--device", type=click.Choice(DEVICES), default=DEVICES[0],
              help="UltraScale+, ECP5 or 7 series.")
@click.option("--depth", type=click.IntRange(0), default=2,
              help="Levels of hierarchy in the table.")
@json_option
def synth(folder, device, depth, json_file):
    """Synthesise an emitted folder with Yosys; count LUT, FF, DSP and block RAM."""
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


@main.command()
def doctor():
    """List the tools: wanted, found, what for, how to install."""
    from fsrcnnx import tools
    from fsrcnnx.prove import cache

    with working("ask the tools"):
        rows = tools.doctor()
    table(["tool", "wanted", "found", "what for", "install"],
          [[row.tool.name, row.tool.wanted,
            row.found.version if row.found else row.unusable or "missing",
            row.tool.purpose, "" if row.found else row.tool.advice] for row in rows])
    click.echo(f"builds are kept in {cache.home()} (FSRCNNX_CACHE)")
    missing = [row.tool.name for row in rows if not row.found]
    if missing:
        raise ToolError(f"{', '.join(missing)} missing or too old", where="doctor",
                        fix="install them as the table says")


def run() -> None:
    """Run the command line and leave the process with its exit code."""
    guard(main)


if __name__ == "__main__":
    run()
