"""The floors of the package: no import may run back, and torch and numpy stay where they belong."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fsrcnnx"
GROUND = ("errors", "interrupts", "processes", "files", "owned", "limits", "names", "manifests",
          "install", "tools", "resample", "picture", "picture_notes", "picture_read",
          "picture_write", "imaging", "__init__")
# what each floor may import of the package; the command line (and what serves it) imports all
BELOW = {
    "ground": {"ground"},
    "exact": {"ground", "exact"},
    "learn": {"ground", "exact", "learn"},
    "emit": {"ground", "exact", "emit"},
    "prove": {"ground", "exact", "learn", "emit", "prove"},
    "top": {"ground", "exact", "learn", "emit", "prove", "top"},
}
TORCH = ("learn/", "exact/emulate.py")
GOLDEN = {"numpy", "fsrcnnx.exact.formats", "fsrcnnx.exact.network", "fsrcnnx.errors"}


def floor(module: str) -> str:
    """Floor of a module such as fsrcnnx.exact.golden."""
    parts = module.split(".")
    if len(parts) == 1:
        return "ground"
    if parts[1] in BELOW:
        return parts[1]
    return "ground" if parts[1] in GROUND else "top"


def imports(source: str, modules: set[str]) -> list[tuple[int, str]]:
    """Every import of a source, function bodies included: (line, module)."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.append((node.lineno, name if name in modules else node.module))
    return found


def name_of(path: Path, root: Path) -> str:
    """Module name of a file."""
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def violations(root: Path) -> list[str]:
    """Imports of a package that its floors do not allow, as lines of text."""
    files = {name_of(path, root): path for path in sorted(root.rglob("*.py"))}
    assert files
    wrong = []
    for module, path in files.items():
        inside = path.relative_to(root).as_posix()
        for line, target in imports(path.read_text(), set(files)):
            where = f"{inside}:{line} imports {target}"
            ours = target.split(".")[0] == "fsrcnnx"
            if ours and floor(target) not in BELOW[floor(module)]:
                wrong.append(f"{where}: from {floor(module)} to {floor(target)}")
            if target.split(".")[0] == "torch" and not inside.startswith(TORCH):
                wrong.append(f"{where}: torch")
            if module == "fsrcnnx.exact.golden" and target not in GOLDEN | {"__future__"}:
                wrong.append(f"{where}: golden")
    return wrong


def test_no_arrow_runs_back():
    assert violations(PACKAGE) == []


def test_every_floor_is_there():
    found = {floor(name_of(path, PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert found == set(BELOW)


@pytest.mark.parametrize(("path", "source", "caught"), [
    ("exact/a.py", "from fsrcnnx.learn import train", "from exact to learn"),
    ("exact/a.py", "import fsrcnnx.prove.ladder", "from exact to prove"),
    ("emit/a.py", "def f():\n    from fsrcnnx import learn", "from emit to learn"),
    ("learn/a.py", "from fsrcnnx.emit.rtl import emit", "from learn to emit"),
    ("prove/a.py", "from fsrcnnx import cli", "from prove to top"),
    ("imaging.py", "from fsrcnnx.exact import golden", "from ground to exact"),
    ("prove/a.py", "import torch.nn", "torch"),
    ("exact/golden.py", "import scipy.signal", "golden"),
    ("exact/golden.py", "from fsrcnnx.exact import tdc", "golden"),
])
def test_a_planted_arrow_is_caught(tmp_path, path, source, caught):
    root = tmp_path / "fsrcnnx"
    for inside in ("exact/golden.py", "exact/tdc.py", "learn/__init__.py", "cli.py", "emit/rtl.py",
                   "learn/train.py"):
        (root / inside).parent.mkdir(parents=True, exist_ok=True)
        (root / inside).write_text("")
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(source)
    found = violations(root)
    assert len(found) == 1
    assert caught in found[0]
    assert path in found[0]
