"""The emitted folder as a product: README, licence, and a bench that proves it anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx import tools
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.vectors import check_package, pgm, picture, vectors
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.media.imaging import read_picture
from fsrcnnx.prove.simulation import verilated
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(3), channels=(3, 2), kernels=(3, 1, 3))


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> Path:
    """An emitted folder that was moved to a path with a space."""
    folder = tmp_path_factory.mktemp("made")
    emit(NETWORK, folder / "rtl", cycles_per_pixel=4, max_width=40, max_height=30)
    (folder / "else where").mkdir()
    return Path(shutil.move(folder / "rtl", folder / "else where" / "core"))


def commands(folder: Path, word: str) -> str:
    """The indented block of the README that holds a word, with D set to the folder."""
    blocks = re.findall(r"(?m)(?:^    .*\n)+", (folder / "README.md").read_text())
    chosen, = (block for block in blocks if word in block)
    lines = [line[4:] for line in chosen.splitlines() if not line.startswith("    D=")]
    return "\n".join([f"set -e; D='{folder}'", *lines])


def run(folder: Path, word: str, cwd: Path) -> subprocess.CompletedProcess:
    """Run a block of the README as a user would, in another folder."""
    beside = Path(tools.find("yosys")).parent if word == "yosys" else ""
    env = verilated.environment()
    return subprocess.run(["bash", "-c", commands(folder, word)], cwd=cwd, capture_output=True,
                          text=True, env=env | {"PATH": f"{beside}{os.pathsep}{env['PATH']}"})


def test_the_readme_gives_ports_timing_and_hash(moved):
    text = (moved / "README.md").read_text()
    assert f"network `{NETWORK.content_hash()}`" in text
    assert "{" not in re.sub(r"```.*?```|^    .*$", "", text, flags=re.MULTILINE | re.DOTALL)
    ports = re.findall(r"(?:input|output)\s.*?\b(\w+)(?=,|\s*//|\n)",
                       re.search(r"\) \(\n(.*?)\n\);", (moved / "fsrcnnx_top.sv").read_text(),
                                 re.DOTALL)[1] + "\n")
    assert len(ports) == 18
    for port in ports:
        stem = re.sub(r"_(tvalid|tready|tlast)$", "", port)
        last = f"_{port.rpartition('_')[2]}`"
        assert f"`{port}`" in text or (f"`{stem}_" in text and last in text)
    assert "| 6 | LR frame size, 1..40 by 1..30" in text
    assert "--max-width 40 --max-height 30" in text


def test_every_file_of_ours_says_its_licence(moved):
    for path in moved.rglob("*.sv"):
        assert path.read_text().startswith("// SPDX-License-Identifier: Apache-2.0\n"), path
    assert "Apache License" in (moved / "LICENSE").read_text()


@pytest.mark.parametrize("pattern", [
    "rtl/*.sv", "hls/*.h", "hls/*.cpp", "hls/*.tcl", "sim/*.sv", "sim/*.py", "scripts/*.py",
    "scripts/*.sh", "scripts/*.tcl"])
def test_sources_name_their_licence(pattern):
    for path in Path(__file__).parents[3].glob(pattern):
        text = path.read_text()
        head = [line for line in text.splitlines()[:2] if not line.startswith("#!")]
        want = r"(//|#) SPDX-License-Identifier: Apache-2\.0"
        assert not text or re.fullmatch(want, head[0]), path


@pytest.mark.parametrize("fmt", [Format(False, 8, 8), Format(True, 8, 7), Format(False, 10, 10)])
@pytest.mark.parametrize(("width", "height"), [(12, 10), (1, 1), (2, 1), (1, 3)])
def test_the_picture_reaches_its_whole_format(fmt, width, height):
    drawn = picture(fmt, width, height)
    assert drawn.shape == (height, width) and fmt.holds(drawn)
    if width * height > 2:
        assert {drawn.min(), drawn.max()} == {fmt.lo, fmt.hi}
    if width * height > 100:
        assert np.unique(drawn).size > 60


def test_the_vectors_are_the_golden_models_and_vary(moved):
    found = vectors(NETWORK, 40, 30)
    np.testing.assert_array_equal(found.hr, golden.run(NETWORK, found.lr))
    assert found.distinct > 50
    lr, hr = (read_picture(moved / "test" / f"{name}.pgm").luma for name in ("lr", "hr"))
    np.testing.assert_array_equal(lr, found.lr)
    np.testing.assert_array_equal(hr, found.hr)
    text = (moved / "test" / "fsrcnnx_check_pkg.sv").read_text()
    for name, want in (("LR", found.lr), ("HR", found.hr)):
        body = re.search(rf"{name} = {{(.*?)}};", text, re.DOTALL)[1]
        lines = [int(line, 16) for line in re.findall(r"'h([0-9a-f]+)", body)][::-1]
        got = [[line >> (8 * x) & 255 for x in range(want.shape[1])] for line in lines]
        np.testing.assert_array_equal(got, want)


def test_wide_and_signed_pixels():
    raw = np.array([[1, -2]])
    assert pgm(raw, Format(True, 10, 8)) == b"P5\n2 1\n1023\n\x00\x01\x03\xfe"
    signed = replace(NETWORK, in_format=Format(True, 4, 3))
    assert "    48'h" in check_package(vectors(signed, 12, 10), signed)


@pytest.mark.sim
@pytest.mark.parametrize("tool", ["verilator", "iverilog"])
def test_the_bench_passes_anywhere_and_catches_one_bit(moved, tool, tmp_path):
    done = run(moved, tool, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"PASS 960 pixels of network {NETWORK.content_hash()[:8]}" in done.stdout
    shutil.copytree(moved, tmp_path / "bad")
    memory = tmp_path / "bad" / "fsrcnnx_mem_pkg.sv"
    head, bias = memory.read_text().split("BIASES = {")
    at = re.search(r"'h([0-9a-f]+)\n  };", bias)  # the first layer's word 0
    flipped = f"{int(at[1], 16) ^ 1 << 9:0{len(at[1])}x}"
    memory.write_text(head + "BIASES = {" + bias[:at.start(1)] + flipped + bias[at.end(1):])
    (tmp_path / "run").mkdir()
    done = run(tmp_path / "bad", tool, tmp_path / "run")
    assert done.returncode != 0
    assert re.search(r"first divergence at frame 0 y \d+ x \d+: want [0-9a-f]+, got [0-9a-f]+",
                     done.stdout)
    assert re.search(r"\d+ of 960 pixels differ\n.*FAIL pixels differ", done.stdout)
    assert "PASS" not in done.stdout


@pytest.mark.sim
@pytest.mark.parametrize("damage", ["removed", "emptied", "cut"])
def test_memories_that_are_not_there_stop_every_tool(moved, damage, tmp_path):
    bad = Path(shutil.copytree(moved, tmp_path / "bad"))
    memory = bad / "fsrcnnx_mem_pkg.sv"
    text = memory.read_text()
    memory.unlink()
    if damage != "removed":
        memory.write_text("" if damage == "emptied" else text[: len(text) // 2])
    for tool in ("verilator", "iverilog", "yosys"):
        done = run(bad, tool, tmp_path)
        assert done.returncode != 0, tool
        assert "PASS" not in done.stdout


@pytest.mark.slow
def test_yosys_takes_it_from_another_folder(moved, tmp_path):
    done = run(moved, "yosys", tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "core.json").stat().st_size > 1 << 16
