"""The set-up: a folder that make cannot build in is refused at once."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["with space", "it's", "a$b", "a#b", "line\nbreak", "a:b",
                                  "100%", "a\\b", "a*b", "`b`"])
def test_set_up_refuses_a_folder_that_make_cannot_take_in_the_first_second(tmp_path, name):
    root = tmp_path / name
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", root / "scripts")
    shutil.copy(ROOT / "Makefile", root)
    by_make = [["make", "--no-print-directory", "setup"]] if name == "with space" else []
    for command in (["bash", "scripts/setup.sh"], *by_make):
        start = time.monotonic()
        done = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False,
                              env={"PATH": "/usr/bin:/bin"})
        assert time.monotonic() - start < 5  # on a busy machine
        (line, *of_make) = done.stderr.splitlines()
        assert done.returncode == 2 and len(of_make) == (command[0] == "make")
        assert "make cannot build in a folder of this name; allowed: names without spaces" in line
        assert "fix: move or clone it elsewhere" in line
    assert sorted(path.name for path in root.iterdir()) == ["Makefile", "scripts"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "josé", "a-b_c+d,e=f@g~1.0"])
def test_set_up_goes_on_elsewhere(tmp_path, name):
    root = tmp_path / name
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup.sh", root / "scripts")
    done = subprocess.run(["bash", "scripts/setup.sh"], cwd=root, text=True, capture_output=True,
                          check=False, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode and "pyproject.toml" in done.stderr  # which is not there
