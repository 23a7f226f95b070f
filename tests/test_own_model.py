"""A network of one's own, by make alone: from pictures to equal rungs and a core, by one name."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.exact.onnx import io as onnx_io

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
NAME = "d4s2m0f1l2a_x2"


def picture(path, seed):
    """A smooth picture, a little larger than a patch."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((70, 66), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the project's Makefile, its .venv as it is, and eight pictures."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "setup.sh").write_text("#!/bin/sh\n")
    (folder / "scripts" / "setup.sh").chmod(0o755)
    for name in ("Makefile", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "pictures" / "train").mkdir(parents=True)
    for number in range(8):
        picture(folder / "pictures" / "train" / f"{number}.png", number)
    return folder


def run(place, *command):
    """Exit code and all that a command says."""
    done = subprocess.run(command, cwd=place, text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(place), "OMP_NUM_THREADS": "1"})
    return done.returncode, done.stdout


def make(place, *args):
    """Run make on the pictures, in few steps."""
    learns = {"train", "quantise"} & set(args)
    return run(place, "make", "--no-print-directory", *args,
               *(["STEPS=30", f"MODEL={NAME}"] if learns else []),
               *(["DATA=pictures"] if "train" in args else []))


def verified(place, name):
    """Hold the forms of a network that need no tool against golden; its hash."""
    code, said = run(place, ".venv/bin/fsrcnnx", "verify", name, "--rungs", "golden,qonnx,emulate",
                     "--json", "report.json")
    assert code == 0, said
    report = json.loads((place / "report.json").read_text())
    compared = [record for record in report["records"] if record["pixels"]]
    assert compared and not any(record["mismatches"] for record in compared)
    return onnx_io.load(place / "build" / name / "model.onnx").content_hash()


def test_one_line_makes_a_core_of_pictures(place):
    code, said = make(place, "train", "quantise", "export", "rtl", "HOLDOUT=4")
    assert code == 0, said
    assert f"--model {NAME}\n" in said
    assert (place / "build" / NAME / "train.h5").is_file()
    found = verified(place, NAME)
    core = place / "build" / NAME / "rtl-mac-16"
    assert json.loads((core / "manifest.json").read_text())["content_hash"] == found

    # other bits are another network, of the same float one
    code, said = make(place, "quantise", "export", "BITS=w8a9")
    assert code == 0, said
    assert verified(place, f"{NAME}_w8a9") != found
    assert verified(place, NAME) == found
    assert not (place / "models").exists()


def test_data_is_made_again_when_its_pictures_change(place):
    data = place / "build" / NAME / "train.h5"
    code, said = make(place, "train", "HOLDOUT=4")
    assert code == 0, said
    assert said.count(": left, made of these") == 2
    before = data.read_bytes()

    new = place / "pictures" / "train" / "9.png"
    picture(new, 9)
    code, said = make(place, "train", "HOLDOUT=4")
    assert code == 2
    assert "train.h5: made again: 1 new (9.png)" in said
    assert "checkpoint.pth: holds another run (patches 24, now 28; other pictures); allowed" in said
    assert "fix: give those of before, write to another folder, or delete this file" in said
    new.unlink()
    code, said = make(place, "train", "HOLDOUT=4")
    assert code == 0, said
    assert "train.h5: made again: 1 gone (9.png)" in said
    assert data.read_bytes() == before

    code, said = make(place, "train", "HOLDOUT=2")
    assert code == 2 and "made again: holdout 2, was 4" in said
    shutil.rmtree(place / "build" / NAME / "x2")
    assert make(place, "train", "HOLDOUT=2")[0] == 0
