"""The wheel, installed outside the checkout: every command runs once; what is missing is named.

The environment borrows the packages of this one through a .pth file, so that nothing is fetched;
fsrcnnx itself comes from the wheel.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import main as cli

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = ("torch", "pytorch_optimizer", "hls4ml", "da4ml", "cocotb", "cocotb_tools", "matplotlib",
            "brevitas")
pytestmark = pytest.mark.slow

# command -> arguments and the exit code, in an order in which each finds what those before made
TINY = "d4s2m1f3l3_x2"
COMMANDS = {
    "doctor": (["doctor"], {0, 3}, "verilator"),
    "prepare": (["prepare", "hr", "-o", "train.h5"], {0}, ""),
    "prepare --eval": (["prepare", "hr", "-o", "eval.h5", "--eval"], {0}, ""),
    "train": (["train", "train.h5", "eval.h5", "-o", "weights", "--model", TINY, "--steps", "2"],
              {0}, ""),
    "quantise": (["quantise", "weights/x2/x2_best.pth", "train.h5", "eval.h5", "-o",
                  "net/weights.pth", "--steps", "0"], {0}, ""),
    "slim": (["slim", "net/weights.pth", "train.h5", "eval.h5", "-o", "net/weights.pth"], {2},
             "the output is the input"),
    "level": (["level", "net/weights.pth", "train.h5", "eval.h5", "-o", "net/weights.pth"], {2},
              "the output is the input"),
    "contrast": (["contrast", "net/weights.pth", "eval.h5"], {0}, "stripes"),
    "export": (["export", "net/weights.pth"], {0}, ""),
    "test": (["test", "hr", "--model", "net/model.onnx"], {0}, "golden dB"),
    "card": (["card", "net", "hr"], {0}, ""),
    "results": (["results", "hr", "--plot", "results.png"], {0}, "fsrcnn-x_x2"),
    "upscale": (["upscale", "hr/0.png", "-o", "up.png", "--engine", "rtl", "--sim", "icarus",
                 "--model", "net/model.onnx"], {0}, "144x128"),
    "demo": (["demo", "--image", "hr/0.png", "--model", "net/model.onnx", "--sim", "icarus"],
             {0}, "side by side"),
    "rtl": (["rtl", "net/model.onnx", "-o", "core", "--max-width", "64", "--max-height", "64"],
            {0}, "multipliers"),
    "rtl of adders": (["rtl", "net/model.onnx", "-o", "adders", "--engine", "adders", "--max-width",
                       "64", "--max-height", "64"], {0}, "0 multipliers"),
    "pnr": (["pnr", "net"], {2}, "net"),
    "synth": (["synth", "core", "--device", "ecp5"], {0}, "ECP5"),
    "hls": (["hls", "net/model.onnx", "-o", "hls", "--width", "8", "--height", "6"], {0}, ""),
    "c": (["c", "net/model.onnx", "-o", "reference"], {0}, "bytes of work memory"),
    "hls-synth": (["hls-synth", "hls"], {0}, "SKIP"),
    "hls-cosim": (["hls-cosim", "hls", "--model", "net/model.onnx"], {0}, "SKIP"),
    "verify": (["verify", "net/model.onnx", "--rungs", "golden,emulate,c,rtl-icarus"], {0},
               "PASS"),
    "ranges": (["ranges", "net/model.onnx", "--plot", "ranges.png"], {0}, ""),
    "bench": (["bench", "net/model.onnx", "--size", "32x24", "--rounds", "1", "--contenders",
               "golden,emulate"], {0}, ""),
    "import": (["import", "net/model.onnx", "-o", "imported"], {0}, ""),
    "sim": (["sim"], {2}, "a clone of the project"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: a build leaves its own folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=shutil.ignore_patterns(
        ".*", "build", "tests", "*.egg-info", "__pycache__", "docs"))
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index",
                    "--no-build-isolation", "-w", folder, folder / "source"], check=True)
    found, = folder.glob("*.whl")
    return found


def environment(folder: Path, wheel: Path, without: tuple[str, ...] = ()) -> Path:
    """Make an environment with the wheel and the packages of this one, but some; its program."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    subprocess.run([sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install",
                    "-q", "--no-deps", "--no-index", wheel], check=True)
    packages, = (folder / "lib").glob("python*/site-packages")
    lines = [path for path in site.getsitepackages() if Path(path).is_dir()]
    if without:  # as if they were not installed
        (packages / "hide.py").write_text(
            "import sys\n"
            "from importlib.machinery import PathFinder\n"
            "class Some(PathFinder):\n"
            "    @classmethod\n"
            "    def find_spec(cls, name, path=None, target=None):\n"
            f"        if name.partition('.')[0] not in {without!r}:\n"
            "            return super().find_spec(name, path, target)\n"
            "sys.meta_path[sys.meta_path.index(PathFinder)] = Some\n")
        lines.append("import hide")
    (packages / "borrowed.pth").write_text("\n".join(lines) + "\n")
    return folder / "bin" / "fsrcnnx"


def run(program: Path, args: list[str], cwd: Path) -> subprocess.CompletedProcess:
    """Run it as a user would whose PATH knows this environment and not the checkout's."""
    path = [str(program.parent), *(p for p in os.environ["PATH"].split(os.pathsep)
                                   if not p.startswith(str(ROOT)))]
    env = {key: value for key, value in os.environ.items()
           if key not in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS")}
    return subprocess.run([program, *args], cwd=cwd, capture_output=True, text=True, timeout=900,
                          env=env | {"PATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1",
                                     "FSRCNNX_CACHE": str(cwd / "cache"), "HOME": str(cwd)})


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder far from the checkout, with three small pictures."""
    folder = tmp_path_factory.mktemp("far away")
    rng = np.random.default_rng(0)
    (folder / "hr").mkdir()
    for index in range(3):
        small = Image.fromarray(rng.integers(0, 256, (16, 18), dtype=np.uint8))
        small.resize((72, 64), Image.Resampling.BICUBIC).save(folder / "hr" / f"{index}.png")
    return folder


def test_every_command_has_a_row():
    assert {name.partition(" ")[0] for name in COMMANDS} == set(cli.main.commands)


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("fsrcnnx/sim/photo_tb.sv", "fsrcnnx/sim/fsrcnnx_check_tb.sv",
                   "fsrcnnx/rtl/fsrcnnx_top.sv", "fsrcnnx/rtl/EMITTED.md", "fsrcnnx/rtl/LICENSE",
                   "fsrcnnx/hls/fsrcnnx_test.cpp", "fsrcnnx/c/LICENSE",
                   "fsrcnnx/models/fsrcnn-x_x2/model.onnx"):
        assert needed in names
    for folder in ("rtl", "hls", "c"):
        have = {f"fsrcnnx/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*")
                if path.is_file()}
        assert have == {name for name in names if name.startswith(f"fsrcnnx/{folder}/")}
    assert not [name for name in names if name.startswith(("tests/", "sim/", "scripts/"))
                or (name.startswith("fsrcnnx/sim/") and not name.endswith((".sv", ".v")))]


def test_a_wheel_of_the_source_distribution_holds_the_same(wheel, tmp_path):
    source = wheel.parent / "source"
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    sdist, = tmp_path.glob("*.tar.gz")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index",
                    "--no-build-isolation", "-w", tmp_path, sdist], check=True)
    again, = tmp_path.glob("*.whl")
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(wheel).namelist())


def test_every_command_runs_once(wheel, home, tmp_path):
    program = environment(tmp_path / "env", wheel)
    told = ["-c", "import fsrcnnx; print(fsrcnnx.__file__)"]
    where = run(program.with_name("python"), told, home)
    assert where.stdout.startswith(str(tmp_path)), where.stdout + where.stderr
    wrong = {}
    for name, (args, codes, says) in COMMANDS.items():
        done = run(program, args, home)
        said = done.stdout + done.stderr
        if done.returncode not in codes or says not in said or "make setup" in said:
            wrong[name] = f"{done.returncode}: {said[-800:]}"
    assert not wrong, "\n\n".join(f"{name}: {what}" for name, what in wrong.items())


MISSING = {
    "train": (["train", "train.h5", "eval.h5", "-o", "w2"], "torch", "learn"),
    "quantise": (["quantise", "w.pth", "train.h5", "eval.h5", "-o", "q.pth"], "torch", "learn"),
    "export": (["export", "net/weights.pth"], "torch", "learn"),
    "prepare": (["prepare", "hr", "-o", "more.h5"], "torch", "learn"),
    "emulate": (["test", "hr", "--engine", "emulate"], "torch", "learn"),
    "hls": (["hls", "-o", "hls2", "--width", "8", "--height", "6"], "hls4ml", "hls"),
    "upscale": (["upscale", "hr/0.png", "-o", "up2.png", "--engine", "hls"], "hls4ml", "hls"),
    "ranges": (["ranges", "--plot", "more.png"], "matplotlib", "plot"),
    "results": (["results", "hr"], "torch", "learn"),
}


def test_what_is_missing_is_named_with_its_extra(wheel, home, tmp_path):
    program = environment(tmp_path / "env", wheel, OPTIONAL)
    for name, (args, package, extra) in MISSING.items():
        done = run(program, args, home)
        said, *more = [line for line in done.stderr.splitlines() if "error:" in line]
        assert (done.returncode, more) == (3, []), f"{name}: {done.returncode} {done.stderr}"
        assert package in said and f"pip install 'fsrcnnx[{extra}]'" in said, f"{name}: {said}"
        assert "Traceback" not in done.stderr
    told = run(program, ["doctor"], home)
    assert told.returncode == 3
    for extra in ("learn", "sim", "hls", "plot"):
        assert f"pip install 'fsrcnnx[{extra}]'" in told.stdout
    assert run(program, ["upscale", "hr/0.png", "-o", "golden.png"], home).returncode == 0
    assert run(program, ["rtl", "-o", "core2"], home).returncode == 0
