"""What an interrupted run leaves is marked, and a damaged state is said in one line."""

import json
import shutil

import numpy as np
import pytest
import torch

from fsrcnnx import limits
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.learn import models, store, torchfile
from fsrcnnx.learn.quantising import neighbours
from fsrcnnx.learn.quantising.calibrate import Bits
from fsrcnnx.learn.quantising.export import export
from fsrcnnx.learn.quantising.quantise import quantise
from fsrcnnx.learn.training.fit import LARGEST_BATCH, Plan
from fsrcnnx.learn.training.resume import check_rows, resuming
from fsrcnnx.learn.training.teacher import teach
from fsrcnnx.learn.training.train import train

NAME = "d2s1m0f1l2_x2"


def run(files, out, **options):
    """A training of a few steps."""
    return train(*files, out, 2, steps=6, batch_size=2, name=NAME, progress=False, **options)


def test_weights_say_whether_their_training_has_ended(files, tmp_path, caplog):
    best = run(files, tmp_path, stop_after=2).best
    assert store.read_weights(best)["complete"] is False
    done = quantise(best, *files, tmp_path / "w.pth", steps=0, progress=False)
    assert "x2_best.pth: what a training that has not ended had so far" in caplog.text
    run(files, tmp_path)
    assert store.read_weights(best)["complete"] is True
    caplog.clear()
    quantise(best, *files, tmp_path / "w.pth", steps=0, progress=False)
    assert "not ended" not in caplog.text and done.network.name == NAME


@pytest.mark.parametrize(("bits", "rounds"), [(Bits(), 0), (Bits(4, 8), 1)])
def test_export_takes_a_quantisation_that_has_ended_alone(files, tmp_path, monkeypatch, bits,
                                                          rounds):
    monkeypatch.setattr(neighbours, "BATCHES", 2)
    monkeypatch.setattr(neighbours, "CHECKED", 1)
    torch.save({"name": NAME, "float": models.build(NAME).state_dict()}, tmp_path / "f.pth")
    options = {"bits": bits, "steps": 4, "batch_size": 2, "rounds": rounds, "progress": False}
    quantise(tmp_path / "f.pth", *files, tmp_path / "w.pth", stop_after=1, **options)
    with pytest.raises(ModelError, match="what an interrupted quantisation had so far"):
        export(tmp_path / "w.pth", tmp_path)
    quantise(tmp_path / "f.pth", *files, tmp_path / "w.pth", **options)
    network = export(tmp_path / "w.pth", tmp_path)
    assert network.content_hash() == quantise(
        tmp_path / "f.pth", *files, tmp_path / "whole.pth", **options).network.content_hash()


@pytest.fixture(scope="module")
def stopped(files, tmp_path_factory):
    """Folder of a training that was stopped."""
    out = tmp_path_factory.mktemp("stopped")
    run(files, out, stop_after=2)
    return out


def _without(key):
    return lambda state: {name: value for name, value in state.items() if name != key}


def _of(*path, value):
    """A change of one value, some dictionaries and lists below the state."""
    def change(state):
        at = state
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value(at[path[-1]]) if callable(value) else value
        return state
    return change


FIRST = ("optimiser", "state", 0)  # state of the first parameter


@pytest.mark.parametrize("change", [
    *map(_without, ("settings", "rows", "generator", "module", "optimiser", "step", "since",
                    "totals")),
    lambda state: {**state, "module": {"a": torch.ones(1)}}, lambda state: {**state, "module": 3},
    lambda state: {**state, "optimiser": {}}, lambda state: {**state, "generator": torch.ones(3)},
    lambda state: {**state, "generator": None},
    _of("generator", value=lambda t: torch.full_like(t, 255)),
    lambda state: {**state, "rows": []}, lambda state: {**state, "rows": [1]},
    lambda state: {**state, "rows": [("a", 1.0, 2.0, 3.0)]}, lambda state: {**state, "step": "a"},
    _of("rows", 0, value=(1, 1.0, 2.0)), _of("rows", 0, value=(1, 10**5000, 2.0, 3.0)),
    _of("rows", 0, value=(2, 1.0, 2.0, 3.0)), _of("rows", 0, value=(1, 1.0, float("nan"), 3.0)),
    *(_of("step", value=step) for step in (0, -5, 1, 7, 1 << 70, 2.0, True)),
    *(_of("since", value=since) for since in (1, -1, "0", 0.0)),
    *(_of("totals", value=totals) for totals in ([], [float("inf")], ["a"], 0.0)),
    _of("module", "shrink.bias", value=lambda t: t * float("nan")),
    _of("module", "shrink.bias", value=lambda t: t.double()),
    _of("module", "shrink.bias", value=lambda t: t[:1].expand(1 << 40)),
    _of(*FIRST, "exp_avg", value=lambda t: torch.ones(3)),
    _of(*FIRST, "exp_avg", value=lambda t: t.reshape(-1)[:1].expand(1 << 40)),
    _of(*FIRST, "exp_avg", value=lambda t: t * float("inf")),
    _of(*FIRST, "step", value=lambda t: -t), _of(*FIRST, value={}),
    _of("optimiser", "param_groups", 0, "betas", value=("a", 2)),
    _of("optimiser", "param_groups", 0, "betas", value=(2.0, 2.0)),
    _of("optimiser", "param_groups", 0, "lr", value=1e300),
    _of("optimiser", "param_groups", 0, "params", value=[0, 1]),
    _of("optimiser", "param_groups", value=[]),
    lambda state: [state], lambda state: 7])
def test_a_state_that_is_none_is_said_in_one_line(files, stopped, tmp_path, change):
    shutil.copytree(stopped, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "x2" / "checkpoint.pth"
    torch.save(change(torchfile.read(path, 1 << 30)), path)
    with pytest.raises(InputError, match=r"checkpoint\.pth: (not a checkpoint|damaged).*delete it"):
        run(files, tmp_path)
    with pytest.raises(ValueError, match="row"):
        check_rows([(1, 2)], [1], 3)


@pytest.mark.parametrize("change", [
    _of(*FIRST, "precondition_frequency", value=0), _of(*FIRST, "shampoo_beta", value=1e300),
    _of(*FIRST, "Q", value=[]), _of(*FIRST, "GG", 0, value=lambda t: torch.ones(9, 9)),
    _of("optimiser", "param_groups", 0, "step", value=-3),
    _of("optimiser", "param_groups", 0, "precondition_frequency", value=0)])
def test_the_bases_of_soap_are_looked_at_too(files, tmp_path, change):
    run(files, tmp_path, stop_after=2, optimiser="soap")
    path = tmp_path / "x2" / "checkpoint.pth"
    torch.save(change(torchfile.read(path, 1 << 30)), path)
    with pytest.raises(InputError, match=r"checkpoint\.pth: damaged \(.*delete it"):
        run(files, tmp_path, optimiser="soap")


def test_a_state_of_a_version_that_did_not_name_its_data_goes_on(files, stopped, tmp_path, caplog):
    whole = run(files, tmp_path / "whole")
    shutil.copytree(stopped, tmp_path / "old")
    path = tmp_path / "old" / "x2" / "checkpoint.pth"
    state = torchfile.read(path, 1 << 30)
    settings = json.loads(state["settings"])
    del settings["data"], state["since"], state["totals"]
    torch.save({**state, "settings": json.dumps(settings), "best": 1.0, "cycle": {}}, path)
    done = run(files, tmp_path / "old")
    assert "does not say which pictures it began with" in caplog.text
    want, got = (store.read_weights(one.best)["float"] for one in (whole, done))
    assert done.psnr == whole.psnr and all(torch.equal(got[key], want[key]) for key in want)
    torch.save({**state, "settings": json.dumps({**settings, "lr": 0.5})}, path)
    with pytest.raises(InputError, match=r"holds another run \(lr 0\.5, now 0\.003\)"):
        run(files, tmp_path / "old")


@pytest.mark.parametrize("data", [b"", b"garbage", None])
def test_a_truncated_state_is_said_in_one_line(files, stopped, tmp_path, data):
    shutil.copytree(stopped, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "x2" / "checkpoint.pth"
    path.write_bytes(path.read_bytes()[:-400] if data is None else data)
    with pytest.raises(InputError, match=r"checkpoint\.pth: not a checkpoint.*delete it"):
        run(files, tmp_path)


@pytest.mark.slow
def test_a_damaged_state_of_a_search_is_said_in_one_line(files, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(neighbours, "curvature", stop)
    monkeypatch.setattr(neighbours, "CHECKED", 1)
    torch.save({"name": NAME, "float": models.build(NAME).state_dict()}, tmp_path / "f.pth")
    options = {"bits": Bits(4, 8), "steps": 4, "batch_size": 2, "rounds": 2, "progress": False}
    path = tmp_path / ".w.pth.stage3"
    with pytest.raises(KeyboardInterrupt):
        quantise(tmp_path / "f.pth", *files, tmp_path / "w.pth", **options)
    for change in (_of("weights", value=torch.ones(3)), _of("rows", value=[]),
                   _of("biases", value=lambda t: t * float("nan")),
                   _of("rows", value=[(0, 0, 1.0, 2.0), (7, 0, 1.0, 2.0)]),
                   _of("rows", value=[(number, 0, 1.0, 2.0) for number in range(4)])):
        torch.save(change(torchfile.read(path, 1 << 30)), path.with_suffix(".changed"))
        kept = path.read_bytes()
        path.with_suffix(".changed").rename(path)
        with pytest.raises(InputError, match=r"stage3: damaged.*delete it"):
            quantise(tmp_path / "f.pth", *files, tmp_path / "w.pth", **options)
        path.write_bytes(kept)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("of a GPU"),
                                   ModelError("said already")])
def test_what_is_not_the_states_fault_is_not_said_to_be(tmp_path, error):
    with pytest.raises(type(error)) as caught, resuming(tmp_path / "checkpoint.pth"):
        raise error
    assert caught.value is error


def test_a_failed_start_leaves_no_folder(files, tmp_path, full_disk):
    with full_disk(100), pytest.raises(InputError, match="cannot be written"):
        run(files, tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(1 << 40,), (2, 2)])
def test_what_a_teachers_file_claims_is_held_against_its_size(files, tmp_path, shape):
    data = [shutil.copy(path, tmp_path) for path in files]
    torch.save({"name": NAME, "float": models.build(NAME).state_dict()}, tmp_path / "f.pth")
    teach(tmp_path / "f.pth", data[0], 2, progress=False)
    kept, = tmp_path.glob(".train*.npy")
    with kept.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write(bytes(4))
    with pytest.raises(InputError, match="cannot be read.*delete it"):
        teach(tmp_path / "f.pth", data[0], 2, progress=False)


def test_a_batch_beyond_memory_is_refused():
    with pytest.raises(InputError, match=f"allowed: up to {LARGEST_BATCH}"):
        Plan(NAME, 1, 0.1, 1, 1, LARGEST_BATCH + 1, 9)


def test_steps_without_end_are_refused():
    assert Plan(NAME, 1, 0.1, limits.STEPS, 1, 1, 9).steps == limits.STEPS
    with pytest.raises(InputError, match=f"allowed: up to {limits.STEPS:,}"):
        Plan(NAME, 1, 0.1, limits.STEPS + 1, 1, 1, 9)
