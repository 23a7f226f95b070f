"""The Makefile: help, and wrong values that stop with one line before anything is made."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ["setup", "demo", "test", "test-fast", "hostile", "train", "quantise", "export", "rtl",
           "results", "cards", "sim", "ranges", "verify", "bench", "synth", "pnr", "record",
           "records", "hls", "c", "csim", "hls-matrix", "bench-hls", "lint", "clean", "doctor",
           "formal", "soak", "mutate", "fuzz"]


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
                     "WIDTH", "HEIGHT", "STRATEGY", "REUSE", "BITS", "STEPS", "HOLDOUT", "FPGA",
                     "RECORD"):
        assert f"\n  {variable} " in out


@pytest.mark.parametrize(("value", "allowed"), [
    ("SIM=questa", "verilator icarus"), ("SIM=", "verilator icarus"),
    ("SIM=verilator icarus", "verilator icarus"), ("SEED=1x", "an integer from 0"),
    ("SEED=-1", "an integer from 0"), ("SECONDS=0", "an integer from 1"),
    ("SEED=", "an integer from 0"), ("WAVES=yes", "0 1"),
    ("STRATEGY=fast", "latency resource distributed_arithmetic"), ("REUSE=0", "an integer from 1"),
    ("WIDTH=wide", "an integer from 1"), ("ENGINE=magic", "mac adders"),
    ("CYCLES=0", "an integer from 1"), ("WIDTH=00", "an integer from 1"),
    ("SEED=1 2", "an integer from 0"), ("SEED=٣", "an integer from 0"),
    ("SIM=%", "verilator icarus"), (f"SEED={'1' * 19}", "an integer from 0"),
    ("SEED=0x1", "an integer from 0"), ("DEVICE=stratix", "xcup ecp5 xc7"),
    ("MODEL=", "one name in models/ or build/, or one .onnx file"),
    ("MODEL=a b", "one name in models/ or build/, or one .onnx file"),
    ("MODEL=../a", "one name in models/ or build/, or one .onnx file"),
    ("MODEL=..", "one name in models/ or build/, or one .onnx file"),
    ("FPGA=ecp5", "ecp5-25 ecp5-45 ecp5-85"),
    ("STEPS=0", "an integer from 1"), ("STEPS=1e3", "an integer from 1"),
    ("HOLDOUT=0", "an integer from 1"), ("HOLDOUT=1", "an integer from 2"),
    ("HOLDOUT=", "an integer from 1"),
    *((f"BITS={bits}", "w2a2 to w16a16, then s2 to s16 unless s8, then d1 to d8, then -mixed")
      for bits in ("8", "w4", "w1a8", "w04a8", "w4a17", "w4a8s8", "w4a8d9", "w4a8d2s6", "w4w4a8",
                   "w4a8 w4a6", "w8a8-mixed", "-mixed", "mixed", "w4a8-mixed-mixed", "%")),
])
@pytest.mark.parametrize("target", ["help", "sim"])
def test_a_wrong_value_is_one_line(value, allowed, target):
    code, out, err = make(target, value)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{value} is not allowed; allowed: {allowed}" in err


@pytest.mark.parametrize("value", ["SIM=icarus", "SEED=0", "SEED=987654321", "WAVES=1", "CYCLES=64",
                                   "DEVICE=ecp5", "MODEL=some/where/model.onnx", "STEPS=60",
                                   "HOLDOUT=2", "BITS=w8a8", "BITS=w16a2", "BITS=w4a8s6d2-mixed",
                                   "FPGA=ecp5-45"])
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
    assert f"MODEL=a{character}b is not allowed; allowed: one name in models/ or build/" in err


USES = {"train": ("DATA", "{}/train"), "results": ("DATA", "{}/test/Set5"),
        "cards": ("DATA", "{}/test/Set14"), "hls-synth": ("PROJECT", "{}"),
        "sim": ("HLS_RTL", "HLS_RTL={}")}


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
    (["rtl", "SEED=2"], "SEED changes nothing in rtl; allowed: BITS CYCLES ENGINE MODEL."),
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
    before = {"synth": "rtl", "pnr": "rtl", "lint": "rtl"}
    for target, recipe in rules.items():
        want = used(recipe) | (used(rules[before[target]]) if target in before else set())
        assert set(takes.get(target, "").split()) == want, target


def test_a_name_of_the_makefile_itself_cannot_be_given():
    for name in ("RTL", "HLS", "WORK", "FWORK", "FSRCNNX", "PYTEST", "q", "images", "FLOAT", "BEST",
                 "named", "spelt", "file"):
        given = make("-n", "rtl", "hls", "train", f"{name}=x;touch y")[1]
        assert given == make("-n", "rtl", "hls", "train")[1]


def words(*args):
    """The words of the recipes that make would run."""
    code, out, err = make("-n", *args)
    assert (code, err) == (0, ""), err
    return shlex.split(out.replace("\\\n", " "))


@pytest.mark.parametrize(("given", "named"), [
    (["MODEL=d4s2m0f1l2a_x3", "BITS=w4a8"], "d4s2m0f1l2a_x3_w4a8"),
    (["MODEL=d4s2m0f1l2a_x3_w4a8"], "d4s2m0f1l2a_x3_w4a8"),
    (["MODEL=d4s2m0f1l2a_x3_w4a8", "BITS=w4a8"], "d4s2m0f1l2a_x3_w4a8"),
    (["MODEL=d4s2m0f1l2a_x3", "BITS=w6a8s6d2-mixed"], "d4s2m0f1l2a_x3_w6a8s6d2-mixed"),
    (["MODEL=d4s2m0f1l2a_x3", "BITS=w8a8"], "d4s2m0f1l2a_x3"),
    (["MODEL=d4s2m0f1l2a_x3"], "d4s2m0f1l2a_x3")])
def test_one_name_goes_through_the_whole_line(given, named):
    said = words("train", "quantise", "export", "verify", "rtl", "STEPS=60", *given)
    plain, bits = named.partition("_w")[0], f"w{named.partition('_w')[2] or '8a8'}"
    best = f"build/{plain}/x3/x3_best.pth"
    data = [f"build/{plain}/{kind}.h5" for kind in ("train", "eval")]
    at = said.index("quantise")
    assert said[at:at + 10] == ["quantise", best, *data, "-o", f"build/{named}/weights.pth",
                                "--bits", bits, "--steps", "60"]
    assert said[said.index("export") + 1] == f"build/{named}/weights.pth"
    assert said[said.index("verify") + 1] == said[said.index("rtl") + 1] == named
    assert said.count("--steps") == 2 and said.count("--holdout") == 2


def test_bits_are_those_of_the_label():
    from fsrcnnx.learn.quantising.calibrate import MIXED, Bits, label

    for text in ("w4a8", "w8a8", "w8a8s6", "w16a2s2d8", "w4a6-mixed", "w8a8d2-mixed"):
        usual = Bits.parse(text.removesuffix(MIXED))
        widths = {"feature": Bits() if text.endswith(MIXED) else usual, "map1": usual}
        want = f"build/{label('d4s2m1f1l2_x2', usual, widths)}/weights.pth"
        assert want in words("quantise", "MODEL=d4s2m1f1l2_x2", f"BITS={text}")


@pytest.mark.parametrize(("args", "says"), [
    (["rtl", "MODEL=a_x2_w4a8", "BITS=w4a6"], "allowed: w4a8, as MODEL says, or a MODEL without"),
    (["rtl", "MODEL=a/model.onnx", "BITS=w4a6"], "BITS=w4a6 of a file is not allowed"),
    (["train", "MODEL=a/model.onnx"], "allowed: a name for train, as `fsrcnnx train --help` says"),
    (["export", "MODEL=a_x2_w8a8"], "_ and the bits unless w8a8, e.g. a_x2_w4a8"),
    (["quantise", "MODEL=a_x2_w4"], "_ and the bits unless w8a8, e.g. a_x2_w4a8")])
def test_a_name_has_one_spelling(args, says):
    code, out, err = make(*args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_no_two_models_share_a_folder():
    given = ["a/model.onnx", "b/model.onnx", "model.onnx", "model", "/model.onnx", "a__model.onnx",
             "build/model/model.onnx", "a/b/model.onnx"]
    folders = []
    for model in given:
        said = words("rtl", f"MODEL={model}")
        folders.append(Path(said[said.index("-o") + 1]).parent)
    for folder in folders:
        assert not any(other.is_relative_to(folder) for other in folders if other is not folder)
    assert Path("build/model") in folders
    same = [words("rtl", f"MODEL={name}") for name in ("./a/../a/m.onnx", str(ROOT / "a/m.onnx"))]
    assert same[0][same[0].index("-o"):] == same[1][same[1].index("-o"):]


@pytest.mark.parametrize(("target", "folder"), [("train", "train"), ("results", "test/Set5")])
def test_pictures_that_are_not_there_are_named(tmp_path, target, folder):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup.sh", ".venv/bin/fsrcnnx"):
        (tmp_path / name).write_text("#!/bin/sh\necho ran\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    done = subprocess.run(["make", "--no-print-directory", target, "DATA=it's here"], cwd=tmp_path,
                          text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        f"no folder it's here/{folder}; fix: DATA=folder that holds {folder}")
    assert done.stdout == "ran\n"  # of the set-up alone


def test_results_are_of_the_shipped_models_or_of_the_one_that_is_named():
    assert "--model" not in words("results", "DATA=d")
    for given in (["MODEL=d4s2m0f1l2a_x3", "BITS=w4a8"], ["MODEL=d4s2m0f1l2a_x3_w4a8"]):
        said = words("results", *given)
        assert said[said.index("--model") + 1] == "d4s2m0f1l2a_x3_w4a8"
