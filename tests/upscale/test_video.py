"""Videos through upscale: every pixel, every tag, the sound; damage, interruption, folders."""

import os
import re
import subprocess
import time
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.exact import golden
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.media import clip
from fsrcnnx.media import ffmpeg as ffmpeg_parts
from fsrcnnx.media.imaging import bicubic, picture_to_rgb, read_picture
from fsrcnnx.media.pictures.resample import bicubic_sited
from fsrcnnx.upscale import luma as door
from fsrcnnx.upscale import video
from tests.clips import NETWORK, call, differences, ffmpeg, frames, look, make, sound, upscale

pytestmark = pytest.mark.slow

BT709 = ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"]
LOSSLESS = ["--quality", "0"]


def luma(plane):
    """What luma must become."""
    return golden.run(NETWORK, plane).astype(np.uint8)


def chroma(plane, size, shift=(0.0, 0.125)):
    """What chroma on the left luma sample must become: x2 moves the raster by 1/8 of a sample."""
    return bicubic_sited(plane, 2, size, shift)


def centred(plane, size):
    """What chroma that has the resolution of luma, or lies in the middle, must become."""
    return bicubic(plane, 2)[:size[0], :size[1]]


# --- every pixel ---------------------------------------------------------------------------


CLIPS = {
    "4:2:0 odd, tv, BT.709": ({}, ["-color_range", "tv", *BT709], chroma),
    "4:2:0 full range": ({}, ["-color_range", "pc", "-colorspace", "smpte170m"], chroma),
    "4:2:0 of H.264, full": ({"pixel_format": "yuvj420p", "width": 34, "height": 26},
                             ["-c:v", "libx264", "-qp", "0", *BT709], chroma),
    "4:2:0 of JPEG, full": ({"pixel_format": "yuvj420p"}, ["-c:v", "mjpeg"], centred),
    "4:2:2": ({"pixel_format": "yuv422p", "height": 8}, [], chroma),
    "4:4:4, no sound": ({"pixel_format": "yuv444p", "sound": False}, [], centred),
    "one pixel, one frame": ({"width": 1, "height": 1, "frames": 1, "rate": "25"}, [], chroma),
    "many frames, 24000/1001": ({"frames": 37, "rate": "24000/1001", "width": 9}, [], chroma),
}


@pytest.mark.parametrize("name", CLIPS)
def test_every_pixel_and_tag(tiny, name):
    how, options, expected = CLIPS[name]
    source = make(tiny / "clip.mkv", *options, **how)
    assert upscale(source, "out.mkv", *LOSSLESS) == 0
    assert differences(source, tiny / "out.mkv", luma, expected) == []
    assert len({frame[0].tobytes() for frame in frames(source)}) == how.get("frames", 5)


@pytest.mark.parametrize(("output", "options"), [
    ("out.mp4", LOSSLESS), ("out.mov", LOSSLESS), ("out.mkv", ["--codec", "ffv1"]),
    ("out.mp4", ["--codec", "hevc", *LOSSLESS])])
def test_containers_and_codecs(tiny, output, options):
    source = make(tiny / "clip.mp4", "-c:v", "libx264", "-qp", "0", "-bf", "2", "-color_range",
                  "tv", *BT709, width=34, height=26, frames=13)
    assert upscale(source, output, *options) == 0
    assert differences(source, tiny / output, luma, chroma) == []


@pytest.mark.parametrize("codec", ["ffv1", "hevc", "h264"])
def test_gray_stays_gray(tiny, codec):
    source = make(tiny / "clip.mkv", "-color_range", "pc", pixel_format="gray", width=17)
    quality = () if codec == "ffv1" else LOSSLESS  # it has none
    assert upscale(source, "out.mkv", *quality, "--codec", codec) == 0
    found = frames(tiny / "out.mkv")
    assert all((luma(old[0]) == new[0]).all()
               for old, new in zip(frames(source), found, strict=True))
    if codec == "h264":  # is monochrome in the file; ffmpeg's decoder hands it out with gray chroma
        headers = subprocess.run(["ffmpeg", "-v", "trace", "-i", "out.mkv", "-c", "copy", "-bsf:v",
                                  "trace_headers", "-f", "null", "-"], capture_output=True)
        assert re.search(rb"chroma_format_idc +\d+ = 0", headers.stderr)
        assert all((plane == 128).all() for planes in found for plane in planes[1:])
    else:
        assert differences(source, tiny / "out.mkv", luma, chroma) == []


@pytest.mark.parametrize("engine", ["golden", "emulate", "onnx", "bicubic",
                                    pytest.param("rtl", marks=pytest.mark.sim)])
def test_engines(tiny, engine):
    source = make(tiny / "clip.mkv", frames=2, width=9, height=7)
    simulator = ("--sim", "icarus") if engine == "rtl" else ()
    assert upscale(source, "out.mkv", *LOSSLESS, "--engine", engine, *simulator) == 0
    expected = partial(bicubic, scale=2) if engine == "bicubic" else luma
    assert differences(source, tiny / "out.mkv", expected, chroma) == []


def test_planted_faults_are_seen(tiny):
    source = make(tiny / "clip.mkv", "-color_range", "tv", *BT709)
    assert upscale(source, "good.mkv", "--codec", "ffv1") == 0
    faults = {
        "frames": ["-vf", "select='not(eq(n,2))'", "-fps_mode", "passthrough"],
        "Cb of frame 0": ["-vf", "swapuv"],
        "luma of frame 0": ["-vf", "lutyuv=y='if(eq(val,9),8,val)'"],
        "color_range": ["-color_range", "pc"],
        "color_space": ["-colorspace", "bt470bg"],
        "r_frame_rate": ["-r", "30", "-vf", "setpts=N/30/TB"],
        "sound": ["-c:a", "flac"],
    }
    for fault, options in faults.items():
        ffmpeg("-i", "good.mkv", "-c:a", "copy", "-c:v", "ffv1", *options, "bad.mkv")
        found = differences(source, tiny / "bad.mkv", luma, chroma)
        assert any(fault in line for line in found), (fault, found)
    assert differences(source, tiny / "good.mkv", luma, chroma) == []
    assert differences(source, tiny / "good.mkv", luma, centred) != []


@pytest.mark.parametrize("sited", ["left", "center", "topleft"])
def test_where_chroma_lies_stays(tiny, sited):
    source = make(tiny / "clip.mp4", "-c:v", "libx264", "-qp", "0", "-chroma_sample_location",
                  sited, width=34, height=26)
    assert look(source)["chroma_location"] == sited
    assert upscale(source, "out.mkv", *LOSSLESS) == 0
    shift = {"left": (0, 1 / 8), "center": (0, 0), "topleft": (1 / 8, 1 / 8)}[sited]
    assert differences(source, tiny / "out.mkv", luma, partial(chroma, shift=shift)) == []


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize(("sited", "down", "right"), [
    ("left", .5, 0), ("center", .5, .5), ("topleft", 0, 0), ("top", 0, .5), ("bottomleft", 1, 0),
    ("bottom", 1, .5)])
def test_chroma_is_taken_where_the_new_luma_is(sited, down, right, scale):
    got = video.chroma_shift((2, 2), sited, scale)
    for place, shift in zip((down, right), got, strict=True):
        # the third sample lies at 4 + place in the new luma, which is there in the old luma
        luma_at = (4 + place + 0.5) / scale - 0.5
        assert (2 + 0.5) / scale - 0.5 + shift == pytest.approx((luma_at - place) / 2)
    assert video.chroma_shift((1, 2), sited, scale) == (0, got[1])
    assert video.chroma_shift((1, 1), sited, scale) == (0, 0)


# --- time, sound, subtitles ----------------------------------------------------------------


def starts(path):
    """Start of each stream in seconds."""
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=start_time", "-of",
                           "csv=p=0", str(path)], check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()]


@pytest.mark.parametrize("output", ["out.mkv", "out.mp4"])
@pytest.mark.parametrize("late", [0, 1])
def test_pictures_and_sound_stay_together(tiny, output, late):
    make(tiny / "both.mkv")
    inputs = ["-i", "both.mkv", "-itsoffset", "0.1234", "-i", "both.mkv"]
    ffmpeg(*inputs, "-map", f"{1 - late}:v", "-map", f"{late}:a", "-c", "copy", "clip.mkv")
    assert upscale("clip.mkv", output) == 0
    before, after = starts("clip.mkv"), starts(output)
    assert abs(before[0] - before[1]) > 0.09
    assert after[0] - after[1] == pytest.approx(before[0] - before[1], abs=0.0021)  # ms of .mkv


def test_a_variable_rate_is_refused_unless_a_rate_is_given(tiny, capsys):
    make(tiny / "clip.mkv", frames=12)
    ffmpeg("-i", "clip.mkv", "-vf", "select='not(eq(mod(n,4),1))'", "-fps_mode", "vfr", "-c:v",
           "ffv1", "-c:a", "copy", "uneven.mkv")
    assert upscale("uneven.mkv", "out.mkv") == 2
    assert "a variable frame rate" in capsys.readouterr().err
    assert upscale("uneven.mkv", "out.mkv", "--rate", "30000/1001", *LOSSLESS) == 0
    assert look("out.mkv")["r_frame_rate"] == "30000/1001"
    assert int(look("out.mkv")["nb_read_packets"]) == 12
    given, got = frames("clip.mkv"), frames("out.mkv")
    assert all((luma(given[n][0]) == got[n][0]).all() for n in (0, 2, 3, 4, 6))
    assert (luma(given[0][0]) == got[1][0]).all(), "the frame before is repeated"
    assert sound("out.mkv") == sound("clip.mkv")


@pytest.mark.parametrize(("times", "tick", "rate"), [
    ([0, 33, 67, 100], Fraction(1, 1000), Fraction(30000, 1001)),
    (range(5, 30), Fraction(1, 25), Fraction(25)), ([7], Fraction(1, 25), Fraction(30000, 1001)),
    ([0, 33, 100, 133], Fraction(1, 1000), None),
    ([*range(9), *range(10, 30)], Fraction(1, 25), None),
    ([*range(9), *range(8, 30)], Fraction(1, 25), None)])
def test_constant_rate(times, tick, rate):
    assert clip.constant_rate(times, tick, [Fraction(30000, 1001), Fraction(25)]) == rate


def test_subtitles_follow_and_what_does_not_is_said(tiny, capsys):
    make(tiny / "clip.mkv")
    (tiny / "s.srt").write_text("1\n00:00:00,000 --> 00:00:00,100\nhello\n\n")
    Image.new("RGB", (16, 16)).save("cover.png")
    ffmpeg("-i", "clip.mkv", "-i", "s.srt", "-map", "0", "-map", "1", "-c", "copy", "-attach",
           "cover.png", "-metadata:s:t", "mimetype=image/png", "s.mkv")
    for output, name in (("out.mkv", "subrip"), ("out.mp4", "mov_text")):
        assert upscale("s.mkv", output) == 0
        assert "left out: video stream 3 (png)" in capsys.readouterr().out
        text = ffmpeg("-i", output, "-map", "0:s:0", "-f", "srt", "pipe:1").decode()
        assert "hello" in text
        kinds = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name",
                                "-of", "csv=p=0", output], capture_output=True, text=True)
        assert name in kinds.stdout.split()


def test_what_a_container_does_not_take_is_left_out():
    held = clip.Clip(Path("a.mkv"), 0, "yuv420p", (16, 16), "1:1", Fraction(25), 1, Fraction(0),
                     {}, "left", ("hdmv_pgs_subtitle", "ass", "mov_text"),
                     ("data stream 9 (bin_data)",))
    options, left_out = ffmpeg_parts.other_streams(held, ".mp4")
    assert left_out == ["data stream 9 (bin_data)",
                        "subtitles 0 (hdmv_pgs_subtitle; an .mkv takes them)"]
    text = " ".join(options)
    assert "-map 1:s:1 -c:s:0 mov_text -map 1:s:2 -c:s:1 mov_text" in text and "1:s:0" not in text
    options, left_out = ffmpeg_parts.other_streams(held, ".mkv")
    assert left_out == ["data stream 9 (bin_data)"]
    assert "1:s:0 -c:s:0 copy -map 1:s:1 -c:s:1 copy -map 1:s:2 -c:s:2 srt" in " ".join(options)


def test_a_clip_cut_by_an_edit_list(tiny):
    make(tiny / "long.mp4", "-c:v", "libx264", "-qp", "0", "-g", "30", width=34, height=26,
         frames=40)
    ffmpeg("-ss", "0.5", "-i", "long.mp4", "-c", "copy", "clip.mp4")
    assert len(frames(tiny / "clip.mp4")) < int(look(tiny / "clip.mp4")["nb_read_packets"])
    assert upscale("clip.mp4", "out.mp4", *LOSSLESS) == 0
    got = frames(tiny / "out.mp4")
    assert all((luma(old[0]) == new[0]).all()
               for old, new in zip(frames(tiny / "clip.mp4"), got, strict=True))


def test_a_rotated_clip_comes_out_upright(tiny):
    make(tiny / "clip.mp4", "-c:v", "libx264", "-qp", "0", width=34, height=26)
    ffmpeg("-i", "clip.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "turned.mp4")
    assert upscale("turned.mp4", "out.mp4", *LOSSLESS) == 0
    out = look("out.mp4")
    assert (out["width"], out["height"], "side_data_list" in out) == (52, 68, False)
    turned = [np.rot90(frame[0], k) for frame in frames("clip.mp4")[:1] for k in (1, -1)]
    assert any((luma(np.ascontiguousarray(t)) == frames("out.mp4")[0][0]).all() for t in turned)


def test_a_rotated_clip_that_would_be_converted_is_refused(tiny, capsys):
    make(tiny / "clip.mp4", "-c:v", "libx264", "-qp", "0", pixel_format="yuv422p", width=34)
    ffmpeg("-i", "clip.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", "turned.mp4")
    assert upscale("turned.mp4", "out.mp4", *LOSSLESS) == 2
    assert "turned.mp4: turned pictures of 4:2:2; allowed: 4:2:0, 4:4:4" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["clip.mp4", "models", "turned.mp4"]


# --- folders -------------------------------------------------------------------------------


def test_a_folder_of_frames(tiny, capsys):
    rng = np.random.default_rng(3)
    (tiny / "in").mkdir()
    for number, shape in enumerate([(9, 7), (9, 7), (4, 5, 3), (1, 1)]):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(f"in/{number}.png")
    (tiny / "in" / "notes.txt").write_text("")
    assert upscale("in", "out") == 0
    assert "out: 14x18, 4 frames\nleft out: 1 other file" in capsys.readouterr().out
    assert sorted(os.listdir("out")) == ["0.png", "1.png", "2.png", "3.png"]
    for number in range(4):
        given, got = (read_picture(f"{folder}/{number}.png") for folder in ("in", "out"))
        if given.chroma is None:
            assert (got.luma == luma(given.luma)).all()
        else:
            done = door.upscale("golden", Model.open("tiny_x2"), [given])[0]
            assert (np.asarray(Image.open(f"out/{number}.png")) == picture_to_rgb(done)).all()
    (tiny / "in" / "1.png").write_text("no picture")
    assert upscale("in", "again") == 2
    assert "in/1.png: cannot be read" in capsys.readouterr().err
    assert not os.path.exists("again"), "every header is looked at before any work"
    with open("in/0.png", "rb") as whole:
        (tiny / "in" / "1.png").write_bytes(whole.read()[:80])
    assert upscale("in", "again") == 2
    assert "in/1.png: cannot be read" in capsys.readouterr().err
    assert not [name for name in os.listdir("again") if name.startswith(".")]


def test_what_the_frames_of_a_folder_lose_is_said_together(tiny, capsys):
    (tiny / "in").mkdir()
    rng = np.random.default_rng(3)
    for number in range(2):
        Image.fromarray(rng.integers(0, 256, (4, 5, 4), dtype=np.uint8)).save(f"in/{number}.png")
        Image.fromarray(rng.integers(0, 65535, (4, 5), dtype=np.uint16)).save(f"in/1{number}.png")
    assert upscale("in", "out") == 0
    assert "left out: the low 8 bits of 16 of 2 pictures\n" in capsys.readouterr().out
    for number in range(2):
        want = bicubic(np.asarray(Image.open(f"in/{number}.png"))[..., 3], 2)
        assert (np.asarray(Image.open(f"out/{number}.png"))[..., 3] == want).all()


def test_folders_that_cannot_be_used(tiny, capsys):
    (tiny / "empty").mkdir()
    (tiny / "file").write_text("")
    (tiny / "in").mkdir()
    Image.new("L", (3, 3)).save("in/a.png")
    for source, output, message in (
            ("empty", "out", "no pictures in it"), ("in", "in", "the output is the input"),
            ("in", "file", "a file, where a folder"), ("in", "new.png", "a file, where a folder"),
            ("in", "no/out", "does not exist")):
        assert upscale(source, output) == 2
        assert message in capsys.readouterr().err
    assert call("upscale", "in/a.png", "in", "-o", "out", "--model", "tiny_x2") == 2
    assert "in/a.png: a picture beside videos or folders; allowed" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["empty", "file", "in", "models"]


# --- few frames at a time ------------------------------------------------------------------


def test_only_one_item_is_fetched_ahead():
    taken = []
    items = video.ahead(taken.append(n) or n + 1 for n in range(9))
    for done in range(1, 5):
        next(items)
        time.sleep(0.05)
        assert len(taken) <= done + 1


def test_batches_are_bounded():
    sizes = [10, video.BATCH_PIXELS * 2, *[10] * 20, video.BATCH_PIXELS]
    made = list(video.batches(iter(sizes), int))
    assert [size for batch in made for size in batch] == sizes
    assert all(len(b) <= video.BATCH_FRAMES for b in made)
    assert all(len(b) == 1 or sum(b) <= video.BATCH_PIXELS for b in made)


@pytest.mark.data
def test_a_real_clip(tiny, data):
    source = data / "video" / "carphone_176x144.mp4"
    if not source.is_file():
        pytest.skip(f"no {source}")
    assert upscale(source, "out.mp4", *LOSSLESS) == 0
    assert differences(source, tiny / "out.mp4", luma, chroma) == []
