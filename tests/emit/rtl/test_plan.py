"""The plan of a core: made once, complete, and right."""

import dataclasses

import numpy as np
import pytest

from fsrcnnx.emit.rtl import engines, folder, plan
from fsrcnnx.emit.rtl.build import Build
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7))


def counted(monkeypatch, module, name, calls):
    """Count the calls of a module's function."""
    right = getattr(module, name)

    def count(*args):
        calls[name] = calls.get(name, 0) + 1
        return right(*args)

    monkeypatch.setattr(module, name, count)


def asked(monkeypatch, tmp_path):
    """How often emitting a core asks for each thing that the plan decides."""
    calls = {}
    for module, name in ((ranges, "prove"), (plan, "lanes"), (plan, "window"), (engines, "fold")):
        counted(monkeypatch, module, name, calls)
    folder.emit(NETWORK, tmp_path / "rtl", cycles_per_pixel=4, max_width=50)
    return calls


def test_a_core_is_decided_once(monkeypatch, tmp_path):
    layers = len(NETWORK.layers)
    assert asked(monkeypatch, tmp_path) == {
        "prove": 1, "lanes": layers, "window": layers, "fold": layers}


def test_the_graphs_take_the_plan_s_proof(monkeypatch, tmp_path):
    calls = {}
    counted(monkeypatch, ranges, "prove", calls)
    folder.emit(NETWORK, tmp_path / "rtl", engine="adders", max_width=50)
    assert calls == {"prove": 1}


def test_the_adders_of_slopes_are_counted(tmp_path):
    told = folder.emit(NETWORK, tmp_path / "rtl", engine="adders", max_width=50)["layers"]

    def adders(slope):  # where n and 3 n differ stands a digit; the positive ones are in 3 n
        return (slope ^ 3 * slope).bit_count() - bool(3 * slope & ~slope)

    want = [said["lanes"] * sum(map(adders, layer.slope.tolist()))
            if layer.slope is not None else 0
            for layer, said in zip(NETWORK.layers, told, strict=True)]
    assert [said["slope_adders"] for said in told] == want and sum(want) > 0
    assert f"| adders of the slopes | {sum(want)} |" in (tmp_path / "rtl/README.md").read_text()


def test_a_writer_that_proves_again_is_caught(monkeypatch, tmp_path):
    right = folder.package
    monkeypatch.setattr(folder, "package", lambda plan: f"{right(plan)}"
                        f"// {ranges.prove(plan.network)[0].acc_width}\n")
    assert asked(monkeypatch, tmp_path)["prove"] == 2


def test_a_plan_is_frozen():
    found = make(NETWORK, Build())
    for thing in (found, found.layers[0], found.layers[0].work, found.memories[0], found.build):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, dataclasses.fields(thing)[0].name, None)


@pytest.mark.parametrize("anchor", [False, True])
def test_a_plan_by_hand(anchor):
    """3x3 to 5 channels, 1x1 to 3, then a deconvolution x2 of 3x3 to luma, 4 lanes over 2x2."""
    network = random_network(np.random.default_rng(7), channels=(5, 3), kernels=(3, 1, 3))
    network = dataclasses.replace(network, anchor=anchor).check()
    found, pixel = make(network, Build(cycles_per_pixel=6, max_width=50, max_height=70)), 8 * anchor
    assert network.in_format == Format(False, 8, 8)
    assert [(part.side, part.before) for part in found.layers] == [(3, 1), (1, 0), (2, 0)]
    assert [len(part.lanes) for part in found.layers] == [1, 1, 4]
    widths = [layer.out_format.width for layer in network.layers]
    assert found.stream_bits == (8, 5 * widths[0] + pixel, 3 * widths[1] + pixel, 4 * widths[2])
    lines = [50 * 2 * 8, 0, 50 * (3 * widths[1] + pixel)]
    assert [part.line_bits for part in found.layers] == lines
    assert found.line_bits == sum(lines)
    assert found.latency_lines == 2
    assert found.anchor_bits == pixel
    assert found.build.dim_bits == 7
    assert all(part.fold.cycles <= 6 for part in found.layers)
    assert found.cycles_per_pixel == max(part.fold.cycles for part in found.layers) >= 4
    assert found.clocks_per_frame == found.cycles_per_pixel * (50 + 1) * (70 + 1)
    assert found.multipliers == sum(part.fold.multipliers for part in found.layers)
    assert [part.proved.acc_width for part in found.layers] == [
        bound.acc_width for bound in ranges.prove(network)]


def test_the_output_decides_the_rate_of_a_fast_core():
    scale = NETWORK.scale
    plan = make(NETWORK, Build(cycles_per_pixel=scale**2, pixels_per_beat=1))
    assert plan.cycles_per_pixel == plan.raster.interval == scale**2
    assert make(NETWORK, Build(cycles_per_pixel=1)).cycles_per_pixel == 1


def test_the_products_that_are_used_are_counted():
    found = make(NETWORK, Build(cycles_per_pixel=1))
    could = sum(layer.products for layer in found.layers)
    assert found.utilisation == NETWORK.macs / could
    assert make(NETWORK, Build(cycles_per_pixel=1, multiplier_bits=24)).utilisation == 1


def test_another_engine_differs_in_the_plan_alone(monkeypatch, tmp_path):
    """One that takes at most two cycles: no writer knows of it, and all print what it decided."""
    mac = engines.ENGINES["mac"]
    monkeypatch.setitem(engines.ENGINES, "quick", dataclasses.replace(
        mac, works=lambda network, lanes, proved, pace, keep:
        mac.works(network, lanes, proved, dataclasses.replace(pace, cycles=2), keep)))
    told = folder.emit(NETWORK, tmp_path / "rtl", engine="quick", pixels_per_beat=2)
    assert told["engine"] == "quick"
    assert [layer["cycles"] for layer in told["layers"]] == [2] * len(NETWORK.layers)
    assert str(told["multipliers"]) in (tmp_path / "rtl" / "README.md").read_text()
