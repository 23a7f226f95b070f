"""Shift-add graphs compute their layers, and a fault in one is caught before it is written."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fsrcnnx.emit.rtl import graph_file, graphs
from fsrcnnx.emit.rtl.graph_check import check, run, wrap
from fsrcnnx.emit.rtl.graphs import layer_graphs, products
from fsrcnnx.emit.rtl.lanes import lanes, window
from fsrcnnx.emit.rtl.schedule import schedule
from fsrcnnx.emit.rtl.solve import solve
from fsrcnnx.errors import CheckError, InputError, Unrepresentable
from fsrcnnx.exact import golden, ranges
from fsrcnnx.exact.formats import Format, requantise
from fsrcnnx.prove.builds import cache
from fsrcnnx.prove.builds.home import VARIABLE
from tests.networks import random_network, random_picture

NETWORKS = {
    "x2": {},
    "x3": {"channels": (3, 2), "kernels": (5, 3, 7), "scale": 3},
    "tiny bits": {"weight_bits": 2, "activation_bits": 3},
    "unsigned": {"channels": (3,), "kernels": (3, 9), "signed": False, "anchor": True},
    "shuffle": {"channels": (3,), "kernels": (3, 3), "last": "shuffle"},
    "signed pixels": {"channels": (3,), "kernels": (3, 3), "in_format": Format(True, 8, 7)},
    "windowless": {"channels": (4, 3), "kernels": (1, 1, 1), "scale": 1, "last": "conv"},
    "one-sided": {"channels": (3,), "kernels": (3, 2), "scale": 2},
}


def network_of(name, seed=3):
    return random_network(np.random.default_rng(seed), **NETWORKS[name])


def sums(pipeline, x, layer):
    """A layer's sums of a map (H, W, in), line after line: (sH, sW, out)."""
    side, before = window(layer)
    height, width, channels = x.shape
    padded = np.pad(x, ((before, side - 1 - before),) * 2 + ((0, 0),))
    rows = []
    for y in range(height):
        columns = padded[y:y + side].transpose(1, 0, 2).reshape(-1, side * channels)
        rows.append(run(pipeline, columns)[side - 1:])
    scale, out = layer.stride, layer.out_channels
    found = np.stack(rows).reshape(height, width, scale, scale, out)
    return found.transpose(0, 2, 1, 3, 4).reshape(height * scale, width * scale, out)


@pytest.mark.parametrize("adders_per_stage", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_graphs_give_goldens_sums_of_a_picture(name, adders_per_stage):
    network = network_of(name)
    found = layer_graphs(network, adders_per_stage)
    picture = random_picture(np.random.default_rng(1), 5, 7, network.in_format)
    x = picture[..., None].astype(np.int64)
    for index, (graph, layer) in enumerate(zip(found, network.layers, strict=True)):
        acc = golden.accumulate(x, layer)
        np.testing.assert_array_equal(sums(graph.pipeline, x, layer), acc)
        assert graph.latency >= 1
        assert graph.sum_bits <= ranges.prove(network)[index].acc_width
        x = requantise(golden.activate(acc, layer), network.shift(index), layer.out_format)


def row_sums(graph, x, side, before, above):
    """The whole sums of a last layer by those of its rows: (H, W, sums)."""
    height, width, _ = x.shape
    after = side - 1 - before
    stored, rows = np.zeros((side, width, len(graph.stored) // (side - 1)), np.int64), []
    for y in range(height + after):
        line = x[y] if y < height else np.zeros_like(x[0])
        pixels = np.pad(line, ((before, after), (0, 0)))
        found = run(graph.pipeline, pixels)[side - 1:].reshape(width, side, -1).swapaxes(0, 1)
        total = found + stored
        rows.append(total[0])
        kept = total[1:].swapaxes(1, 2).reshape(-1, width)
        stored = np.concatenate([total[1:], np.zeros_like(total[:1])])
        assert all((wrap(values, max(bits, 1), True) == values).all()
                   for bits, values in zip(graph.stored, kept, strict=True)), "a width too small"
    return np.stack(rows[after:]) + above


@pytest.mark.parametrize(("channels", "kernels", "scale", "anchor"), [
    ((2, 12), (3, 1, 3), 2, True), ((12,), (3, 9), 2, False), ((20,), (3, 5), 3, True)])
def test_sums_of_rows_give_goldens_sums(channels, kernels, scale, anchor):
    network = random_network(np.random.default_rng(3), channels=channels, kernels=kernels,
                             scale=scale, anchor=anchor, weight_bits=3)
    graph, layer = layer_graphs(network, rows=True)[-1], network.layers[-1]
    assert graph.stored and not any(one.stored for one in layer_graphs(network))
    side, before = window(layer)
    rng = np.random.default_rng(1)
    bound = ranges.prove(network)[-2]
    x = rng.integers(bound.out_lo, bound.out_hi + 1, (5, 7, layer.in_channels))
    pixel = rng.integers(0, 256, (5, 7, 1))
    shift = network.acc_frac(len(network.layers) - 1) - network.in_format.frac
    want = golden.accumulate(x, layer).reshape(5, scale, 7, scale).transpose(0, 2, 1, 3)
    want = want.reshape(5, 7, -1) + anchor * (pixel << shift)
    given = np.concatenate([x, pixel], 2) if anchor else x
    np.testing.assert_array_equal(row_sums(graph, given, side, before, 0), want)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(row_sums(graph, given, side, before, 1), want)
    with pytest.raises(AssertionError, match="a width too small"):
        row_sums(replace(graph, stored=tuple(max(bits - 4, 1) for bits in graph.stored)), given,
                 side, before, 0)


def solved(name="x2", index=0):
    """A layer's products and its pipeline."""
    network = network_of(name)
    bounds = ranges.prove(network)
    lo, hi = (bounds[index - 1].out_lo, bounds[index - 1].out_hi) if index else (
        np.array([network.in_format.lo]), np.array([network.in_format.hi]))
    found = products(network.layers[index], lo, hi)
    return found, schedule(solve(found.matrix, found.bias, found.taps, found.lows, found.highs,
                                 "wmc", 0))


def caught(found, pipeline):
    """Whether a pipeline is refused."""
    try:
        check(pipeline, found.matrix, found.bias, found.taps, "layer")
    except CheckError:
        return True
    return False


def test_every_planted_fault_of_a_sum_is_caught():
    found, pipeline = solved()
    assert not caught(found, pipeline)
    graph = pipeline.graph
    for at, one in enumerate(graph.sums):
        for wrong in (replace(one, minus=not one.minus), replace(one, left_up=one.left_up + 1),
                      replace(one, right_up=one.right_up + 1),
                      replace(one, left=(one.left + 1) % graph.first_sum)):
            planted = (*graph.sums[:at], wrong, *graph.sums[at + 1:])
            assert wrong == one or caught(
                found, replace(pipeline, graph=replace(graph, sums=planted)))


def test_every_width_one_bit_short_is_caught():
    found, pipeline = solved("x2", 2)
    graph = pipeline.graph
    for signal in range(graph.signals):
        if not graph.is_constant(signal) and pipeline.widths[signal] > 1:
            narrow = list(pipeline.widths)
            narrow[signal] -= 1
            assert caught(found, replace(pipeline, widths=tuple(narrow))), signal


def test_a_sum_that_is_used_before_it_is_there_is_caught():
    found, pipeline = solved("x2", 2)
    for at in range(len(pipeline.clocks)):
        for clock in (-9, 99):
            moved = (*pipeline.clocks[:at], clock, *pipeline.clocks[at + 1:])
            assert caught(found, replace(pipeline, clocks=moved))
    assert caught(found, replace(pipeline, latency=0))


def test_registers_are_clocked(monkeypatch):
    found, pipeline = solved("x2", 2)
    right = type(pipeline).delay
    monkeypatch.setattr(type(pipeline), "delay",
                        lambda self, signal, at: max(right(self, signal, at) - (signal == 3), 0))
    assert caught(found, pipeline)


def test_registers_are_fewest():
    _, pipeline = solved("x2", 2)

    def registers(p):
        samples, lines = p.lines()
        return sum(sum(sizes[1:]) for sizes in (*samples.values(), *lines))

    least = registers(pipeline)
    for at, clock in enumerate(pipeline.clocks):
        for other in (clock - 1, clock + 1):
            moved = replace(pipeline,
                            clocks=(*pipeline.clocks[:at], other, *pipeline.clocks[at + 1:]))
            if all(delay > 0 for signal, delay, _ in moved.uses()
                   if signal >= pipeline.graph.first_sum) and all(
                       delay >= 0 for _, delay, _ in moved.uses()):
                assert registers(moved) >= least


@pytest.mark.parametrize("adders_per_stage", [1, 2, 4])
def test_no_path_has_more_adders_than_asked(adders_per_stage):
    found, pipeline = solved("x2", 2)
    graph = pipeline.graph
    pipeline = schedule(graph, adders_per_stage)
    assert not caught(found, pipeline)
    depth = [0] * graph.signals
    for at, one in enumerate(graph.sums, graph.first_sum):
        direct = [depth[which] for which in (one.left, one.right) if which >= graph.first_sum
                  and pipeline.clock(which) == pipeline.clock(at)]
        depth[at] = 1 + max(direct, default=0)
    assert max(depth) <= adders_per_stage


def test_what_a_register_keeps():
    values = np.array([-9, -8, 7, 8])
    assert wrap(values, 4, True).tolist() == [7, -8, 7, -8]
    assert wrap(values, 4, False).tolist() == [7, 8, 7, 8]


def test_a_graph_comes_back_from_its_file(tmp_path):
    _, pipeline = solved()
    graph_file.write(tmp_path, pipeline.graph)
    assert graph_file.read(tmp_path, "layer") == pipeline.graph


@pytest.mark.parametrize("damage", [
    lambda text: text[:-20],
    lambda text: "[" * 100_000,
    lambda text: "{}",
    lambda text: json.dumps(json.loads(text) | {"sums": [[9999, 0, 0, 0, False]]}),
    lambda text: json.dumps(json.loads(text) | {"sums": [[0, 1, 0, 70, False]]}),
    lambda text: json.dumps(json.loads(text) | {"sums": [[0, 1, 0, 0, 1]]}),
    lambda text: json.dumps(json.loads(text) | {"sums": [[0, -1, 0, 0, True]]}),
    lambda text: json.dumps(json.loads(text) | {"constants": [1.5]}),
    lambda text: json.dumps(json.loads(text) | {"taps": [[0, -1]]}),
    lambda text: json.dumps(json.loads(text) | {"highs": [-1] * len(json.loads(text)["lows"])}),
    lambda text: json.dumps(json.loads(text) | {
        "highs": [1 << 31] * len(json.loads(text)["lows"])}),
    lambda text: json.dumps(json.loads(text) | {
        "lows": [~(1 << 31)] * len(json.loads(text)["lows"])}),
    lambda text: json.dumps(json.loads(text) | {"outputs": [[0, 1, 2]]}),
])
def test_a_file_that_is_no_graph_is_refused(tmp_path, damage):
    _, pipeline = solved()
    graph_file.write(tmp_path, pipeline.graph)
    file = tmp_path / graph_file.NAME
    file.write_text(damage(file.read_text()))
    with pytest.raises(CheckError, match="layer map1|shift-add graph"):
        graph_file.read(tmp_path, "layer map1")


def test_sums_that_int64_does_not_hold_are_refused(tmp_path):
    _, pipeline = solved()
    first = pipeline.graph.first_sum
    doubling = [[first - 1 + at if at else 0, first - 1 + at if at else 0, 0, 8, False]
                for at in range(9)]
    graph_file.write(tmp_path, pipeline.graph)
    file = tmp_path / graph_file.NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sums": doubling, "outputs": []}))
    with pytest.raises(CheckError, match="beyond 62 bits"):
        graph_file.read(tmp_path, "layer map1")


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """The user's cache, empty."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return cache.keep


def test_a_graph_is_solved_once(keep, monkeypatch):
    network = network_of("windowless")
    first = layer_graphs(network, keep=keep)

    def again(*args):
        raise AssertionError("solved again")

    monkeypatch.setattr(graphs, "solve", again)
    second = layer_graphs(network, keep=keep)
    assert [g.pipeline for g in first] == [g.pipeline for g in second]
    assert [g.text("a") for g in first] == [g.text("a") for g in second]
    with pytest.raises(AssertionError, match="solved again"):
        layer_graphs(network_of("windowless", seed=4), keep=keep)


def test_another_layers_graph_in_the_cache_is_caught(tmp_path):
    network = network_of("windowless")
    _, pipeline = solved("windowless", 0)
    graph_file.write(tmp_path, pipeline.graph)
    assert layer_graphs(network)
    with pytest.raises(CheckError, match="layer conv1"):
        layer_graphs(network, keep=lambda key, make: tmp_path)


def test_what_is_too_large_is_said_before_it_is_solved(monkeypatch):
    monkeypatch.setattr(graphs, "solve", partial(pytest.fail, "solved"))
    monkeypatch.setattr(graphs, "WEIGHTS", 40)
    with pytest.raises(Unrepresentable, match="layer conv0: 4. weights.*--engine mac"):
        layer_graphs(network_of("x2"))


def test_weights_beyond_the_solver_are_refused():
    found, _ = solved("windowless")
    with pytest.raises(Unrepresentable, match="16777216"):
        solve(found.matrix + (1 << 24), found.bias, found.taps, found.lows, found.highs,
              "wmc", 0)


@pytest.mark.parametrize("adders", [0, 9])
def test_adders_per_stage_out_of_range_are_refused(adders):
    with pytest.raises(InputError, match="--adders-per-stage: .*1..8"):
        layer_graphs(network_of("windowless"), adders)


def test_a_layer_without_weights_is_its_bias():
    network = network_of("windowless")
    layer = network.layers[0]
    empty = replace(layer, weight=np.zeros_like(layer.weight), bias=np.array([5, -3, 0, 7]))
    graph = layer_graphs(replace(network, layers=(empty, *network.layers[1:])))[0]
    assert (run(graph.pipeline, np.ones((3, 1), np.int64)) == [5, -3, 0, 7]).all()
    assert "4'h5" in graph.text("a")
    assert len(lanes(empty)) == 1
