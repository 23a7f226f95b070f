"""Programs that we start end with us, whatever ends us; signals unwind a command once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fsrcnnx import processes
from fsrcnnx.errors import ToolError
from fsrcnnx.interrupts import STOPS, held, stoppable

# a shell that starts another, which ignores being asked; both write their numbers
STUBBORN = "trap '' TERM INT; echo $$; (trap '' TERM INT; echo $BASHPID; sleep 60 & wait) & wait"


def alive(number: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_run_gives_what_it_says():
    done = processes.run(["sh", "-c", "cat; echo odd >&2; exit 3"], given="text")
    assert (done.returncode, done.stdout, done.stderr) == (3, "text", "odd\n")
    assert processes.run(["cat"]).stdout == ""  # nothing to read: it does not wait for a terminal


def test_what_cannot_be_started_is_said(tmp_path):
    (tmp_path / "sim").write_text("")
    for path, said in ((tmp_path / "sim", "Permission denied"), (tmp_path / "no", "No such file")):
        with pytest.raises(ToolError, match=f"{path}: cannot be started .{said}"):
            processes.run([path])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_error_ends_all_that_was_started(error):
    with pytest.raises(error), processes.child(
            ["bash", "-c", STUBBORN], grace=0.2, stdout=subprocess.PIPE, text=True) as child:
        numbers = [int(child.stdout.readline()) for _ in range(2)]
        assert all(map(alive, numbers)) and numbers[0] == child.pid
        raise error
    assert not any(map(alive, numbers)) and child.returncode == -signal.SIGKILL


def test_who_is_asked_has_time_to_go(tmp_path):
    script = f"trap 'sleep 0.3; touch {tmp_path}/clean; exit 0' INT; echo up; sleep 60 & wait"
    with pytest.raises(ZeroDivisionError), processes.child(
            ["bash", "-c", script], polite=signal.SIGINT, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        raise ZeroDivisionError
    assert (tmp_path / "clean").exists()


def test_too_long_is_too_long():
    start = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(["sleep", "60"], seconds=0.1)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("number", STOPS)
def test_each_stop_unwinds_once(number):
    seen = []
    with stoppable() as asked:
        with pytest.raises(KeyboardInterrupt):
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            finally:
                for again in STOPS:  # a second one does not tear the clean-up
                    os.kill(os.getpid(), again)
                time.sleep(0.01)
                seen.append("clean")
        assert asked.number == number
    assert seen == ["clean"]


def test_handlers_come_back_and_what_was_ignored_stays_so():
    before = [signal.getsignal(number) for number in STOPS]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
        assert asked.number == 0
    finally:
        signal.signal(signal.SIGHUP, before[2])
    assert [signal.getsignal(number) for number in STOPS] == before


def test_a_block_that_is_held_is_finished_first():
    seen = []
    with stoppable(), pytest.raises(KeyboardInterrupt), held():
        with held():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            seen.append("inner")
        seen.append("outer")
    assert seen == ["inner", "outer"]


def test_other_threads_hear_nothing():
    seen = []

    def work():
        with stoppable(), held():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


CLEANING = """
import time, click
from fsrcnnx.cli import console
from fsrcnnx.files import scratch
@click.command()
def slow():
    try:
        with scratch():
            print('ready', flush=True)
            time.sleep(60)
    finally:
        print('cleaning', flush=True)
        time.sleep(0.5)
        print('clean', flush=True)
console.guard(slow)
"""


@pytest.mark.parametrize(("number", "said"), [
    (signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "interrupted")])
def test_a_command_ends_in_one_line_however_often_it_is_asked(tmp_path, number, said):
    running = subprocess.Popen([sys.executable, "-c", CLEANING], text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    assert running.stdout.readline() == "cleaning\n"
    for again in STOPS:
        running.send_signal(again)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, err.strip(), out) == (
        128 + number, f"fsrcnnx: error: {said}", "clean\n")
    assert not list(tmp_path.iterdir())
