"""Even grays: what was put out of level comes back, on its grid, and no dearer than allowed."""

from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest
import torch

from fsrcnnx.exact import even
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising import level as levelling
from fsrcnnx.learn.quantising import moves
from fsrcnnx.learn.quantising import search as searching
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import fitted_formats
from fsrcnnx.learn.quantising.ground import Ground
from fsrcnnx.learn.quantising.level import level, movable
from fsrcnnx.learn.quantising.neighbours import Variables
from fsrcnnx.learn.quantising.quadratic import DAMPING
from fsrcnnx.learn.quantising.quantnet import QuantNet, load_qat, on_grid, to_network
from fsrcnnx.learn.quantising.ramps import Ramps
from fsrcnnx.learn.quantising.search import Search
from fsrcnnx.learn.training.fit import Batches

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def batches(monkeypatch):
    """A few batches of noise, and of noise enlarged."""
    monkeypatch.setattr(levelling, "BATCHES", 6)
    monkeypatch.setattr(searching, "PAIRED", 8)
    monkeypatch.setattr(moves, "STRIDES", range(1))
    generator = torch.Generator().manual_seed(1)
    lr = torch.randint(256, (12, 8, 8), generator=generator, dtype=torch.uint8)
    return Batches(lr, lr.repeat_interleave(2, 1).repeat_interleave(2, 2), 4, generator)


@pytest.fixture
def tilted(request, equalised, batches):
    """A small network that adds to the nearest pixel what its phases do not agree about."""
    model = equalised(batches.lr[:, None] / 256, getattr(request, "param", "d6s4m1f3l3a_x2"))
    with torch.no_grad():
        getattr(model, model.names[-1]).weight.mul_(0.05)
    return QuantNet(model, fitted_formats(model, uniform(model, Bits()))).eval()


def run(module, batches, score=lambda: 30.0):
    """What was kept, and the dB at the end."""
    kept = []
    return kept, level(module, batches, score, kept.append, "test", progress=False)


def test_what_was_put_out_of_level_comes_back(tilted, batches):
    assert Ground(to_network(tilted)).exact < 200
    kept, end = run(tilted, batches)
    assert kept == [30.0] and end == 30.0
    network = to_network(tilted)
    assert (even.interiors(network) == even.levels(network)[:, None, None]).all()
    for name, row in tilted.formats.items():
        weight = getattr(tilted.model, name).weight
        assert torch.equal(weight, on_grid(weight, row.weight))


@pytest.fixture
def search(tilted):
    """A search with a curvature of one for all."""
    variables = Variables(tilted, list(tilted.formats))
    count = sum(len(part) for part in variables.get())
    return lambda ring: Search(tilted, variables, torch.eye(count).double(), ring)


@pytest.mark.parametrize("tilted", ["d6s4m1f3l3a_x2", "n5n4f3f1f3pa_x2"], indirect=True)
def test_what_a_search_holds_is_what_the_network_does(tilted, search):
    """Sums, ramps and cost go on step by step: they stay those of the network."""
    found = search(99)
    found.heed_ramps()
    before = found.ground.excess.sum(), found.ramps.excess
    values = found.walk.values.copy()
    for _ in range(3):
        assert found.round(1.0)
    network, moved = to_network(tilted), found.walk.values - values
    assert (Ground(network).sums[-1] == found.ground.sums[-1]).all()
    assert Ramps(network).excess == pytest.approx(found.ramps.excess)
    assert found.ground.excess.sum() + found.ramps.excess < sum(before)
    cost = (moved**2).sum() * (1 + DAMPING) / 2
    assert found.walk.spent == pytest.approx(cost, rel=1e-6)
    assert found.even().back == even.measure(network).back


def test_what_makes_the_ring_worse_is_taken_back(tilted, search):
    found, before = search(-1), to_network(tilted).content_hash()
    assert not found.round(1.0)
    found.walk.put()
    assert found.walk.barred and to_network(tilted).content_hash() == before
    moves = found.walk.moves(found.last)
    assert not found.walk.barred & set(zip(moves.index.tolist(), (moves.way > 0).tolist(),
                                           strict=True))
    assert found.walk.spent == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_what_costs_too_much_is_taken_back(tilted, batches):
    before, scores = to_network(tilted).content_hash(), chain([30.0], repeat(
        30.0 - 2 * levelling.LAST))
    kept, end = run(tilted, batches, lambda: next(scores))
    assert kept == [] and end == 30.0
    assert to_network(tilted).content_hash() == before


def test_the_last_grays_may_cost_more(tilted, batches):
    dear = 30.0 - 2 * levelling.LOST
    assert dear > 30.0 - levelling.LAST
    scores = chain([30.0], repeat(dear))
    kept, end = run(tilted, batches, lambda: next(scores))
    assert kept == [dear] and end == dear
    network = to_network(tilted)
    assert (even.interiors(network) == even.levels(network)[:, None, None]).all()


def test_what_is_even_stays_as_it_is(batches):
    module = load_qat(MODELS / "srcnn-955_x2" / "weights.pth")
    before = to_network(module).content_hash()
    assert run(module, batches) == ([], 30.0)
    assert to_network(module).content_hash() == before


@pytest.mark.slow
def test_a_killed_one_comes_to_the_same_when_it_begins_anew(tilted, batches, monkeypatch):
    state = {key: value.clone() for key, value in tilted.state_dict().items()}
    start = batches.generator.get_state()
    run(tilted, batches)
    whole = to_network(tilted).content_hash()
    tilted.load_state_dict(state)
    batches.generator.set_state(start)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Search, "round", lambda search, weight: raised())
        run(tilted, batches)
    tilted.load_state_dict(state)
    batches.generator.set_state(start)
    run(tilted, batches)
    assert to_network(tilted).content_hash() == whole


def raised():
    """A Ctrl-C."""
    raise KeyboardInterrupt


def test_few_signed_digits_stay_few(tilted, batches):
    module = QuantNet(tilted.model, {name: replace(row, digits=2)
                                     for name, row in tilted.formats.items()}).eval()
    before = Ground(to_network(module)).exact
    run(module, batches)
    assert Ground(to_network(module)).exact > before
    for name, row in module.formats.items():
        weight = getattr(module.model, name).weight
        assert torch.equal(on_grid(weight, row.weight, digits=2), on_grid(weight, row.weight))


@pytest.mark.parametrize(("name", "want"), [
    ("optimal-fsrcnn_x2", 7), ("fsrcnn_x2", 1)])
def test_of_a_large_network_the_last_layer_moves(name, want, monkeypatch, batches, caplog):
    model = models.build(name)
    module = QuantNet(model, fitted_formats(model, uniform(model, Bits()))).eval()
    assert len(movable(module)) == (len(model.names) if want == 7 else 1)
    monkeypatch.setattr(levelling, "MANY", 1)
    before = to_network(module).content_hash()
    assert run(module, batches) == ([], 30.0)
    assert to_network(module).content_hash() == before and "too many weights" in caplog.text
