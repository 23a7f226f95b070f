"""The emitted folder: complete, described, and never half written."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx.emit.rtl import folder
from fsrcnnx.emit.rtl.build import Build
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.lanes import lanes
from fsrcnnx.emit.rtl.memories import Memory
from fsrcnnx.emit.rtl.memory_package import memory_package, words
from fsrcnnx.emit.rtl.package import lane_fields, mac_fields, package, slopes
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7))
SHUFFLE = random_network(np.random.default_rng(7), channels=(5, 3), kernels=(3, 1, 3),
                         last="shuffle")
both = pytest.mark.parametrize("network", [NETWORK, SHUFFLE], ids=["deconv", "shuffle"])


def _fields(memory):
    """Read a memory's printed words back as signed numbers."""
    rows, bits = [], memory.field_bits
    for (literal,) in words(memory):
        size, digits = literal.split("'h")
        assert int(size) == memory.words.shape[1] * bits
        raw = [(int(digits, 16) >> (bits * place)) & ((1 << bits) - 1)
               for place in range(memory.words.shape[1])]
        rows.append([value - (1 << bits) * (value >> (bits - 1)) for value in raw])
    return np.array(rows)


@both
@pytest.mark.parametrize("cycles", [1, 3, 8, 40])
def test_memories_hold_every_weight_in_its_place(network, cycles):
    plan = make(network, Build(cycles_per_pixel=cycles))
    found = {(m.kind, m.layer, m.lane): m for m in plan.memories}
    for index, (layer, fold) in enumerate((part.layer, part.fold) for part in plan.layers):
        for number, lane in enumerate(lanes(layer)):
            ins = fold.ins[number]
            words = _fields(found["WEIGHTS", index, number])
            flat = lane.weight.reshape(lane.outputs, -1)
            for out in range(flat.shape[0]):
                for place in range(flat.shape[1]):
                    step = out // fold.outs * fold.fold_in + place // ins
                    field = out % fold.outs * ins + place % ins
                    assert words[step, field] == flat[out, place]
        biases = found["BIASES", index, 0]
        assert biases.field_bits == ranges.prove(network)[index].acc_width
        np.testing.assert_array_equal(_fields(biases).ravel()[: layer.bias.size], layer.bias)


@both
def test_every_output_of_a_lane_has_its_slope(network):
    told = iter(slopes(make(network, Build()))["SLOPES"])
    for layer in network.layers:
        phases = layer.bias.size // layer.out_channels
        own = [0] * layer.out_channels if layer.slope is None else layer.slope.tolist()
        assert [next(told) for _ in range(phases * layer.out_channels)] == own * phases
    assert not list(told)


def test_words_by_hand():
    found = words(Memory("WEIGHTS", 0, 0, np.array([[1, -1], [-8, 7]]), 4))
    assert found == [["8'hf1"], ["8'h78"]]


@both
def test_every_memory_lies_where_the_package_says(network):
    plan = make(network, Build(cycles_per_pixel=4))
    text, told = memory_package(plan.memories, "0" * 64), mac_fields(plan) | lane_fields(plan)
    lane = iter(told["LANE_WEIGHTS_LSB"])
    for memory in plan.memories:
        size, body = re.search(rf"bit \[(\d+)-1:0\] {memory.kind} = {{\n(.*?)}}", text,
                               re.DOTALL).groups()
        printed = re.findall(r"(\d+)'h([0-9a-f]+)", body)
        vector = 0
        for bits, digits in printed:  # a concatenation: the first is the highest
            vector = vector << int(bits) | int(digits, 16)
        assert sum(int(bits) for bits, _ in printed) == int(size)
        lsb = next(lane) if memory.kind == "WEIGHTS" else told["LAYER_BIASES_LSB"][memory.layer]
        for number, (literal,) in enumerate(words(memory)):
            word = vector >> (lsb + number * memory.word_bits) & ((1 << memory.word_bits) - 1)
            assert word == int(literal.split("'h")[1], 16)


def test_the_folder_stands_alone(tmp_path):
    told = emit(NETWORK, tmp_path / "rtl", cycles_per_pixel=4, max_width=50)
    folder = tmp_path / "rtl"
    assert json.loads((folder / "manifest.json").read_text()) == told
    assert told["content_hash"] == NETWORK.content_hash()
    assert (folder / "files.f").read_text().split() == told["files"]
    assert all((folder / name).is_file() for name in told["files"])
    package = (folder / "fsrcnnx_pkg.sv").read_text()
    assert f"256'h{NETWORK.content_hash()}" in package
    assert re.search(r"MAX_WIDTH = 50;", package)
    used = set(re.findall(r"fsrcnnx_pkg::(\w+)", "".join(
        (folder / name).read_text() for name in told["files"])))
    assert not any("$readmem" in (folder / name).read_text() for name in told["files"])
    assert used == set(re.findall(r"localparam \w+ (?:\[.*?\] )?(\w+) =", package))


@pytest.mark.parametrize("prescale", [1, 2])
def test_the_package_says_how_often_luma_was_enlarged(prescale):
    text = package(make(replace(NETWORK, prescale=prescale), Build()))
    assert (f"bicubic has enlarged {prescale} times" in text) == (prescale > 1)


def test_emitting_twice_gives_the_same_bytes(tmp_path):
    for name in "ab":
        emit(NETWORK, tmp_path / name)
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")
                                         ).read_bytes()


def test_an_emitted_folder_gives_way_and_another_does_not(tmp_path, monkeypatch):
    emit(NETWORK, tmp_path / "rtl", cycles_per_pixel=2)
    assert emit(NETWORK, tmp_path / "rtl", cycles_per_pixel=4)["cycles_per_pixel"] == 4
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with monkeypatch.context() as patch, pytest.raises(InputError, match="in the way"):
        patch.setattr(folder, "vectors", lambda *_: pytest.fail("work was begun"))
        emit(NETWORK, tmp_path / "mine")
    assert os.listdir(tmp_path / "mine") == ["thesis.txt"]
    assert sorted(os.listdir(tmp_path)) == ["mine", "rtl"]


@pytest.mark.parametrize(("option", "value"), [
    ("cycles_per_pixel", 0), ("pixels_per_beat", 3), ("max_width", 0), ("max_height", 99999),
    ("engine", "magic"),
])
def test_options_out_of_range_are_named(tmp_path, option, value):
    with pytest.raises(InputError, match=f"--{option.replace('_', '-')}.*allowed"):
        emit(NETWORK, tmp_path / "rtl", **{option: value})
    assert not (tmp_path / "rtl").exists()


def test_what_the_hardware_lacks_is_refused(tmp_path):
    with pytest.raises(ModelError, match="an anchor in ap_fixed<9,1>"):
        emit(replace(NETWORK, anchor=True, in_format=Format(True, 9, 8)), tmp_path / "rtl")
    first = replace(NETWORK.layers[0], slope_format=Format(True, 8, -3))
    with pytest.raises(ModelError, match="conv0"):
        emit(replace(NETWORK, layers=(first, *NETWORK.layers[1:])), tmp_path / "rtl")
