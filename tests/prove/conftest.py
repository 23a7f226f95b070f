"""A small network, its ONNX file and its emitted core, made once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx import io as onnx_io
from tests.networks import random_network, sloped


@dataclass(frozen=True, eq=False)
class Emitted:
    """A network with its files.

    Args:
        network: The integer network.
        model: Path of its model.onnx.
        rtl: Emitted folder.
    """

    network: Network
    model: Path
    rtl: Path


def emitted(folder: Path, network: Network, **options) -> Emitted:
    """Write a network's ONNX file and core."""
    folder.mkdir(exist_ok=True)
    onnx_io.save(network, folder / "model.onnx")
    emit(network, folder / "rtl", max_width=64, **options)
    return Emitted(network, folder / "model.onnx", folder / "rtl")


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Emitted:
    """Five layers, 8 bits, at most 4 cycles per pixel."""
    return emitted(tmp_path_factory.mktemp("small"), random_network(np.random.default_rng(0)),
                   cycles_per_pixel=4)


@pytest.fixture(scope="session")
def coarse(tmp_path_factory) -> Emitted:
    """Few bits and no slopes, so that rounding meets many ties."""
    network = random_network(np.random.default_rng(5), weight_bits=3, activation_bits=5,
                             prelu=False)
    return emitted(tmp_path_factory.mktemp("coarse"), network, cycles_per_pixel=4)


@pytest.fixture(scope="session")
def anchored(tmp_path_factory) -> Emitted:
    """Three layers of unsigned maps and an anchor, which crosses two windows."""
    network = random_network(np.random.default_rng(2), channels=(2, 3), kernels=(3, 3, 3),
                             anchor=True, signed=False)
    return emitted(tmp_path_factory.mktemp("anchored"), network, cycles_per_pixel=6)


@pytest.fixture(scope="session")
def shuffled(tmp_path_factory) -> Emitted:
    """A sub-pixel convolution to blocks of 3 x 3 at the end, with an anchor and a slope."""
    network = sloped(random_network(np.random.default_rng(6), channels=(3,), kernels=(3, 3),
                                    scale=3, anchor=True, last="shuffle"))
    return emitted(tmp_path_factory.mktemp("shuffled"), network, cycles_per_pixel=9)


@pytest.fixture
def copied(tmp_path):
    """Copy an emitted folder, to plant a fault in it."""
    def copy(rtl: Path) -> Path:
        return Path(shutil.copytree(rtl, tmp_path / "rtl"))
    return copy
