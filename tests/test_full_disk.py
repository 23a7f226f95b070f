"""A full disk is one line that names it, and nothing is left on it; what was there stays."""

import os
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from fsrcnnx.prove.builds.home import FOLDER, TAG, VARIABLE
from tests.disks import small_disk, small_files

SMALL = 8 << 10  # bytes of the largest file


@pytest.fixture(params=["limit", "disk"])
def full(request, tmp_path):
    """A folder with a file of a user's, a block in which no output finds room there, what is said.

    Files are limited for whoever may not mount a disk of 24 KB.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "limit":
        (folder / "dear").write_text("dear")
        yield folder, partial(small_files, SMALL), "File too large"
        assert [path.name for path in folder.iterdir()] == ["dear"]
    else:
        with small_disk(folder, "24k"):
            (folder / "dear").write_text("dear")
            yield folder, nullcontext, "No space left on device"
            assert [path.name for path in folder.iterdir()] == ["dear"]


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
        (Path(console.__file__).parents[1] / "models/fsrcnn-x_x2/model.onnx").read_bytes())
    folder, no_room, reason = full
    with no_room():
        code = console.outcome(cli.main, [arg.format(folder) for arg in args])
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.count("\n") == 1 and f"/{name}" in said and reason in said


@pytest.mark.sim
@pytest.mark.parametrize("variable", [VARIABLE, "TMPDIR"])
def test_builds_and_temporary_files_on_it(full, tiny, variable):
    folder, no_room, reason = full
    (tiny / "tmp").mkdir()
    Image.new("L", (9, 9)).save("a.png")
    with no_room():  # a limit is inherited
        done = subprocess.run(
            [sys.executable, "-m", "fsrcnnx", "upscale", "a.png", "-o", "out.png", "--engine",
             "rtl", "--sim", "icarus", "--model", "tiny_x2"], text=True, capture_output=True,
            check=False, env={**os.environ, "TMPDIR": str(tiny / "tmp"),
                              VARIABLE: str(tiny / "cache"), variable: str(folder)})
    assert done.returncode in (2, 3) and done.stderr.count("\n") == 1, done.stderr
    assert reason in done.stderr
    assert str(folder) in done.stderr or reason == "File too large", "a limit holds everywhere"
    assert not (tiny / "out.png").exists() and not list((tiny / "tmp").iterdir())
    if (builds := folder / FOLDER).exists():
        for path in [*builds.glob("*.lock"), builds / TAG]:
            path.unlink()
        if (builds / "logs").exists():
            (builds / "logs").rmdir()
        builds.rmdir()
