"""Videos of 10 bits through networks of 10 bits: every sample, every tag; depths never mix."""

import os
from functools import partial

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.onnx import io as onnx_io
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.media.clip import probe
from fsrcnnx.media.pictures.resample import bicubic, bicubic_sited
from fsrcnnx.upscale import video
from fsrcnnx.upscale.luma import prepared
from tests.clips import call, differences, ffmpeg, frames, look, make
from tests.networks import random_network

pytestmark = pytest.mark.slow

VIDEO10 = Format(False, 10, 10)
DEEP = random_network(np.random.default_rng(8), channels=(4, 3), kernels=(3, 1, 3),
                      in_format=VIDEO10, out_format=VIDEO10)
BT2020 = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]


@pytest.fixture
def deep(tiny):
    """The folder of `tiny`, with a network of 10 bits beside the one of 8."""
    (tiny / "models" / "deep_x2").mkdir()
    onnx_io.save(DEEP, tiny / "models/deep_x2/model.onnx")
    onnx_io.save_float(DEEP, tiny / "models/deep_x2/model_float.onnx")
    return tiny


def upscale(source, output, *args, model: str = "deep_x2") -> int:
    """Upscale by the network of 10 bits, or by bicubic without one."""
    named = () if "bicubic" in args else ("--model", model)
    return call("upscale", source, "-o", output, *named, *args)


def luma(plane):
    """What luma must become."""
    return golden.run(DEEP, plane)


def chroma(plane, size, shift=(0.0, 0.125)):
    """What chroma on the left luma sample must become."""
    return bicubic_sited(plane, 2, size, shift, 1023)


def centred(plane, size):
    """What chroma of luma's resolution must become."""
    return bicubic(plane, 2, 1023)[:size[0], :size[1]]


CLIPS = {
    "4:2:0 odd, tv, BT.2020": ({"pixel_format": "yuv420p10le"}, ["-color_range", "tv", *BT2020],
                               "out.mkv", ["--codec", "ffv1"], chroma),
    "4:2:0, pc": ({"pixel_format": "yuv420p10le"}, ["-color_range", "pc"], "out.mkv",
                  ["--codec", "ffv1"], chroma),
    "4:2:0 of H.264, top left": (
        {"pixel_format": "yuv420p10le", "width": 34, "height": 26},
        ["-c:v", "libx264", "-qp", "0", "-chroma_sample_location", "topleft", *BT2020], "out.mp4",
        ["--quality", "0"], partial(chroma, shift=(0.125, 0.125))),
    "4:2:0 of H.265": ({"pixel_format": "yuv420p10le", "width": 34, "height": 26},
                       ["-c:v", "libx265", "-x265-params", "lossless=1:log-level=error"],
                       "out.mp4", ["--codec", "hevc", "--quality", "0"], chroma),
    "4:2:2": ({"pixel_format": "yuv422p10le", "height": 8}, [], "out.mkv", ["--quality", "0"],
              chroma),
    "4:4:4": ({"pixel_format": "yuv444p10le", "sound": False}, [], "out.mkv", ["--quality", "0"],
              centred),
    "gray": ({"pixel_format": "gray10le", "width": 17}, ["-color_range", "pc"], "out.mkv",
             ["--codec", "ffv1"], None),
}


@pytest.mark.parametrize("name", CLIPS)
def test_every_sample_and_tag(deep, name):
    how, options, output, codec, expected = CLIPS[name]
    source = make(deep / "clip.mkv", *options, **how)
    given = frames(source)
    assert all(np.bitwise_or.reduce(planes[0], None) == 1023 for planes in given)
    assert upscale(source, output, *codec) == 0
    assert differences(source, deep / output, luma, expected) == []
    assert look(deep / output)["pix_fmt"] == how["pixel_format"]
    assert len(np.unique(frames(deep / output)[0][0])) > 256


@pytest.mark.parametrize("engine", ["golden", "emulate", "float", "bicubic",
                                    pytest.param("rtl", marks=pytest.mark.sim),
                                    pytest.param("hls", marks=pytest.mark.sim)])
def test_engines(deep, engine):
    source = make(deep / "clip.mkv", pixel_format="yuv420p10le", frames=2, width=9, height=7)
    simulator = ("--sim", "icarus") if engine == "rtl" else ()
    assert upscale(source, "out.mkv", "--codec", "ffv1", "--engine", engine, *simulator) == 0
    floats = deep / "models/deep_x2/model_float.onnx"
    expected = {"bicubic": partial(bicubic, scale=2, peak=1023), "float": lambda plane: np.clip(
        np.rint(onnx_io.run_float(floats, plane, VIDEO10, VIDEO10)), 0, 1023)}.get(engine, luma)
    assert differences(source, deep / "out.mkv", expected, chroma) == []


@pytest.mark.parametrize("size", [(33, 27), (34, 27), (5, 7)])
def test_odd_sizes_in_and_out(deep, size):
    source = make(deep / "clip.mkv", pixel_format="yuv420p10le", width=size[0], height=size[1])
    assert upscale(source, "out.mkv", "--codec", "ffv1", "--engine", "bicubic", "--scale", "3") == 0
    assert differences(source, deep / "out.mkv", partial(bicubic, scale=3, peak=1023), partial(
        lambda plane, shape: bicubic_sited(plane, 3, shape, (0, 0.25 - 0.25 / 3), 1023))) == []


def test_a_rotated_clip_comes_out_upright(deep):
    make(deep / "clip.mp4", "-c:v", "libx264", "-qp", "0", pixel_format="yuv420p10le", width=34,
         height=26)
    ffmpeg("-i", "clip.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "turned.mp4")
    assert probe(deep / "clip.mp4").size == (34, 26) and probe(deep / "turned.mp4").size == (26, 34)
    assert upscale("turned.mp4", "out.mp4", "--quality", "0") == 0
    assert (look("out.mp4")["width"], look("out.mp4")["height"]) == (52, 68)
    turned = [np.rot90(frame[0], k) for frame in frames("clip.mp4")[:1] for k in (1, -1)]
    assert any((luma(np.ascontiguousarray(t)) == frames("out.mp4")[0][0]).all() for t in turned)


def test_planted_faults_are_seen(deep):
    source = make(deep / "clip.mkv", pixel_format="yuv420p10le")
    assert upscale(source, "good.mkv", "--codec", "ffv1") == 0
    for fault, options in {
            "luma of frame 0": ["-vf", "lutyuv=y='bitand(val,1022)'"],
            "Cb of frame 0": ["-vf", "lutyuv=u='bitand(val,511)'"],
            "pix_fmt": ["-pix_fmt", "yuv422p10le"]}.items():
        ffmpeg("-i", "good.mkv", "-c:a", "copy", "-c:v", "ffv1", *options, "bad.mkv")
        try:
            found = differences(source, deep / "bad.mkv", luma, chroma)
        except ValueError:  # planes of other sizes
            found = ["pix_fmt"]
        assert any(fault in line for line in found), (fault, found)


def test_a_prescaled_network_of_10_bits(deep):
    from dataclasses import replace

    net = replace(DEEP, prescale=2)
    onnx_io.save(net, deep / "models/deep_x2/model.onnx")
    lr = np.random.default_rng(1).integers(0, 1024, (5, 6), np.uint16)
    with prepared("golden", Model.open("deep_x2"), bits=10) as run:
        got = run([lr]).planes[0]
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, golden.run(net, bicubic(lr, 2, 1023)))


@pytest.mark.parametrize("engine", [[], ["--engine", "float"], ["--engine", "onnx"]])
@pytest.mark.parametrize(("pixel_format", "model", "says"), [
    ("yuv420p10le", "tiny_x2", "clip.mkv: pixel format yuv420p10le, 10 bits; allowed: 8 bits, as "
     "models/tiny_x2/model.onnx takes; fix: take another network, or convert the clip, e.g. ffmpeg "
     "-i IN -pix_fmt yuv420p OUT"),
    ("gray", "deep_x2", "clip.mkv: pixel format gray, 8 bits; allowed: 10 bits, as "
     "models/deep_x2/model.onnx takes; fix: take another network, or convert the clip, e.g. ffmpeg "
     "-i IN -pix_fmt gray10le OUT")])
def test_another_depth_is_refused_in_one_line(deep, capsys, pixel_format, model, says, engine):
    make(deep / "clip.mkv", pixel_format=pixel_format)
    assert upscale("clip.mkv", "out.mkv", *engine, model=model) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error
    assert sorted(os.listdir()) == ["clip.mkv", "models"]


@pytest.mark.parametrize("engine", ["golden", "emulate", "onnx", "rtl", "hls"])
def test_pictures_of_8_bits_are_refused_by_a_network_of_10(deep, capsys, engine):
    Image.new("L", (5, 4)).save("a.png")
    assert upscale("a.png", "out.png", "--engine", engine) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "8 bits; allowed: 10 bits, as models/deep_x2" in error
    assert sorted(os.listdir()) == ["a.png", "models"]


def test_the_fastest_engine_takes_the_depth(deep, monkeypatch):
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    assert video.fastest_exact(Model.open("deep_x2")) == "golden"
    assert video.fastest_exact(Model.open("tiny_x2")) == "onnx"
    other = random_network(np.random.default_rng(0), in_format=Format(True, 8, 7),
                           out_format=VIDEO10)
    onnx_io.save(other, deep / "other.onnx")
    assert Model.open("other.onnx").pixel_bits == "8 signed bits in and 10 bits out"
