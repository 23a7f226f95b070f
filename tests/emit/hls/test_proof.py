"""The HLS project as a product: README, licence, and vectors that prove it wherever it lies."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hls4ml", reason="hls4ml is not installed; run `make setup`")

from fsrcnnx.emit.hls import proof
from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.exact import golden
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(3), channels=(3, 2), kernels=(3, 1, 3))


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Path:
    """A project that was moved to a path with a space."""
    folder = tmp_path_factory.mktemp("made")
    emit(NETWORK, folder / "hls", width=9, height=7)
    (folder / "else where").mkdir()
    return Path(shutil.move(folder / "hls", folder / "else where" / "project"))


def numbers(path: Path) -> np.ndarray:
    """A file of vectors."""
    return np.array([int(line) for line in path.read_text().splitlines()])


def test_vectors_and_readme(moved):
    lr, want = numbers(moved / "test" / "lr.txt"), numbers(moved / "test" / "want.txt")
    np.testing.assert_array_equal(golden.run(NETWORK, lr.reshape(7, 9)).reshape(-1), want)
    assert np.unique(want).size > 40
    text = (moved / "README.md").read_text()
    assert f"network `{NETWORK.content_hash()}`" in text and "9 x 7 pixels" in text
    assert "18 x 14 HR" in text and not re.search(r"\{\w+\}", text)
    assert "Apache License" in (moved / "LICENSE").read_text()
    assert (moved / "fsrcnnx_frame.h").read_text().startswith("// SPDX-License-Identifier: Apache")


def test_a_large_frame_says_why_it_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "MOST_PIXELS", 62)
    emit(NETWORK, tmp_path / "hls", width=9, height=7)
    assert not (tmp_path / "hls" / "test").exists()
    assert "too large to carry test vectors" in (tmp_path / "hls" / "README.md").read_text()


def run(folder: Path, cwd: Path) -> subprocess.CompletedProcess:
    """Type the README's commands in another folder."""
    block, = (b for b in re.findall(r"(?m)(?:^    .*\n)+", (folder / "README.md").read_text())
              if "g++" in b)
    lines = [line[4:] for line in block.splitlines() if not line.startswith("    D=")]
    return subprocess.run(["bash", "-c", "\n".join([f"set -e; D='{folder}'", *lines])], cwd=cwd,
                          capture_output=True, text=True)


@pytest.mark.slow
def test_the_bench_passes_anywhere_and_catches_one_bit(moved, tmp_path):
    done = run(moved, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "0/252 mismatches\n" in done.stdout
    bad = Path(shutil.copytree(moved, tmp_path / "bad"))
    weights, = (bad / "firmware" / "weights").glob("b2.txt")
    values = weights.read_text().split(", ")
    step = 2.0 ** -(NETWORK.acc_frac(0) - 9)
    weights.write_text(", ".join([str(float(values[0]) + step), *values[1:]]))
    (tmp_path / "run").mkdir()
    done = run(bad, tmp_path / "run")
    assert done.returncode == 1, done.stdout + done.stderr[-2000:]
    assert re.search(r"first mismatch at value \d+: want \d+, got \d+", done.stdout)
    weights.unlink()
    assert run(bad, tmp_path / "run").returncode != 0
