"""Text is UTF-8 whatever the locale: every file and program that is opened as text says so."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for folder in ("fsrcnnx", "scripts", "sim")
                 for path in (ROOT / folder).rglob("*.py"))
OPENERS = {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile"}
OTHERS = ("Image.open(", "Model.open(", "os.open(")  # they open no text


def _mode(call: ast.Call, name: str) -> str:
    """Mode of an opener; what is not written out counts as text."""
    at = 1 if name == "fdopen" or ast.unparse(call.func) == "open" else 0
    given = [word.value for word in call.keywords if word.arg == "mode"] + call.args[at:at + 1]
    if given and isinstance(given[0], ast.Constant):
        return str(given[0].value)
    return "w+b" if name.endswith("TemporaryFile") else "r"


def without(source: str) -> list[str]:
    """Calls of a source that open text in the encoding of whatever locale there is."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = {word.arg for word in node.keywords}
        text = ast.unparse(node)
        opens = name in OPENERS and not text.startswith(OTHERS) and "b" not in _mode(node, name)
        if (opens or name == "read_text" or name == "write_text"
                or words & {"text", "universal_newlines"}) and "encoding" not in words:
            found.append(f"line {node.lineno}: {text}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_says_its_encoding(path):
    assert without(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("source", "caught"), [
    ("p.read_text()", True), ("p.read_text(errors='replace')", True),
    ("p.write_text(x)", True), ("open(p)", True), ("open(p, 'w')", True), ("p.open('a')", True),
    ("p.open()", True), ("os.fdopen(1, 'w')", True), ("NamedTemporaryFile('w')", True),
    ("subprocess.run(x, text=True)", True), ("p.read_text(encoding='utf-8')", False),
    ("open(p, 'rb')", False), ("p.open(mode='wb')", False), ("os.open(p, f)", False),
    ("Image.open(p)", False), ("TemporaryFile(dir=d)", False),
    ("run(x, text=True, encoding='utf-8')", False),
])
def test_what_does_not_is_caught(source, caught):
    assert bool(without(source)) is caught


def test_a_core_is_written_in_the_locale_of_ascii(tmp_path):
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    done = subprocess.run(
        [sys.executable, "-m", "fsrcnnx", "rtl", "fsrcnn-x_x2", "-o", tmp_path / "core"],
        env={**plain, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, cwd=ROOT,
        capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert " · (H + 1) clocks" in (tmp_path / "core" / "README.md").read_text(encoding="utf-8")
