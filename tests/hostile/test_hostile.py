"""The judge of hostile inputs catches every kind of bad answer; a few inputs of each area run."""

import importlib
import os
import sys

import pytest

from fsrcnnx.prove.builds.home import VARIABLE
from tests.hostile.__main__ import areas, cases, own_builds
from tests.hostile.case import Case, run
from tests.sessions import session

AREAS = ("learn", "onnx", "shuffle", "pictures", "process", "formats", "package", "text", "usage",
         "strangers", "floats", "collapsible")
ERROR = "import sys; sys.stderr.write('fsrcnnx: error: a.png: no such file\\n'); "
BAD = {
    "code": ("sys.exit(1)", "exit code 1, wanted 2"),
    "traceback": ("1 / 0", "a traceback, or a defect"),
    "defect": ("sys.stderr.write('fsrcnnx: error: a defect of this program\\n'); sys.exit(2)",
               "a traceback, or a defect"),
    "two lines": ("sys.stderr.write('fsrcnnx: error: b\\n'); "
                "sys.exit(2)", "2 error lines, wanted 1"),
    "long": ("sys.stderr.write('fsrcnnx: error: ' + 'a' * 700 + '\\n'); sys.exit(2)",
             "an error line of more than 600 characters"),
    "leftover": ("open('part', 'w').close(); sys.exit(2)", "left behind: part"),
    "folder": ("import os; os.mkdir('part'); sys.exit(2)", "left behind: part"),
    "temporary": ("import tempfile; tempfile.mkdtemp(); sys.exit(2)", "left behind: tmp/"),
    "changed": ("open('given', 'w').close(); sys.exit(2)", "inputs changed: given"),
    "erased": ("import os; os.remove('given'); sys.exit(2)", "inputs changed: given"),
    "memory": ("a = bytearray(300 << 20); a[::4096] = b'1' * len(a[::4096]); sys.exit(2)",
               "MB of memory, allowed 200"),
    "slow": ("import time; time.sleep(60)", "no answer within 2"),
    "child": ("import subprocess; subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, "
              "stderr=subprocess.DEVNULL); sys.exit(2)", "left behind: sleep 60"),
    "child in a group of its own": (
        "import subprocess; subprocess.Popen(['sleep', '61'], stdout=subprocess.DEVNULL, "
        "stderr=subprocess.DEVNULL, process_group=0); sys.exit(2)", "left behind: sleep 61"),
}
GROUP = "import os, subprocess, time\nopen('leader', 'w').write(str(os.getpid()))\n" \
    "subprocess.Popen(['sleep', '62'], process_group=0)\n"


def case(code, says="no such file", seconds=30, **more):
    """A case of a program made up here, with one input."""
    return Case("made-up", ("-c", ERROR + code), lambda home: (home / "given").write_text("a"),
                says=says, program=sys.executable, seconds=seconds, megabytes=200, **more)


def test_a_good_answer_has_no_faults(tmp_path):
    answer = run(case("sys.exit(2)"), tmp_path)
    assert (answer.faults, answer.traceback, answer.leftovers) == ((), False, ())


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_caught(tmp_path, kind):
    code, fault = BAD[kind]
    faults = run(case(code, seconds=2 if kind == "slow" else 30), tmp_path).faults
    assert any(fault in found for found in faults), faults


def test_a_line_that_says_something_else_is_caught(tmp_path):
    assert run(case("sys.exit(2)", says="no such folder"), tmp_path).faults == (
        "does not say 'no such folder'",)


def test_what_is_kept_is_no_leftover(tmp_path):
    make = "import os; os.makedirs('out/in'); open('out/in/a', 'w').close(); sys.exit(2)"
    assert run(case(make, keeps=("out",)), tmp_path).faults == ()


def test_a_signal_reaches_the_program(tmp_path):
    answer = run(case("import time; time.sleep(1.5); sys.exit(2)", stop=0.3), tmp_path)
    assert "exit code -15, wanted 2" in answer.faults[0]


@pytest.mark.parametrize("end", ["sys.exit(2)", "time.sleep(60)"])
def test_nothing_that_was_left_behind_runs_on(tmp_path, end):
    answer = run(case(GROUP + end, seconds=2), tmp_path)
    assert any("left behind: leader, sleep 62" in found for found in answer.faults), answer.faults
    assert session(int((tmp_path / "home" / "leader").read_text())) == {}


def test_a_signal_waits_for_what_is_to_be_seen(tmp_path):
    late = "import time; time.sleep(1); " + GROUP.replace("\n", "; ") + "time.sleep(30)"
    answer = run(case(late, stop=0.1, stop_when="sleep.62"), tmp_path)
    assert "exit code -15, wanted 2" in answer.faults[0]
    assert 1 < answer.seconds < 20 and "sleep 62 " in answer.leftovers


@pytest.mark.parametrize("never", [{"stop": 20}, {"stop": 0, "stop_when": "sleep.63"}])
def test_a_program_that_ends_before_its_signal_is_caught(tmp_path, never):
    assert "it ended before it could be stopped" in run(case("sys.exit(2)", **never),
                                                        tmp_path).faults


def listed(area):
    """The cases of one area."""
    return importlib.import_module(f"tests.hostile.{area}").CASES


def test_names_are_unique_and_areas_are_there():
    assert areas() == sorted(AREAS)
    assert len(cases([])) >= 200
    for area in AREAS:
        assert len(listed(area)) >= 5, area


def test_builds_of_cases_are_not_the_users(monkeypatch):
    monkeypatch.setenv(VARIABLE, "mine")
    with own_builds():
        assert os.environ[VARIABLE] != "mine" and not os.listdir(os.environ[VARIABLE])
    assert os.environ[VARIABLE] == "mine"


@pytest.fixture(scope="module")
def builds():
    """A folder of builds for all cases that run here."""
    with own_builds():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("area", AREAS)
def test_some_of_each_area(tmp_path, builds, area):
    one = listed(area)[0]
    answer = run(one, tmp_path)
    assert answer.faults == (), f"{one.name}: {answer.output[-500:]}"
