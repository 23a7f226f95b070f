"""Videos of strangers: no file but the one that is named is opened, and none goes on for ever."""

import os
import time
from pathlib import Path

import pytest

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.media import clip as clips
from fsrcnnx.media.clip import CONTAINERS, SUFFIXES, probe
from fsrcnnx.media.ffmpeg import Codec, decode, encode
from tests.clips import ffmpeg, frames, make, upscale

pytestmark = pytest.mark.slow

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="9"><BaseURL>{}</BaseURL>
</Representation></AdaptationSet></Period></MPD>"""
LISTS = {"a playlist": HLS + "#EXT-X-ENDLIST\n", "a playlist without an end": HLS,
         "a manifest": DASH, "a list": "ffconcat version 1.0\nfile {}\n"}
# what is written by another codec than libx264, or in another format than ffmpeg takes by the name
CODECS = {".mpg": "mpeg1video", ".mpeg": "mpeg1video", ".vob": "mpeg2video", ".wmv": "wmv2",
          ".flv": "flv", ".ogv": "libtheora", ".mxf": "mpeg2video", ".webm": "libvpx", ".nut":
          "ffv1", ".avi": "mpeg4", ".y4m": "wrapped_avframe", ".hevc": "libx265", ".265": "libx265"}
FORMATS = {".264": "h264", ".265": "hevc", ".m4v": "mp4", ".mts": "mpegts", ".m2ts": "mpegts"}


def refused(capsys, *args) -> str:
    """The one line by which a clip is refused, soon, with nothing left behind."""
    before, start = sorted(os.listdir()), time.monotonic()
    assert upscale(*args) == 2
    assert time.monotonic() - start < 20
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and sorted(os.listdir()) == before
    return error


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("name", ["evil.mp4", "evil.mkv", "evil.ts"])
def test_a_list_of_other_files_is_refused(tiny, capsys, kind, name):
    secret = make(tiny / "secret.mp4", "-c:v", "libx264", "-movflags", "+faststart", width=32,
                  height=24)
    shown = secret.name if kind == "a list" else secret
    Path(name).write_text(LISTS[kind].format(shown))
    assert f"{name}: not a container of video, but e.g. a playlist" in \
        refused(capsys, name, "out.mkv")


def test_a_playlist_of_a_pipe_is_refused(tiny, capsys):
    os.mkfifo("pipe.ts")
    Path("evil.mp4").write_text(HLS.format(tiny / "pipe.ts"))
    assert "evil.mp4: not a container of video" in refused(capsys, "evil.mp4", "out.mkv")


def test_neither_decoder_nor_encoder_opens_a_list(tiny):
    """The file may be another by the time that they open it."""
    good = probe(make(tiny / "clip.mkv"))
    with decode(good) as (header, _):
        pass
    make(tiny / "secret.mkv")
    Path("clip.mkv").write_text("ffconcat version 1.0\nfile secret.mkv\n")
    with pytest.raises(InputError, match="not on whitelist"), decode(good):
        pass
    with pytest.raises(InputError, match="not on whitelist"), \
            encode(good, tiny / "out.mkv", header, Codec(), tiny / "out.mkv"):
        pass


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_is_still_taken(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    codec = ["-c:v", CODECS[suffix]] if suffix in CODECS else ["-c:v", "libx264"]
    form = ["-f", FORMATS[suffix]] if suffix in FORMATS else []
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2", "-pix_fmt", "yuv420p", *codec, *form,
           path)
    found = probe(path)
    with decode(found) as (_, planes):
        assert len(list(planes)) == found.frames == 5


def test_the_list_of_containers_is_what_refuses(tiny, monkeypatch):
    make(tiny / "clip.mkv")
    monkeypatch.setattr(clips, "CONTAINERS", tuple(set(CONTAINERS) - {"matroska"}))
    with pytest.raises(InputError, match="not a container of video"):
        probe(Path("clip.mkv"))


# --- time ----------------------------------------------------------------------------------


def slow(path: Path, seconds: int) -> Path:
    """A clip of one frame that lasts."""
    path.write_bytes(b"YUV4MPEG2 W16 H8 F1:%d Ip A1:1 C420jpeg\nFRAME\n" % seconds + bytes(192))
    return path


@pytest.mark.parametrize("suffix", [".y4m", ".mkv", ".h264"])
def test_a_frame_that_lasts_for_ever_is_not_repeated_for_ever(tiny, capsys, suffix):
    slow(tiny / "slow.y4m", 1_000_000)
    if suffix != ".y4m":
        ffmpeg("-i", "slow.y4m", f"slow{suffix}")
    error = refused(capsys, f"slow{suffix}", "out.mkv", "--rate", "1000")
    assert "1,000,000 s of 1000 frames a second make 1,000,000,000 frames; allowed: up to " \
        "4,194,304" in error


def test_pictures_far_apart_are_not_joined_for_ever(tiny, capsys):
    make(tiny / "clip.mkv", frames=2, sound=False)
    ffmpeg("-i", "clip.mkv", "-c", "copy", "-bsf:v", "setts=pts=N*1000000000:dts=N*1000000000",
           "far.mkv")
    assert "make 1,000,0" in refused(capsys, "far.mkv", "out.mkv", "--rate", "1000")


def test_the_limit_itself_is_allowed(tmp_path, monkeypatch):
    path = slow(tmp_path / "slow.y4m", 10)
    monkeypatch.setattr(limits, "FRAMES", 250)
    with decode(probe(path, rate=25)) as (_, planes):
        assert len(list(planes)) == 250
    monkeypatch.setattr(limits, "FRAMES", 249)
    with pytest.raises(InputError, match="make 250 frames; allowed: up to 249"):
        probe(path, rate=25)


# --- what changes on the way ---------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [
    ("yuv420p", "yuv420p10le"), ("yuv420p", "yuv444p"), ("yuv444p", "yuv420p")])
def test_a_change_of_pixel_format_is_refused(tiny, capsys, first, then):
    for name, pixels in (("a.h264", first), ("b.h264", then)):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32:d=0.2", "-pix_fmt", pixels, name)
    Path("clip.h264").write_bytes(Path("a.h264").read_bytes() + Path("b.h264").read_bytes())
    assert f"; allowed: {first} throughout" in refused(capsys, "clip.h264", "out.mkv")


def test_the_same_pixels_twice_are_taken(tiny):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=32x32:d=0.2", "-pix_fmt", "yuv420p", "a.h264")
    Path("clip.h264").write_bytes(2 * Path("a.h264").read_bytes())
    assert upscale("clip.h264", "out.mkv") == 0
    assert len(frames(Path("out.mkv"))) == 10
