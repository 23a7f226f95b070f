"""The Makefile: help, and wrong values that stop with one line before anything is made."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ["setup", "demo", "test", "test-fast", "hostile", "train", "quantise", "export", "rtl",
           "sim", "ranges", "verify", "bench", "synth", "hls", "csim", "hls-matrix", "bench-hls",
           "lint", "clean", "doctor"]


def make(*args):
    """Run make: exit code, output, errors."""
    done = subprocess.run(["make", "--no-print-directory", *args], cwd=ROOT, text=True,
                          capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"})
    return done.returncode, done.stdout, done.stderr


def test_help_is_the_default_and_lists_every_target():
    code, out, err = make()
    assert (code, err) == (0, "")
    for target in TARGETS:
        assert f"\n  {target} " in out
    for variable in ("MODEL", "SIM", "SEED", "WAVES", "DATA", "ENGINE", "CYCLES", "DEVICE",
                     "WIDTH", "HEIGHT", "STRATEGY", "REUSE"):
        assert f"\n  {variable} " in out


@pytest.mark.parametrize(("value", "allowed"), [
    ("SIM=questa", "verilator icarus"), ("SIM=", "verilator icarus"),
    ("SIM=verilator icarus", "verilator icarus"), ("SEED=1x", "an integer from 0"),
    ("SEED=-1", "an integer from 0"), ("SEED=", "an integer from 0"), ("WAVES=yes", "0 1"),
    ("STRATEGY=fast", "latency resource distributed_arithmetic"), ("REUSE=0", "an integer from 1"),
    ("WIDTH=wide", "an integer from 1"), ("ENGINE=magic", "mac"),
    ("CYCLES=0", "an integer from 1"), ("DEVICE=stratix", "xcup ecp5 xc7"),
    ("MODEL=", "one name in models/ or one .onnx file"),
    ("MODEL=a b", "one name in models/ or one .onnx file"),
])
@pytest.mark.parametrize("target", ["help", "sim"])
def test_a_wrong_value_is_one_line(value, allowed, target):
    code, out, err = make(target, value)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{value} is not allowed; allowed: {allowed}" in err


@pytest.mark.parametrize("value", ["SIM=icarus", "SEED=0", "SEED=987654321", "WAVES=1", "CYCLES=64",
                                   "DEVICE=ecp5", "MODEL=some/where/model.onnx"])
def test_a_right_value_passes(value):
    assert make("help", value)[0] == 0
