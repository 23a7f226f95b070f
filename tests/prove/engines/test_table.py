"""The table of engines: who is in it, that one entry is enough for a new one, what each gives."""

import inspect
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console, unused
from fsrcnnx.cli import main as cli
from fsrcnnx.errors import CheckError, InputError, Unrepresentable
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.bench import bench
from fsrcnnx.prove.contenders import CONTENDER
from fsrcnnx.prove.engines import table
from fsrcnnx.prove.engines.engine import PER_HR_PIXEL, Engine, Ran
from fsrcnnx.prove.engines.software import one_by_one
from fsrcnnx.prove.engines.table import ENGINE, find, offered, quick, taking
from fsrcnnx.prove.ladder import rung as ladder_rung
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.prove.ladder.rungs import RUNG
from fsrcnnx.prove.simulation.simulate import Result, SimulationFault
from fsrcnnx.upscale import luma
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(1), channels=(4, 3), kernels=(3, 1, 3))
HEAVY = ("torch", "numpy", "onnx", "onnxruntime", "qonnx", "PIL", "hls4ml")


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model with its companions, and a picture; the place where commands run."""
    monkeypatch.chdir(tmp_path)
    io.save(NETWORK, tmp_path / "model.onnx")
    io.save_uint8(NETWORK, tmp_path / "model_uint8.onnx")
    io.save_float(NETWORK, tmp_path / "model_float.onnx")
    Image.fromarray(np.random.default_rng(7).integers(0, 256, (9, 13), np.uint8)).save("a.png")
    return Model.open("model.onnx")


def frames(count=3):
    """Frames of several sizes, one of them twice."""
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, size, np.uint8) for size in ((5, 7), (1, 1), (5, 7))[:count]]


@contextmanager
def mirrored(model, *, gain=1):
    """An engine that is not there: golden's picture, mirrored."""
    yield one_by_one(lambda lr: gain * golden.run(model.network, lr)[:, ::-1])


# --- who is in it --------------------------------------------------------------------------


def test_what_the_commands_offer_is_in_the_table():
    def choices(command, name):
        params = cli.main.commands[command].params
        return next(tuple(p.type.choices) for p in params if p.name == name)

    assert choices("upscale", "engine") == offered() == (
        "float", "golden", "emulate", "onnx", "hls", "rtl", "bicubic")
    assert choices("test", "engine") == quick() == ("float", "golden", "emulate", "onnx")
    assert {contender.engine for contender in CONTENDER.values()} <= ENGINE.keys()


def test_what_is_given_by_option_names_an_option():
    every = set().union(*(engine.takes for engine in ENGINE.values()))
    assert set(unused.OF_ENGINES.values()) <= every
    params = cli.main.commands["upscale"].params
    assert set(unused.OF_ENGINES) <= {parameter.name for parameter in params}
    assert taking("simulator") == taking("max_width") == ("rtl",)


def test_every_rung_and_contender_runs_an_engine_of_the_table(model, monkeypatch):
    """Each rung asks for an engine by name; here none runs, and what was asked for is kept."""
    asked = []

    class Spy(dict):
        def __getitem__(self, name):
            asked.append(name)
            raise Unrepresentable("planted")

    monkeypatch.setattr(ladder_rung, "ENGINE", Spy())
    context = ladder_rung.Context(model, model.path.parent, 1)
    io.save(NETWORK, model.path.with_name("weights.pth"))
    lr = frames(1)[0]
    stimulus = ladder_rung.Stimulus("a", lr, lr, model.path)
    synthesised = ("netlist", "netlist-xilinx")  # before any engine is asked
    rungs = [rung for rung in RUNG.values() if rung.name not in synthesised]
    for rung in rungs:
        with pytest.raises(ladder_rung.RuledOut, match="planted"):
            rung.climb(context, [stimulus])
    assert len(asked) == len(rungs) == len(RUNG) - 2
    assert set(asked) == {"float", "qat", "qonnx", "onnx", "golden", "emulate", "c", "hls",
                          "rtl"}
    assert set(asked) <= ENGINE.keys()


def test_the_table_is_light():
    code = ("import sys\nfrom fsrcnnx.prove.engines import table\nassert table.offered()\n"
            f"assert not set({HEAVY!r}) & set(sys.modules), set({HEAVY!r}) & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_engine_takes_its_model_first_and_options_by_name():
    for engine in ENGINE.values():
        first, *options = inspect.signature(engine.prepare).parameters.values()
        assert first.name == "model" and engine.takes == {option.name for option in options}


# --- one entry -----------------------------------------------------------------------------


def test_a_new_engine_is_one_entry(model, monkeypatch, capsys):
    """Offered, found, asked for its options, run on planes and by the command line."""
    monkeypatch.setitem(ENGINE, "mirrored", Engine("mirrored", "planted", mirrored))
    assert "mirrored" in offered() and "mirrored" in quick() and taking("gain") == ("mirrored",)
    with luma.prepared("mirrored", model) as run:
        for lr, hr in zip(frames(), run(frames()).planes, strict=True):
            np.testing.assert_array_equal(hr, golden.run(NETWORK, lr)[:, ::-1])
    params = cli.main.commands["upscale"].params
    monkeypatch.setattr(next(p for p in params if p.name == "engine").type, "choices", offered())
    assert console.outcome(cli.main, ["upscale", "a.png", "-o", "out.png", "--model", "model.onnx",
                                      "--engine", "mirrored"]) == 0
    want = golden.run(NETWORK, np.asarray(Image.open("a.png")))[:, ::-1]
    assert np.array_equal(np.asarray(Image.open("out.png")), want)


def test_an_engine_that_is_wrong_turns_the_ladder_and_the_benchmark_red(model, monkeypatch):
    monkeypatch.setitem(ENGINE, "qonnx", Engine("qonnx", "planted", mirrored))
    report = verify(model, rungs=["qonnx"])
    assert {record.rung for record in report.failures} == {"qonnx"}
    monkeypatch.setattr("fsrcnnx.prove.bench.TURN", 1e-3)
    row = bench(model, (3, 4), ("golden", "onnx"), rounds=1)[1]
    assert row.result == "PASS"  # in a process of its own nothing is planted
    io.save_uint8(random_network(np.random.default_rng(2), channels=(4, 3), kernels=(3, 1, 3)),
                  model.path.with_name("model_uint8.onnx"))
    row = bench(model, (3, 4), ("golden", "onnx"), rounds=1)[1]
    assert row.result == "FAIL" and row.mismatches > 0


# --- what each gives -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["golden", "emulate", "c", "onnx", "qonnx"])
def test_the_exact_engines_agree_frame_by_frame(model, name):
    with ENGINE[name].prepare(model) as run:
        for _ in range(2):  # prepared once, run again and again
            ran = run(frames())
            assert len(ran.seconds) == 3 and ran.error is None
            for lr, hr in zip(frames(), ran.whole(), strict=True):
                np.testing.assert_array_equal(hr, golden.run(NETWORK, lr))


def test_float_is_what_its_file_gives(model):
    lr = frames(1)[0]
    want = np.clip(np.rint(io.run_float(model.companion("model_float.onnx"), lr)), 0, 255)
    for options in ({}, {"bits": 8}):
        with ENGINE["float"].prepare(model, **options) as run:
            np.testing.assert_array_equal(run([lr]).planes[0], want)


@pytest.mark.parametrize("name", ["onnx", "float"])
def test_a_session_is_opened_once_for_all_frames(model, monkeypatch, name):
    import onnxruntime

    opened, session = [], onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession",
                        lambda *args, **given: opened.append(1) or session(*args, **given))
    with luma.prepared(name, model) as run:
        for _ in range(3):
            run(frames())
    assert len(opened) == 1


def test_a_model_is_read_once_by_the_reference_execution(model, monkeypatch):
    from fsrcnnx.exact.onnx import run as runners

    read, bytes_of = [], runners.read_bytes
    monkeypatch.setattr(runners, "read_bytes", lambda path: read.append(path) or bytes_of(path))
    with ENGINE["qonnx"].prepare(model) as run:
        for _ in range(3):
            run(frames())
    assert read == [model.path]


def test_an_emulator_is_made_once_for_all_frames(model, monkeypatch):
    from fsrcnnx.exact import ranges

    made, proof = [], ranges.prove
    monkeypatch.setattr(ranges, "prove", lambda network: made.append(1) or proof(network))
    with luma.prepared("emulate", model) as run:
        for _ in range(3):
            run(frames())
    assert len(made) == 1


def test_what_a_form_cannot_hold_is_said_by_name(tmp_path):
    to = Format(False, 10, 10)
    io.save(random_network(np.random.default_rng(0), channels=(2,), kernels=(3, 3), in_format=to,
                           out_format=to), tmp_path / "model.onnx")
    deep = Model.open(tmp_path / "model.onnx")
    with pytest.raises(Unrepresentable, match="8 unsigned bits"), ENGINE["onnx"].prepare(deep):
        pass
    with pytest.raises(InputError, match="luma, 8 bits; allowed: 10 bits, as "), \
            luma.prepared("golden", deep):
        pass


@pytest.mark.parametrize("name", ["magic", "qat", "hls4ml", ""])
def test_an_engine_that_is_not_offered_is_unknown(model, name):
    with pytest.raises(InputError, match=f"unknown engine {name!r}; allowed: float, golden"):
        find(name)
    with pytest.raises(InputError, match="unknown engine"), luma.prepared(name, model):
        pass


def test_a_core_that_stops_gives_what_came_and_an_error(model, monkeypatch):
    def stops(core, lrs, *_, **__):
        error = SimulationFault("hangs", where="core")
        error.result = Result((golden.run(NETWORK, lrs[0]),), 9, 3.0, 0.0)
        raise error

    monkeypatch.setattr("fsrcnnx.prove.simulation.simulate.simulate", stops)
    with ENGINE["rtl"].prepare(model, max_width=16) as run:
        ran = run(frames())
        assert ran.planes[1:] == (None, None) and ran.report.cycles == 9
        assert ran.seconds == pytest.approx((35 * 3 / 71, 3 / 71, 35 * 3 / 71))
        with pytest.raises(SimulationFault, match="core: hangs"):
            ran.whole()
        with pytest.raises(InputError, match="a frame 17 pixels wide; allowed: up to 16; fix: set"):
            run([np.zeros((1, 17), np.uint8)])
    with pytest.raises(CheckError, match="hangs"), luma.prepared("rtl", model) as run:
        run(frames())


def test_memory_grows_with_what_an_engine_holds(model):
    widest = max(layer.out_channels for layer in NETWORK.layers)
    for name, bytes_each in (("golden", 64), ("float", 18), ("onnx", 18), ("emulate", 0)):
        assert ENGINE[name].memory(model, 10, 2) == 10 * (4 * PER_HR_PIXEL + bytes_each * widest)
    assert ENGINE["bicubic"].memory(None, 10, 3) == 10 * 9 * PER_HR_PIXEL


def test_what_ran_whole_is_given():
    plane = np.zeros((2, 2))
    assert Ran((plane,), (1.0,)).whole() == (plane,)


# --- options that nothing would look at ----------------------------------------------------


@pytest.mark.parametrize("engine", [(), ("--engine", "golden"), ("--engine", "emulate")])
@pytest.mark.parametrize(("option", "value"), [("--sim", "icarus"), ("--sim", "verilator"),
                                               ("--max-width", "1920")])
def test_options_of_a_simulation_are_refused_without_one(model, capsys, engine, option, value):
    assert console.outcome(cli.main, ["upscale", "a.png", "-o", "out.png", "--model", "model.onnx",
                                      *engine, option, value]) == 2
    said = capsys.readouterr().err
    assert f"{option}: given without --engine rtl; allowed: options that are used" in said
    assert not (model.path.parent / "out.png").exists()


def test_the_options_of_a_simulation_reach_it(model, monkeypatch):
    given = []

    @contextmanager
    def core(model, *, simulator="verilator", max_width=1920, progress=None):
        given.append((simulator, max_width))
        yield one_by_one(lambda lr: golden.run(model.network, lr))

    monkeypatch.setitem(table.ENGINE, "rtl", Engine("rtl", "planted", core, busy=table.SIMULATE))
    line = ["upscale", "a.png", "-o", "out.png", "--model", "model.onnx", "--engine", "rtl"]
    assert console.outcome(cli.main, [*line, "--sim", "icarus", "--max-width", "99"]) == 0
    assert console.outcome(cli.main, line) == 0
    assert given == [("icarus", 99), ("verilator", 1920)]
