"""The command line: pictures through every engine, bad input in one line, exit codes, lightness."""

import inspect
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from fsrcnnx.cli import console, core, emit, options
from fsrcnnx.cli import main as cli
from fsrcnnx.cli.sections import Sections
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.media.imaging import bicubic, read_picture
from fsrcnnx.upscale import luma
from tests.networks import random_network

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "numpy", "scipy", "onnx", "onnxruntime", "qonnx", "hls4ml", "PIL", "skimage",
         "matplotlib", "h5py", "yaml", "rich", "tqdm")


def call(*args):
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


def process(*args, **options):
    """Start the command line as a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "fsrcnnx", *args], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with models/tiny_x2, a gray and a colour picture; the place where commands run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(7)
    network = random_network(rng, channels=(4, 3), kernels=(3, 1, 3))
    folder = tmp_path / "models" / "tiny_x2"
    folder.mkdir(parents=True)
    onnx_io.save(network, folder / "model.onnx")
    onnx_io.save_uint8(network, folder / "model_uint8.onnx")
    onnx_io.save_float(network, folder / "model_float.onnx")
    Image.fromarray(rng.integers(0, 256, (9, 13), dtype=np.uint8)).save("gray.png")
    Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)).save("colour.png")
    return tmp_path


# --- lightness -----------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["--help"], ["upscale", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args):
    code = ("import sys\nfrom fsrcnnx.cli import console\nfrom fsrcnnx.cli import main as cli\n"
            f"assert console.outcome(cli.main, {args!r}) == 0\n"
            f"assert not set({HEAVY!r}) & set(sys.modules), set({HEAVY!r}) & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_commands():
    assert {"prepare", "train", "test", "quantise", "slim", "level", "export", "results", "card",
            "contrast", "upscale", "rtl", "sim", "verify", "synth", "doctor", "demo", "ranges",
            "bench", "import", "hls", "c", "hls-synth", "hls-cosim", "pnr"} == set(
                cli.main.commands)
    for command in cli.main.commands.values():
        assert command.help


def test_help_lists_commands_under_headings_as_the_work_goes(capsys):
    assert call("--help") == 0
    out = capsys.readouterr().out
    listed = re.findall(r"^(\S.*):$|^  ([a-z-]+)  +[A-Z]", out.partition("-h, --help")[2], re.M)
    assert [heading or name for heading, name in listed] == [
        "Use a network", "upscale", "demo",
        "Learn one", "prepare", "train", "quantise", "slim", "level", "export", "import",
        "test", "results", "card", "contrast",
        "Emit hardware and C", "rtl", "hls", "c",
        "Prove it", "verify", "ranges", "bench", "sim", "synth", "pnr", "hls-synth", "hls-cosim",
        "Set up", "doctor"]
    assert "..." not in out.partition("Use a network")[2], "a line that was cut says little"


def test_a_command_has_one_place():
    with pytest.raises(ValueError, match="demo is named twice"):
        Sections(sections={"A": cli.use.COMMANDS, "B": cli.use.COMMANDS[1:]})


def test_names_that_are_spelled_twice_agree():
    from fsrcnnx.cli import video as cli_video
    from fsrcnnx.media import ffmpeg
    from fsrcnnx.prove.simulation.compile import SIMULATORS
    from fsrcnnx.prove.synth import DEVICES
    assert options.SIMULATORS == SIMULATORS
    assert tuple(DEVICES) == core.DEVICES
    from fsrcnnx.emit.hls.reuse import STRATEGIES
    assert emit.STRATEGIES == STRATEGIES
    assert cli_video.CODECS == ffmpeg.CODECS


# --- upscale -------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["golden", "emulate", "onnx", "hls", "rtl"])
def test_a_network_of_ten_bits_is_refused_not_wrapped(home, capsys, engine):
    network = random_network(np.random.default_rng(5), channels=(2,), kernels=(1, 3))
    last = replace(network.layers[-1], out_format=Format(False, 10, 10))
    onnx_io.save(replace(network, layers=(network.layers[0], last)), home / "wide.onnx")
    assert call("upscale", "gray.png", "-o", "out.png", "--model", "wide.onnx",
                "--engine", engine) == 2
    said = capsys.readouterr().err
    assert "luma, 8 bits; allowed: 8 bits in and 10 bits out, as wide.onnx takes" in said
    assert not (home / "out.png").exists()


@pytest.mark.parametrize("engine", ["golden", "emulate", "onnx"])
def test_gray_stays_gray_and_is_exact(home, engine):
    assert call("upscale", "gray.png", "-o", "out.png", "--model", "tiny_x2",
                "--engine", engine) == 0
    out = Image.open("out.png")
    network = onnx_io.load(home / "models/tiny_x2/model.onnx")
    expected = golden.run(network, np.asarray(Image.open("gray.png")))
    assert out.mode == "L"
    assert len(np.unique(expected)) > 8
    assert np.array_equal(np.asarray(out), expected)


def test_float_is_close_to_nothing_but_itself(home):
    assert call("upscale", "gray.png", "-o", "out.png", "--model", "tiny_x2",
                "--engine", "float") == 0
    hr = onnx_io.run_float(home / "models/tiny_x2/model_float.onnx",
                           np.asarray(Image.open("gray.png")))
    assert np.array_equal(np.asarray(Image.open("out.png")),
                          np.clip(np.rint(hr), 0, 255).astype(np.uint8))


def test_onnx_file_alone(home):
    (home / "models/tiny_x2/model.onnx").rename(home / "alone.onnx")
    for engine in ("golden", "onnx"):
        assert call("upscale", "gray.png", "-o", f"{engine}.png", "--model", "alone.onnx",
                    "--engine", engine) == 0
    assert np.array_equal(Image.open("golden.png"), Image.open("onnx.png"))


def test_colour_goes_through_luma(home):
    picture = read_picture(home / "colour.png")
    network = onnx_io.load(home / "models/tiny_x2/model.onnx")
    done = luma.upscale("golden", Model.open("tiny_x2"), [picture])[0]
    assert np.array_equal(done.luma, golden.run(network, picture.luma))
    assert np.array_equal(done.chroma[..., 1], bicubic(picture.chroma[..., 1], 2))
    assert call("upscale", "colour.png", "-o", "out.png", "--model", "tiny_x2") == 0
    out = Image.open("out.png")
    assert (out.mode, out.size) == ("RGB", (10, 12))


@pytest.mark.parametrize("scale", [2, 3])
def test_bicubic_needs_no_model(home, scale):
    assert call("upscale", "gray.png", "-o", "out.png", "--engine", "bicubic",
                "--scale", scale) == 0
    assert np.array_equal(Image.open("out.png"),
                          bicubic(np.asarray(Image.open("gray.png")), scale))


def test_several_inputs_go_into_a_folder(home, capsys):
    assert call("upscale", "gray.png", "colour.png", "-o", "out", "--model", "tiny_x2") == 0
    assert sorted(p.name for p in (home / "out").iterdir()) == ["colour.png", "gray.png"]
    assert "out/gray.png: 26x18" in capsys.readouterr().out


@pytest.mark.sim
@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_rtl_engine_is_exact(home, simulator):
    assert call("upscale", "gray.png", "-o", "rtl.png", "--model", "tiny_x2", "--engine", "rtl",
                "--sim", simulator, "--max-width", 32) == 0
    assert call("upscale", "gray.png", "-o", "golden.png", "--model", "tiny_x2") == 0
    assert np.array_equal(Image.open("rtl.png"), Image.open("golden.png"))


# --- bad input -----------------------------------------------------------------------------

UPSCALE = ["upscale", "gray.png", "-o", "out.png", "--model", "tiny_x2"]


@pytest.mark.parametrize(("args", "message"), [
    (["upscale", "none.png", *UPSCALE[2:]], "none.png: no such file"),
    (["upscale", "empty.png", *UPSCALE[2:]], "empty.png: .*empty file"),
    (["upscale", "corrupt.png", *UPSCALE[2:]], "corrupt.png: cannot be read"),
    (["upscale", "models", *UPSCALE[2:]], "models: "),
    ([*UPSCALE[:3], "nowhere/out.png", *UPSCALE[4:]], "nowhere"),
    ([*UPSCALE[:3], "out.xyz", *UPSCALE[4:]], "out.xyz: .*allowed: .*png"),
    ([*UPSCALE[:3], "gray.png", *UPSCALE[4:]], "gray.png: the output is the input"),
    (["upscale", "gray.png", "sub/gray.png", "-o", "out", "--model", "tiny_x2"],
     "gray.png: two inputs have this file name"),
    ([*UPSCALE, "--scale", "3"], "--scale: scale 3; allowed: 2"),
    ([*UPSCALE, "--scale", "0"], "Invalid value for '--scale'"),
    ([*UPSCALE, "--engine", "magic"], "'magic' is not one of 'float', 'golden'"),
    ([*UPSCALE, "--engine", "rtl", "--max-width", "12"], "a frame 13 pixels wide.*up to 12"),
    ([*UPSCALE[:-1], "nope_x2"], "unknown model 'nope_x2'; allowed: .*tiny_x2"),
    ([*UPSCALE[:-1], "none.onnx"], "none.onnx: no such file"),
    ([*UPSCALE[:-1], "corrupt.onnx"], "corrupt.onnx: "),
    (["synth", "nowhere"], "nowhere: no such folder"),
    (["synth", "models", "--device", "stratix"], "'stratix' is not one of 'xcup', 'ecp5', 'xc7'"),
    (["synth", "models"], "manifest.json is missing"),
    (["pnr", "nowhere"], "nowhere: no such folder"),
    (["pnr", "models", "--device", "ecp5"], "'ecp5' is not one of 'ecp5-25', 'ecp5-45', 'ecp5-85'"),
    (["pnr", "models"], "manifest.json is missing"),
    (["pnr", "models", "--mhz", "0"], "'--mhz': 0.0 is not in"),
    (["verify", "tiny_x2", "--images", "nowhere.png"], "nowhere.png: "),
    (["verify", "tiny_x2", "--images", "void"], "void: no pictures"),
    (["verify", "tiny_x2", "--rungs", "magic"], "magic"),
    (["verify", "tiny_x2", "--rungs", ""], "unknown rung ''; allowed: float"),
    (["verify", "tiny_x2", "--seed", "-1"], "Invalid value for '--seed': -1"),
    (["verify", "tiny_x2", "--json", "nowhere/r.json"], "nowhere: the folder does not exist"),
    (["test", ".", "--model", "tiny_x2"], "colour.png: 4x6 pixels are too few; allowed: more"),
    (["test", "models", "--json", "nowhere/r.json"], "nowhere: the folder does not exist"),
    (["bench", "tiny_x2", "--contenders", ""], "unknown contender ''; allowed: golden"),
    (["rtl", "tiny_x2", "-o", "out", "--cycles-per-pixel", "0"], "allowed"),
    (["export", "none.pth", "-o", "out.png"], "none.pth"),
    (["export", "none.pth", "-o", "out/deep"], "none.pth"),
    (["prepare", "void", "-o", "out/a.h5"], "void: no pictures"),
    (["train", "none.h5", "none.h5", "-o", "out"], "none.h5: no such file"),
    (["train", "none.h5", "none.h5", "-o", "out", "--expand", "65"], "65 is not in the range"),
    (["train", "none.h5", "none.h5", "-o", "out", "--steps", "5", "--epochs", "2"], "both given"),
    (["quantise", "none.pth", "none.h5", "none.h5", "-o", "o/w.pth", "--bits", "w4"], "w2a2"),
    (["quantise", "none.pth", "none.h5", "none.h5", "-o", "out/w.pth"], "none.pth: no such file"),
    (["demo", "--model", "tiny_x2", "--image", "corrupt.png", "-o", "out.png"], "corrupt.png"),
    (["frobnicate"], "No such command 'frobnicate'"),
    (["upscale", "gray.png", "-o", "out.png", "--max-width", "-5"], "'--max-width': -5 is not in"),
    (["synth", "models", "--depth", "-1"], "'--depth': -1 is not in"),
    (["verify", "tiny_x2", "--images"], "requires an argument.*see `fsrcnnx verify --help`"),
    (["rtl", "tiny_x2", "-o"], "requires an argument.*see `fsrcnnx rtl --help`"),
    (["--loud"], "No such option.*see `fsrcnnx --help`"),
    (["verify", "tiny_x2", "--rungs", "golden,hls-pictures"], "--images: no pictures for the rung"),
    ([*UPSCALE, "--codec", "h264"], "--codec: given, but no video is written"),
    ([*UPSCALE, "--rate", "25"], "--rate: given, but no video"),
    ([*UPSCALE, "--quality", "16"], "--quality: given, but no video"),
    (["upscale", "frames", "-o", "out", "--model", "tiny_x2", "--rate", "25"], "--rate: given"),
    ([*UPSCALE[:-1], "bogus", "--engine", "bicubic"], "--model: given, but bicubic runs no"),
    (["sim", "--", "--version"], "sim: no such bench '--version'; allowed: words"),
    (["sim", "foo("], "sim: no such bench 'foo\\('"),
    (["sim", "skid", "not"], "sim: no such bench 'not'"),
    (["sim", ""], "sim: no such bench ''"),
    (["upscale"], "Missing argument"),
    (["doctor", "--loud"], "No such option"),
])
def test_bad_input_is_one_line_and_code_2(home, capsys, args, message):
    (home / "empty.png").write_bytes(b"")
    (home / "corrupt.png").write_bytes((home / "gray.png").read_bytes()[:60])
    (home / "corrupt.onnx").write_bytes(b"nothing like protobuf")
    for name in ("void", "sub", "frames"):
        (home / name).mkdir()
    (home / "frames/0.png").write_bytes((home / "gray.png").read_bytes())
    (home / "sub/gray.png").write_bytes((home / "gray.png").read_bytes())
    assert call(*args) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("fsrcnnx: error: ")
    assert re.search(message, said.err), said.err
    assert not (home / "out.png").is_file()
    assert not (home / "out").exists()
    assert not [p for p in home.rglob("*") if p.name.endswith(".part")]


# --- whatever happens ----------------------------------------------------------------------


@pytest.mark.parametrize(("happens", "code", "said"), [
    (CheckError("differs", where="rtl"), 1, "rtl: differs"),
    (InputError("odd", where="a.png", fix="mend\nit"), 2, "a.png: odd; fix: mend it"),
    (ToolError("not found", where="verilator"), 3, "verilator: not found"),
    (PermissionError(13, "Permission denied", "x"), 2, "x: Permission denied"),
    (OSError(28, "No space left on device"), 2, "system: No space left on device"),
    (MemoryError(), 2, "not enough memory"),
    (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), 2, "not enough memory on the device"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (ZeroDivisionError("odd\nthing"), 70, "a defect of this program: ZeroDivisionError: odd thing"),
])
def test_whatever_happens_is_one_line(capsys, happens, code, said):
    @click.command()
    def command():
        raise happens

    assert console.outcome(command, []) == code
    err = capsys.readouterr().err.strip()
    assert err.startswith(f"fsrcnnx: error: {said}")
    assert "\n" not in err


def test_control_c():
    slow = ("import signal, time, click\nfrom fsrcnnx.cli import console\n"
            "@click.command()\ndef slow():\n    print('ready', flush=True)\n    time.sleep(60)\n"
            "console.guard(slow)")
    running = subprocess.Popen([sys.executable, "-c", slow], text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err.strip()) == (130, "fsrcnnx: error: interrupted")


@pytest.mark.parametrize("module", ["fsrcnnx.cli.main", "click"])
def test_control_c_before_the_commands_are_loaded(module):
    pressed = ("import sys\nclass Press:\n    def find_spec(self, name, *rest):\n"
               f"        if name == {module!r}: raise KeyboardInterrupt\n"
               "sys.meta_path.insert(0, Press())\nimport runpy\n"
               "runpy.run_module('fsrcnnx', run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", pressed], text=True, capture_output=True,
                          check=False)
    assert (done.returncode, done.stderr) == (130, "fsrcnnx: error: interrupted\n")


def test_the_program_begins_where_control_c_is_looked_for():
    # not in cli.main: to find it there, it would be loaded first
    assert 'fsrcnnx = "fsrcnnx.cli:run"\n' in (PROJECT / "pyproject.toml").read_text()


def test_a_closed_pipe_is_quiet():
    noisy = ("import click\nfrom fsrcnnx.cli import console\n"
             "@click.command()\ndef noisy():\n    for _ in range(10**6): click.echo('y' * 99)\n"
             "console.guard(noisy)")
    running = subprocess.Popen([sys.executable, "-c", noisy], text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    assert running.wait(30) == 128 + signal.SIGPIPE


def test_doctor_with_a_missing_tool(tmp_path):
    """Without iverilog on PATH the doctor says so and ends with 3."""
    running = process("doctor", env={**os.environ, "PATH": str(tmp_path)})
    out, err = running.communicate(timeout=60)
    assert "builds are kept in /" in out
    row = next(line for line in out.splitlines() if "iverilog" in line)
    assert "missing" in row
    assert "apt-get install iverilog" in row
    assert running.returncode == 3
    assert "iverilog" in err
    assert err.count("\n") == 1


def test_rtl_offers_what_emit_takes(home):
    from fsrcnnx.emit.rtl.folder import emit

    offered = {param.name: param.default for param in cli.main.commands["rtl"].params}
    for name, taken in inspect.signature(emit).parameters.items():
        # a cache is nobody's to choose; a video is --frame, --fps and --mhz
        if taken.kind == taken.KEYWORD_ONLY and name not in ("keep", "video"):
            assert offered[name] == taken.default
    assert call("rtl", "tiny_x2", "-o", "core", "--max-width", "70", "--max-height", "300") == 0
    package = (home / "core" / "fsrcnnx_pkg.sv").read_text()
    assert "MAX_WIDTH = 70;" in package and "MAX_HEIGHT = 300;" in package
    assert "DIM_BITS = 9;" in package
