"""Beside those of the evaluations a state is kept after some time: a kill at any step costs little.

The clock is turned forward, so that a state is kept after each step, and the run killed anywhere.
"""

import pytest
import torch

from fsrcnnx.learn import models, store
from fsrcnnx.learn.quantising import quantise as quantising
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.training import resume
from fsrcnnx.learn.training import train as training
from fsrcnnx.learn.training.devices import Team
from fsrcnnx.learn.training.fit import Batches

NAME = "d2s1m0f1l2a_x2"
STEPS = 7
EVERY = 3  # steps from one evaluation to the next


@pytest.fixture
def kill(monkeypatch):
    """Makes a block that is killed before a batch is drawn, the number of which it takes."""
    draw = Batches.draw

    def context(at):
        left = [at]

        def drawn(self):
            if self.size == 2:  # not the calibration's
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            return draw(self)
        monkeypatch.setattr(Batches, "draw", drawn)
        return pytest.raises(KeyboardInterrupt)
    yield context


@pytest.fixture
def hasty(monkeypatch):
    """A clock that is always due, and evaluations every few steps."""
    monkeypatch.setattr(resume.Clock, "FIRST", 0.0)
    monkeypatch.setattr(resume.Clock, "NEXT", 0.0)
    monkeypatch.setattr(training, "CHECKPOINTS", STEPS // EVERY)
    monkeypatch.setattr(quantising, "CHECKPOINTS", STEPS // EVERY)


def train(files, out, optimiser):
    """A training of a few steps."""
    return training.train(*files, out, 2, steps=STEPS, batch_size=2, name=NAME, factor=2,
                          optimiser=optimiser, progress=False)


def same(one, two):
    """Whether two weights files hold the same bits."""
    first, second = (store.read_weights(path) for path in (one, two))
    return first.keys() == second.keys() and first["eval_psnr"] == second["eval_psnr"] \
        and all(torch.equal(first["float"][key], value) for key, value in second["float"].items())


@pytest.mark.parametrize("optimiser", ["adam", "soap"])
def test_a_training_that_is_killed_anywhere_ends_the_same(files, tmp_path, hasty, kill, optimiser):
    whole = train(files, tmp_path / "whole", optimiser)
    rows = (tmp_path / "whole" / "x2" / "history.csv").read_text()
    for at in range(1, STEPS):
        out = tmp_path / str(at)
        with kill(at):
            train(files, out, optimiser)
        assert store.read_checkpoint(out / "x2" / "checkpoint.pth")["step"] == at
        assert (out / "x2" / "x2_best.pth").exists() == (at >= EVERY)
        kill(99)
        again = train(files, out, optimiser)
        assert again.psnr == whole.psnr and same(again.best, whole.best)
        assert (out / "x2" / "history.csv").read_text() == rows


@pytest.mark.slow
@pytest.mark.parametrize("bits", [Bits(), Bits(4, 8)])
def test_a_quantisation_that_is_killed_anywhere_ends_the_same(files, tmp_path, hasty, kill, bits):
    torch.save({"name": NAME, "float": models.build(NAME).state_dict()}, tmp_path / "f.pth")

    def run(name):
        return quantising.quantise(tmp_path / "f.pth", *files, tmp_path / name, bits=bits,
                                   steps=STEPS, batch_size=2, optimiser="soap", progress=False)
    whole = run("whole.pth")
    for at in range(1, STEPS + 1):  # the last one in the stage of the biases
        with kill(at):
            run(f"{at}.pth")
        kill(99)
        assert run(f"{at}.pth").network.content_hash() == whole.network.content_hash()
        assert same(tmp_path / f"{at}.pth", tmp_path / "whole.pth")
        for number in (1, 2):
            one, two = (tmp_path / f"{name}.stage{number}.csv" for name in (at, "whole"))
            assert one.read_text() == two.read_text()


def test_a_state_is_due_after_some_time_and_then_from_time_to_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])
    clock = resume.Clock(Team())
    assert resume.Clock.FIRST <= 30 and resume.Clock.NEXT <= 300
    assert not clock.due(1)
    now[0] += resume.Clock.FIRST
    assert clock.due(1) and clock.due(2)
    clock.kept()
    now[0] += resume.Clock.NEXT - 1
    assert not clock.due(3)
    now[0] += 1
    assert clock.due(4)


def test_a_team_looks_together_and_seldom(monkeypatch):
    asked = []
    monkeypatch.setattr(Team, "once", lambda self, function: asked.append(1) or True)
    clock = resume.Clock(Team(size=2))
    assert [step for step in range(1, 50) if clock.due(step)] == [16, 32, 48] and len(asked) == 3
