"""A little of the fuzzing of the readers; whatever a reader may do wrong is caught and kept."""

from __future__ import annotations

import os
import signal
import time

import pytest
from hypothesis import strategies as st

from fsrcnnx.errors import CheckError, InputError
from tests.fuzz import __main__ as fuzzing
from tests.fuzz.readers import READERS, Reader


def refused(error):
    """A reader that refuses."""
    def read(path):
        raise error
    return read


def looped(path):
    """A reader that never ends."""
    while True:
        time.sleep(0.1)


FAULTS = {  # what a reader does -> what is said of it
    "raises what is not ours": (refused(ValueError("no")),
                                "not an error of the project: ValueError: no"),
    "fails a check": (refused(CheckError("no")), "not an error of the project: CheckError: no"),
    "allocates": (lambda path: bytearray(fuzzing.MEGABYTES + 64 << 20), "MemoryError"),
    "hangs": (looped, "no answer within 1 s"),
    "crashes": (lambda path: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
    "exits": (lambda path: exit(0), "not an error of the project: SystemExit: 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_caught(tmp_path, monkeypatch, fault):
    monkeypatch.setattr(fuzzing, "SECONDS", 1)
    read, said = FAULTS[fault]
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)  # as another test may leave it
    try:
        assert said in fuzzing.answer(read, tmp_path)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("read", [lambda path: None, refused(InputError("no"))])
def test_a_good_answer_is_none(tmp_path, read):
    assert fuzzing.answer(read, tmp_path) == ""


def test_the_smallest_file_is_kept_and_read_again(tmp_path, monkeypatch, capsys):
    def read(path):
        if b"x" in path.read_bytes():
            raise ValueError("an x")

    bad = Reader(".y4m", read, st.binary(max_size=9).map(lambda data: data + b"x" * len(data[4:])))
    monkeypatch.setitem(READERS, "y4m", bad)
    tried, (said,) = fuzzing.fuzz(bad, "y4m", 60, 1, tmp_path)
    (kept,) = tmp_path.glob("y4m-*.y4m")
    assert said == f"{kept}: not an error of the project: ValueError: an x"
    assert kept.read_bytes().count(b"x") == 1 and tried > 1
    with pytest.raises(CheckError, match="1 answered badly"):
        fuzzing.main([str(kept)], standalone_mode=False)
    assert "an x" in capsys.readouterr().out


def test_a_seed_makes_the_same_files(tmp_path):
    made = []
    for _ in range(2):
        seen = []
        reader = Reader(".y4m", lambda path: None, READERS["y4m"].spoilt.map(
            lambda data, seen=seen: seen.append(data) or data))
        fuzzing.fuzz(reader, "y4m", 0.01, 3, tmp_path)
        made.append(seen)
    assert made[0] == made[1] and len(set(made[0])) > 20


@pytest.mark.parametrize("name", READERS)
def test_some_of_each_reader(tmp_path, monkeypatch, name):
    monkeypatch.setattr(fuzzing, "ROUND", 10)
    if name in ("onnx", "weights", "hdf5"):
        pytest.importorskip("torch", reason="torch is not installed")
    fuzzing.ready([name])
    tried, wrong = fuzzing.fuzz(READERS[name], name, 0.01, 1, tmp_path)
    assert tried >= 10 and wrong == []
