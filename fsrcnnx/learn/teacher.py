"""What a larger network makes of the training patches: a second target beside the originals.

May import numpy, torch, tqdm, learn.data, learn.models, learn.store and the ground.

    lessons = teach("models/fsrcnn_x2/weights.pth", "train.h5", 2)
    Batches(lr, hr, 16, generator, lessons=lessons.patches)    # half of the loss is against them

What a small network cannot reproduce is noise to it; the larger one's picture has less of that.
The teacher sees every patch once, so that a step costs no more than one without: the patches are
turned and flipped as the originals are. They are kept beside the training file.

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
from fsrcnnx.learn.devices import ALONE, Team
from fsrcnnx.learn.fit import PIXEL_STEPS

log = logging.getLogger(__name__)

AT_ONCE = 64  # patches


@dataclass(frozen=True, eq=False)
class Lessons:
    """A teacher's pictures.

    Args:
        patches: uint8 (N, scale * p, scale * p), one for each training patch; None without teacher.
        teacher: Its network, and which weights: `fsrcnn_x2 1a2b3c4d5e6f`; empty without.
    """

    patches: torch.Tensor | None = None
    teacher: str = ""


NO_LESSONS = Lessons()


def teach(weights: str | Path, train_file: str | Path, scale: int, *, team: Team = ALONE,
          progress: bool = True) -> Lessons:
    """Let a network upscale every training patch, or read what it made of them before.

    Args:
        weights: The teacher's float weights.
        train_file: HDF5 of `data.prepare`; the teacher's patches are kept beside it, in a hidden
            file that is named by both.
        scale: Upscaling factor of all three.
        team: Processes of a training run; the first does the work.
        progress: Show a progress bar.

    Returns:
        Its patches, and what to call it.

    Raises:
        InputError: If the training file cannot be used, or nothing be written beside it.
        ModelError: If the weights cannot be used, or are of another scale.
    """
    model = store.load(weights)
    if model.picture_scale != scale:
        raise ModelError(f"a teacher for x{model.picture_scale}", where=str(weights),
                         allowed=f"x{scale}", fix="take a network of the same scale")
    lr, hr = data.read_patches(train_file, scale, model.prescale)
    mark = hashlib.sha256(lr.numpy().tobytes())
    for name, value in model.state_dict().items():
        mark.update(name.encode() + value.numpy().tobytes())
    digest = mark.hexdigest()[:12]
    kept = Path(train_file).with_name(f".{Path(train_file).stem}.{model.name}-{digest}.npy")

    def work() -> None:
        if not kept.exists():
            patches = _upscale(model.to(team.device), lr, hr.shape[1:], progress)
            with atomic(kept) as part:
                np.save(part, patches)

    team.once(work)
    try:
        patches = np.load(kept)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot be read ({error})", where=str(kept), fix="delete it",
                         allowed="what an earlier run kept of a teacher") from None
    return Lessons(torch.from_numpy(patches), f"{model.name} {digest}")


@torch.no_grad()
def _upscale(model: models.Net, lr: torch.Tensor, shape: torch.Size, progress: bool) -> np.ndarray:
    """uint8 (N, *shape), rounded half to even and clipped."""
    log.info("%s: %d patches by the teacher", model.name, len(lr))
    device = next(model.parameters()).device
    out = np.empty((len(lr), *shape), np.uint8)
    for start in tqdm(range(0, len(lr), AT_ONCE), desc=f"teacher {model.name}", unit="batch",
                      disable=not progress):
        x = lr[start:start + AT_ONCE, None].to(device).float() / PIXEL_STEPS
        hr = model(x.to(memory_format=torch.channels_last))[:, 0] * PIXEL_STEPS
        out[start:start + AT_ONCE] = hr.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return out
