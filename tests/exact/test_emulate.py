"""The emulator: golden's bits at every size, tile and float type; faults that must be seen."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from fsrcnnx.errors import CheckError, InputError, ModelError, ToolError
from fsrcnnx.exact import emulate, golden, kernels, ranges, tiles
from fsrcnnx.exact.emulate import Emulator
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PIXEL, Layer, Network
from tests.networks import extreme_pictures, random_network, random_picture

FSRCNN_X = {"channels": (23, 12, 12, 12, 23), "kernels": (3, 1, 3, 3, 1, 3)}
SIZES = [(1, 1), (1, 13), (11, 1), (2, 2), (13, 17), (7, 31)]


@pytest.fixture
def network():
    return random_network(np.random.default_rng(3), anchor=True)


@pytest.fixture
def unchecked(monkeypatch):
    """Emulators that do not hold their kernels against integers, for faults in the kernels."""
    monkeypatch.setattr(kernels.Stage, "check", lambda *_: None)


def test_other_tiles_prove_and_check_nothing_again(network, monkeypatch):
    emulator = Emulator(network)
    for where, what in ((ranges, "prove"), (kernels.Stage, "check")):
        monkeypatch.setattr(where, what, None)
    other = emulator.tiled(3)
    assert (other.side, emulator.side) == (3, emulator.fitting)
    assert emulator.fitting == 241  # of 9 channels of float32, the most within TILE_BYTES
    assert other.tiled().side == emulator.side
    lr = random_picture(np.random.default_rng(1), 7, 8)
    np.testing.assert_array_equal(other(lr), golden.run(network, lr))
    np.testing.assert_array_equal(emulator(lr), golden.run(network, lr))


def mismatches(network, lr, **options):
    return int((Emulator(network, **options)(lr) != golden.run(network, lr)).sum())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [None, 1, 3, 5])
def test_every_size_and_tile_equals_golden(network, size, side):
    assert mismatches(network, random_picture(np.random.default_rng(1), *size), side=side) == 0


@pytest.mark.parametrize("anchor", [False, True], ids=["plain", "anchor"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_whole_network_on_noise_and_extremes(anchor, scale):
    rng = np.random.default_rng(scale)
    network = random_network(rng, **FSRCNN_X | {"kernels": (5, 1, 3, 3, 1, 9)}, scale=scale,
                             anchor=anchor)
    emulator = Emulator(network, side=17)
    for lr in (random_picture(rng, 31, 37), *extreme_pictures(19, 23).values()):
        want, got = golden.run(network, lr), emulator(lr)
        assert got.dtype == np.uint8 and (got == want).all()
    assert len(np.unique(emulator(random_picture(rng, 31, 37)))) > 50


@pytest.mark.parametrize(("last", "scale"), [("deconv", 2), ("deconv", 3), ("shuffle", 2),
                                             ("conv", 1)])
def test_a_stack_is_its_frames_each_by_itself(last, scale):
    rng = np.random.default_rng(4)
    network = random_network(rng, last=last, scale=scale, anchor=True)
    frames = rng.integers(0, 256, (5, 7, 6))
    got = Emulator(network).stack(frames)
    assert got.dtype == np.int64
    assert (got == [golden.run(network, lr) for lr in frames]).all()
    with pytest.raises(InputError, match=r"allowed: 0\.\.255"):
        Emulator(network).stack(frames + 255)


def test_a_trace_is_goldens(network):
    lr = random_picture(np.random.default_rng(2), 7, 9)
    want, got = golden.trace(network, lr), Emulator(network).trace(lr)
    assert list(want) == list(got)
    for name, values in want.items():
        assert got[name].shape == values.shape and (got[name] == values).all()


def test_threads_and_torchs_own_setting(network):
    lr = random_picture(np.random.default_rng(2), 64, 50)
    before = torch.get_num_threads()
    assert mismatches(network, lr, side=9, threads=3) == 0
    assert torch.get_num_threads() == before


def test_wide_layers_take_float64_and_wider_ones_are_refused():
    rng = np.random.default_rng(5)
    wide = random_network(rng, channels=(6, 4), kernels=(3, 3, 3), weight_bits=16,
                          activation_bits=14)
    assert {stage.dtype for stage in Emulator(wide).stages} >= {"float64"}
    assert mismatches(wide, random_picture(rng, 12, 9), side=5) == 0
    huge = random_network(rng, channels=(6, 4), kernels=(3, 3, 3), weight_bits=30,
                          activation_bits=24)
    with pytest.raises(ModelError, match=r"layer conv1: sums reach \d+ .*allowed: 2\^53"):
        Emulator(huge)


def test_slopes_too_wide_for_float32_take_float64(network):
    """A product above 2^24 that does not saturate: float32 would round it."""
    layer = replace(network.layers[0], slope_format=Format(True, 20, 18),
                    slope=network.layers[0].slope << 11)
    network = replace(network, layers=(layer, *network.layers[1:]))
    assert Emulator(network).stages[0].dtype == "float64"
    assert mismatches(network, random_picture(np.random.default_rng(0), 20, 20)) == 0


def test_ten_bit_video_gives_int64():
    network = random_network(np.random.default_rng(5), activation_bits=10)
    video = Format(False, 10, 10)
    first = replace(network.layers[0], bias=network.layers[0].bias << 2)
    last = replace(network.layers[-1], out_format=video)
    network = replace(network, in_format=video, layers=(first, *network.layers[1:-1], last))
    lr = np.random.default_rng(0).integers(0, 1024, (9, 8))
    hr = emulate.run(network, lr)
    assert hr.dtype == np.int64 and hr.max() > 255 and (hr == golden.run(network, lr)).all()


@pytest.mark.parametrize("lr", [np.zeros((0, 3), np.uint8), np.zeros((2, 2, 1), np.uint8),
                                np.zeros((2, 2)), np.array([[256]]), np.array([[-1]])])
def test_what_is_no_picture_is_refused(network, lr):
    with pytest.raises(InputError, match="allowed"):
        emulate.run(network, lr)


def test_frames_that_are_not_contiguous(network):
    lr = random_picture(np.random.default_rng(4), 30, 40)[::-2, ::3]
    assert mismatches(network, lr, side=6) == 0


def test_without_torch_it_says_what_to_do(network, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ToolError, match="torch is not installed; fix: make setup"):
        Emulator(network)


def test_progress_ends_at_one(network):
    seen = []
    Emulator(network, side=4)(np.zeros((9, 9), np.uint8), seen.append)
    assert len(seen) == 9 and seen == sorted(seen) and seen[-1] == 1


# --- planted faults ------------------------------------------------------------------------


def _half_up(x):
    return x.copy_(torch.floor(x + 0.5))


def _half_away(x):
    return x.copy_(torch.sign(x) * torch.floor(x.abs() + 0.5))


@pytest.mark.parametrize(("method", "fault"), [
    ("round_", _half_up), ("round_", _half_away), ("round_", torch.Tensor.floor_),
    ("clamp_", lambda x, lo, hi: x), ("clamp_", lambda x, lo, hi: x.clamp(lo + 1, hi)),
], ids=["half-up", "half-away", "floor", "no saturation", "narrow range"])
def test_wrong_rounding_or_saturation_is_seen(monkeypatch, unchecked, method, fault):
    network = random_network(np.random.default_rng(5), weight_bits=3, activation_bits=5,
                             prelu=False)  # few bits, so that rounding meets many ties
    lr = random_picture(np.random.default_rng(6), 16, 16)
    assert mismatches(network, lr) == 0
    monkeypatch.setattr(torch.Tensor, method, fault)
    assert mismatches(network, lr) > 0


@pytest.mark.parametrize(("layer", "end"), [(0, 0), (0, 1), (2, 0), (2, 1), (4, 1)])
def test_a_halo_one_too_small_is_seen(monkeypatch, network, layer, end):
    """One layer's window, cut on one side, is filled with a zero instead of the neighbour."""
    def short(reaches, span, size):
        start, stop, zeros = span.start, span.stop, []
        for index, (before, after) in reversed(list(enumerate(reaches))):
            cut = [int((index, e) == (layer, end)) for e in (0, 1)]
            start, stop = start - before + cut[0], stop + after - cut[1]
            zeros.append((max(0, -start) + cut[0], max(0, stop - size) + cut[1]))
            start, stop = max(0, start), min(size, stop)
        return range(start, stop), zeros[::-1]

    lr = random_picture(np.random.default_rng(7), 16, 16)
    monkeypatch.setattr(tiles, "needed", short)
    assert mismatches(network, lr, side=8) > 0


def test_a_border_that_is_not_zero_is_seen(monkeypatch, network):
    lr = random_picture(np.random.default_rng(7), 16, 16)
    pad = torch.nn.functional.pad
    monkeypatch.setattr(torch.nn.functional, "pad", lambda x, pads: pad(x, pads, value=1.0))
    assert mismatches(network, lr, side=8) > 0


def test_kernels_that_round_are_refused(monkeypatch, network):
    """What a reduced precision of the tensor library would do to 8-bit sums."""
    conv = torch.nn.functional.conv2d
    monkeypatch.setattr(torch.nn.functional, "conv2d",
                        lambda x, *rest: conv(x, *rest).bfloat16().float())
    with pytest.raises(CheckError, match=r"layer conv0: torch's kernels are not exact: \d+/"):
        Emulator(network)


def test_float32_where_float64_is_needed_is_seen(monkeypatch, unchecked):
    """Large weights that cancel: the small one between them is lost in float32."""
    weight = np.zeros((1, 1, 3, 3), np.int64)
    weight[0, 0, 1] = 1 << 20, 1, -1 << 20
    layer = Layer("c", "conv", weight, Format(True, 22, 1), np.zeros(1, np.int64), PIXEL, padding=1)
    network = Network("cancel_x1", (layer,)).check()
    lr = np.full((3, 9), 77, np.uint8)
    assert Emulator(network).stages[0].dtype == "float64" and mismatches(network, lr) == 0
    monkeypatch.setattr(kernels, "EXACT", {"float32": 1 << 60})
    assert mismatches(network, lr) > 0


@pytest.mark.slow
def test_full_hd_stays_under_a_gigabyte():
    """1920x1080 in, 3840x2160 out, in a process of its own."""
    # not getrusage's peak, which begins with that of the process that starts this one
    code = ("import numpy as np\n"
            "from fsrcnnx.exact.emulate import Emulator\n"
            "from tests.networks import random_network\n"
            f"network = random_network(np.random.default_rng(0), **{FSRCNN_X!r})\n"
            "hr = Emulator(network)(np.full((1080, 1920), 77, np.uint8))\n"
            "assert hr.shape == (2160, 3840)\n"
            "print(*(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1 << 20  # KiB
