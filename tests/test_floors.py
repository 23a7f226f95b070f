"""The rooms of the package: no import runs back, and torch and numpy stay where they belong."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fsrcnnx"
GROUND = {"", "media", "media/pictures"}
EXACT = GROUND | {"exact", "exact/onnx"}
LEARN = EXACT | {"learn", "learn/training", "learn/quantising"}
EMIT = EXACT | {"emit", "emit/rtl", "emit/hls"}
PROVE = LEARN | EMIT | {"prove", "prove/simulation", "prove/hls", "prove/engines", "prove/ladder"}
# what the files of each folder may import of the package; the first is what lies at the top
ALLOWED = {
    "": {""},
    "media": GROUND,
    "media/pictures": GROUND,
    "exact": GROUND | {"exact"},
    "exact/onnx": EXACT,
    "learn": LEARN - {"learn/quantising"},
    "learn/training": LEARN - {"learn/quantising"},
    "learn/quantising": LEARN,
    "emit": EXACT | {"emit"},
    "emit/rtl": EMIT - {"emit/hls"},
    "emit/hls": EMIT - {"emit/rtl"},
    "prove": PROVE - {"prove/simulation", "prove/hls"},
    "prove/simulation": PROVE - {"prove/hls", "prove/engines", "prove/ladder"},
    "prove/hls": PROVE - {"prove/simulation", "prove/engines"},
    "prove/engines": PROVE - {"prove", "prove/ladder"},
    "prove/ladder": PROVE,
    "upscale": PROVE | {"upscale"},
    "report": PROVE | {"upscale", "report"},
    "cli": PROVE | {"upscale", "report", "cli"},
}
TOP = {"__init__", "errors", "files", "install", "interrupts", "limits", "manifests", "names",
       "owned", "processes", "progress", "tools"}
TORCH = ("learn/", "exact/emulate.py", "exact/kernels.py")
GOLDEN = {"numpy", "fsrcnnx.exact.formats", "fsrcnnx.exact.network", "fsrcnnx.errors"}


def folder(path: Path, root: Path) -> str:
    """Folder of a file below the package, empty at its top."""
    inside = path.parent.relative_to(root).as_posix()
    return "" if inside == "." else inside


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


def modules(root: Path) -> dict[str, Path]:
    """Every file of a package by its module name; sources that it links to are not its own."""
    return {name_of(path, root): path for path in sorted(root.rglob("*.py"))
            if not any(above.is_symlink() for above in path.parents)}


def violations(root: Path) -> list[str]:
    """Imports of a package that its rooms do not allow, as lines of text."""
    files = modules(root)
    assert files
    wrong = []
    for module, path in files.items():
        inside, room = path.relative_to(root).as_posix(), folder(path, root)
        if not room and path.stem not in TOP | {"__main__"}:
            wrong.append(f"{inside}: a file at the top that is not the ground")
        for line, target in imports(path.read_text(), set(files)):
            where = f"{inside}:{line} imports {target}"
            if target in files and path.stem != "__main__":
                theirs = folder(files[target], root)
                if theirs not in ALLOWED.get(room, ()):
                    wrong.append(f"{where}: from {room or 'the top'} to {theirs or 'the top'}")
            if target.split(".")[0] == "torch" and not inside.startswith(TORCH):
                wrong.append(f"{where}: torch")
            if module == "fsrcnnx.exact.golden" and target not in GOLDEN | {"__future__"}:
                wrong.append(f"{where}: golden")
    return wrong


def circle(root: Path) -> list[str]:
    """Files of a package that import each other in a circle, wherever the imports stand."""
    files = modules(root)
    targets = {module: {target for _, target in imports(path.read_text(), set(files))
                        if target in files} for module, path in files.items()}
    try:
        TopologicalSorter(targets).prepare()
    except CycleError as found:
        return found.args[1]
    return []


def test_no_arrow_runs_back():
    assert violations(PACKAGE) == []


def test_every_room_is_there():
    files = modules(PACKAGE)
    assert {folder(path, PACKAGE) for path in files.values()} == set(ALLOWED)
    assert {path.stem for path in files.values() if not folder(path, PACKAGE)} == {
        *TOP, "__main__"}


@pytest.mark.parametrize(("path", "source", "caught"), [
    ("exact/a.py", "from fsrcnnx.learn.training import train", "from exact to learn/training"),
    ("exact/a.py", "import fsrcnnx.prove.bench", "from exact to prove"),
    ("exact/a.py", "from fsrcnnx.exact.onnx import io", "from exact to exact/onnx"),
    ("emit/a.py", "def f():\n    from fsrcnnx.learn.training import train",
     "from emit to learn/training"),
    ("emit/hls/a.py", "from fsrcnnx.emit.rtl import folder", "from emit/hls to emit/rtl"),
    ("learn/a.py", "from fsrcnnx.emit.rtl.folder import emit", "from learn to emit/rtl"),
    ("prove/engines/a.py", "from fsrcnnx.prove import bench", "from prove/engines to prove"),
    ("prove/a.py", "from fsrcnnx.cli import main", "from prove to cli"),
    ("media/a.py", "from fsrcnnx.exact import golden", "from media to exact"),
    ("errors.py", "from fsrcnnx.exact import golden", "from the top to exact"),
    ("somewhere/a.py", "from fsrcnnx import errors", "from somewhere to the top"),
    ("loose.py", "", "not the ground"),
    ("prove/a.py", "import torch.nn", "torch"),
    ("exact/golden.py", "import scipy.signal", "golden"),
    ("exact/golden.py", "from fsrcnnx.exact import tdc", "golden"),
])
def test_a_planted_arrow_is_caught(tmp_path, path, source, caught):
    root = tmp_path / "fsrcnnx"
    for inside in ("errors.py", "exact/golden.py", "exact/tdc.py", "exact/onnx/io.py",
                   "learn/training/train.py", "cli/main.py", "emit/rtl/folder.py",
                   "prove/bench.py"):
        (root / inside).parent.mkdir(parents=True, exist_ok=True)
        (root / inside).write_text("")
    (root / path).parent.mkdir(exist_ok=True, parents=True)
    (root / path).write_text(source)
    found = violations(root)
    assert len(found) == 1
    assert caught in found[0]
    assert path in found[0]


def test_no_files_import_each_other():
    assert circle(PACKAGE) == []


@pytest.mark.parametrize("sources", [
    {"a": "from fsrcnnx.emit import b", "b": "def f():\n    from fsrcnnx.emit import a"},
    {"a": "import fsrcnnx.emit.b", "b": "from fsrcnnx.emit.c import x",
     "c": "if True:\n    import fsrcnnx.emit.a"},
    {"__init__": "from fsrcnnx.emit.a import x", "a": "from fsrcnnx.emit import x"},
    {"a": "def f():\n    import fsrcnnx.emit.a"},
])
def test_a_planted_circle_is_caught(tmp_path, sources):
    root = tmp_path / "fsrcnnx"
    (root / "emit").mkdir(parents=True)
    for name, source in (sources | {"d": "from fsrcnnx.emit import a"}).items():
        (root / "emit" / f"{name}.py").write_text(source)
    assert {name.removeprefix("fsrcnnx.emit").lstrip(".") or "__init__"
            for name in circle(root)} == set(sources)
