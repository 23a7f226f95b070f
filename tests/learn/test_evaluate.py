"""Figures of single pictures, and float networks over stacks of frames."""

from math import inf

import numpy as np
import pytest
import torch

from fsrcnnx.learn import models
from fsrcnnx.learn.evaluate import float_run, largest_loss, mean_psnr, psnrs
from fsrcnnx.media.imaging import psnr


@pytest.mark.parametrize(("plain", "exact", "want"), [
    ([30.0, 40.0, 35.0], [29.5, 38.0, 35.5], (1, 2.0)),     # the mean gains less than it hides
    ([30.0, 40.0], [30.25, 40.5], (0, -0.25)),              # every picture gains
    ([30.0, inf, inf], [29.0, inf, 50.0], (2, inf)),
    ([inf, 30.0], [inf, 29.0], (1, 1.0)),
])
def test_the_picture_that_loses_most_is_found(plain, exact, want):
    assert largest_loss(plain, exact) == want


def test_each_pair_has_its_figure():
    rng = np.random.default_rng(1)
    pairs = [tuple(rng.integers(0, 256, (side, side), dtype=np.uint8) for side in (9, 18))
             for _ in range(3)]

    def run(lr):
        return lr.repeat(2, 0).repeat(2, 1)

    got = psnrs(run, pairs, 2)
    assert got == [psnr(hr, run(lr), 2) for lr, hr in pairs] and len(set(got)) == 3
    assert mean_psnr(run, pairs, 2) == pytest.approx(sum(got) / 3)


def test_a_stack_of_frames_is_each_frame():
    model = models.build("fsrcnnx-a_x2", generator=torch.Generator().manual_seed(1))
    lrs = np.random.default_rng(2).integers(0, 256, (3, 7, 5))
    got = float_run(model, lrs)
    assert got.shape == (3, 14, 10) and got.dtype == np.uint8
    assert all((hr == float_run(model, lr)).all() for hr, lr in zip(got, lrs, strict=True))
