"""What no bench reaches is reported: a planted line, an arm, a bit, a block that is never built."""

from __future__ import annotations

import pytest

pytest.importorskip("cocotb", reason="cocotb is not installed; run `make setup`")

from sim import coverage  # after the check that cocotb is there
from tests.rtl.test_benches import RTL, bench

SKID = "fsrcnnx_skid.sv"
TEXT = """module m;
  always_ff @(posedge clk_i) begin
    if (a) b <= c;
  end
  always_comb d = e;
endmodule
"""


def dat(folder, taken=1, other=1, rise=1):
    """A file of Verilator's about TEXT: how often the branch was taken or not, and a bit rose."""
    points = [(2, 3, "v_line/m", "block", "2", 7), (3, 5, "v_branch/m", "if", "3", taken),
              (3, 6, "v_branch/m", "else", "", other), (1, 1, "v_toggle/m", "b[3]:0->1", "", rise),
              (5, 3, "v_line/m", "block", "5", 7)]
    lines = ["# SystemC::Coverage-3"]
    for line, column, page, what, covers, count in points:
        said = {"f": "/x/m.sv", "l": line, "n": column, "page": page, "o": what, "h": "m"}
        said |= {"S": covers} if covers else {}
        point = "".join(f"\x01{key}\x02{value}" for key, value in said.items())
        lines.append(f"C '{point}' {count}")
    path = folder / f"{taken}{other}{rise}.dat"
    path.write_text("\n".join(lines) + "\n")
    return path


def wrong(folder, *files, lines=(), toggles=(), text=TEXT):
    """What the report finds wrong."""
    (folder / "m.sv").write_text(text)
    return coverage.report(coverage.read(files, ["m.sv"]), folder,
                           dict.fromkeys(lines, "because"), dict.fromkeys(toggles, "because"))


def test_runs_add_up(tmp_path, capsys):
    files = [dat(tmp_path, other=0, rise=0), dat(tmp_path, taken=0)]
    assert wrong(tmp_path, *files) == []
    assert capsys.readouterr().out.split()[4:14] == [
        "m", "3/3", "100.0", "%", "2/2", "100.0", "%", "1/1", "100.0", "%"]


@pytest.mark.parametrize(("counts", "said"), [
    ({"taken": 0}, "not explained: m.sv:3: if (a) b <= c;: run"),
    ({"other": 0}, "not explained: m.sv:3: if (a) b <= c;: else"),
    ({"rise": 0}, "not explained: m.sv: b: [3] 0->1"),
])
def test_a_hole_is_reported(tmp_path, counts, said):
    assert wrong(tmp_path, dat(tmp_path, **counts)) == [said]


def test_a_block_that_is_never_built_is_reported(tmp_path):
    text = TEXT.replace("endmodule", "  always_ff @(posedge clk_i) f <= g;\nendmodule")
    assert wrong(tmp_path, dat(tmp_path), text=text) == [
        "not explained: m.sv:6: always_ff @(posedge clk_i) f <= g;: built"]


def test_a_reason_explains_its_hole_and_no_other(tmp_path):
    holes = dat(tmp_path, other=0, rise=0)
    arm, bit = ("m.sv", "if (a) b <= c;", "else"), ("*", "b*")
    assert wrong(tmp_path, holes, lines=[arm], toggles=[bit]) == []
    assert wrong(tmp_path, holes, lines=[arm]) == ["not explained: m.sv: b: [3] 0->1"]
    assert wrong(tmp_path, dat(tmp_path), lines=[arm], toggles=[bit]) == [
        "no such hole: m.sv: if (a) b <= c;: else", "no such hole: *: b*"]


def test_a_row_of_the_readme_that_says_something_else_is_reported(tmp_path):
    found = coverage.read([dat(tmp_path, other=0)], ["fsrcnnx_m.sv", "m.sv"])
    row = "| `{}` | Done | within `top` | 1 | 3 of 3 | {} | 7 |\n"
    right = row.format("m", "100.0 / 50.0 / 100.0") + row.format("fsrcnnx_m", "- / - / -")
    assert coverage.misread(found, right) == []
    assert coverage.misread(found, right.replace("50.0", "100.0")) == [
        "rtl/README.md says 100.0 / 100.0 / 100.0 of m.sv: 100.0 / 50.0 / 100.0"]
    assert coverage.misread(found, "") == [
        "rtl/README.md says nothing of fsrcnnx_m.sv: - / - / -",
        "rtl/README.md says nothing of m.sv: 100.0 / 50.0 / 100.0"]


@pytest.mark.sim
def test_a_planted_line_that_no_bench_reaches_is_reported(tmp_path):
    was = "      if (advance) out_valid_o <="
    planted = "if (in_valid_i && !rst_ni) out_valid_o <= 1'b1;"
    bench("skid", "verilator", tmp_path, (was, f"      {planted}\n{was}"), coverage=True)
    reached = coverage.read([tmp_path / "build" / "coverage.dat"], [SKID])[SKID]
    text = (tmp_path / SKID).read_text()
    assert [hole[1:] for hole in coverage.holes(SKID, text, reached)] == [(planted, "run")]
    assert set(coverage.cases()) >= {"skid", "lane-pairs", "core-mac-folded", "hls-4x7"}
    assert RTL == coverage.RTL
