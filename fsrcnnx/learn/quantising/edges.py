"""Patches from black to white, at which the integers are to do what the float network does.

May import numpy, torch, imaging, learn.models, quantising.calibrate, quantising.picture,
training.devices and training.teacher.

    patches, lessons = beside(patches, lessons, model, PROTOCOLS["paper"], seed=123)

Maps of few bits clip at edges from black to white, and photographs have so few of those that
neither ranges nor weights are chosen with them in mind. A part of these patches are photographs'
own, stretched as far as they go, half of them inverted; the others are drawn. All reach 16..235,
as other patches do that are stretched to 0..255 when they are drawn in a batch. Their target is
what the float network makes of them: the integers are not to learn another picture, but to stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch

from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.quantising.picture import WIDE
from fsrcnnx.learn.training.devices import ALONE, Team
from fsrcnnx.learn.training.teacher import Lessons, upscale
from fsrcnnx.media.imaging import bicubic

STRETCHED, DRAWN = 0.10, 0.07  # of either kind for each patch of a photograph
LOW, HIGH = 16, 235            # luma
GAIN = 4.0                     # most that a patch is stretched: more would show its rounding
WAVES = 3                      # most that are drawn over each other
NARROW, BROAD = 1.5, 64.0      # half periods of a wave, HR pixels


def usual_contrast(bits: Iterable[Bits]) -> bool:
    """Tell whether they are taken where nothing else is said.

    Args:
        bits: Widths that are in the network.

    Returns:
        Whether weights and maps have WIDE bits: fewer have none to spare for rare edges.
    """
    return all(min(one.weight, one.activation) >= WIDE and not one.digits for one in bits)


def stretch(hr: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Stretch patches that have some contrast to all of the luma's range; invert half of them.

    Args:
        hr: uint8 (N, H, W).
        count: How many.
        rng: Source of the choice.

    Returns:
        uint8 (count, H, W); none if no patch has the contrast.
    """
    low, high = (end((1, 2)).astype(int) for end in (hr.min, hr.max))
    fit = np.flatnonzero((high - low) * GAIN >= HIGH - LOW)
    chosen = fit[rng.integers(len(fit), size=count)] if len(fit) else fit
    low, high = (end[chosen, None, None] for end in (low, high))
    wide = np.rint((hr[chosen] - low) * ((HIGH - LOW) / (high - low)))
    wide[::2] = HIGH - LOW - wide[::2]
    return (wide + LOW).astype(np.uint8)


def draw(side: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw stripes, edges and corners: square waves in any direction over each other.

    Args:
        side: HR pixels.
        count: How many.
        rng: Source of the choice.

    Returns:
        uint8 (count, side, side), black and white.
    """
    y, x = np.mgrid[:side, :side] + 0.5
    found = np.empty((count, side, side), np.uint8)
    for patch in found:
        white = np.zeros((side, side), bool)
        for _ in range(rng.integers(1, WAVES + 1)):
            angle = rng.choice([rng.uniform(0, np.pi), 0, np.pi / 2], p=[0.5, 0.25, 0.25])
            half = np.exp(rng.uniform(np.log(NARROW), np.log(BROAD)))
            if rng.random() < 0.5:  # edges of what is drawn on a screen lie between pixels
                half = np.rint(half)
            across = x * np.cos(angle) + y * np.sin(angle) + rng.integers(2 * BROAD)
            white ^= np.floor(across / half) % 2 == 1
        patch[:] = np.where(white, HIGH, LOW)
    return found


def beside(patches: tuple[torch.Tensor, torch.Tensor], lessons: Lessons, model: models.Net,
           reduce: Callable[[np.ndarray, int], np.ndarray], seed: int, *, team: Team = ALONE
           ) -> tuple[tuple[torch.Tensor, torch.Tensor], Lessons]:
    """Put patches of full contrast beside those of photographs.

    Args:
        patches: uint8 LR (N, p, p), as enter the network, and HR.
        lessons: What a teacher makes of them, if there is one.
        model: Float network, on the CPU.
        reduce: Downscale of a protocol, of `data.PROTOCOLS`.
        seed: Of what is chosen and drawn.
        team: The first of its processes does the work.

    Returns:
        Patches and lessons, longer; of the new ones, what the float network makes of them is both
        target and lesson.
    """
    def made() -> tuple[np.ndarray, np.ndarray]:
        rng, hr = np.random.default_rng(seed), patches[1].numpy()
        wide = np.concatenate([stretch(hr, round(STRETCHED * len(hr)), rng),
                               draw(hr.shape[1], round(DRAWN * len(hr)), rng)])
        lr = [bicubic(reduce(one, model.picture_scale), model.prescale) for one in wide]
        lr = np.stack(lr) if lr else np.empty((0, *patches[0].shape[1:]), np.uint8)
        return lr, upscale(model, torch.from_numpy(lr), hr.shape[1:], False)

    lr, hr = map(torch.from_numpy, team.once(made))
    if lessons.patches is not None:
        lessons = replace(lessons, patches=torch.cat([lessons.patches, hr]))
    return (torch.cat([patches[0], lr]), torch.cat([patches[1], hr])), lessons
