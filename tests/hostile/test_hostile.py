"""The judge of hostile inputs catches every kind of bad answer; a few inputs of each area run."""

import sys
from pathlib import Path

import pytest

from tests.hostile.__main__ import cases
from tests.hostile.case import Case, run

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
}


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


def test_names_are_unique_and_areas_are_there():
    assert len(cases([])) >= 5
    assert {path.stem for path in Path(__file__).parent.glob("*.py")} >= {"usage"}


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12))
def test_some_of_all_areas(tmp_path, number):
    chosen = cases([])
    one = chosen[number * len(chosen) // 12]
    answer = run(one, tmp_path)
    assert answer.faults == (), f"{one.name}: {answer.output[-500:]}"
