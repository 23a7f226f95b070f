"""Planted faults: each must turn the ladder red, with the first divergence in the right place."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import CheckError
from fsrcnnx.exact import golden
from fsrcnnx.exact.compare import first_difference
from fsrcnnx.exact.formats import requantise, round_shift
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.prove.stimuli import icarus_tile, synthetic, tile

pytestmark = pytest.mark.sim
SEED = 3


def plant(path: Path, old: str, new: str) -> None:
    """Replace text that must be there."""
    text = path.read_text()
    assert text.count(old) >= 1, f"{path.name} has changed: the fault cannot be planted"
    path.write_text(text.replace(old, new, 1))


def first_divergence(emitted, rtl: Path, rung: str = "rtl-icarus"):
    """Climb to the faulty core; the report must be red, and say where."""
    report = verify(Model(emitted.model), rungs=[rung], rtl_dir=rtl, seed=SEED)
    assert not report.passed
    with pytest.raises(CheckError) as caught:
        report.check()
    assert caught.value.exit_code == 1
    bad = report.failures[0]
    assert bad.status == "FAIL" and bad.rung == rung
    assert str(bad.first_divergence) in str(caught.value)
    assert str(bad.first_divergence) in report.table()
    return bad.first_divergence


def expected(emitted, monkeypatch, mutant):
    """Where a golden model with the same fault first leaves the true one."""
    frames = [tile(s, *icarus_tile(emitted.network)).lr
              for s in synthetic(np.random.default_rng(SEED), emitted.network.in_format, 64)]
    true = [golden.trace(emitted.network, lr) for lr in frames]
    with monkeypatch.context() as patch:
        patch.setattr(golden, "requantise", mutant)
        for lr, want in zip(frames, true, strict=True):
            got = golden.trace(emitted.network, lr)
            last = emitted.network.layers[-1].name
            if np.array_equal(got[last], want[last]):
                continue  # the ladder looks at frames whose output differs
            return next(found for name in want
                        if (found := first_difference(name, want[name], got[name])))
    raise AssertionError("these frames do not show the fault")


@pytest.mark.parametrize("rung", ["rtl", "rtl-icarus"])
@pytest.mark.parametrize("name", ["small", "anchored", "shuffled"])
def test_the_true_core_passes(name, rung, request):
    core = request.getfixturevalue(name)
    report = verify(Model(core.model), rungs=[rung], rtl_dir=core.rtl, seed=SEED)
    assert report.passed, report.table()
    assert sum(record.mismatches for record in report.records if record.rung == rung) == 0


@pytest.mark.parametrize(("layer", "rung"), [(0, "rtl"), (2, "rtl-icarus"), (4, "rtl-icarus")])
def test_one_weight_bit(small, copied, layer, rung):
    rtl = copied(small.rtl)
    memory = rtl / "fsrcnnx_mem_pkg.sv"
    lines = memory.read_text().splitlines()
    at = next(place for place, line in enumerate(lines) if f"layer {layer}, lane 0:" in line)
    while "'h" in lines[at + 1]:  # word 0 comes last
        at += 1
    size, word = lines[at].split("'h")
    lines[at] = f"{size}'h{int(word.strip(','), 16) ^ (1 << 5):x}{',' * word.endswith(',')}"
    memory.write_text("\n".join(lines) + "\n")
    assert first_divergence(small, rtl, rung).layer == small.network.layers[layer].name


def test_one_pixel_of_a_line_buffer(small, copied):
    rtl = copied(small.rtl)
    plant(rtl / "fsrcnnx_line_ram.sv", "if (store_q5) mem",
          "if (store_q5 && addr_q4 != AddrBits'(3)) mem")
    found = first_divergence(small, rtl)
    # column 3 is the right tap of the pixel at 2; its line comes back as the window's centre row
    assert (found.layer, found.y, found.x) == (small.network.layers[0].name, 0, 2)


def test_round_half_up(coarse, copied, monkeypatch):
    rtl = copied(coarse.rtl)
    plant(rtl / "fsrcnnx_requantise.sv", "(floor[0] || wide[Shift-2:0] != '0)", "1'b1")
    plant(rtl / "fsrcnnx_requantise.sv", "wide[0] && floor[0]", "wide[0]")

    def half_up(raw, shift, to):
        return np.clip((raw + ((1 << shift) >> 1)) >> shift, to.lo, to.hi)
    assert first_divergence(coarse, rtl) == expected(coarse, monkeypatch, half_up)


def test_wrap_instead_of_saturation(small, copied, monkeypatch):
    rtl = copied(small.rtl)
    for flag in ("over", "under_q"):
        plant(rtl / "fsrcnnx_requantise.sv", f"else if ({flag})",
              f"else if ({flag} && OutSigned == 0)")

    def wrap(raw, shift, to):
        rounded = round_shift(raw, shift)
        if not to.signed:
            return np.clip(rounded, to.lo, to.hi)
        return ((rounded - to.lo) & ((1 << to.width) - 1)) + to.lo
    assert first_divergence(small, rtl) == expected(small, monkeypatch, wrap)


def test_two_phases_swapped_in_memory(small, copied):
    rtl = copied(small.rtl)
    memory = rtl / "fsrcnnx_mem_pkg.sv"
    text = memory.read_text()
    two, one = re.split(r"// layer 4, lane [210]:", text, maxsplit=3)[1:3]
    assert len(two) == len(one)
    memory.write_text(text.replace(one, "\0").replace(two, one).replace("\0", two))
    found = first_divergence(small, rtl)
    assert found.layer == "deconv"
    assert (found.y % 2, found.x % 2) in {(0, 1), (1, 0)}  # phase 1 or 2


def test_two_phases_biases_swapped_in_memory(shuffled, copied, tmp_path):
    network = shuffled.network
    last = network.layers[-1]
    swapped = last.bias.copy()
    swapped[[1, 5]] = last.bias[[5, 1]]
    assert swapped[1] != swapped[5]
    wrong = replace(network, layers=(*network.layers[:-1], replace(last, bias=swapped)))
    emit(wrong, tmp_path / "wrong", cycles_per_pixel=9, max_width=64)
    rtl = copied(shuffled.rtl)
    shutil.copy(tmp_path / "wrong" / "fsrcnnx_mem_pkg.sv", rtl)
    found = first_divergence(shuffled, rtl)
    assert found.layer == "shuffle"
    assert (found.y % 3, found.x % 3) in {(0, 1), (1, 2)}  # phase 1 or 5


def test_two_phases_swapped_in_the_raster(small, copied):
    rtl = copied(small.rtl)
    plant(rtl / "fsrcnnx_subpixel.sv", "word | words_q2[r*WordBits +: WordBits]",
          "word | words_q2[(Scale-1-r)*WordBits +: WordBits]")
    found = first_divergence(small, rtl)
    assert found.layer == "output"  # all layers agree; the raster does not


ADD = "(AccBits'(sum_anchor) << AnchorShift)"
LATE = """  end else begin : gen_anchor
    logic [Anchor-1:0] late_q = '0;
    always_ff @(posedge clk_i) if (sum_done && sum_line && sum_live) late_q <= sum_anchor;
"""


def late(frames):
    """Each pixel's anchor is the pixel before it, over all frames."""
    flat = np.concatenate([[0], *(lr.ravel() for lr in frames)])[:-1]
    ends = np.cumsum([lr.size for lr in frames])[:-1]
    return [part.reshape(lr.shape) for part, lr in zip(np.split(flat, ends), frames, strict=True)]


ANCHOR_FAULTS = {  # what is wrong -> its text, its anchors, how many bits it lacks
    "one pixel late": (ADD.replace("sum_anchor", "late_q"), late, 0),
    "none": ("'0", lambda frames: [0 * lr for lr in frames], 0),
    "shifted one bit less": (ADD.replace("AnchorShift", "(AnchorShift - 1)"), list, 1),
}


@pytest.mark.parametrize("fault", ANCHOR_FAULTS)
def test_a_wrong_anchor(anchored, copied, fault):
    text, anchors, lack = ANCHOR_FAULTS[fault]
    rtl, network = copied(anchored.rtl), anchored.network
    plant(rtl / "fsrcnnx_layer.sv", ADD, text)
    plant(rtl / "fsrcnnx_layer.sv", LATE.splitlines(keepends=True)[0], LATE)
    last, before = len(network.layers) - 1, network.layers[-2].name
    up = network.acc_frac(last) - network.in_format.frac - lack
    frames = [tile(s, *icarus_tile(network)).lr.astype(np.int64)
              for s in synthetic(np.random.default_rng(SEED), network.in_format, 64)]
    for lr, anchor in zip(frames, anchors(frames), strict=True):
        true, layer = golden.trace(network, lr), network.layers[last]
        acc = golden.deconvolve(true[before], layer)
        acc += (anchor.repeat(layer.stride, 0).repeat(layer.stride, 1) << up)[:, :, None]
        want = first_difference(layer.name, true[layer.name],
                                requantise(acc, network.shift(last), layer.out_format))
        if want:
            break
    assert first_divergence(anchored, rtl) == want


def test_a_core_that_hangs(small, copied):
    rtl = copied(small.rtl)
    plant(rtl / "fsrcnnx_sequencer.sv", "zeros_q != DrainBits'(Drain);",
          "zeros_q != DrainBits'(Pad);")
    report = verify(Model(small.model), rungs=["rtl-icarus"], rtl_dir=rtl, seed=SEED)
    assert "hangs" in report.failures[0].detail or "TLAST" in report.failures[0].detail
    assert report.failures[0].first_divergence.layer != "output"
