"""The rooms of the package: no import runs back, and torch and numpy stay where they belong."""

import ast
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fsrcnnx"
GROUND = {"", "media", "media/pictures"}
EXACT = GROUND | {"exact", "exact/onnx"}
LEARN = EXACT | {"learn", "learn/training", "learn/quantising"}
EMIT = EXACT | {"emit", "emit/rtl", "emit/hls", "emit/c"}
EVERY_WAY = LEARN | EMIT | {"prove/builds", "prove/simulation", "prove/hls", "prove/c",
                            "prove/engines"}
PROVE = EVERY_WAY | {"prove/ladder", "prove"}
# what the files of each folder may import of the package; the first is what lies at the top
ALLOWED = {
    "": {""},
    "media/pictures": {"", "media/pictures"},
    "media": GROUND,
    "exact": GROUND | {"exact"},
    "exact/onnx": EXACT,
    "learn": EXACT | {"learn"},
    "learn/training": LEARN - {"learn/quantising"},
    "learn/quantising": LEARN,
    "emit": EXACT | {"emit"},
    "emit/rtl": EMIT - {"emit/hls", "emit/c"},
    "emit/hls": EMIT - {"emit/rtl", "emit/c"},
    "emit/c": EMIT - {"emit/rtl", "emit/hls"},
    "prove/builds": {"", "prove/builds"},
    "prove/simulation": EXACT | {"prove/builds", "prove/simulation"},
    "prove/hls": EMIT | {"prove/builds", "prove/hls"},
    "prove/c": EMIT | {"prove/builds", "prove/c"},
    "prove/engines": EVERY_WAY,
    "prove": EVERY_WAY | {"prove"},
    "prove/ladder": PROVE,
    "upscale": PROVE | {"upscale"},
    "report": PROVE | {"upscale", "report"},
    "cli": PROVE | {"upscale", "report", "cli"},
}
TOP = {"__init__", "errors", "files", "install", "interrupts", "limits", "manifests", "names",
       "owned", "processes", "progress", "tools"}
TORCH = ("learn/", "exact/emulate.py", "exact/kernels.py")
parsed = lru_cache(maxsize=None)(ast.parse)  # several tests read the same files
GOLDEN = {"numpy", "fsrcnnx.exact.formats", "fsrcnnx.exact.network", "fsrcnnx.errors"}


def folder(path: Path, root: Path) -> str:
    """Folder of a file below the package, empty at its top."""
    inside = path.parent.relative_to(root).as_posix()
    return "" if inside == "." else inside


def imports(source: str, modules: set[str]) -> list[tuple[int, str]]:
    """Every import of a source, function bodies included: (line, module)."""
    found = []
    for node in ast.walk(parsed(source)):
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


def circle(root: Path, folders: bool = False) -> list[str]:
    """Files of a package that import each other in a circle, wherever the imports stand.

    Args:
        root: The package.
        folders: Look for folders instead, whose files do so.

    Returns:
        Their names, the first once more at the end; empty if there is no circle.
    """
    files, arrows = modules(root), {}
    for module, path in files.items():
        for _, target in imports(path.read_text(), set(files)):
            if target in files and path.stem != "__main__":
                ends = (folder(path, root), folder(files[target], root)) if folders else (
                    module, target)
                if not folders or ends[0] != ends[1]:
                    arrows.setdefault(ends[0], set()).add(ends[1])
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as found:
        return found.args[1]
    return []


def lost(source: str, files: dict[str, Path]) -> list[str]:
    """What a source imports of the package, by names of files that are not there."""
    found = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module in files and \
                files[node.module].stem == "__init__":
            own = files[node.module].read_text()
            found += [f"{node.module}.{alias.name}" for alias in node.names
                      if alias.name not in own]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module)
    return [name for name in found if name.split(".")[0] == "fsrcnnx" and name not in files]


def test_every_import_names_a_file():
    files, root = modules(PACKAGE), PACKAGE.parent
    sources = [path for folder in ("fsrcnnx", "tests", "scripts", "sim")
               for path in sorted((root / folder).rglob("*.py"))]
    assert {str(path.relative_to(root)): gone for path in sources
            if (gone := lost(path.read_text(), files))} == {}


@pytest.mark.parametrize(("source", "gone"), [
    ("import fsrcnnx.gone", ["fsrcnnx.gone"]),
    ("def f():\n    from fsrcnnx.exact.gone import f", ["fsrcnnx.exact.gone"]),
    ("from fsrcnnx.exact import gone, golden", ["fsrcnnx.exact.gone"]),
    ("from fsrcnnx import __version__, errors\nfrom fsrcnnx.exact.golden import run", []),
])
def test_a_planted_import_of_nothing_is_caught(source, gone):
    assert lost(source, modules(PACKAGE)) == gone


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
    ("media/pictures/a.py", "from fsrcnnx.media import imaging",
     "from media/pictures to media"),
    ("prove/a.py", "from fsrcnnx.prove.ladder import climb", "from prove to prove/ladder"),
    ("loose.py", "", "not the ground"),
    ("prove/a.py", "import torch.nn", "torch"),
    ("exact/golden.py", "import scipy.signal", "golden"),
    ("exact/golden.py", "from fsrcnnx.exact import tdc", "golden"),
])
def test_a_planted_arrow_is_caught(tmp_path, path, source, caught):
    root = tmp_path / "fsrcnnx"
    for inside in ("errors.py", "exact/golden.py", "exact/tdc.py", "exact/onnx/io.py",
                   "learn/training/train.py", "cli/main.py", "emit/rtl/folder.py",
                   "prove/bench.py", "media/imaging.py", "prove/ladder/climb.py"):
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


def test_no_folders_import_each_other():
    assert circle(PACKAGE, folders=True) == []


def test_a_planted_circle_of_folders_is_caught(tmp_path):
    root = tmp_path / "fsrcnnx"
    for path, source in {"emit/a.py": "from fsrcnnx.emit.rtl import b", "emit/rtl/b.py": "",
                         "emit/rtl/c.py": "def f():\n    from fsrcnnx.emit.hls import d",
                         "emit/hls/d.py": "import fsrcnnx.emit.e", "emit/e.py": "",
                         "cli/f.py": "from fsrcnnx.emit import a"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source)
    assert circle(root) == []
    assert set(circle(root, folders=True)) == {"emit", "emit/rtl", "emit/hls"}
