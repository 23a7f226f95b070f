"""What a larger network makes of the training patches: a second target beside the originals.

May import numpy, torch, tqdm, learn.data, devices, evaluate, fit, models and store, and the ground.

    lessons = teach("models/fsrcnn_x2/weights.pth", "train.h5", 2)
    Batches(lr, hr, 16, generator, lessons=lessons.patches)    # half of the loss is against them

What a small network cannot reproduce is noise to it; the larger one's picture has less of that.
The teacher sees every patch once, so that a step costs no more than one without: its patches are
turned and flipped as the originals are.

Source: distillation (Hinton et al. 2015, arXiv:1503.02531), here of the output picture.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.files import atomic
from fsrcnnx.learn import data, models, store
from fsrcnnx.learn.evaluate import pixels
from fsrcnnx.learn.training.devices import ALONE, Team

log = logging.getLogger(__name__)

AT_ONCE = 64  # patches
DIGITS = 12  # of a hash


@dataclass(frozen=True, eq=False)
class Lessons:
    """A teacher's pictures.

    Args:
        patches: uint8 (N, scale * p, scale * p), one for each training patch; None without teacher.
        teacher: Its network, and a hash of the patches: `fsrcnn_x2 1a2b3c4d5e6f`; empty without.
    """

    patches: torch.Tensor | None = None
    teacher: str = ""


def teach(weights: str | Path | None, train_file: str | Path, scale: int, *, team: Team = ALONE,
          progress: bool = True) -> Lessons:
    """Let a network upscale every training patch, or read what it made of them before.

    Its patches, as large as the originals, are kept beside the training file, in a hidden file that
    is named by both; where that cannot be written, they are made anew each time.

    Args:
        weights: The teacher's float weights; None for no teacher.
        train_file: HDF5 of `data.prepare`.
        scale: Upscaling factor of all three.
        team: Processes of a training run; the first does the work.
        progress: Show a progress bar.

    Returns:
        Its patches, and what to call them.

    Raises:
        InputError: If the training file, or what was kept, cannot be used.
        ModelError: If the weights cannot be used, or are of another scale.
    """
    if weights is None:
        return Lessons()
    model = store.load(weights)
    if model.picture_scale != scale:
        raise ModelError(f"a teacher for x{model.picture_scale}", where=str(weights),
                         allowed=f"x{scale}", fix="take a network of the same scale")
    patches = torch.from_numpy(team.once(lambda: _lessons(model, Path(train_file), scale,
                                                          team.device, progress)))
    return Lessons(patches, f"{model.name} {hashlib.sha256(patches.numpy()).hexdigest()[:DIGITS]}")


def _lessons(model: models.Net, train_file: Path, scale: int, device: torch.device,
             progress: bool) -> np.ndarray:
    lr, hr = data.read_patches(train_file, scale)
    mark = hashlib.sha256(lr.numpy())
    for name, value in model.state_dict().items():
        mark.update(name.encode() + value.numpy().tobytes())
    kept = train_file.with_name(
        f".{train_file.stem}.{model.name}-{mark.hexdigest()[:DIGITS]}.npy")
    if kept.exists():
        return _read(kept, tuple(hr.shape))
    if model.prescale > 1:
        lr, _ = data.read_patches(train_file, scale, model.prescale)
    patches = upscale(model.to(device), lr, hr.shape[1:], progress)
    try:
        with atomic(kept) as part:
            np.save(part, patches)
    except InputError as error:
        log.warning("%s: %s; the teacher will work again next time", kept, error.what)
    return patches


def _read(kept: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        patches = np.lib.format.open_memmap(kept, mode="r")  # claims no more than there is
        if patches.dtype != np.uint8 or patches.shape != shape:
            raise ValueError(f"{patches.dtype} {patches.shape}, not uint8 {shape}")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot be read ({error})", where=str(kept), fix="delete it",
                         allowed="what an earlier run kept of a teacher") from None
    return np.array(patches)


@torch.no_grad()
def upscale(model: models.Net, lr: torch.Tensor, shape: torch.Size, progress: bool) -> np.ndarray:
    """Upscale many patches.

    Args:
        model: Float network.
        lr: uint8 (N, p, p), as enter it.
        shape: Of what it makes of one.
        progress: Show a progress bar.

    Returns:
        uint8 (N, *shape), rounded half to even and clipped.
    """
    log.info("%s: %d patches upscaled", model.name, len(lr))
    device = next(model.parameters()).device
    out = np.empty((len(lr), *shape), np.uint8)
    for start in tqdm(range(0, len(lr), AT_ONCE), desc=f"teacher {model.name}", unit="batch",
                      disable=not progress):
        x = lr[start:start + AT_ONCE, None].to(device).float() / models.PIXEL_STEPS
        hr = model(x.to(memory_format=torch.channels_last))[:, 0]
        out[start:start + AT_ONCE] = pixels(hr)
    return out
