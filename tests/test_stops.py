"""Commands that are stopped while a tool works for them: nothing runs on, nothing lies around."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsrcnnx import tools
from fsrcnnx.prove.builds.home import FOLDER, TAG, VARIABLE
from tests.sessions import session

PIXEL = b"P5 2 2 255\n\x00\x10\x20\xff"
COMMANDS = {  # arguments -> what is to be seen at work, in /proc: part of a command line
    "verify": (["verify", "tiny_x2", "--rungs", "rtl"], rb"cc1plus|verilator_bin"),
    "upscale rtl": (["upscale", "a.pgm", "-o", "out.png", "--engine", "rtl", "--model", "tiny_x2"],
                    rb"cc1plus|verilator_bin"),
    "synth": (["synth", "core"], rb"yosys"),
    "verify hls": (["verify", "tiny_x2", "--rungs", "hls"], rb"cc1plus"),
    "bench hls": (["bench", "tiny_x2", "--contenders", "hls"], rb"cc1plus"),
    "hls-synth": (["hls-synth", "project"], rb"sleep\x0077"),
}


@pytest.fixture
def place(tiny, monkeypatch):
    """A folder with a model, its core, a picture, a stand-in for Vitis HLS, and places to watch."""
    from fsrcnnx.emit.rtl.folder import emit
    from tests.clips import NETWORK

    emit(NETWORK, tiny / "core", max_width=16)
    (tiny / "a.pgm").write_bytes(PIXEL)
    for name in ("tmp", "bin", "project/firmware"):
        (tiny / name).mkdir(parents=True)
    (tiny / "bin" / "vitis-run").write_text("#!/bin/sh\n(sleep 77 & wait) & sleep 77\n")
    (tiny / "bin" / "vitis-run").chmod(0o755)
    (tiny / "project" / "project.tcl").write_text(
        'set project_name "p"\nset backend "vitis"\nset part "x"\n')
    (tiny / "project" / "build_prj.tcl").write_text("")
    monkeypatch.setenv("TMPDIR", str(tiny / "tmp"))
    monkeypatch.setenv(VARIABLE, str(tiny / "cache"))
    monkeypatch.setenv("PATH", f"{tiny / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tiny


def parts(cache: Path) -> list[str]:
    """What is in a cache besides whole builds and locks."""
    return [path.name for path in (cache / FOLDER).glob("*")
            if path.suffix != ".lock" and path.name != TAG and not (path / "SHA256SUMS").is_file()]


def lying(place: Path) -> list[str]:
    """What lies around besides what `parts` looks at, and the copy that is for Vitis to work in."""
    names = (path.relative_to(place) for path in place.rglob("*"))
    # onnxruntime leaves an identity of its own in the temporary folder
    return sorted(str(name) for name in names
                  if name.parts[0] not in ("cache", "project-vitis") and name.name != ".ses")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_stop_ends_everything(place, name, number):
    args, busy = COMMANDS[name]
    if name == "synth":
        tools.locate("yosys")
    before = lying(place)
    running = subprocess.Popen([sys.executable, "-m", "fsrcnnx", *args], text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               start_new_session=True)
    until = time.monotonic() + 120
    while not any(re.search(busy, line) for line in session(running.pid).values()):
        assert running.poll() is None, f"it ended before: {running.stderr.read()}"
        assert time.monotonic() < until, session(running.pid)
        time.sleep(0.02)
    time.sleep(0.2)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + number, said
    assert [line for line in said.splitlines() if "error" in line] == [
        f"fsrcnnx: error: {'terminated' if number == signal.SIGTERM else 'interrupted'}"]
    assert "Traceback" not in said
    until = time.monotonic() + 2  # multiprocessing's own helper goes when it sees us gone
    while session(running.pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert session(running.pid) == {}
    assert parts(place / "cache") == []
    assert lying(place) == before


@pytest.mark.slow
def test_a_kill_leaves_no_poison(place):
    """Nobody can clean up after SIGKILL; whoever builds next does, and builds right."""
    args, _ = COMMANDS["verify hls"]
    running = subprocess.Popen([sys.executable, "-m", "fsrcnnx", *args], text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    until = time.monotonic() + 120
    while not any(b"cc1plus" in line for line in session(running.pid).values()):
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    running.kill()
    running.wait()
    assert parts(place / "cache")
    done = subprocess.run([sys.executable, "-m", "fsrcnnx", *args], text=True, check=False,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert parts(place / "cache") == []
