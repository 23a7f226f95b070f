"""The Makefile: help, and wrong values that stop with one line before anything is made."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ["setup", "demo", "test", "test-fast", "hostile", "train", "quantise", "export", "rtl",
           "sim", "ranges", "verify", "bench", "synth", "hls", "csim", "hls-matrix", "bench-hls",
           "lint", "clean", "doctor"]


def make(*args, **env):
    """Run make: exit code, output, errors."""
    done = subprocess.run(["make", "--no-print-directory", *args], cwd=ROOT, text=True,
                          capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", **env})
    return done.returncode, done.stdout, done.stderr


def test_help_is_the_default_and_lists_every_target():
    code, out, err = make()
    assert (code, err) == (0, "")
    for target in TARGETS:
        assert f"\n  {target} " in out
    for variable in ("MODEL", "SIM", "SEED", "WAVES", "DATA", "ENGINE", "CYCLES", "DEVICE",
                     "WIDTH", "HEIGHT", "STRATEGY", "REUSE"):
        assert f"\n  {variable} " in out


@pytest.mark.parametrize(("value", "allowed"), [
    ("SIM=questa", "verilator icarus"), ("SIM=", "verilator icarus"),
    ("SIM=verilator icarus", "verilator icarus"), ("SEED=1x", "an integer from 0"),
    ("SEED=-1", "an integer from 0"), ("SEED=", "an integer from 0"), ("WAVES=yes", "0 1"),
    ("STRATEGY=fast", "latency resource distributed_arithmetic"), ("REUSE=0", "an integer from 1"),
    ("WIDTH=wide", "an integer from 1"), ("ENGINE=magic", "mac"),
    ("CYCLES=0", "an integer from 1"), ("WIDTH=00", "an integer from 1"),
    ("SEED=1 2", "an integer from 0"), ("SEED=٣", "an integer from 0"),
    ("SIM=%", "verilator icarus"), (f"SEED={'1' * 19}", "an integer from 0"),
    ("SEED=0x1", "an integer from 0"), ("DEVICE=stratix", "xcup ecp5 xc7"),
    ("MODEL=", "one name in models/ or one .onnx file"),
    ("MODEL=a b", "one name in models/ or one .onnx file"),
])
@pytest.mark.parametrize("target", ["help", "sim"])
def test_a_wrong_value_is_one_line(value, allowed, target):
    code, out, err = make(target, value)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{value} is not allowed; allowed: {allowed}" in err


@pytest.mark.parametrize("value", ["SIM=icarus", "SEED=0", "SEED=987654321", "WAVES=1", "CYCLES=64",
                                   "DEVICE=ecp5", "MODEL=some/where/model.onnx"])
def test_a_right_value_passes(value):
    assert make("help", value)[0] == 0


VARIABLES = re.search(r"VARIABLES := ((?:.*\\\n)*.*)", (ROOT / "Makefile").read_text())[1]
NAMES = VARIABLES.replace("\\", "").split()


@pytest.fixture
def trap(tmp_path):
    """A file that hostile values try to make, and what they might be."""
    path = tmp_path / "trap"
    yield path
    assert not path.exists()


def attacks(path):
    """Values that would make a file, were they expanded by make or read by a shell."""
    return {"make": f"$(shell touch {path})", "braces": f"${{shell touch {path}}}",
            "file": f"$(file >{path},x)", "shell": f"x;touch${{IFS}}{path}",
            "line": f"x\ntouch {path}", "value": f"$(value $(shell touch {path}))",
            "end": f"1)$(shell touch {path})"}


@pytest.mark.parametrize("kind", attacks("trap"))
@pytest.mark.parametrize("name", NAMES)
def test_make_expands_no_value(trap, name, kind):
    value = attacks(trap)[kind]
    for code, out, err in (make("help", f"{name}={value}"), make("help", **{name: value})):
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert re.search(rf"{name} holds a \$ or a line break, which is not allowed", err)


METACHARACTERS = [";", "&", "|", "<", ">", "(", ")", "{", "}", "[", "]", "*", "?", "!", "#", "~",
                  "'", '"', "`", "\\", "%"]


@pytest.mark.parametrize("character", METACHARACTERS)
def test_a_model_is_a_name_or_a_path(character):
    code, out, err = make("rtl", f"MODEL=a{character}b")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"MODEL=a{character}b is not allowed; allowed: one name in models/ or one" in err


USES = {"train": ("DATA", "{}/train"), "results": ("DATA", "{}/test/Set5"),
        "hls-synth": ("PROJECT", "{}"), "sim": ("HLS_RTL", "HLS_RTL={}")}


@pytest.mark.parametrize("target", USES)
@pytest.mark.parametrize("value", ["/a b/c", "/it's", "/a;touch x", "/`x`", "/a&b", '/a"b', "/(1)",
                                   "/a\\b", "/a%b", "/a*", "/<>|#"])
def test_a_path_reaches_the_shell_as_one_word(target, value):
    name, want = USES[target]
    code, out, _ = make("-n", target, f"{name}={value}")
    assert code == 0
    assert want.format(value) in shlex.split(out)


@pytest.mark.parametrize("name", ["MODEL", "DATA", "IMAGES", "PROJECT", "HLS_RTL"])
def test_a_path_is_no_option(name):
    code, out, err = make("help", f"{name}=--help")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{name}=--help is not allowed" in err


@pytest.mark.parametrize("target", ["verify", "csim", "ranges", "verify-models"])
def test_pictures_are_paths_or_patterns(tmp_path, target):
    for name in ("a.png", "b.png", "it's;.png"):
        (tmp_path / name).write_text("")
    code, out, _ = make("-n", target, f"IMAGES={tmp_path}/[ab].png {tmp_path}")
    assert code == 0
    words = shlex.split(out)
    assert [words[at + 1] for at, word in enumerate(words) if word == "--images"] == [
        f"{tmp_path}/a.png", f"{tmp_path}/b.png", str(tmp_path)]
    assert f"{tmp_path}/it's;.png" in shlex.split(make("-n", target, f"IMAGES={tmp_path}/*.png")[1])
    code, out, err = make(target, f"IMAGES={tmp_path} no/such folder")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "IMAGES: no such file or folder: no/such; allowed: paths without spaces" in err


@pytest.mark.parametrize(("args", "takes"), [
    (["sim", "MODEL=fsrcnn_x2"], "MODEL changes nothing in sim; allowed: DUT HLS_RTL SEED"),
    (["rtl", "SEED=2"], "SEED changes nothing in rtl; allowed: CYCLES ENGINE MODEL."),
    (["verify-models", "MODEL=fsrcnn_x2"], "MODEL changes nothing in verify-models"),
])
def test_a_variable_that_would_be_ignored_is_refused(args, takes):
    code, out, err = make(*args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert takes in err


def test_a_variable_that_one_of_the_targets_takes_is_taken():
    code, out, _ = make("-n", "verify", "sim", "MODEL=fsrcnn_x2", "SIM=icarus")
    assert code == 0
    assert "verify 'fsrcnn_x2'" in out and "--sim icarus" in out
    assert make("-n", "sim", MODEL="fsrcnn_x2")[0] == 0  # the environment is for all of them


def test_what_targets_take_is_what_their_recipes_use():
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    made = dict(re.findall(r"^override (\w+) *:?= *(.*)$", text, re.M))
    made |= {"PROJECT": "$(PROJECT)$(HLS)", "images": "$(IMAGES)"}
    rules = dict(re.findall(r"^([a-z-]+): [^\n]*##[^\n]*\n((?:\t.*\n)*)", text, re.M))

    def used(recipe, seen=()):
        found = set()
        for name in re.findall(r"\$\((\w+)[):]", recipe):
            found |= {name} & set(NAMES)
            if name in made and name not in seen:
                found |= used(made[name], (*seen, name))
        return found

    takes = dict(re.findall(r"^TAKES_([a-z-]+) *:= (.*)$", text, re.M))
    assert len(takes) >= 17
    before = {"synth": "rtl", "lint": "rtl"}
    for target, recipe in rules.items():
        want = used(recipe) | (used(rules[before[target]]) if target in before else set())
        assert set(takes.get(target, "").split()) == want, target


def test_a_name_of_the_makefile_itself_cannot_be_given():
    for name in ("RTL", "HLS", "WORK", "FWORK", "FSRCNNX", "PYTEST", "q", "images", "BITS"):
        given = make("-n", "rtl", "hls", "train", f"{name}=x;touch y")[1]
        assert given == make("-n", "rtl", "hls", "train")[1]
