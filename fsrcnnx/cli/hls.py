"""The command of the HLS side: `fsrcnnx hls`.

May import everything, heavy packages only inside a command. cli/main.py adds it to `fsrcnnx`.

    fsrcnnx hls -o project --width 960 --height 540
"""

from __future__ import annotations

import re

import click

from fsrcnnx.cli.console import FILE, MODEL, enlarged, table
from fsrcnnx.errors import InputError
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


@click.command()
@click.argument("model", default=MODEL)
@click.option("-o", "--output", type=FILE, required=True, help="Folder to write.")
@click.option("--width", type=int, required=True, help="LR frame width.")
@click.option("--height", type=int, required=True, help="LR frame height.")
@click.option("--strategy", type=click.Choice(STRATEGIES), default=STRATEGIES[0],
              help="How a layer's products are computed.")
@click.option("--reuse", multiple=True, metavar="N|LAYER=N",
              help="Uses of a multiplier per pixel: at most N everywhere, or exactly N in a layer.")
@click.option("--part", help="FPGA part for Vitis HLS.  [default: a Kintex UltraScale+]")
@click.option("--clock", type=float, help="Clock period in ns.  [default: 5]")
def hls(model, output, width, height, strategy, reuse, part, clock):
    """Write a complete hls4ml project (C++ for Vitis HLS) for one frame size."""
    from fsrcnnx.emit.hls import emit
    from fsrcnnx.exact.onnx.model import Model

    every, layers = reuse_of(reuse)
    given = {"part": part, "clock": clock}
    network = Model.open(model).network
    with working("write the hls4ml project"):
        manifest = emit(network, output, width=width, height=height, strategy=strategy,
                        reuse=every, reuse_of=layers,
                        **{key: value for key, value in given.items() if value is not None})
    table(["layer", "kind", "values a beat", "result", "sum", "reuse"],
          [[entry["name"], entry["kind"], str(entry["channels"]), entry["types"]["result"],
            entry["types"].get("accum", ""), str(entry.get("reuse", ""))]
           for entry in manifest["layers"]])
    click.echo(f"{output}: {manifest['network']} {manifest['content_hash'][:12]}, frames of "
               f"{width}x{height}, {strategy}, {manifest['made_by']}; every type as planned"
               f"{enlarged(manifest)}")


COMMANDS = (hls,)
