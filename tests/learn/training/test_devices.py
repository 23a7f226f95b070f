"""A team of processes computes what one process computes; a device is chosen or refused."""

import csv
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from fsrcnnx.errors import InputError
from fsrcnnx.learn import models, store
from fsrcnnx.learn.quantising.noise import Noise
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.torchfile import on_cpu
from fsrcnnx.learn.training.devices import ALONE, Team, assemble, choose, workers
from fsrcnnx.learn.training.expand import expand
from fsrcnnx.learn.training.fit import Batches
from fsrcnnx.learn.training.losses import LOSSES
from fsrcnnx.learn.training.train import train

MODEL = "d4s2m1f3l3a_x2"
SCRIPT = Path(__file__).parents[3] / "scripts" / "train.py"
CPU, META = torch.device("cpu"), torch.device("meta")


def network():
    """A tiny expanded network with random weights."""
    generator = torch.Generator().manual_seed(2)
    model = models.build(MODEL, generator=generator)
    expand(model, 2, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return model


def batches(team):
    """Batches of 8 random patches and two targets each, some stretched."""
    generator = torch.Generator().manual_seed(3)
    lr, hr = (torch.randint(256, (30, side, side), generator=generator, dtype=torch.uint8)
              for side in (12, 24))
    return Batches(lr, hr, 8, generator, 0.5, team, lessons=255 - hr)


def gradient(loss, team):
    """Gradients of one drawn batch, in one tensor."""
    model = network()
    x, y = batches(team).draw()
    LOSSES[loss](model(x), y).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


# --- shares --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_of_the_shares_is_the_gradient_of_the_batch(loss, size):
    whole = gradient(loss, ALONE)
    shares = [gradient(loss, Team(CPU, rank, size)) for rank in range(size)]
    tolerance = {"rtol": 1e-4, "atol": 1e-6 * float(whole.abs().max())}
    torch.testing.assert_close(torch.stack(shares).mean(0), whole, **tolerance)
    assert not torch.allclose(shares[0], whole, **tolerance)


@pytest.mark.parametrize("pool", [Noise.POOL, 100])  # a pool, or one that is too small
def test_generators_stay_in_step_and_shares_of_noise_differ(pool, monkeypatch):
    monkeypatch.setattr(Noise, "POOL", pool)
    like = torch.zeros(8, 3, 5, 5)
    whole, first, second = (torch.Generator().manual_seed(1) for _ in range(3))
    want = Noise(whole).like(like)
    got = [Noise(generator, Team(CPU, rank, 2)).like(like[:4])
           for rank, generator in enumerate((first, second))]
    assert torch.equal(torch.cat(got), want)
    assert torch.equal(whole.get_state(), first.get_state())
    assert torch.equal(whole.get_state(), second.get_state())


def test_a_batch_that_does_not_split_is_refused():
    with pytest.raises(InputError, match=r"8 patches for 3 processes; allowed: a multiple of 3"):
        batches(Team(CPU, 0, 3))


# --- devices -------------------------------------------------------------------------------


def test_everything_of_a_step_is_on_the_device():
    """The meta device computes nothing, but refuses to mix its tensors with the CPU's."""
    team = Team(META)
    x, y = batches(team).draw()
    model = network().to(META)
    noise = Noise(torch.Generator(), team)
    loss = LOSSES["log"](model(x) + noise.like(y), y)
    loss.backward()
    assert {t.device for t in (x, y, loss, model.deconv.bias.grad)} == {META}
    with pytest.raises(RuntimeError, match="device"):
        model(batches(ALONE).draw()[0])


def test_what_is_saved_is_brought_to_the_cpu():
    tensor = torch.ones(2)
    content = {"a": [(1, tensor)], "b": {"c": tensor}, "d": "text", "e": None}
    assert on_cpu(content) == content
    for held in ({"a": META}, [META], (1, {"b": [META]})):
        with pytest.raises(NotImplementedError, match="meta"):  # nothing to copy from there
            on_cpu(_with_tensors(held))


def _with_tensors(content):
    if isinstance(content, dict):
        return {key: _with_tensors(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(map(_with_tensors, content))
    return torch.ones(2, device=META) if content == META else content


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose("auto") == choose("cpu") == CPU
    with pytest.raises(InputError, match="--device: no GPU .*allowed: auto, cpu"):
        choose("cuda")
    with pytest.raises(InputError, match="'tpu'; allowed: auto, cpu, cuda"), assemble("tpu"):
        pass


def test_each_process_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose("auto") == choose("cuda") == torch.device("cuda", 0)
    assert choose("auto", 1, 2) == torch.device("cuda", 1)
    assert choose("cpu", 2, 3) == CPU
    with pytest.raises(InputError, match=r"3 processes for 2 GPUs; allowed: 1\.\.2"):
        choose("auto", 2, 3)


def test_more_workers_than_cpus_are_lowered_with_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    caplog.set_level(logging.WARNING)
    assert [workers(n) for n in (0, 3)] == [0, 3]
    assert not caplog.records
    assert workers(64) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "--num-workers 64 lowered to 3, the CPUs of this machine"]
    with pytest.raises(InputError, match=r"--num-workers: -1 workers; allowed: 0\.\.3"):
        workers(-1)


# --- processes -----------------------------------------------------------------------------


def start(processes, *command):
    """Start Python on a script or module, alone or by torchrun."""
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    return subprocess.Popen(map(str, [*launch, *command]), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})


def finish(run):
    """Wait for a run to succeed; its output."""
    output = run.communicate()[0]
    assert run.returncode == 0, output
    assert "Warning" not in output
    return output


def teacher_of(files):
    """File of a larger network's weights, beside the training file."""
    path, model = files[0].with_name("teacher.pth"), models.build("d6s3m1f3l3_x2")
    if not path.exists():
        torch.save({"name": model.name, "float": model.state_dict()}, path)
    return path


def train_pair(files, out):
    """Start `fsrcnnx train` in two processes: 60 taught steps of an expanded network."""
    return start(2, "-m", "fsrcnnx", "train", *files, "-o", out, "--model", MODEL, "--expand", 2,
                 "--loss", "log", "--steps", 60, "--batch-size", 4, "--optimiser", "adam",
                 "--lr", 3e-3, "--teacher", teacher_of(files))


def train_alone(files, out, seed=123):
    """The same in this process."""
    train(*files, out, 2, name=MODEL, factor=2, loss="log", steps=60, batch_size=4, seed=seed,
          teacher=teacher_of(files), progress=False)


def history(path):
    """Rows of a history file as numbers, without the heading."""
    rows = list(csv.reader(path.open()))[1:] if path.exists() else []
    return np.array(rows, float)


def weights(path, key="float"):
    """All weights of a file in one tensor."""
    content = store.read_weights(path)[key]
    state = content["state"] if key == "qat" else content
    return torch.cat([value.flatten() for value in state.values()])


@pytest.fixture(scope="module")
def pair(files, tmp_path_factory):
    """Folder of a training by two processes, and what they printed."""
    out = tmp_path_factory.mktemp("pair")
    return out, finish(train_pair(files, out))


@pytest.mark.slow
def test_two_processes_train_as_one(files, pair, tmp_path):
    folder, output = pair
    train_alone(files, tmp_path)
    one, two = (history(out / "x2" / "history.csv") for out in (tmp_path, folder))
    assert len(one) == 30
    np.testing.assert_allclose(two, one, rtol=1e-5)
    name = Path("x2", "x2_best.pth")
    torch.testing.assert_close(weights(folder / name), weights(tmp_path / name), rtol=1e-4,
                               atol=1e-4)
    assert "training on cpu, 2 processes" in output
    assert output.count("step 60 of 60:") == output.count("dB after 60 steps") == 1

    train_alone(files, tmp_path / "other", seed=7)  # another order is seen
    assert not np.allclose(history(tmp_path / "other" / "x2" / "history.csv"), one, rtol=1e-5)


@pytest.mark.slow
def test_two_processes_that_are_killed_resume_to_the_identical_result(files, pair, tmp_path):
    csv_file = tmp_path / "x2" / "history.csv"
    run = train_pair(files, tmp_path)
    while len(history(csv_file)) < 4 and run.poll() is None:
        time.sleep(0.01)
    children = [child for task in Path(f"/proc/{run.pid}/task").glob("*/children")
                for child in task.read_text().split()]
    assert len(children) == 2
    for process in (run.pid, *map(int, children)):
        os.kill(process, signal.SIGKILL)
    run.communicate()
    assert 4 <= len(history(csv_file)) < 30
    assert "resuming at step" in finish(train_pair(files, tmp_path))
    assert np.array_equal(history(csv_file), history(pair[0] / "x2" / "history.csv"))
    name = Path("x2", "x2_best.pth")
    assert torch.equal(weights(tmp_path / name), weights(pair[0] / name))


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adam", "soap"])
def test_two_processes_quantise_as_one(files, pair, tmp_path, optimiser):
    best = pair[0] / "x2" / "x2_best.pth"
    outputs = [tmp_path / name / "weights.pth" for name in ("one", "two")]
    outputs[0].parent.mkdir()
    quantise(best, *files, outputs[0], steps=20, batch_size=4, progress=False,
             optimiser=optimiser)
    finish(start(2, "-m", "fsrcnnx", "quantise", best, *files, "-o", outputs[1], "--steps", 20,
                 "--batch-size", 4, "--lr", 1e-3, "--optimiser", optimiser, "--no-even",
                 "--no-contrast"))
    for output in outputs:
        assert sorted(path.name for path in output.parent.iterdir()) == [
            "weights.pth", "weights.stage1.csv", "weights.stage2.csv"]
    for number, rows in ((1, 20), (2, 2)):
        one, two = (history(path.with_suffix(f".stage{number}.csv")) for path in outputs)
        assert len(one) == rows
        np.testing.assert_allclose(two, one, rtol=1e-4)
    one, two = (weights(path, "qat") for path in outputs)
    # SOAP's bases magnify rounding where eigenvalues are close: the course is the same
    near = {"adam": 1e-4, "soap": 1e-2}[optimiser]
    torch.testing.assert_close(one, two, rtol=near, atol=near)


@pytest.mark.slow
def test_one_process_that_fails_ends_the_other_with_one_line(files, tmp_path):
    blocked = tmp_path / "x2" / "x2_best.pth"
    blocked.mkdir(parents=True)
    run = train_pair(files, tmp_path)
    output = run.communicate()[0]
    assert run.returncode == 1
    said = [line for line in output.splitlines() if "fsrcnnx: error:" in line]
    assert any("x2_best.pth: cannot be written" in line for line in said)
    for line in said:  # torchrun may end the other before it says so
        assert "cannot be written" in line or "process 1: another process has ended" in line
    assert "defect" not in output


@pytest.mark.slow
def test_the_original_command_line_by_torchrun_whatever_the_workers(files, tmp_path):
    best = train(*files, tmp_path / "want", 2, steps=3, batch_size=4, progress=False).best
    flags = ["--train-file", files[0], "--eval-file", files[1], "--scale", 2, "--steps", 3,
             "--batch-size", 4, "--device", "cpu", "--num-workers", 10**6]
    found = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        output = finish(start(processes, SCRIPT, *flags, "--outputs-dir", out))
        assert output.count(f"--num-workers {10**6} lowered to") == 1
        assert output.count("dB on the evaluation file") == 1
        found.append(weights(out / "x2" / "x2_best.pth"))
    assert torch.equal(found[0], weights(best))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)
