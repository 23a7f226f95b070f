"""HLS projects in C simulation: exact, and faults planted in their C++ are found and placed."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.emit.hls.folder import emit
from fsrcnnx.errors import CheckError, InputError, ToolError
from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.prove.builds.home import FOLDER, VARIABLE
from fsrcnnx.prove.hls import csim
from fsrcnnx.prove.hls import frames as hls
from fsrcnnx.prove.ladder import hardware as rungs_hardware
from fsrcnnx.prove.ladder.climb import verify
from fsrcnnx.upscale.luma import prepared
from tests.exact.onnx.test_foreign import Exporter
from tests.family import network, unsigned
from tests.networks import extreme_pictures, random_network, random_picture, sloped

pytestmark = pytest.mark.slow
SIZE = (4, 7)


def frames(seed: int, height: int = SIZE[0], width: int = SIZE[1]) -> list[np.ndarray]:
    """Random frames, then extremes."""
    rng = np.random.default_rng(seed)
    return [random_picture(rng, height, width) for _ in range(8)] + list(
        extreme_pictures(height, width).values())


def compiled(net, folder, size=SIZE, edit=None, **options) -> csim.Project:
    """Emit and build a project; `edit` may change the folder before."""
    emit(net, folder / "hls", height=size[0], width=size[1], **options)
    if edit:
        edit(folder / "hls")
    return csim.build(folder / "hls")


def compare(net, project, seed=0) -> list[int]:
    """Mismatches of each frame; both ways of running must agree."""
    given = frames(seed, *project.size)
    result = hls.run(project, given)
    assert result.fault == ""
    want = [golden.run(net, frame) for frame in given]
    assert len(np.unique(np.stack(want))) > 8
    return [int((a != b).sum()) for a, b in zip(result.frames, want, strict=True)]


CASES = {
    "fsrcnn-x": ({}, {}),
    "fsrcnn-s": ({"scale": 3, "anchor": True}, {"strategy": "resource", "reuse": 30}),
    "optimal-fsrcnn": ({"scale": 4, "activation_bits": 6, "weight_bits": 5},
                       {"strategy": "distributed_arithmetic"}),
    "fsrcnn": ({"prelu": False}, {"reuse": 3}),
    "srcnn-9-1-5": ({}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_family_is_exact(tmp_path, name):
    of, options = CASES[name]
    net = network(np.random.default_rng(4), name, narrow=True, **of)
    assert compare(net, compiled(net, tmp_path, **options)) == [0] * 12


@pytest.mark.parametrize(("scale", "options"), [
    (2, {}), (3, {"strategy": "resource", "reuse": 18}),
    (4, {"reuse": 3})])
def test_a_sub_pixel_convolution_is_exact(tmp_path, scale, options):
    net = random_network(np.random.default_rng(4), channels=(3,), kernels=(3, 3), scale=scale,
                         anchor=scale == 3, last="shuffle")
    net = sloped(net) if scale == 3 else net
    project = compiled(net, tmp_path, **options)
    assert compare(net, project) == [0] * 12
    if scale == 2:  # two phases' biases change places
        name = next(path.name for path in sorted((project.folder / "weights").glob("b*.txt"))
                    if len(path.read_text().split(",")) == 4)

        def swap(text):
            bias = text.split(", ")
            return ", ".join([bias[0], bias[2], bias[1], bias[3]])
        wrong = faulty(project, tmp_path, name, swap)
        assert sum(compare(net, wrong)) > 0
        assert hls.locate(net, wrong, frames(0)[0]).layer == "shuffle"


def test_a_shipped_model_is_exact(tmp_path):
    net = Model.open("fsrcnn-x_x2").network
    assert compare(net, compiled(net, tmp_path)) == [0] * 12


def test_a_file_of_another_tool_is_exact(tmp_path):
    """Weights off the grid, other names, ReLU: as Brevitas exports them."""
    (tmp_path / "foreign.onnx").write_bytes(Exporter(np.random.default_rng(1)).model(relu=True))
    net = onnx_io.load(tmp_path / "foreign.onnx")
    assert compare(net, compiled(net, tmp_path)) == [0] * 12


@pytest.fixture(scope="module")
def small():
    """Five layers with unsigned feature maps, an anchor and PReLU before it is rounded."""
    net = unsigned(random_network(np.random.default_rng(11), channels=(4, 3), kernels=(3, 1, 3),
                                  anchor=True))
    return replace(net, layers=(*net.layers[:1], replace(
        net.layers[1], slope=None, slope_format=None), *net.layers[2:])).check()


@pytest.fixture(scope="module")
def project(small, tmp_path_factory):
    """Its build."""
    return compiled(small, tmp_path_factory.mktemp("project"))


def test_unsigned_maps_are_exact(small, project):
    assert compare(small, project) == [0] * 12
    assert hls.locate(small, project, frames(0)[0]) is None


def test_one_pixel_frames_are_exact(small, tmp_path):
    net = replace(small, anchor=False)
    result = hls.run(compiled(net, tmp_path, (1, 1)), given := frames(3, 1, 1))
    assert [int(f[0, 1]) for f in result.frames] == [golden.run(net, lr)[0, 1] for lr in given]


def faulty(project, folder, name, edit) -> csim.Project:
    """The build with one of its weight files changed: no new compiling."""
    copy = shutil.copytree(project.folder, folder / "build")
    (copy / "weights" / name).write_text(edit((copy / "weights" / name).read_text()))
    return replace(project, folder=copy)


def test_a_wrong_slope_is_found_and_placed(tmp_path):
    net = random_network(np.random.default_rng(12), channels=(4, 3), kernels=(3, 1, 3))
    sound = compiled(net, tmp_path / "sound")

    def edit(text):
        slopes = text.split(", ")
        return ", ".join([*slopes[:2], f"{float(slopes[2]) + 2**-7:.7f}", *slopes[3:]])
    wrong = faulty(sound, tmp_path, "a5.txt", edit)
    assert sum(compare(net, sound)) == 0 and sum(compare(net, wrong)) > 0
    found = hls.locate(net, wrong, frames(0)[0])
    assert (found.layer, found.channel) == ("conv1", 2)


@pytest.mark.parametrize(("what", "by"), [("AP_RND_CONV", "AP_RND"), ("AP_SAT", "AP_WRAP")])
def test_another_rounding_or_overflow_is_found_and_placed(tmp_path, what, by):
    """Few bits, so that ties and saturation are frequent; the audit saw the sound text."""
    net = random_network(np.random.default_rng(5), channels=(4,), kernels=(3, 3), weight_bits=3,
                         activation_bits=5, prelu=False)

    def edit(folder):
        defines = folder / "firmware" / "defines.h"
        lines = [line.replace(what, by) if "layer2_t" in line else line
                 for line in defines.read_text().splitlines()]
        defines.write_text("\n".join(lines))
    wrong = compiled(net, tmp_path, edit=edit)
    assert sum(compare(net, wrong)) > 0
    assert {found.layer for lr in frames(0) if (found := hls.locate(net, wrong, lr))} == {"conv0"}


def test_a_lost_beat_is_a_fault(small, tmp_path):
    net = replace(small, anchor=False)

    def edit(folder):
        top = folder / "firmware" / "fsrcnnx_hls.cpp"
        call = "    nnet::zeropad2d_cl"
        top.write_text(top.read_text().replace(call, f"    lr.read();\n{call}", 1))
    wrong = compiled(net, tmp_path, edit=edit)
    result = hls.run(wrong, frames(0))
    assert result.fault and result.frames[0] is None
    assert hls.locate(net, wrong, frames(0)[0]) is None


def test_the_bench_compares_and_says_where(small, project):
    given = frames(0)[:2]
    want = [golden.run(small, frame) for frame in given]
    assert csim.bench(project, given, want)[1] == 0
    want[1][3, 4] ^= 1
    assert csim.bench(project, given, want)[1] == 1
    assert csim.bench(project, given, want[:1])[1] == 1


@pytest.mark.parametrize("frame", [np.zeros((4, 6), np.uint8), np.zeros(SIZE), np.full(SIZE, 256)])
def test_frames_that_do_not_fit(project, frame):
    with pytest.raises(InputError, match="emit a project of its size"):
        csim.predict(project, [frame])


def test_projects_that_are_none(tmp_path, project):
    with pytest.raises(InputError, match="not an HLS project"):
        csim.build(tmp_path)
    with pytest.raises(InputError, match="no frames"):
        csim.predict(project, [])


def test_cpp_that_does_not_compile(small, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(ToolError, match=r"cannot compile .*error.*failed-"):
        compiled(small, tmp_path, edit=lambda folder: (
            folder / "firmware" / "defines.h").write_text("#error planted\n"))
    kept = tmp_path / "cache" / FOLDER
    assert [path.name for path in kept.iterdir() if path.is_dir()] == ["logs"]


def test_the_ladder_climbs_and_falls(small, tmp_path, monkeypatch):
    monkeypatch.setattr(rungs_hardware, "HLS_TILES", ((3, 5), (1, 1)))
    onnx_io.save(small, tmp_path / "model.onnx")
    Image.fromarray(frames(1, 3, 5)[0]).save(tmp_path / "photo.png")
    report = verify(Model(tmp_path / "model.onnx"), [tmp_path / "photo.png"],
                    ["hls", "hls-pictures"], lr=True)
    report.check()
    assert [record.image for record in report.records if record.rung == "hls-pictures"] == [
        "photo.png"]
    assert {record.image for record in report.records if record.rung == "hls"} >= {
        "random-29x17[5x3+12+7]", "random-1x1", "random-64x2[1x1+31+0]"}
    right = hls.make
    wrong = replace(small, layers=(replace(small.layers[0], bias=small.layers[0].bias + 64),
                                   *small.layers[1:]))
    monkeypatch.setattr(hls, "make", lambda net, *size, proved: right(wrong, *size))
    report = verify(Model(tmp_path / "model.onnx"), rungs=["hls"])
    with pytest.raises(CheckError, match="conv0 y=0"):
        report.check()


def test_pictures_by_the_engine(small, tmp_path):
    onnx_io.save(small, tmp_path / "model.onnx")
    given = [frames(0)[0], frames(0, 3, 5)[0], frames(0)[1]]
    seen = []
    with prepared("hls", Model(tmp_path / "model.onnx"), progress=seen.append) as run:
        hr = run(given).planes
    for lr, picture in zip(given, hr, strict=True):
        np.testing.assert_array_equal(picture, golden.run(small, lr))
    assert seen == [0.0, 0.5, 1.0]


def test_whole_pictures_only_where_there_are_some(small, tmp_path):
    onnx_io.save(small, tmp_path / "model.onnx")
    with pytest.raises(InputError, match="no pictures for the rung hls-pictures"):
        verify(Model(tmp_path / "model.onnx"), rungs=["hls-pictures"])
