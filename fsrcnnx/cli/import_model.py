"""The command that takes in other people's networks: import; here QONNX files, quantised ones.

May import everything, heavy packages only inside a command. Float networks: import_float.

    fsrcnnx import brevitas.onnx -o models/mine_x2
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from fsrcnnx import limits
from fsrcnnx.cli.import_float import KIND, import_float, is_float
from fsrcnnx.cli.options import FILE, NumberRange, folder_option, json_option
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.tables import table
from fsrcnnx.errors import CheckError, InputError, ModelError, Unrepresentable
from fsrcnnx.owned import check, whole_folder
from fsrcnnx.progress import working

TRIALS = ((31, 29), (1, 1), (8, 64))  # LR sizes that the import is held against the original on
LARGE = 256  # nodes; qonnx's time grows with their square, so that one size has to do


@click.command("import")
@click.argument("file", type=FILE)
@folder_option
@click.option("--slope-bits", type=click.IntRange(2, 16), default=8,
              help="Width of PReLU slopes that the file leaves in float.")
@click.option("--weight-bits", type=click.IntRange(2, 24), default=16,
              help="Greatest width of weights whose scales per channel become one.")
@click.option("--round-scales", is_flag=True, help="Round scales that are no powers of two, and "
              "measure what it changes.")
@click.option("--prescale", type=click.IntRange(1, 8),
              help="How many times bicubic enlarges a picture before, e.g. for an SRCNN.  "
                   "[default: as the file says, else 1]")
@click.option("--scale", type=click.IntRange(2, 4),
              help="How much larger a picture becomes, where a float file does not say it.")
@click.option("--divisor", type=click.Choice(["255", "256", "1"]),
              help="What a float network's pixels were divided by.  [default: 255; 256 for ours]")
@click.option("--padding", type=click.IntRange(0, limits.KERNEL),
              help="Of a checkpoint's deconvolution.  [default: half the kernel]")
@click.option("--slope", type=NumberRange(-16, 16),
              help="Of activations that a checkpoint does not hold.  [default: 0, ReLU]")
@click.option("--anchor/--no-anchor", default=None, help="Whether a checkpoint's network adds the "
              "LR pixel to its output.  [default: as published of ECBSR and SESR, else not]")
@click.option("--identity/--no-identity", default=None, help="Whether blocks of an ECBSR or SESR "
              "add what they are given.  [default: not of ECBSR, but of SESR]")
@json_option
def import_model(file, output, slope_bits, weight_bits, round_scales, prescale, json_file, divisor,
                 **choice):
    """Bring a network of another tool to our form.

    FILE is a checkpoint (FSRCNN, SRCNN, ESPCN, ECBSR, SESR and others), the same as float ONNX, or
    quantised ONNX, of Brevitas or onnxruntime say, which is made exact. An ONNX file is held
    against what was made of it, on random pixels.
    """
    from fsrcnnx.exact.onnx import bytes as onnx_bytes
    from fsrcnnx.exact.onnx import io as onnx_io

    if is_float(file):
        check_folder(output, file)
        import_float(file, output, json_file, divisor=divisor and int(divisor), **choice)
        return
    if json_file:
        check_report(json_file)
    adopted = take(file, onnx_bytes.read_bytes(file), round_scales, slope_bits=slope_bits,
                   weight_bits=weight_bits)
    network = adopted.network
    network = replace(network, prescale=prescale or network.prescale).check()
    check_folder(output, file)
    with whole_folder(output, KIND) as folder:
        onnx_io.save(network, folder / "model.onnx")
        onnx_io.save_float(network, folder / "model_float.onnx", adopted.values)
        with working("holding it against the file"):
            differ = compare_with(file, network, adopted.steps if adopted.rounded else None)
        check_exact(adopted, differ)
        try:
            onnx_io.save_uint8(network, folder / "model_uint8.onnx")
            note = ""
        except Unrepresentable as error:  # wider than float32, or luma of other than 8 bits
            note = f"model_uint8.onnx is not written: {error}"
    rows = [[change.layer, change.role, str(change.to), f"{change.greatest:.3g}",
             f"{change.greatest / change.to.step:.3g}"] for change in adopted.changes]
    for line in adopted.rewrites:
        click.echo(line)
    if rows:
        table(["layer", "quantised", "format", "greatest change", "in steps"], rows)
    click.echo(f"{file.name} and the imported network on {differ['pixels']} random pixels: "
               f"{differ['differ']} differ, at most by {differ['greatest']}, RMS "
               f"{differ['rms']:.3g} levels (reference: qonnx)")
    for line in filter(None, [note, f"{output}: {network.name} {network.content_hash()}"]):
        click.echo(line)
    if json_file:
        write_json(json_file, {
            "file": str(file), **network.meta, "content_hash": network.content_hash(),
            "changes": [{"layer": c.layer, "role": c.role, "format": str(c.to),
                         "greatest_change": c.greatest} for c in adopted.changes],
            "rewrites": list(adopted.rewrites), "exact": adopted.exact,
            "against_the_file": differ, "note": note})


def check_folder(output: Path, file: Path) -> None:
    """Refuse an output folder that holds the input, or what is not of an earlier import."""
    if Path(os.path.realpath(file)).is_relative_to(os.path.realpath(output)):
        raise InputError("the output is the input", where=output, allowed="another folder")
    check(output, KIND)


def check_exact(adopted, differ: dict[str, int]) -> None:
    """Refuse an import that rounded nothing and yet gives other pixels than the file."""
    from fsrcnnx.exact import ranges

    if adopted.exact and differ["differ"] and not ranges.float32_exact(adopted.network):
        raise CheckError(
            f"nothing was rounded, and yet {differ['differ']} of {differ['pixels']} random pixels "
            f"differ from the file's, at most by {differ['greatest']}", where=adopted.network.name,
            allowed="0", fix="report this as a defect of `fsrcnnx import`")


def take(file: Path, data: bytes, round_scales: bool, **bits):
    """Bring a quantised file to our form; where rounding its scales would do, say what that costs.

    Args:
        file: The file.
        data: What it holds.
        round_scales: Whether its scales are rounded.
        **bits: As for `adopt`.

    Returns:
        The network and what was changed.

    Raises:
        ModelError: If the file cannot be taken in, or its scales have to be rounded and need not.
    """
    from fsrcnnx.exact.onnx.adopt import adopt
    from fsrcnnx.exact.onnx.scales import ScaleError

    try:
        return adopt(data, file.name, round_scales=round_scales, **bits)
    except ScaleError as error:
        wrong = error
    try:
        rounded = adopt(data, file.name, round_scales=True, **bits)
        lost = compare_with(file, rounded.network, rounded.steps)
    except ModelError as error:
        raise ModelError(wrong.what, where=wrong.where, allowed=wrong.allowed,
                         fix=f"rounding it would not be enough ({error.what}); "
                         f"{error.fix or wrong.fix}") from None
    raise ModelError(
        wrong.what, where=wrong.where, allowed=wrong.allowed,
        fix=f"{wrong.fix}, or round them by --round-scales: of {lost['pixels']} random pixels "
            f"{lost['differ']} change, RMS {lost['rms']:.3g} levels, at most {lost['greatest']}")


def compare_with(file: Path, network, steps: tuple[float, float] | None = None) -> dict:
    """Run the file as it came and the imported network on random pictures; count differences.

    Args:
        file: The file.
        network: The imported network.
        steps: The file's scales of luma in and out, if they are not the network's.

    Returns:
        Pixels, how many differ, by how much at most and in the mean square, in levels.
    """
    import numpy as np

    from fsrcnnx.exact import golden
    from fsrcnnx.exact.onnx import bytes as onnx_bytes
    from fsrcnnx.exact.onnx import io as onnx_io
    from fsrcnnx.exact.onnx.run import run_values

    rng = np.random.default_rng(1)
    to, gaps = network.in_format, []
    nodes = len(onnx_bytes.parse(onnx_bytes.read_bytes(file), str(file)).graph.node)
    for size in TRIALS[: 1 if nodes > LARGE else None]:
        lr = rng.integers(to.lo, to.hi + 1, size)
        if steps is None:
            theirs = onnx_io.run_qonnx(file, lr, network)
        else:
            value = (lr * steps[0]).astype(np.float32)
            theirs = np.rint(run_values(file, value, network.scale) / steps[1]).astype(int)
        gaps.append(np.abs(theirs - golden.run(network, lr)).ravel())
    gap = np.concatenate(gaps)
    return {"pixels": int(gap.size), "differ": int((gap > 0).sum()), "greatest": int(gap.max()),
            "rms": float(np.sqrt((gap.astype(float) ** 2).mean()))}


COMMANDS = (import_model,)
