"""Quantising by a folder of pictures alone: prepared, quantised, exported, measured.

May import what learn may; the network leaves through quantising.export.

    done = quantise_on("models/mine_x2/weights.pth", "photographs", Path("out"), Path("work"))
    done.bicubic, done.quantised.float_psnr, done.quantised.psnr       # dB on what was held out

Calibration looks at a few hundred patches, so that a folder of any size will do; what is held out
is measured whole.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from fsrcnnx.errors import InputError
from fsrcnnx.learn import data, sources, store
from fsrcnnx.learn.evaluate import mean_psnr
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.quantise import Quantised, quantise
from fsrcnnx.media.imaging import bicubic, picture_size

PATCHES = 4096  # cut for calibration, about; it draws from them
MEASURED = 8  # pictures held out of many, about
ONE_IN = 4  # and of few
SMALLEST = 8  # LR pixels of a patch's side
ORIGIN = ("imported_from", "imported_sha256")


@dataclass(frozen=True, eq=False)
class OnPictures:
    """What quantising on a folder gave.

    Args:
        quantised: The network and its figures.
        bicubic: dB of bicubic enlargement of the same pictures.
        measured: How many pictures were measured.
        shared: Whether that is the picture that was calibrated on: there was no other.
        worst: The picture that loses most.
    """

    quantised: Quantised
    bicubic: float
    measured: int
    shared: bool
    worst: str


def holdout_of(count: int) -> int:
    """Choose how many pictures are held out of a folder.

    Args:
        count: Pictures in it.

    Returns:
        One in so many is held out; 0 where there is only one.
    """
    return 0 if count < 2 else max(min(count, ONE_IN), -(-count // MEASURED))


def prepare_from(pictures: Path, work: Path, scale: int, learns: bool) -> tuple[Path, Path]:
    """Prepare a training and an evaluation file from one folder.

    Args:
        pictures: The folder.
        work: Where to write.
        scale: How much larger a picture becomes.
        learns: Whether all patches are wanted, not only some for calibration.

    Returns:
        Both files.

    Raises:
        InputError: If the folder has no pictures, or one cannot be used.
    """
    paths = sources.pictures_in(pictures)
    sizes = [picture_size(path) for path in paths]
    side = max(min(size) for size in sizes) // scale
    stride = data.STRIDE if learns else max(data.STRIDE, math.ceil(math.sqrt(
        sum(width * height for width, height in sizes) / scale**2 / PATCHES)))
    files = work / "train.h5", work / "eval.h5"
    for file, measures in zip(files, (False, True), strict=True):
        data.prepare(pictures, file, scale, evaluation=measures, holdout=holdout_of(len(paths)),
                     patch=max(SMALLEST, min(data.PATCH, side)), stride=stride, if_changed=True)
    return files


def quantise_on(weights: Path, pictures: Path, folder: Path, work: Path, **settings) -> OnPictures:
    """Quantise a float network with pictures alone, and write all files of a model.

    Args:
        weights: `weights.pth`, its float weights of any origin.
        pictures: Folder of pictures.
        folder: Existing folder; gets weights.pth, model.onnx and its companions.
        work: Existing folder for the data and the state of fine-tuning, which the same call goes
            on from.
        **settings: As for `quantise.quantise`.

    Returns:
        The network and what was measured on pictures that calibration has not seen, if there are
        two or more.

    Raises:
        InputError: If a picture, file or setting cannot be used.
        ModelError: If the weights cannot be used or represented exactly.
        CheckError: If the loss stops being a number.
    """
    given, scale = store.read_weights(weights), store.load(weights).picture_scale
    train_file, eval_file = prepare_from(pictures, work, scale, settings.get("steps", 0) > 0)
    done = quantise(weights, train_file, eval_file, work / weights.name, **settings)
    if origin := {key: given[key] for key in ORIGIN if key in given}:
        store.complete(work / weights.name, origin)
    try:
        shutil.copyfile(work / weights.name, folder / "weights.pth")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=folder,
                         fix="choose a writable folder with room") from None
    export(folder / "weights.pth", folder)
    pairs = data.read_pictures(eval_file, scale)
    plain = mean_psnr(lambda plane: bicubic(plane, scale), pairs, scale)
    note = sources.read(eval_file)
    return OnPictures(done, plain, len(pairs), not note.holdout, note.used()[done.worst])
