"""Options that nothing would look at, given the others, are refused; those with a use are not."""

import pytest

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli

QUANTISE = "quantise w.pth t.h5 e.h5 -o out.pth --steps 0"


@pytest.mark.parametrize(("args", "option"), [
    ("verify --rungs golden --rtl-dir core", "--rtl-dir"),
    ("verify --rungs emulate,qonnx --rtl-dir core", "--rtl-dir"),
    ("verify --rungs golden --lr", "--lr"),
    ("verify --rungs golden --max-pixels 9", "--max-pixels"),
    ("ranges --lr", "--lr"),
    ("ranges --max-pixels 9", "--max-pixels"),
    ("prepare pictures -o out.h5 --eval --aug", "--aug"),
    ("upscale a.mp4 -o out.mkv --codec ffv1 --quality 3", "--quality"),
    *((f"{QUANTISE} {words}", words.split()[0]) for words in (
        "--lr 0.1", "--optimiser adam", "--teacher none", "--rounds 2", "--batch-size 4")),
])
def test_it_is_refused(args, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert console.outcome(cli.main, args.split()) == 2
    said = capsys.readouterr().err
    assert f"error: {option}: given" in said and "fix: leave it out" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("args", [
    "verify NONE --lr --max-pixels 9 --images a.png",
    "verify NONE --rungs rtl --rtl-dir core",
    "ranges NONE --images a.png --lr",
    "prepare pictures -o out.h5 --aug",
    "prepare pictures -o out.h5 --eval",
    "upscale a.mp4 -o out.mkv --codec ffv1",
    "upscale a.mp4 -o out.mkv --codec hevc --quality 3",
    "quantise w.pth t.h5 e.h5 -o out.pth --steps 1 --lr 0.1 --rounds 0",
    "quantise w.pth t.h5 e.h5 -o out.pth --steps 0 --seed 5",
])
def test_what_has_a_use_is_not(args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert console.outcome(cli.main, args.split()) == 2  # there is no such file or model
    assert ": given" not in capsys.readouterr().err
