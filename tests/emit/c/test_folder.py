"""The folder of a C reference as a product: warnings, sanitizers, its own test, other folders."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsrcnnx.emit.c.folder import emit
from fsrcnnx.emit.c.plan import KIND
from fsrcnnx.errors import InputError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Network
from fsrcnnx.media.imaging import bicubic
from fsrcnnx.owned import whole
from tests.emit.c.compiled import compiled, program, run
from tests.networks import extreme_pictures, random_network, random_picture, sloped

VIDEO10 = Format(False, 10, 10)
NETWORKS = {
    "deconv": {},
    "deconv x3, anchor": {"scale": 3, "anchor": True, "kernels": (3, 1, 3, 1, 5)},
    "deconv x4 of 9x9, unsigned maps": {"scale": 4, "kernels": (5, 1, 3, 1, 9), "signed": False},
    "deconv x1": {"scale": 1, "kernels": (3, 1, 3, 1, 5)},
    "shuffle x3": {"scale": 3, "last": "shuffle", "anchor": True},
    "conv": {"scale": 1, "last": "conv"},
    "one layer": {"channels": (), "kernels": (3,)},
    "one layer, anchor": {"channels": (), "kernels": (5,), "anchor": True, "scale": 3},
    "16 bits": {"weight_bits": 16, "activation_bits": 16, "channels": (4, 3), "kernels": (5, 3, 3)},
    "video": {"in_format": VIDEO10, "out_format": VIDEO10, "anchor": True},
    "signed": {"in_format": Format(True, 8, 7), "out_format": Format(True, 12, 11)},
    "one bit": {"in_format": Format(False, 1, 1), "out_format": Format(False, 1, 1)},
}
SIZES = ((1, 1), (1, 7), (7, 1), (2, 2), (5, 9))


def made(name: str) -> Network:
    """A network of the list."""
    return random_network(np.random.default_rng(3), **NETWORKS[name])


@pytest.fixture
def folder(tmp_path) -> Path:
    """The folder of a small network."""
    emit(made("deconv"), tmp_path / "c")
    return tmp_path / "c"


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """The example of a network of 10 bits."""
    folder = tmp_path_factory.mktemp("video")
    emit(made("video"), folder / "c")
    return program(folder / "c", folder / "fsrcnnx_pgm")


# a compiler takes its time
QUICK = ("deconv", "deconv x1", "one layer, anchor", "shuffle x3", "signed")


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NETWORKS])
def test_the_example_is_golden_and_nothing_in_it_is_undefined(tmp_path, name):
    network = made(name)
    emit(network, tmp_path / "c")
    binary = program(tmp_path / "c", tmp_path / "fsrcnnx_pgm")
    rng, to = np.random.default_rng(4), network.in_format
    frames = [random_picture(rng, *size, to) for size in SIZES]
    frames += [np.full((4, 5), end) for end in (to.lo, to.hi)]
    frames += [np.where(frame > 0, to.hi, to.lo) for frame in extreme_pictures(4, 5).values()]
    for lr in frames:
        np.testing.assert_array_equal(run(binary, lr, network), golden.run(network, lr))


@pytest.mark.parametrize("prescale", [2, 3])
def test_the_example_enlarges_before(tmp_path, prescale):
    network = replace(made("conv"), prescale=prescale)
    emit(network, tmp_path / "c")
    binary = program(tmp_path / "c", tmp_path / "fsrcnnx_pgm")
    for size in SIZES:
        lr = random_picture(np.random.default_rng(5), *size)
        np.testing.assert_array_equal(run(binary, lr, network),
                                      golden.run(network, bicubic(lr, prescale)))


@pytest.mark.parametrize("name", ["deconv", pytest.param("video", marks=pytest.mark.slow),
                                  pytest.param("signed", marks=pytest.mark.slow)])
def test_the_readme_s_commands_pass_and_see_a_wrong_weight(tmp_path, name):
    emit(made(name), tmp_path / "c")
    text = (tmp_path / "c/README.md").read_text()
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    script = "\n".join(line.replace("path/of/this/folder", "c") for line in lines)

    def check() -> subprocess.CompletedProcess:
        return subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                              check=False)

    assert check().stdout == "PASS\n"
    source, = (tmp_path / "c").glob("*.c")
    first = re.search(r"weight_0\[.*\n\{\n    \{(-?\d+), ", source.read_text())
    wrong = int(first[1]) ^ 16
    source.write_text(f"{source.read_text()[:first.start(1)]}{wrong}"
                      f"{source.read_text()[first.end(1):]}")
    done = check()
    assert done.returncode and "differ" in done.stdout and "PASS" not in done.stdout


def test_two_networks_live_in_one_program(tmp_path):
    networks = {"one": made("deconv"), "two": made("shuffle x3")}
    for prefix, network in networks.items():
        emit(network, tmp_path / prefix, prefix=prefix)
    (tmp_path / "main.c").write_text(
        '#include "one.h"\n#include "two.h"\n#include <stdio.h>\nint main(void)\n{\n'
        '    return (printf("%s %s", one_content_hash, two_content_hash) > 0) ? 0 : 1;\n}\n')
    binary = compiled([tmp_path / "main.c", *(tmp_path / p / f"{p}.c" for p in networks)],
                      tmp_path / "both", *(f"-I{tmp_path / p}" for p in networks))
    done = subprocess.run([binary], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [network.content_hash() for network in networks.values()]


def test_the_header_is_c_plus_plus_too(folder):
    header, = folder.glob("*.h")
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    subprocess.run(["g++", "-fsyntax-only", "-Wall", "-Werror", "-x", "c++", header], check=True)


@pytest.mark.parametrize(("content", "says"), [
    (b"P6\n1 1\n255\n000", "not a binary PGM"), (b"", "not a binary PGM"),
    (b"P5\n0 1\n255\n", "not a picture"),
    (b"P5\n99999999999999999999 1\n255\n", "not a picture"), (b"P5\n2 2\n255\n000", "ends early"),
    (b"P5 # a comment\n-1 2\n255\n", "not a picture"), (b"P5\n1 1\n65535\n\4\0", "out of range"),
    (None, "cannot be read"),
])
def test_the_example_refuses_what_is_no_picture(video, tmp_path, content, says):
    if content is not None:
        (tmp_path / "a.pgm").write_bytes(content)
    done = subprocess.run([video, tmp_path / "a.pgm", tmp_path / "b.pgm"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "b.pgm").exists()


def test_a_folder_is_whole_says_what_made_it_and_is_made_the_same_again(folder, tmp_path):
    network = made("deconv")
    told = json.loads((folder / "manifest.json").read_text())
    assert told["content_hash"] == network.content_hash() and told["network"] == network.name
    assert whole(folder, KIND)
    source, = folder.glob("*.c")
    header, = folder.glob("*.h")
    assert told["files"] == [header.name, source.name]
    assert network.content_hash() in source.read_text()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    emit(network, folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert set(re.findall(r"#include (.*)", source.read_text() + header.read_text())) == {
        "<stddef.h>", "<stdint.h>", f'"{header.name}"'}
    assert not re.search(r"\b(float|double|malloc|memcpy)\b", source.read_text())


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "dear").mkdir()
    (tmp_path / "dear/letter.txt").write_text("mine")
    with pytest.raises(InputError, match=r"dear: in the way, and not a C reference"):
        emit(made("deconv"), tmp_path / "dear")
    assert [path.name for path in (tmp_path / "dear").iterdir()] == ["letter.txt"]


def test_a_slope_on_the_last_layer(tmp_path):
    network = sloped(made("shuffle x3"))
    emit(network, tmp_path / "c")
    lr = random_picture(np.random.default_rng(5), 5, 6)
    got = run(program(tmp_path / "c", tmp_path / "fsrcnnx_pgm"), lr, network)
    np.testing.assert_array_equal(got, golden.run(network, lr))
