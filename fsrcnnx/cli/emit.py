"""The commands that write hardware and C: rtl, hls, c.

May import everything, heavy packages only inside a command.

    fsrcnnx rtl -o build/rtl --cycles-per-pixel 16
"""

from __future__ import annotations

import re

import click

from fsrcnnx.cli.options import FILE, NUMBER, folder_option, model_argument
from fsrcnnx.cli.tables import table
from fsrcnnx.cli.unused import refuse
from fsrcnnx.errors import InputError
from fsrcnnx.names import PREFIX
from fsrcnnx.owned import check
from fsrcnnx.progress import working

STRATEGIES = ("latency", "resource", "distributed_arithmetic")


def reuse_of(values: tuple[str, ...]) -> tuple[int, dict[str, int]]:
    """Read `--reuse N` and `--reuse LAYER=N`.

    Args:
        values: The texts.

    Returns:
        The number for all (1 if none), and layer -> number.

    Raises:
        InputError: If a text is neither.
    """
    every, layers = 1, {}
    for value in values:
        name, _, number = value.rpartition("=")
        if not re.fullmatch("[0-9]{1,9}", number):
            raise InputError(f"{value!r}", where="--reuse", allowed="N or LAYER=N, up to 9 digits")
        if name:
            layers[name] = int(number)
        else:
            every = int(number)
    return every, layers


def frame_size(text: str) -> tuple[int, int]:
    """Read `--frame WIDTHxHEIGHT`.

    Args:
        text: The text.

    Returns:
        Width and height.

    Raises:
        InputError: If it is none.
    """
    if not (found := re.fullmatch("([0-9]{1,5})x([0-9]{1,5})", text)):
        raise InputError(f"{text!r}", where="--frame", allowed="WIDTHxHEIGHT, e.g. 320x240")
    return int(found[1]), int(found[2])


def enlarged(manifest: dict) -> str:
    """Say what hardware expects of its input, if that is not the picture itself.

    Args:
        manifest: Of a core, an HLS project or a C reference.

    Returns:
        The end of a line; empty where the picture itself goes in.
    """
    if manifest["prescale"] == 1:
        return ""
    return f"; its LR is luma that bicubic has enlarged {manifest['prescale']} times"


def _estimated(network, build, keep, mhz: float) -> None:
    """Print what a core would take and do."""
    from fsrcnnx.emit.rtl.estimate import estimate
    from fsrcnnx.emit.rtl.plan import make

    if not mhz > 0:
        raise InputError(f"a clock of {mhz:g} MHz", where="--mhz", allowed="more than 0")
    plan = make(network, build, keep)
    told, clocks = estimate(plan), plan.clocks_per_frame
    table([f"{network.name} {network.content_hash()[:12]}", "estimated"], [
        ["LUT sites of an ECP5, after synthesis", str(told.lut)],
        ["flip-flops", str(told.ff)],
        ["block RAMs of 18 kb", str(told.blocks)],
        ["bits in memories", str(told.ram_bits)],
        ["multipliers", str(told.multipliers)],
        [f"clocks per frame of {plan.build.max_width}x{plan.build.max_height}", str(clocks)],
        [f"frames per second at {mhz:g} MHz", f"{mhz * 1e6 / clocks:.2f}"],
        ["latency in lines", str(plan.latency_lines)],
    ])


@click.command()
@model_argument
@click.option("-o", "--output", type=FILE, help="Folder to write.")
@click.option("--engine", type=click.Choice(["mac", "adders"]), default="mac",
              help="Multipliers in turns, or shifts and adders at one LR pixel a clock.")
@click.option("--cycles-per-pixel", type=int, default=None,
              help="Clocks per LR pixel.  [default: 16; adders: 1]")
@click.option("--frame", metavar="WIDTHxHEIGHT", default=None,
              help="LR frame size to keep up with, instead of clocks per LR pixel.")
@click.option("--fps", type=NUMBER, default=60.0, help="Frames a second, with --frame.")
@click.option("--mhz", type=NUMBER, default=100.0, help="Clock in MHz, with --frame or --estimate.")
@click.option("--pixels-per-beat", type=int, default=None,
              help="HR pixels per output beat.  [default: the fewest that keep the rate]")
@click.option("--multiplier-bits", type=int, default=25,
              help="Bits of a multiplier's wide factor: two products share one where it fits.")
@click.option("--max-width", type=int, default=None,
              help="Widest LR frame.  [default: that of --frame, or 1920]")
@click.option("--max-height", type=int, default=None,
              help="Highest LR frame.  [default: that of --frame, or 1920]")
@click.option("--adders-per-stage", type=int, default=1,
              help="Of --engine adders: more take fewer flip-flops and a slower clock.")
@click.option("--prefix", default=PREFIX, show_default=True,
              help="Of its modules, packages and files: two cores in one design need two.")
@click.option("--estimate", is_flag=True,
              help="Of --engine adders: print what a core would take, and write nothing.")
def rtl(model, output, engine, cycles_per_pixel, frame, fps, mhz, pixels_per_beat, multiplier_bits,
        max_width, max_height, adders_per_stage, prefix, estimate):
    """Emit a self-contained folder of SystemVerilog."""
    from fsrcnnx.emit.rtl.build import Build, Video
    from fsrcnnx.emit.rtl.folder import emit
    from fsrcnnx.exact.onnx.model import Model
    from fsrcnnx.prove.builds import cache

    video = None if frame is None else Video(*frame_size(frame), fps, mhz)
    if estimate:
        refuse({"output": "given, but --estimate writes nothing"})
        return _estimated(Model.open(model).network,
                          Build(engine, cycles_per_pixel, pixels_per_beat, max_width, max_height,
                                multiplier_bits, video, adders_per_stage), cache.keep, mhz)
    if output is None:
        raise click.MissingParameter(param_type="option", param_hint="'-o' / '--output'")
    manifest = emit(Model.open(model).network, output, engine=engine,
                    cycles_per_pixel=cycles_per_pixel, pixels_per_beat=pixels_per_beat,
                    max_width=max_width, max_height=max_height, multiplier_bits=multiplier_bits,
                    video=video, adders_per_stage=adders_per_stage, prefix=prefix,
                    keep=cache.keep)
    adders, slopes = (sum(layer.get(key, 0) for layer in manifest["layers"])
                      for key in ("adders", "slope_adders"))
    used = f", {manifest['utilisation']:.0%} used" if manifest["multipliers"] else ""
    click.echo(f"{output}: {manifest['network']} {manifest['content_hash'][:12]}, "
               f"{manifest['cycles_per_pixel_expected']} cycles per LR pixel, "
               f"{manifest['clocks_per_frame']} clocks per frame of "
               f"{manifest['max_width']}x{manifest['max_height']}, "
               f"{f'{adders} adders and {slopes} of the slopes, ' if adders else ''}"
               f"{manifest['multipliers']} multipliers{used}{enlarged(manifest)}")


@click.command()
@model_argument
@folder_option
@click.option("--width", type=int, required=True, help="LR frame width.")
@click.option("--height", type=int, required=True, help="LR frame height.")
@click.option("--strategy", type=click.Choice(STRATEGIES), default=STRATEGIES[0],
              help="How a layer's products are computed.")
@click.option("--reuse", multiple=True, metavar="N|LAYER=N",
              help="Uses of a multiplier per pixel: at most N everywhere, or exactly N in a layer.")
@click.option("--part", help="FPGA part for Vitis HLS.  [default: a Kintex UltraScale+]")
@click.option("--clock", type=NUMBER, help="Clock period in ns.  [default: 5]")
def hls(model, output, width, height, strategy, reuse, part, clock):
    """Write an hls4ml project, C++ for Vitis HLS, of one frame size."""
    from fsrcnnx.emit.hls import plan
    from fsrcnnx.exact.onnx.model import Model

    every, layers = reuse_of(reuse)
    given = {"part": part, "clock": clock}
    network = Model.open(model).network
    check(output, plan.KIND)
    made = plan.make(network, width, height, strategy=strategy, reuse=every, reuse_of=layers,
                     **{key: value for key, value in given.items() if value is not None})
    from fsrcnnx.emit.hls.folder import write  # asks for hls4ml

    with working("write the hls4ml project"):
        manifest = write(made, output)
    table(["layer", "kind", "values a beat", "result", "sum", "reuse"],
          [[entry["name"], entry["kind"], str(entry["channels"]), entry["types"]["result"],
            entry["types"].get("accum", ""), str(entry.get("reuse", ""))]
           for entry in manifest["layers"]])
    click.echo(f"{output}: {manifest['network']} {manifest['content_hash'][:12]}, frames of "
               f"{width}x{height}, {strategy}, {manifest['made_by']}; every type as planned"
               f"{enlarged(manifest)}")


@click.command()
@model_argument
@folder_option
@click.option("--prefix", help="What its C names begin with.  "
                               "[default: fsrcnnx_ and the network's name]")
def c(model, output, prefix):
    """Write plain C99 of the network for other test benches."""
    from fsrcnnx.emit.c.folder import SHOWN, emit
    from fsrcnnx.exact.onnx.model import Model

    manifest = emit(Model.open(model).network, output, prefix=prefix)
    work = manifest["work_bytes_per_column"] * SHOWN + manifest["work_bytes_fixed"]
    click.echo(f"{output}: {manifest['network']} {manifest['content_hash'][:12]}, "
               f"{manifest['prefix']}_upscale(), {work:,} bytes of work memory for lines of "
               f"{SHOWN} pixels{enlarged(manifest)}")


COMMANDS = (rtl, hls, c)
