"""Reports are written whole or not at all, and never over what is read."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fsrcnnx.cli.options import FILE
from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.errors import InputError
from tests.cli.test_outputs import picture


@click.command()
@click.argument("model")
@click.argument("folder", type=FILE)
@click.option("--json", "json_file", type=FILE)
@click.option("--images", type=FILE, multiple=True)
def report(model, folder, json_file, images):
    """A command with a report."""
    check_report(json_file, (".json", ".png"))


@pytest.mark.parametrize("file, images, says", [
    ("s.json", (), "the output is the input"),
    ("g.png", ("in/g.png", "g.png"), "the output is the input"),
    ("in/g.png", ("in",), "would replace a file of the input"),
    ("core/manifest.json", (), "would replace a file of the input"),
    ("new.txt", (), "suffix"),
    ("in/report.json", ("in",), None),
    ("new.json", ("in",), None),
])
def test_a_report_replaces_nothing_that_is_read(file, images, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/g.png", "g.png"):
        picture(Path(name))
    Path("core").mkdir()
    for name in ("core/SHA256SUMS", "core/manifest.json", "s.json", "in/report.json"):
        Path(name).write_text("")
    words = ["s.json", "core", "--json", file, *(w for name in images for w in ("--images", name))]
    done = CliRunner().invoke(report, words)
    if says is None:
        assert done.exception is None
    else:
        assert isinstance(done.exception, InputError) and says in str(done.exception)


def test_write_json_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
