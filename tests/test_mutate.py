"""`make mutate`: what it plants, and that it says rightly what was killed and what survives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

from fsrcnnx.errors import CheckError, InputError  # after the check that cocotb is there
from scripts.mutate import BEGINS, ENDS, QUICK, all_mutants, publish, verdict
from scripts.mutation import place, python, systemverilog
from scripts.mutation.judge import Judge, Verdict
from scripts.mutation.mutant import planted
from scripts.mutation.place import Place, outcome
from scripts.mutation.store import Answers
from scripts.mutation.subjects import ROOT, Check, Subject, subjects
from scripts.mutation.table import Judged, explained, markdown, rejected, rows, stale

MODULE = """module fsrcnnx_a #(
  parameter int Width = 8
) (
  input wire logic clk_i
);
  logic [Width-1:0] a_q;  // a && b
  if (Width < 1) begin : gen_bad_width
    fsrcnnx_error_width u_error ();
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) a_q <= '0;
    else if (step_i && b <= c) a_q <= $signed(d[2*e +: 3]) + 1'b1;
  end
`ifndef SYNTHESIS
  always @(posedge clk_i) assert (a_q != '0 || b == c);
`endif
endmodule
"""


def changed(made) -> set[str]:
    return {mutant.changed for mutant in made}


def test_operators_on_systemverilog():
    made = list(systemverilog.mutants("rtl/a.sv", MODULE))
    found = changed(made)
    for line in ("if (1'b0) a_q <= '0;", "if (rst_ni) a_q <= '0;", "if (!rst_ni) a_q <= '1;",
                 "else if (1'b1) a_q <= $signed(d[2*e +: 3]) + 1'b1;",
                 "else if (step_i || b <= c) a_q <= $signed(d[2*e +: 3]) + 1'b1;",
                 "else if (step_i && b < c) a_q <= $signed(d[2*e +: 3]) + 1'b1;",
                 "else if (step_i && b <= c) a_q <= $signed(d[2*e +: 3]) - 1'b1;",
                 "else if (step_i && b <= c) a_q <= $signed(d[2*e+1 +: 3]) + 1'b1;",
                 "else if (step_i && b <= c) a_q <= $signed(d[2*e +: 4]) + 1'b1;",
                 "else if (step_i && b <= c) a_q <= $unsigned(d[2*e +: 3]) + 1'b1;"):
        assert line in found, line
    # not the <= that assigns, no comment, port, parameter, declared width, check or assertion
    assert not any("a_q < " in line or "a_q > " in line for line in found)
    assert {mutant.number for mutant in made} == {11, 12}
    for mutant in made:
        assert mutant.apply(MODULE) != MODULE


SOURCE = '''"""Text 1."""
import math
def f(a: int = 2) -> int:
    """Add 1."""
    if a < 3 and not a[1]:
        raise ValueError(f"{a + 1}")
    zip(a, b, strict=True)
    return max(a, -4) << a[b]
'''


def test_operators_on_python():
    found = changed(python.mutants("a.py", SOURCE))
    for line in ("if a <= 3 and not a[1]:", "if a < 3 or not a[1]:", "if a < 4 and not a[1]:",
                 "if a < 3 and a[1]:", "if a < 3 and not a[2]:", "if not (a < 3 and not a[1]):",
                 "return min(a, -4) << a[b]", "return max(a, 4) << a[b]",
                 "return max(a, -4) >> a[b]", "return max(a, -4) << a[(b) - 1]"):
        assert line in found, line
    assert not any(word in line for line in found for word in ("raise", "False", "Text", "Add"))


def test_every_file_has_mutants_that_are_programs():
    for file, subject in subjects().items():
        text, made = (ROOT / file).read_text(), all_mutants(subject)
        assert made, file
        assert len({mutant.apply(text) for mutant in made} | {text}) == len(made) + 1
        if file.endswith(".py"):
            for mutant in sorted(made, key=lambda mutant: mutant.order(1))[:8]:
                compile(mutant.apply(text), file, "exec")


def test_every_module_is_judged_in_both_simulators():
    found = subjects()
    assert {f"rtl/{path.name}" for path in (ROOT / "rtl").glob("*.sv")} <= set(found)
    for subject in found.values():
        if subject.core:
            assert subject.checks["icarus"] and subject.checks["verilator"]


def test_explanations_name_mutants_that_there_are():
    known = explained((ROOT / "scripts" / "mutation" / "survivors.toml").read_text())
    assert stale(known.values(), [m for s in subjects().values() for m in all_mutants(s)]) == []


def test_the_table_of_modules_says_what_was_killed():
    page = (ROOT / "docs" / "mutation.md").read_text()
    killed = {name: "; ".join(cell.strip() or "-" for cell in cells) for name, *cells in re.findall(
        r"^\| `rtl/(fsrcnnx_\w+)\.sv` \|(?:[^|]*\|){3}([^|]*)\|([^|]*)\|", page, re.M)}
    said = dict(re.findall(r"^\| `(fsrcnnx_\w+)` \|(?:[^|]*\|){3} ([^|]+) \| [^|]+ \| \d+ \|$",
                           (ROOT / "rtl" / "README.md").read_text(), re.M))
    assert said.pop("fsrcnnx_graph_N") == "N/A: its emitters' are"
    assert said == killed


ENTRY = '[[survivor]]\nfile = "rtl/a.sv"\nline = "a"\nchanged = "b"\nkind = "{}"\nreason = "{}"\n'


@pytest.mark.parametrize("text", [ENTRY.format("true", "x"), ENTRY.format("accepted", ""),
                                  "[[survivor]]\nfile = 'a'\n", "="])
def test_a_wrong_explanation_is_refused(text):
    with pytest.raises(InputError, match=r"survivors.toml"):
        explained(text)


def judged(changed: str, **verdicts: str) -> Judged:
    """A mutant of line `a`, and outcomes."""
    return Judged(planted("rtl/a.sv", "a\n", "test", 0, "a", changed),
                  {column: Verdict(outcome) for column, outcome in verdicts.items()})


def test_what_is_not_as_it_must_be_is_said():
    known = explained(ENTRY.format("equivalent", "x") + ENTRY.replace('"b"', '"c"').format(
        "accepted", "y"))
    killed = judged("k", icarus="failed", verilator="hangs", proofs="passed")
    assert verdict([killed], known, ("icarus", "verilator", "proofs")) == []
    assert verdict([killed, judged("b", icarus="passed")], known, ("icarus",)) == []
    # an explained one that some input tells from the module counts
    wrong, = verdict([killed, judged("c", icarus="passed")], known, ("icarus",))
    assert wrong == "Icarus: 1 of 2 killed, 50.0 %, less than 98 %"
    wrong = verdict([killed, judged("d", icarus="failed", verilator="passed")], known,
                    ("icarus", "verilator"))
    assert [line.split(":")[0] for line in wrong] == ["Verilator", "survives unexplained"]
    assert "in verilator" in wrong[1]
    one, = stale(known.values(), [judged("b").mutant])
    assert one.reason == "y"


def test_the_table_counts():
    known = explained(ENTRY.format("equivalent", "x"))
    cells = rows([judged("k", icarus="failed"), judged("b", icarus="passed"), judged("r"),
                  judged("s", icarus="rejected")], {"rtl/a.sv": 9, "rtl/b.sv": 2}, known,
                 ("icarus",))
    assert cells[1] == ["`rtl/a.sv`", "9", "4", "2", "1 of 1", "1 of 1"]
    assert cells[2][0] == "all" and len(cells) == 3
    assert markdown(cells).count("\n") == 4


@pytest.mark.parametrize(("code", "said", "what"), [
    (0, "3 passed", place.PASSED), (1, "1 failed", place.FAILED), (-24, "", place.HANGS),
    (1, "Process 'vvp' terminated with error -24", place.HANGS),
    (1, "ERROR collecting tests/a.py", place.REJECTED),
    (1, "fsrcnnx: error: icarus: cannot be compiled: x", place.REJECTED),
    (1, "the bench did not run: x; fix: see /no/build.log and /no/run.log", place.REJECTED),
    (1, f"the bench did not run: x; fix: see /no/build.log and {__file__}", place.FAILED)])
def test_outcomes(code, said, what):
    assert outcome(code, said) == what


def test_answers_outlive_a_line_cut_off(tmp_path):
    path = tmp_path / "a" / "answers.jsonl"
    Answers(path)["a"] = {"outcome": "failed"}
    with path.open("a") as file:
        file.write('{"key": "b", "outc')
    again = Answers(path)
    again["c"] = {"outcome": "passed"}
    assert Answers(path).known == {"a": {"outcome": "failed"}, "c": {"outcome": "passed"}}


def test_a_page_without_marks_is_refused(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"a\n{BEGINS}b\n{ENDS}c\n")
    publish(path, "new")
    assert path.read_text() == f"a\n{BEGINS}\nnew\n{ENDS}c\n"
    path.write_text("a")
    with pytest.raises(InputError, match="marks"):
        publish(path, "new")


TURN = "rtl/fsrcnnx_turn.sv"
PLANTED = {  # what stands in the module, and instead -> what must be said
    ("left_q == Bits'(1)", "left_q == Bits'(2)"): "killed",
    ("left_q <= left_q - 1'b1", "left_q <= left_q + '1"): "survives",
    ("left_q == Bits'(1)", "left_q == 1'b1"): "rejected",
    ("left_q <= before_q", "left_q <= nothing_q"): "rejected",
}


@pytest.mark.sim
def test_what_must_be_killed_is_killed_and_what_is_equal_survives(tmp_path):
    subject, text = subjects()[TURN], (ROOT / TURN).read_text()
    subject = Subject(TURN, {"icarus": subject.checks["icarus"][:1]}, subject.core)
    with Place.of(ROOT) as copy:
        judge = Judge(copy, Answers(tmp_path / "answers.jsonl"))
        for (was, becomes), want in PLANTED.items():
            mutant = planted(TURN, text, "test", text.index(was), was, becomes)
            one = Judged(mutant, judge.verdicts(subject, mutant, ("icarus",)))
            said = "rejected" if rejected(one) else "survives" if one.survivor else "killed"
            assert said == want, becomes
            assert (copy.folder / TURN).read_text() == (ROOT / TURN).read_text() == text
        # a check that fails without any mutant judges nothing
        (tmp_path / "test_wrong.py").write_text("def test_wrong(): assert False\n")
        wrong = Subject(TURN, {"icarus": (Check((str(tmp_path / "test_wrong.py"),)),)},
                        subject.core)
        mutant = planted(TURN, text, "test", text.index("left_q <="), "left_q", "left_q ")
        with pytest.raises(CheckError, match="without any mutant"):
            judge.verdicts(wrong, mutant, ("icarus",))


def test_a_check_without_end_is_ended(tmp_path):
    (tmp_path / "test_long.py").write_text("def test_long():\n    while True: pass\n")
    with Place.of(ROOT) as copy:
        assert copy.run([str(tmp_path / "test_long.py")], cpu=1).outcome == place.HANGS


@pytest.mark.sim
@pytest.mark.slow
def test_the_quick_subset_is_killed(tmp_path):
    done = subprocess.run([sys.executable, "-m", "scripts.mutate", "--quick", "--answers",
                           tmp_path / "answers.jsonl"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * len(QUICK)} mutants, seed 1" in done.stdout
    assert Path(tmp_path / "answers.jsonl").read_text().count('"failed"') >= 3
