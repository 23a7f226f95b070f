"""upscale with pictures, `--images *.png` and `--max-pixels` on the command line."""

import os
import struct
import subprocess
import sys
import zlib

import click
import numpy as np
import pytest
from PIL import Image

from fsrcnnx import limits
from fsrcnnx.cli import console, images, memory, prove
from fsrcnnx.cli import main as cli
from fsrcnnx.cli import pictures as cli_pictures
from fsrcnnx.cli.images import spread
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.media.imaging import bicubic
from tests.networks import random_network


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with models/tiny_x2, three gray pictures and a folder of them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(7)
    (tmp_path / "models" / "tiny_x2").mkdir(parents=True)
    network = random_network(rng, channels=(4, 3), kernels=(3, 1, 3))
    onnx_io.save(network, tmp_path / "models" / "tiny_x2" / "model.onnx")
    (tmp_path / "more").mkdir()
    for name in ("a.png", "b.png", "c.png", "more/d.png"):
        Image.fromarray(rng.integers(0, 256, (9, 13), dtype=np.uint8)).save(name)
    return tmp_path


# --- upscale -------------------------------------------------------------------------------


def test_what_is_left_out_is_said_below_its_picture(home, capsys):
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (9, 99, 200)]
    frames[0].save("many.gif", save_all=True, append_images=frames[1:], comment=b"hello")
    assert call("upscale", "a.png", "-o", "one.png", "--model", "tiny_x2") == 0
    assert capsys.readouterr().out == "one.png: 26x18\n"
    assert call("upscale", "many.gif", "-o", "two.png", "--engine", "bicubic") == 0
    assert capsys.readouterr().out == "two.png: 8x8\nleft out: 2 more frames, text\n"


def test_a_turned_picture_with_alpha_through_the_command_line(home):
    rgba = np.random.default_rng(1).integers(0, 256, (5, 8, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(rgba).save("t.png", exif=exif)
    assert call("upscale", "t.png", "-o", "out.png", "--model", "tiny_x2") == 0
    out = np.asarray(Image.open("out.png"))
    assert out.shape == (16, 10, 4)
    np.testing.assert_array_equal(out[..., 3], bicubic(np.rot90(rgba[..., 3], -1), 2))


@pytest.mark.parametrize("name", [b"\xff.png", b"a\x1b[31m.png", b"a\nb.png"])
def test_a_name_that_is_no_text_is_shown_and_drives_no_terminal(home, name):
    os.rename("a.png", name)
    words = [b"upscale", name, b"b.png", b"-o", b"out", b"--engine", b"bicubic"]
    done = subprocess.run([sys.executable, "-m", "fsrcnnx", *words], capture_output=True,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 2 and done.stdout.endswith(b"out/b.png: 26x18\n")
    assert b"\x1b" not in done.stdout and os.path.exists(b"out/" + name)


BAD_THIRD = {
    "damaged behind its header": lambda: os.truncate("c.png", 90),
    "a format that is not written": lambda: os.rename("c.png", "c.gif"),
    "a folder": lambda: (os.remove("c.png"), os.mkdir("c.png")),
    "a pipe": lambda: (os.remove("c.png"), os.mkfifo("c.png")),
    "too large for its format": lambda: Image.new("L", (9000, 1)).save("c.webp", lossless=True),
}


@pytest.mark.parametrize("name", BAD_THIRD)
def test_a_bad_third_picture_leaves_no_two_outputs(home, capsys, monkeypatch, name):
    from fsrcnnx.upscale import luma

    monkeypatch.setattr(luma, "upscale", lambda *_, **__: pytest.fail("work was begun"))
    BAD_THIRD[name]()
    third = next(path for path in ("c.webp", "c.gif", "c.png") if os.path.exists(path))
    assert call("upscale", "a.png", "b.png", third, "-o", "out", "--model", "tiny_x2") == 2
    # a folder is a video's frames, which pictures are not mixed with
    assert ("a.png" if name == "a folder" else third) in capsys.readouterr().err
    assert not (home / "out").exists()


def test_an_error_in_the_work_leaves_no_empty_folder(home, monkeypatch, capsys):
    from fsrcnnx.upscale import luma

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(luma, "upscale", full)
    assert call("upscale", "a.png", "b.png", "-o", "out", "--model", "tiny_x2") == 2
    assert "No space left" in capsys.readouterr().err
    assert not (home / "out").exists()


@pytest.mark.parametrize("engine", ["golden", "onnx", "bicubic"])
def test_a_picture_that_memory_does_not_hold_is_refused(home, capsys, monkeypatch, engine):
    monkeypatch.setattr(cli_pictures, "free_memory", lambda: 10_000)
    model = () if engine == "bicubic" else ("--model", "tiny_x2")
    assert call("upscale", "a.png", "-o", "out.png", *model, "--engine", engine) == 2
    err = capsys.readouterr().err
    assert "a.png: 13x9 pixels take about" in err and f"by {engine}" in err
    assert ("--engine emulate, of the same bits" in err) == (engine != "bicubic")
    monkeypatch.setattr(cli_pictures, "free_memory", lambda: None)
    assert call("upscale", "a.png", "-o", "out.png", "--engine", "bicubic") == 0


def test_many_pictures_read_their_model_once(home, monkeypatch):
    read, load = [], onnx_io.load
    monkeypatch.setattr(onnx_io, "load", lambda path: read.append(path) or load(path))
    assert call("upscale", "a.png", "b.png", "c.png", "-o", "out", "--engine", "golden",
                "--model", "tiny_x2") == 0
    assert len(read) <= 2


def test_the_memory_that_is_free_is_seen():
    free = memory.free_memory()
    assert free is None or 1 << 20 < free < 1 << 50


# --- how large -----------------------------------------------------------------------------


def large_header(path):
    """A PNG whose header says 12000x9000."""
    head = struct.pack(">IIBBBBB", 12000, 9000, 8, 0, 0, 0, 0)
    body = b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(
        ">I", zlib.crc32(name + data)) for name, data in ((b"IHDR", head), (b"IDAT", b"")))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


COMMANDS = (["upscale", "large.png", "-o", "out.png", "--engine", "bicubic"],
            ["verify", "tiny_x2", "--images", "large.png"],
            ["ranges", "tiny_x2", "--images", "large.png"],
            ["test", "big", "--model", "tiny_x2"], ["prepare", "big", "-o", "out.h5"],
            ["demo", "--image", "large.png", "--model", "tiny_x2", "-o", "out"])


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: args[0])
def test_max_pixels_reaches_every_command_that_reads_pictures(home, capsys, args):
    large_header(home / "large.png")
    (home / "big").mkdir()
    large_header(home / "big" / "large.png")
    assert call(*args) == 2
    assert "12000x9000 are 108000000 pixels; allowed: up to 100000000" in capsys.readouterr().err
    assert call(*args, "--max-pixels", 7) == 2
    assert "allowed: up to 7;" in capsys.readouterr().err
    assert limits.PIXELS_VARIABLE not in os.environ, "the option holds for its command only"
    assert call(*args, "--max-pixels", 0) == 2
    assert "Invalid value for '--max-pixels'" in capsys.readouterr().err


def test_the_option_is_on_every_command_that_reads_pictures():
    have = {name for name, command in cli.main.commands.items()
            if "max_pixels" in {option.name for option in command.params}}
    assert have == {"upscale", "verify", "ranges", "test", "prepare", "quantise", "demo", "results",
                    "card"}


def test_the_variable_that_was_there_comes_back(home, monkeypatch):
    monkeypatch.setenv(limits.PIXELS_VARIABLE, "117")
    assert call("upscale", "a.png", "-o", "out.png", "--engine", "bicubic") == 0
    assert call("upscale", "a.png", "-o", "out.png", "--engine", "bicubic", "--max-pixels", 9) == 2
    assert os.environ[limits.PIXELS_VARIABLE] == "117"


# --- --images ------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "model", "images"), [
    ("", "fsrcnn-x_x2", []),
    ("--images a.png", "fsrcnn-x_x2", ["a.png"]),
    ("--images a.png b.png c.png", "fsrcnn-x_x2", ["a.png", "b.png", "c.png"]),
    ("tiny_x2 --images a.png b.png", "tiny_x2", ["a.png", "b.png"]),
    ("tiny_x2 --images a.png --images b.png", "tiny_x2", ["a.png", "b.png"]),
    ("--images a.png b.png --images c.png more", "fsrcnn-x_x2", ["a.png", "b.png", "c.png",
                                                                 "more"]),
    ("--images a.png b.png --seed 3 tiny_x2", "tiny_x2", ["a.png", "b.png"]),
    ("--images a.png b.png -- tiny_x2", "tiny_x2", ["a.png", "b.png"]),
    ("--images a.png tiny_x2", "tiny_x2", ["a.png"]),
    ("--images a.png b.png x/model.onnx", "x/model.onnx", ["a.png", "b.png"]),
    ("--images a.png none.png", "fsrcnn-x_x2", ["a.png", "none.png"]),
    ("--images tiny_x2 a.png", "fsrcnn-x_x2", ["tiny_x2", "a.png"]),
    ("--images=a.png b.png", "fsrcnn-x_x2", ["a.png", "b.png"]),
    ("--images=a.png", "fsrcnn-x_x2", ["a.png"]),
    ("tiny_x2 --images --lr.png b.png --lr", "tiny_x2", ["--lr.png", "b.png"]),
    ("tiny_x2 --images=-x.png", "tiny_x2", ["-x.png"]),
    ("tiny_x2 --images ./--lr a.png", "tiny_x2", ["--lr", "a.png"]),
    ("--lr --images a.png --lr b.png", "b.png", ["a.png"]),
    ("--json --images tiny_x2", "tiny_x2", []),
])
@pytest.mark.parametrize("command", ["verify", "ranges"])
def test_images_takes_what_a_shell_gives(home, command, line, model, images):
    kind = {"verify": prove.verify, "ranges": prove.ranges}[command]
    with kind.make_context(command, line.split()) as context:
        assert context.params["model"] == model
        assert [str(path) for path in context.params["images"]] == images


@pytest.mark.parametrize(("line", "said"), [
    ("--images", "requires an argument"),
    ("one two --images a.png", "unexpected extra argument"),
    ("--images a.png one two", "unexpected extra argument"),
])
def test_images_does_not_guess(home, line, said):
    with pytest.raises(click.UsageError, match=said):
        prove.verify.make_context("verify", line.split())


def test_words_without_images_are_left_alone():
    words = ["tiny_x2", "--seed", "3", "a.png", "--", "--images", "b", "c"]
    assert spread(words, {"--seed", "--images"}) == words


def test_every_command_with_images_takes_many():
    for command in cli.main.commands.values():
        if "images" in {p.name for p in command.params if isinstance(p, click.Option)}:
            assert isinstance(command, images.Images)


def test_three_pictures_are_verified(home, capsys):
    assert call("verify", "tiny_x2", "--rungs", "golden", "--images", "a.png", "b.png", "more",
                "--json", "r.json") == 0
    text = (home / "r.json").read_text()
    assert all(name in text for name in ("a.png", "b.png", "d.png"))
