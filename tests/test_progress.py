"""Lines that live on a terminal, and nothing of them in a pipe."""

import os
import pty
import subprocess
import sys
import termios

import pytest

CODE = "import threading, time\nfrom fsrcnnx.progress import *\n"
BODIES = {
    "working": "with working('synthesise'): time.sleep({0})",
    "bar": "with bar('simulate') as at: at(0.25); time.sleep({0})",
    "counter": "with counter('clip.mp4', 'frame') as at: at(1, 9); time.sleep({0})",
}


def on_terminal(code: str) -> str:
    """What a program writes to a terminal on stderr."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs) as running:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:  # Linux: the other end is closed
            pass
    os.close(ours)
    assert running.returncode == 0, text
    return text.decode()


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=pytest.mark.slow if kind == "bar" else ()) for kind in BODIES])
def test_time_goes_on_while_figures_stand_still(kind):
    said = on_terminal(CODE + BODIES[kind].format(2.5))
    assert "00:01" in said and "00:02" in said
    done = subprocess.run([sys.executable, "-c", CODE + BODIES[kind].format(1.2)], text=True,
                          capture_output=True, check=True)
    assert done.stdout + done.stderr == ""


def test_a_line_stays_and_is_what_is_going_on():
    code = CODE + ("with working('verify') as say:\n  say('rtl: engine in Verilator')\n"
                   "  time.sleep(1.2)")
    said = on_terminal(code)
    assert "rtl: engine in Verilator\r\n" in said
    assert "rtl: engine in Verilator ... 00:01" in said
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == ("", "rtl: engine in Verilator\n")


def test_an_error_leaves_no_line_and_no_thread():
    code = CODE + ("try:\n  with working('synthesise'): 1 / 0\n"
                   "except ZeroDivisionError: pass\n"
                   "assert not [t for t in threading.enumerate() if 'draw' in t.name]")
    assert on_terminal(code).replace("\x1b[A", "").split("\r")[-1].strip() == ""
