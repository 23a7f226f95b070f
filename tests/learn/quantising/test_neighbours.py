"""The search: what is on the grid stays there, what is held stays, and the loss falls."""

import copy
import csv

import pytest
import torch

from fsrcnnx.errors import InputError
from fsrcnnx.learn import models
from fsrcnnx.learn.quantising import neighbours
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import equalise, fitted_formats
from fsrcnnx.learn.quantising.picture import carry_picture
from fsrcnnx.learn.quantising.quantnet import QuantNet, on_grid
from fsrcnnx.learn.quantising.rounding import settle, soften
from fsrcnnx.learn.training.fit import Batches, Plan
from fsrcnnx.learn.training.losses import joint_error

PLAN = Plan("test", 1, 1e-3, 3, 1, 4, 12)


@pytest.fixture
def patches():
    """Noise, and what a network would make of it: (12, 8, 8) and (12, 16, 16)."""
    generator = torch.Generator().manual_seed(1)
    lr = torch.randint(256, (12, 8, 8), generator=generator, dtype=torch.uint8)
    hr = lr.float().repeat_interleave(2, 1).repeat_interleave(2, 2)
    return lr, ((hr + hr.roll(1, 1) + hr.roll(1, 2)) / 3).to(torch.uint8)


@pytest.fixture
def batches(patches, monkeypatch):
    """Batches of a seed, few of them."""
    monkeypatch.setattr(neighbours, "BATCHES", 20)
    monkeypatch.setattr(neighbours, "CHECKED", 6)
    return lambda seed: Batches(*patches, 4, torch.Generator().manual_seed(seed))


@pytest.fixture
def module(patches, equalised):
    """A network of 3-bit weights, 8 bits in the first layer, two signed digits in the last."""
    model = equalised(patches[0][:, None] / 256)
    bits = {**uniform(model, Bits(3, 8)), "feature": Bits(), "deconv": Bits(8, 8, 8, 2)}
    return QuantNet(model, fitted_formats(model, bits)).eval()


def loss(module, batches):
    """Of the batches that the search measures by."""
    drawn = batches(0)
    pairs = [drawn.draw() for _ in range(neighbours.CHECKED)]
    with torch.no_grad():
        return sum(joint_error(module(x), y).item() for x, y in pairs) / len(pairs)


def run(module, batches, folder, plan=PLAN, **options):
    """Search; score by the loss itself."""
    kept = []
    found = neighbours.search(module, batches, lambda: -loss(module, batches),
                              lambda step, value: kept.append((step, value)), plan,
                              folder / "state", history=folder / "rounds.csv", progress=False,
                              **options)
    return found, kept


def state(module):
    """All values, by name."""
    return {key: value.clone() for key, value in module.state_dict().items()}


def test_the_loss_falls_and_the_weights_stay_on_their_grids(module, batches, tmp_path):
    variables = neighbours.Variables(module)
    start, before = loss(module, batches), state(module)
    (done, best), kept = run(module, batches, tmp_path)
    assert -loss(module, batches) == best > -start + 0.01
    assert [value for _, value in kept] == sorted({value for _, value in kept})
    assert kept[-1][1] == best and 1 <= done <= PLAN.steps
    for name, row in module.formats.items():
        weight = getattr(module.model, name).weight
        same = torch.equal(weight, before[f"model.{name}.weight"])
        assert same == (name == "feature")
        if not same:
            assert torch.equal(weight, on_grid(weight, row.weight, digits=row.digits))
    assert variables.names == ["shrink", "map1", "expand", "deconv"]
    rows = list(csv.DictReader((tmp_path / "rounds.csv").open()))
    assert [int(row["round"]) for row in rows] == list(range(len(rows)))
    assert all(0 < int(row["moves"]) <= neighbours.MOST for row in rows[1:])


def test_the_held_out_score_says_what_is_kept(module, batches, tmp_path):
    scores, kept = iter([2.0, 1.0, 3.0, 4.0]), []
    found = neighbours.search(module, batches, lambda: next(scores),
                              lambda step, value: kept.append((step, value)), PLAN,
                              tmp_path / "state", history=tmp_path / "rounds.csv", progress=False)
    rounds = len((tmp_path / "rounds.csv").read_text().splitlines()) - 2
    assert rounds > 0  # the first is worse
    assert kept == [(2, 3.0), (3, 4.0)][:rounds - 1]
    assert found == (PLAN.steps, max([2.0, *(value for _, value in kept)]))


def test_neighbours_are_the_next_values_of_the_grid(module):
    variables = neighbours.Variables(module)
    weights, ways = variables.get()[0], variables.neighbours()
    assert ways.shape == (2, len(weights)) and (ways[0] >= 0).all() and (ways[1] <= 0).all()
    at = 0
    for name, part in zip(variables.names, variables.weights, strict=True):
        row = module.formats[name]
        own = slice(at, at := at + len(part.free))
        for way in ways[:, own]:
            moved = weights[own] + way
            assert torch.equal(moved, on_grid(moved, row.weight, digits=row.digits))
            halfway = on_grid(weights[own] + way * 0.49, row.weight, digits=row.digits)
            assert torch.equal(halfway, weights[own])  # there is no value between
        lo, hi = row.weight.lo * row.weight.step, row.weight.hi * row.weight.step
        assert ((ways[0, own] == 0) <= (weights[own] >= hi * 0.7)).all()
        assert ((ways[1, own] == 0) <= (weights[own] <= lo * 0.7)).all()


@pytest.mark.slow
def test_a_stopped_search_goes_on_to_the_identical_result(module, batches, tmp_path):
    other = copy.deepcopy(module)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    want = run(module, batches, tmp_path / "whole")[0]
    for _ in range(PLAN.steps):
        again = copy.deepcopy(other)  # a new process
        got = run(again, batches, tmp_path / "parts", stop_after=1)[0]
    assert got == want
    assert all(torch.equal(value, state(module)[key]) for key, value in state(again).items())
    assert (tmp_path / "parts/rounds.csv").read_text() == \
        (tmp_path / "whole/rounds.csv").read_text()
    with pytest.raises(InputError, match="another run"):
        run(again, batches, tmp_path / "parts", Plan("other", 1, 1e-3, 3, 1, 4, 12))


def test_moves_that_do_not_pay_are_taken_back(module, batches, tmp_path, monkeypatch):
    """Planted: a model with its gradient the wrong way."""
    real = neighbours.curvature

    def wrong(*args):
        gradient, curvature = real(*args)
        return -10 * gradient, curvature
    monkeypatch.setattr(neighbours, "curvature", wrong)
    neighbours.Variables(module)  # brings the weights to the grid
    before = state(module)
    (done, _), kept = run(module, batches, tmp_path)
    assert done == PLAN.steps and not kept
    assert all(torch.equal(value, state(module)[key]) for key, value in before.items())


def test_what_carries_the_picture_stays(patches, batches, tmp_path):
    model = models.build("fsrcnn-x_x2", generator=torch.Generator().manual_seed(3))
    x, bits = patches[0][:, None] / 256, uniform(model, Bits(4, 8))
    equalise(model, x, kept=True)
    carried = carry_picture(model, x, bits)
    module = QuantNet(model, fitted_formats(model, bits, least=carried.weights)).eval()
    best = copy.deepcopy(module)
    carried.freeze(module.model)
    soften(module, 1)
    settle(module)
    with torch.no_grad():
        best.model.map1.bias += 0.25
    variables = neighbours.Variables(module)
    for name, part in zip(variables.names, variables.weights, strict=True):
        free = getattr(module.model, name).parametrizations.weight[0].free.flatten()
        assert part.free.tolist() == free.nonzero()[:, 0].tolist()
        assert len(part.free) < len(free)
    neighbours.adopt(module, best)
    assert not torch.equal(module.model.map1.bias, model.map1.bias)
    (_, best), kept = run(module, batches, tmp_path, Plan("held", 1, 1e-3, 1, 1, 4, 12))
    assert kept
    before: list[int] = []
    for name in model.names[:-1]:
        own, layer = carried.channels[name], getattr(module.model, name)
        middle = layer.kernel_size[0] // 2
        for source in before or [0]:
            assert (layer.weight[own, source, middle, middle] == carried.weights[name]).all()
        assert (layer.bias[own[1:]] == layer.bias[own[0]]).all()
        before = own


@pytest.mark.parametrize(("bits", "said"), [(Bits(), False), (Bits(8, 8, 8, 2), True),
                                            (Bits(4, 8), True)])
def test_only_few_bits_are_searched(bits, said, monkeypatch, caplog):
    model = models.build("d6s4m1f3l3a_x2")
    module = QuantNet(model, fitted_formats(model, uniform(model, bits)))
    assert neighbours.pays(module) == said and not caplog.records
    monkeypatch.setattr(neighbours, "LARGEST", 100)
    assert not neighbours.pays(module)
    assert len(caplog.records) == said
