"""Luma of other depths than 8 unsigned bits: what goes in, that every form agrees, the ladder.

Pixels of 1 to 16 bits, signed and unsigned, in and out, through golden, emulator, RTL and HLS.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.exact import emulate, golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Layer, Network
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove import bounds, contenders
from fsrcnnx.prove.bench import bench
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.prove.simulation.core import read_core
from fsrcnnx.prove.simulation.simulate import simulate
from fsrcnnx.prove.stimuli import pictures, steady_bits, synthetic
from tests.networks import random_network, random_picture

sim = pytest.mark.sim
WIDTHS = (1, 2, 8, 10, 12, 16)
FORMATS = tuple(Format(signed, width, width) for width in WIDTHS for signed in (False, True)
                if (signed, width) != (True, 1))  # QONNX has no signed bit alone
VIDEO10 = Format(False, 10, 10)
SIGNED = Format(True, 8, 7)


def network(enters: Format, leaves: Format, seed: int = 1, **options):
    """A small network from one format to another."""
    return random_network(np.random.default_rng(seed), in_format=enters, out_format=leaves,
                          **{"channels": (3,), "kernels": (3, 3), **options})


def frames(net):
    """Two random frames and some extremes of the network's own input format."""
    made = [s.lr for s in synthetic(np.random.default_rng(1), net.in_format, 16)]
    return [*made[:2], *made[-4:]]


# --- what goes in --------------------------------------------------------------------------


@pytest.mark.parametrize("to", FORMATS, ids=str)
def test_stimuli_cover_the_format(to):
    made = synthetic(np.random.default_rng(1), to, 64)
    assert all(to.holds(s.lr) and s.lr.dtype == to.dtype for s in made)
    named = {s.name: s.lr for s in made}
    assert (named["black"] == to.lo).all() and (named["white"] == to.hi).all()
    assert set(np.unique(named["checkerboard"])) == {to.lo, to.hi}
    assert set(np.unique(named["impulse"])) == {0, to.hi}
    assert ("zero" in named) == to.signed and not named.get("zero", np.zeros(1)).any()
    assert steady_bits(to, [s.lr for s in made]) == ()


@pytest.mark.parametrize("to", FORMATS, ids=str)
def test_bits_that_do_not_vary_are_found(to):
    frame = random_picture(np.random.default_rng(2), 40, 40, to).astype(np.int64)
    assert steady_bits(to, [frame]) == ()
    for bit in range(to.width):
        assert steady_bits(to, [frame & ~(1 << bit)]) == (bit,)
        assert steady_bits(to, [frame | 1 << bit]) == (bit,)
    assert steady_bits(to, []) == tuple(range(to.width))


def test_the_frames_of_8_bits_are_what_they_were():
    rng = np.random.default_rng(5)
    want = [rng.integers(0, 256, size, dtype=np.uint8) for size in ((17, 29), (1, 1), (1, 7))]
    for lr, stimulus in zip(want, synthetic(np.random.default_rng(5), PIXEL, 64), strict=False):
        np.testing.assert_array_equal(stimulus.lr, lr, strict=True)


@pytest.mark.parametrize(("to", "want"), [
    (PIXEL, [0, 1, 128, 255]), (VIDEO10, [0, 4, 512, 1020]), (Format(False, 4, 4), [0, 0, 8, 15]),
    (SIGNED, [0, 0, 64, 127]), (Format(True, 9, 8), [0, 1, 128, 255]),
    (Format(True, 8, 8), [0, 1, 127, 127])], ids=str)
def test_pictures_are_brought_into_the_format(tmp_path, to, want):
    Image.fromarray(np.array([[0, 1, 128, 255]], np.uint8)).save(tmp_path / "a.png")
    stimulus = pictures([tmp_path / "a.png"], network(to, PIXEL), lr=True)[0]
    assert stimulus.lr.tolist() == [want] and stimulus.lr.dtype == to.dtype


@pytest.mark.parametrize("to", FORMATS, ids=str)
def test_ranges_are_held_in_the_format(to):
    net = network(to, PIXEL)
    made = bounds.made_up(net, 1)
    assert {int(f.min()) for f in made} >= {to.lo} and {int(f.max()) for f in made} >= {to.hi}
    bounds.report(net, made)


# --- every form agrees ---------------------------------------------------------------------


@pytest.mark.slow
@given(enters=st.sampled_from(FORMATS), leaves=st.sampled_from(FORMATS),
       anchor=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_golden_emulator_and_qonnx_agree(tmp_path_factory, enters, leaves, anchor, seed):
    # an anchor must not be finer than the sums; biases of QONNX have 24 bits
    net = network(enters, leaves, seed, anchor=anchor and leaves.frac >= enters.frac,
                  weight_bits=4)
    path = tmp_path_factory.mktemp("depth") / "model.onnx"
    onnx_io.save(net, path)
    emulator = emulate.Emulator(net, threads=1, side=8)
    for lr in frames(net):
        want = golden.run(net, lr)
        assert leaves.holds(want)
        np.testing.assert_array_equal(emulator(lr), want)
        np.testing.assert_array_equal(onnx_io.run_qonnx(path, lr), want)


PAIRS = [(Format(False, w, w), Format(s, v, v)) for w, s, v in (
    (1, False, 16), (2, True, 12), (10, False, 10), (12, False, 1), (16, True, 2))] + [
    (Format(True, w, w), Format(s, v, v)) for w, s, v in (
        (2, False, 2), (8, True, 8), (10, True, 10), (12, True, 16), (16, False, 12))]


def rtl_agrees(tmp_path, simulator, enters, leaves, **options):
    """Simulate a core of these formats, and hold it against golden."""
    net = network(enters, leaves)
    made = emit(net, tmp_path / "rtl", max_width=16, **options)
    assert (made["in_format"], made["out_format"]) == (str(enters), str(leaves))
    assert read_core(tmp_path / "rtl").in_format == enters
    result = simulate(tmp_path / "rtl", frames(net), simulator, idle=20, stall=30)
    for lr, hr in zip(frames(net), result.frames, strict=True):
        assert hr.dtype == leaves.dtype
        np.testing.assert_array_equal(hr, golden.run(net, lr))
    assert len(np.unique(np.concatenate([hr.ravel() for hr in result.frames]))) > 1


@sim
@pytest.mark.parametrize(("enters", "leaves"), PAIRS, ids=str)
def test_icarus_agrees(tmp_path, enters, leaves):
    rtl_agrees(tmp_path, "icarus", enters, leaves)


@sim
@pytest.mark.parametrize(("enters", "leaves"), [PAIRS[2], PAIRS[7]], ids=str)
def test_verilator_agrees_with_two_pixels_a_beat(tmp_path, enters, leaves):
    rtl_agrees(tmp_path, "verilator", enters, leaves, pixels_per_beat=2)


@sim
@pytest.mark.parametrize(("enters", "leaves"), [(VIDEO10, VIDEO10), (SIGNED, Format(True, 12, 9))],
                         ids=str)
def test_hls_agrees(tmp_path, enters, leaves):
    from fsrcnnx.prove.hls import frames as hls

    net = network(enters, leaves)
    lrs = [random_picture(np.random.default_rng(n), 3, 4, enters) for n in range(3)]
    result = hls.simulate(net, lrs)
    assert not result.fault
    for lr, hr in zip(lrs, result.frames, strict=True):
        np.testing.assert_array_equal(hr, golden.run(net, lr))
    assert np.min(result.frames) < 0 or not leaves.signed


@pytest.mark.slow
def test_the_benchmark_runs_in_the_format(tmp_path):
    onnx_io.save(network(VIDEO10, Format(True, 10, 9)), tmp_path / "model.onnx")
    rows = bench(Model(tmp_path / "model.onnx"), (9, 8), ("golden", "emulate", "onnx"), rounds=1)
    assert [row.result.partition("(")[0] for row in rows] == ["REFERENCE", "PASS", "SKIP"]
    assert "8 unsigned bits" in rows[2].result
    with pytest.raises(contenders.Absent, match="8 unsigned bits"), \
            contenders.CONTENDER["onnx"].prepare(Model(tmp_path / "model.onnx"), (9, 8)):
        pass


# --- the ladder ----------------------------------------------------------------------------

SOFT = ["qonnx", "golden", "emulate"]


@pytest.mark.parametrize(("enters", "leaves"), [
    (VIDEO10, VIDEO10), (SIGNED, SIGNED), (PIXEL, Format(False, 1, 1))], ids=str)
def test_a_rung_that_a_format_rules_out_is_skipped_unless_asked_for(tmp_path, monkeypatch, enters,
                                                                    leaves):
    from fsrcnnx.prove.ladder import rungs

    onnx_io.save(network(enters, leaves), tmp_path / "model.onnx")
    report = verify(Model(tmp_path / "model.onnx"), rungs=[*SOFT, "uint8-onnx"])
    assert [r.rung for r in report.failures] == ["uint8-onnx"] and "SKIP" in report.table()
    assert "8 unsigned bits" in report.failures[0].detail
    soft = tuple(r for r in rungs.RUNG.values() if r.name in (*SOFT, "uint8-onnx", "float"))
    monkeypatch.setattr(rungs, "chosen", lambda names: soft)
    report = verify(Model(tmp_path / "model.onnx"))
    assert report.passed, report.table()
    states = {record.rung: record.status for record in report.records}
    assert states == {"float": "SKIP", "qonnx": "PASS", "uint8-onnx": "SKIP",
                      "golden": "REFERENCE", "emulate": "PASS"}


def test_a_core_that_cannot_be_is_skipped_and_the_rest_compared(tmp_path, monkeypatch):
    from fsrcnnx.prove.ladder import rungs

    onnx_io.save(network(SIGNED, PIXEL, anchor=True), tmp_path / "model.onnx")
    report = verify(Model(tmp_path / "model.onnx"), rungs=["emulate", "rtl"])
    assert [(r.rung, r.status) for r in report.failures] == [("rtl", "SKIP")]
    assert "an unsigned anchor in RTL" in report.failures[0].detail
    some = tuple(rungs.RUNG[name] for name in ("golden", "emulate", "rtl", "rtl-icarus"))
    monkeypatch.setattr(rungs, "chosen", lambda names: some)
    report = verify(Model(tmp_path / "model.onnx"))
    assert report.passed and {r.status for r in report.records if "rtl" in r.rung} == {"SKIP"}


def test_a_bit_that_never_varied_is_named(tmp_path):
    for factor, said in ((4, "output bits 0, 1 never varied"), (2, "output bits 0, 9 never")):
        layer = Layer("only", "conv", np.full((1, 1, 1, 1), factor), Format(True, 8, 2),
                      np.zeros(1, np.int64), VIDEO10)
        onnx_io.save(Network("shift", (layer,)).check(), tmp_path / "model.onnx")
        report = verify(Model(tmp_path / "model.onnx"), rungs=["golden", "emulate"])
        assert report.passed and said in report.table()
        assert all(said in record.detail for record in report.records)


def test_pictures_that_leave_input_bits_alone_are_named(tmp_path):
    onnx_io.save(network(VIDEO10, VIDEO10), tmp_path / "model.onnx")
    onnx_io.save_float(network(VIDEO10, VIDEO10), tmp_path / "model_float.onnx")
    picture = np.random.default_rng(3).integers(0, 256, (24, 24), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    report = verify(Model(tmp_path / "model.onnx"), [tmp_path / "a.png"], ["float", "golden"])
    by_rung = {r.rung: r for r in report.records if r.image == "a.png"}
    assert "input bits 0, 1 never varied" in by_rung["float"].detail
    assert "input" not in by_rung["golden"].detail  # the made-up frames move them
    # both measure what they give in pixels of 8 bits, so that the figures can be compared
    assert by_rung["float"].psnr == pytest.approx(by_rung["golden"].psnr, abs=0.5)
