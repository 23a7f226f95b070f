"""What `fsrcnnx quantise --data` does: a float network and a folder of pictures become a model.

May import everything, heavy packages only inside a function.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from fsrcnnx.cli.import_float import KIND
from fsrcnnx.errors import InputError
from fsrcnnx.files import made, scratch
from fsrcnnx.owned import check, whole_folder

CHECKPOINTS = "*.stage*"  # of a fine-tuning that goes on from there


def sources_of(weights: Path, train_file: Path | None, eval_file: Path | None,
               output: Path | None, pictures: Path | None) -> tuple[Path, Path]:
    """Settle what is read and written: two prepared files, or a folder of pictures.

    Args:
        weights: Weights file, or a folder that holds it.
        train_file: The first prepared file, if given.
        eval_file: The second.
        output: What to write, if given.
        pictures: The folder, if given.

    Returns:
        The weights file, and what to write: with pictures a folder, that of the weights if none
        is given.

    Raises:
        InputError: If neither is whole, or both are given.
    """
    weights = weights / "weights.pth" if weights.is_dir() else weights
    if pictures and train_file:
        raise InputError("both given", where="--data and TRAIN_FILE", allowed="one of them")
    if pictures:
        return weights, output or weights.parent
    for name, given in (("EVAL_FILE", eval_file), ("--output", output)):
        if given is None:
            raise InputError(f"{name} is missing", where="quantise",
                             allowed="WEIGHTS TRAIN_FILE EVAL_FILE -o FILE, or WEIGHTS --data "
                             "FOLDER")
    return weights, output


@contextmanager
def _work(output: Path, resumable: bool) -> Iterator[Path]:
    """A folder for what is made on the way; that of a fine-tuning stays if it is interrupted."""
    if not resumable:
        with scratch() as folder:
            yield folder
        return
    folder = output.with_name(f".{output.name}.quantise")
    with made(folder):
        try:
            yield folder
        except BaseException:
            if not any(folder.glob(f".{CHECKPOINTS}")):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def quantise_pictures(weights: Path, pictures: Path, output: Path, team, **settings) -> None:
    """Quantise on a folder of pictures, write the model whole, and say what it loses.

    Args:
        weights: Weights file.
        pictures: The folder.
        output: Folder of the model; replaced only while it holds what we wrote.
        team: As of `devices.assemble`.
        **settings: As for `quantise.quantise`.

    Raises:
        InputError, ModelError, CheckError: As `on_pictures.quantise_on` does.
    """
    from fsrcnnx.exact.onnx.model import FILE, called
    from fsrcnnx.learn.quantising.on_pictures import quantise_on

    if team.size > 1:
        raise InputError(f"--data with {team.size} processes", where="quantise", allowed="1",
                         fix="prepare the pictures first, and name both files")
    check(output, KIND)
    with made(output.parent), _work(output, settings["steps"] > 0) as work, \
            whole_folder(output, KIND) as folder:
        done = quantise_on(weights, pictures, folder, work, team=team, **settings)
    found, network = done.quantised, done.quantised.network
    where = f"{done.measured} picture{'s' * (done.measured > 1)} of {pictures}, " + (
        "the one calibrated on" if done.shared else "held out")
    click.echo(f"{where}: bicubic {done.bicubic:.2f} dB, float {found.float_psnr:.2f} dB, integers "
               f"{found.psnr:.2f} dB; largest loss {found.loss:.2f} dB ({done.worst})")
    if found.float_psnr < done.bicubic:
        click.echo("the float network is worse than bicubic: was it trained for too few "
                   "steps, or at another scale, on pixels divided by another number, or padded "
                   "otherwise? If so, import it again with --scale, --divisor or --padding")
    click.echo(f"{output}: {network.name} {network.content_hash()}; "
               f"--model {called(output / FILE)}")
