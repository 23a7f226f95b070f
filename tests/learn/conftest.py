"""What the tests of learning share; tiny tensors train fastest on one thread, beside other work."""


import numpy as np
import pytest
import torch
from PIL import Image

from fsrcnnx.learn import models
from fsrcnnx.learn.data import prepare
from fsrcnnx.learn.quantising.equalise import equalise
from tests.disks import small_files

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small training and evaluation file."""
    folder = tmp_path_factory.mktemp("h5")
    noise = np.random.default_rng(6).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    (folder / "pictures").mkdir()
    Image.fromarray(noise).save(folder / "pictures" / "noise.png")
    prepare(folder / "pictures", folder / "train.h5", 2, patch=16, stride=8, progress=False)
    prepare(folder / "pictures", folder / "eval.h5", 2, evaluation=True, progress=False)
    return folder / "train.h5", folder / "eval.h5"


@pytest.fixture
def full_disk():
    """Makes a block in which no file grows beyond some bytes, as on a disk that is full."""
    return small_files


@pytest.fixture
def equalised():
    """Makes a small network with an anchor, its channels of one size on the pixels given."""
    def make(x, name="d6s4m1f3l3a_x2"):
        generator = torch.Generator().manual_seed(2)
        model = models.build(name, generator=generator)
        with torch.no_grad():
            getattr(model, model.names[-1]).weight.normal_(0, 0.1, generator=generator)
        equalise(model, x)
        return model
    return make
