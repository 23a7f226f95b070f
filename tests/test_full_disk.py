"""A full disk is one line that names it, and nothing is left on it; what was there stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fsrcnnx import cli, console
from fsrcnnx.prove.cache import VARIABLE

SAID = "No space left on device"


@pytest.fixture
def full(tmp_path):
    """A disk of 24 KB with a file of a user's on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here ({done.stderr.strip()}); run it as root")
    (disk / "dear").write_text("dear")
    yield disk
    try:
        assert [path.name for path in disk.iterdir()] == ["dear"]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize(("args", "name"), [
    (["rtl", "fsrcnn-x_x2", "-o", "{}/core"], "core"),
    (["rtl", "fsrcnn-x_x2", "-o", "{}/deep/core"], "core"),
    (["import", "model.onnx", "-o", "{}/m"], "m"),
    (["upscale", "noise.png", "-o", "{}/out.png", "--model", "fsrcnn-x_x2"], "out.png"),
    (["upscale", "noise.png", "-o", "{}/out.png", "--engine", "bicubic"], "out.png"),
])
def test_an_output_on_it(full, tmp_path, monkeypatch, capsys, args, name):
    monkeypatch.chdir(tmp_path)
    Image.frombytes("L", (150, 150), os.urandom(22500)).save("noise.png")
    (tmp_path / "model.onnx").write_bytes(
        (Path(console.__file__).parent / "models/fsrcnn-x_x2/model.onnx").read_bytes())
    assert console.outcome(cli.main, [arg.format(full) for arg in args]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"/{name}" in said and SAID in said


@pytest.mark.sim
@pytest.mark.parametrize("variable", [VARIABLE, "TMPDIR"])
def test_builds_and_temporary_files_on_it(full, tiny, variable):
    (tiny / "tmp").mkdir()
    Image.new("L", (9, 9)).save("a.png")
    done = subprocess.run(
        [sys.executable, "-m", "fsrcnnx.cli", "upscale", "a.png", "-o", "out.png", "--engine",
         "rtl", "--sim", "icarus", "--model", "tiny_x2"], text=True, capture_output=True,
        check=False, env={**os.environ, "TMPDIR": str(tiny / "tmp"),
                          VARIABLE: str(tiny / "cache"), variable: str(full)})
    assert done.returncode in (2, 3) and done.stderr.count("\n") == 1, done.stderr
    assert SAID in done.stderr and str(full) in done.stderr
    assert not (tiny / "out.png").exists() and not list((tiny / "tmp").iterdir())
    for path in full.glob("*.lock"):
        path.unlink()
    if (full / "logs").exists():
        (full / "logs").rmdir()
