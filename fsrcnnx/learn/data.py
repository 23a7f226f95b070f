"""Training and evaluation files: any folder of pictures to HDF5, in yjn870's layout.

May import numpy, torch, tqdm, imaging, learn.hdf5, learn.shapes, learn.sources and the ground.

    prepare("pictures", "train.h5", 2)             # datasets lr (N, p, p), hr (N, 2p, 2p), uint8
    prepare("pictures", "eval.h5", 2, evaluation=True)   # groups lr, hr: one dataset a picture

Source: github.com/yjn870/FSRCNN-pytorch, prepare.py and datasets.py (0..255, luma). All luma is
16..235: a gray picture is taken as the gray of an RGB picture.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from fsrcnnx.errors import InputError, shown
from fsrcnnx.files import check_output
from fsrcnnx.learn import hdf5, sources
from fsrcnnx.learn.shapes import SCALES
from fsrcnnx.media.imaging import (
    bicubic,
    crop,
    gray_to_luma,
    picture_size,
    read_picture,
    shrink,
    shrink_pillow,
)

log = logging.getLogger(__name__)

PATCH = 32  # LR pixels
STRIDE = 24
AT_ONCE = 256  # patches written before the disk is asked whether it took them
PROTOCOLS = {"paper": shrink, "seed": shrink_pillow}
AUGMENT_SIZES = (1.0, 0.9, 0.8, 0.7, 0.6)  # as the seed; turns and flips are made in training


def read_luma(path: str | Path) -> np.ndarray:
    """Read a picture's luma for training.

    Args:
        path: Picture file.

    Returns:
        uint8 (H, W), 16..235, also from a gray picture.

    Raises:
        InputError: If the file is no picture.
    """
    picture = read_picture(path)
    return picture.luma if picture.chroma is not None else gray_to_luma(picture.luma)


def check_scale(scale: int) -> int:
    """Refuse a scale that no network has.

    Args:
        scale: Upscaling factor.

    Returns:
        The scale.

    Raises:
        InputError: If it is not 2, 3 or 4.
    """
    if scale not in SCALES:
        raise InputError(f"scale {scale}", where="--scale", allowed="2, 3, 4")
    return scale


def prepare(images_dir: str | Path, output: str | Path, scale: int, *, augment: bool = False,
            evaluation: bool = False, holdout: int = 0, protocol: str = "paper",
            patch: int = PATCH, stride: int = STRIDE, if_changed: bool = False,
            progress: bool = True) -> int:
    """Turn a folder of pictures, searched with its subfolders, into one HDF5 file.

    Pictures that are smaller than a patch are left out of a training file, with a warning. The file
    notes what it was made of.

    Args:
        images_dir: Folder of pictures.
        output: HDF5 file to write, whole or not at all.
        scale: Upscaling factor, 2..4.
        augment: Add each picture at 0.9, 0.8, 0.7 and 0.6 of its size (training files only).
        evaluation: Write whole pictures for evaluation instead of patches for training.
        holdout: If not 0, every holdout-th picture is kept for evaluation: a training file leaves
            those out and an evaluation file holds only those.
        protocol: Downscale of the `paper` (MATLAB) or the `seed` (Pillow).
        patch: Side of an LR patch.
        stride: LR pixels from one patch to the next.
        if_changed: Leave an output alone that was made in this way of these very pictures.
        progress: Show a progress bar.

    Returns:
        Number of patches or of pictures written; 0 if the output was left alone.

    Raises:
        InputError: If the folder is missing or empty, a picture cannot be read, all are smaller
            than a patch, or the output cannot be written.
    """
    check_scale(scale)
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol {protocol!r}", where="prepare", allowed=", ".join(PROTOCOLS))
    if holdout < 0 or holdout == 1 or patch < 8 or stride < 1:
        raise InputError(f"holdout {holdout}, patch {patch}, stride {stride}", where="prepare",
                         allowed="holdout 0 or at least 2, patch at least 8, stride at least 1")
    note = sources.look(images_dir, sources.Note(scale, protocol, augment and not evaluation,
                                                 evaluation, holdout, patch, stride))
    paths, every = ([Path(images_dir, name) for name in names]
                    for names in (note.used(), note.pictures))
    if not paths:
        raise InputError(f"too few pictures for one in {holdout} to be held out",
                         where=str(images_dir), allowed=f"at least {holdout} pictures",
                         fix="take more pictures, or a smaller hold-out")
    output = Path(output)
    check_output(output, every, hdf5.SUFFIXES)
    if if_changed and output.is_file():
        changed = note.differences(sources.read(output))
        log.info("%s: %s", output, shown(f"made again: {changed}" if changed else
                                         f"left, made of these {len(paths)} pictures"))
        if not changed:
            return 0
    for path in paths:  # before any work
        size = picture_size(path)
        if evaluation:
            _check_measured(size[::-1], scale, str(path))
    with hdf5.written(output) as (file, check):
        file.attrs.update(scale=scale, protocol=protocol, pictures=len(paths))
        note.write(file)
        check()
        write = _write_pictures if evaluation else _write_patches
        sizes = AUGMENT_SIZES if note.augment else (1.0,)
        bar = tqdm(paths, desc=f"prepare {output.name}", unit="picture", disable=not progress)
        count = write(file, check, bar, scale, PROTOCOLS[protocol], sizes, patch, stride)
    log.info("%s: %d %s of %d pictures", output, count,
             "pictures" if evaluation else "patches", len(paths))
    return count


def _write_pictures(file, check, paths, scale, reduce, *_) -> int:
    for index, path in enumerate(paths):
        hr = crop(read_luma(path), scale)
        file.create_dataset(f"hr/{index}", data=hr)
        file.create_dataset(f"lr/{index}", data=reduce(hr, scale))
        check()
    return len(file["lr"])


def _write_patches(file, check, paths, scale, reduce, sizes, patch, stride) -> int:
    sides = {"lr": patch, "hr": patch * scale}
    sets = {key: file.create_dataset(key, (0, side, side), "u1", maxshape=(None, side, side),
                                     chunks=(16, side, side)) for key, side in sides.items()}
    for path in paths:
        luma = read_luma(path)
        if min(luma.shape) < patch * scale:
            log.warning("%s: left out, %dx%d pixels are less than a patch of %d", path,
                        *luma.shape[::-1], patch * scale)
            continue
        pairs = [pair for size in sizes
                 for pair in _patches(_sized(luma, size), scale, reduce, patch, stride)]
        if not pairs:
            continue
        for key, patches in zip(("lr", "hr"), zip(*pairs, strict=True), strict=True):
            start = len(sets[key])
            sets[key].resize(start + len(patches), axis=0)
            for first in range(0, len(patches), AT_ONCE):
                some = np.stack(patches[first:first + AT_ONCE])
                sets[key][start + first:start + first + len(some)] = some
                check()
    if not len(sets["lr"]):
        raise InputError("every picture is smaller than a patch", where="prepare",
                         allowed=f"at least {patch * scale} pixels each way",
                         fix="take larger pictures, or smaller patches")
    return len(sets["lr"])


def _sized(luma: np.ndarray, size: float) -> np.ndarray:
    if size == 1.0:
        return luma
    shape = (int(luma.shape[1] * size), int(luma.shape[0] * size))
    return np.asarray(Image.fromarray(luma).resize(shape, Image.Resampling.BICUBIC))


def _patches(luma, scale, reduce, patch, stride) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut LR and HR patches; the last of each row and column ends at the border."""
    if min(luma.shape) < patch * scale:
        return
    hr = crop(luma, scale)
    lr = reduce(hr, scale)
    places = [sorted({*range(0, size - patch, stride), size - patch}) for size in lr.shape]
    for y in places[0]:
        for x in places[1]:
            yield (lr[y:y + patch, x:x + patch],
                   hr[scale * y:scale * (y + patch), scale * x:scale * (x + patch)])


def read_patches(path: str | Path, scale: int, prescale: int = 1
                 ) -> tuple[torch.Tensor, torch.Tensor]:
    """Read a training file whole, and enlarge its LR patches for a network that wants it.

    A patch is enlarged by itself: its outermost pixels see mirrored ones instead of the picture's
    next, as a picture's do at its border, where a network pads with zeros besides.

    Args:
        path: HDF5 file with datasets `lr` and `hr`.
        scale: Upscaling factor that the file must have.
        prescale: How many times the LR patches are to be enlarged by bicubic.

    Returns:
        uint8 tensors (N, prescale * p, prescale * p) and (N, scale * p, scale * p).

    Raises:
        InputError: If the file is missing, no HDF5, no training file, empty or of another scale.
    """
    with hdf5.opened(path) as file:
        if not file.is_data("lr", "hr"):
            raise InputError("not a training file", where=str(path),
                             allowed="datasets lr and hr", fix="prepare it without --eval")
        shapes = [file.check(key, 3) for key in ("lr", "hr")]
        if shapes[0][0] != shapes[1][0]:
            raise InputError(f"datasets of shape {shapes[0]} and {shapes[1]}", where=str(path),
                             allowed="(N, p, p) and (N, scale p, scale p), N at least 1")
        _check_pair(*(shape[1:] for shape in shapes), scale, str(path))
        lr, hr = (file.pixels(key, 3) for key in ("lr", "hr"))
    lr = np.stack([bicubic(patch, prescale) for patch in lr]) if prescale > 1 else lr
    return torch.from_numpy(lr), torch.from_numpy(hr)


def read_pictures(path: str | Path, scale: int, prescale: int = 1
                  ) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read an evaluation file whole, and enlarge its LR pictures for a network that wants it.

    Args:
        path: HDF5 file with groups `lr` and `hr`.
        scale: Upscaling factor that the file must have.
        prescale: How many times the LR pictures are to be enlarged by bicubic.

    Returns:
        Pairs of uint8 (prescale * H, prescale * W) and (scale * H, scale * W), in order of their
        index.

    Raises:
        InputError: If the file is missing, no HDF5, no evaluation file, empty or of another scale.
    """
    with hdf5.opened(path) as file:
        names, others = file.names("lr"), file.names("hr")
        if not names or set(names) != set(others):
            raise InputError("not an evaluation file", where=str(path),
                             allowed="groups lr and hr, one dataset a picture",
                             fix="prepare it with --eval")
        pairs = []
        for name in sorted(names, key=lambda name: (len(name), name)):
            keys = f"lr/{name}", f"hr/{name}"
            shapes = [file.check(key, 2) for key in keys]
            _check_pair(*shapes, scale, f"{path}: {name}")
            _check_measured(shapes[1], scale, f"{path}: {name}")
            pairs.append(tuple(file.pixels(key, 2) for key in keys))
    return [(bicubic(lr, prescale), hr) for lr, hr in pairs]


def fingerprint(patches: Iterable[torch.Tensor], pairs: Iterable[tuple[np.ndarray, np.ndarray]]
                ) -> str:
    """Name data by its content, so that a run goes on with no other.

    Args:
        patches: As of `read_patches`.
        pairs: As of `read_pictures`.

    Returns:
        12 hexadecimal digits.
    """
    mark = hashlib.sha256()
    for pixels in (*(tensor.numpy() for tensor in patches), *chain(*pairs)):
        mark.update(f"{pixels.shape}".encode())
        mark.update(np.ascontiguousarray(pixels))
    return mark.hexdigest()[:12]


def _check_measured(hr: tuple[int, ...], scale: int, where: str) -> None:
    """Refuse a picture that is all edge, which PSNR leaves out, before a training meets it."""
    if min(hr) // scale <= 2:
        raise InputError(f"{hr[1]}x{hr[0]} pixels are too few", where=where,
                         allowed=f"{3 * scale} each way and more: the edge is not measured",
                         fix="take larger pictures")


def _check_pair(lr: tuple[int, ...], hr: tuple[int, ...], scale: int, where: str) -> None:
    if len(lr) != 2 or tuple(hr) != tuple(size * scale for size in lr):
        raise InputError(f"LR {lr} with HR {hr} is not x{scale}", where=where,
                         allowed=f"HR {scale} times LR", fix="prepare it with this scale")
