"""A training that is killed, or stopped by Ctrl-C, goes on to the identical result."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from fsrcnnx.learn import store

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[3] / "scripts" / "train.py"
STEPS = 150


def start(files, out, optimiser):
    """Start the seed's command line in a process of its own."""
    command = [sys.executable, SCRIPT, "--train-file", files[0], "--eval_file", files[1],
               "--outputs-dir", out, "--scale", "2", "--steps", STEPS, "--batch_size", "4",
               "--optimiser", optimiser]
    # a network this small gains nothing from threads, and waits for them on a busy machine
    return subprocess.Popen(map(str, command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def history(out):
    """Rows of the training's CSV file, without the heading."""
    path = out / "x2" / "history.csv"
    return list(csv.reader(path.open()))[1:] if path.exists() else []


@pytest.fixture(scope="module", params=["adam", "soap"])
def whole(files, tmp_path_factory, request):
    """A training without interruption, and its optimiser."""
    out = tmp_path_factory.mktemp("whole")
    run = start(files, out, request.param)
    output = run.communicate()[0]
    assert run.returncode == 0, output
    return out, request.param


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL),
                                           (signal.SIGINT, 130)])
def test_an_interrupted_training_resumes_to_the_identical_result(files, whole, tmp_path, how,
                                                                 code):
    whole, optimiser = whole
    run = start(files, tmp_path, optimiser)
    while len(history(tmp_path)) < 4 and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(how)
    output = run.communicate()[0]
    assert run.returncode == code, output
    assert "Traceback" not in output
    assert 4 <= len(history(tmp_path)) < len(history(whole))
    run = start(files, tmp_path, optimiser)
    output = run.communicate()[0]
    assert run.returncode == 0, output
    assert history(tmp_path) == history(whole)
    want, got = (store.read_weights(folder / "x2" / "x2_best.pth")["float"]
                 for folder in (whole, tmp_path))
    assert want.keys() == got.keys()
    assert all(torch.equal(want[name], got[name]) for name in want)
