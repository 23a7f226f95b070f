"""Videos whose end is missing, and disks that are full: found, said, and nothing left behind."""

import os
import re
import struct
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.errors import InputError
from fsrcnnx.media import ffmpeg as parts
from fsrcnnx.media.cut import check
from fsrcnnx.upscale import video
from tests.clips import call, ffmpeg, make, upscale
from tests.disks import small_disk, small_files

pytestmark = pytest.mark.slow

BICUBIC = ["--engine", "bicubic", "--codec", "ffv1"]
SPACE = 1 << 20  # bytes
RAW = ["-f", "yuv4mpegpipe", "-strict", "-1"]


def clip(home, name, *options, frames=12):
    """A short clip without sound, of any container."""
    make(home / "source.mkv", sound=False, width=32, height=24, frames=frames, rate="25")
    ffmpeg("-i", "source.mkv", *options, name)
    os.remove("source.mkv")
    return home / name


# --- cut files -----------------------------------------------------------------------------

# suffix, how it is made -> what is said of it where its last third is missing
CUT = {
    "y4m": (RAW, "bytes of a further frame"),
    "ogv": (["-c:v", "libtheora", "-g", "4"], "cut .* no end|last page is not whole"),
    "mxf": (["-c:v", "mpeg2video"], "of 12 frames are there|damaged"),
    "avi": (["-c:v", "huffyuv", "-pix_fmt", "yuv422p"], "of 12 frames are there"),
    "mkv": (["-c:v", "ffv1"], "damaged"),
    "nut": (["-c:v", "ffv1"], "damaged"),
    "mp4": (["-c:v", "libx264", "-movflags", "+faststart"], "damaged"),
}


@pytest.mark.parametrize("suffix", CUT)
def test_a_cut_clip_is_refused_and_a_whole_one_taken(tiny, capsys, suffix):
    options, said = CUT[suffix]
    path = clip(tiny, f"clip.{suffix}", *options)
    assert upscale(path.name, "out.mkv", *BICUBIC) == 0
    assert "12 frames" in capsys.readouterr().out
    os.remove("out.mkv")
    os.truncate(path, path.stat().st_size * 2 // 3)
    assert upscale(path.name, "out.mkv", *BICUBIC) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and path.name in err
    assert re.search(said, err), err
    assert sorted(os.listdir()) == sorted(["models", path.name])


@pytest.mark.parametrize("missing", [1, 600, 32 * 24 * 3 // 2, 32 * 24 * 3 // 2 + 5])
@pytest.mark.parametrize("pixels", ["yuv420p", "gray", "yuv444p"])
def test_no_frame_of_a_raw_stream_is_lost_in_silence(tiny, capsys, missing, pixels):
    path = clip(tiny, "clip.y4m", "-pix_fmt", pixels, *RAW, frames=3)
    os.truncate(path, path.stat().st_size - missing)
    assert upscale("clip.y4m", "out.mkv", *BICUBIC) == 2
    assert "clip.y4m: cut (" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["clip.y4m", "models"]


def test_a_raw_stream_cut_between_frames_is_a_shorter_one(tiny):
    path = clip(tiny, "clip.y4m", *RAW, frames=3)
    os.truncate(path, path.stat().st_size - 32 * 24 * 3 // 2 - len(b"FRAME\n"))
    assert upscale("clip.y4m", "out.mkv", *BICUBIC) == 0


def test_a_packet_that_is_cut_inside_is_damage(tiny, capsys):
    """ffmpeg only warns of it, decodes what there is, and ends with 0."""
    path = clip(tiny, "clip.avi", "-c:v", "huffyuv", "-pix_fmt", "yuv422p")
    data = path.read_bytes()
    at = data.rfind(b"00dc", 0, data.rfind(b"idx1"))
    path.write_bytes(data[:at + 8 + (len(data) - at) // 8])
    assert upscale("clip.avi", "out.mkv", *BICUBIC) == 2
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "options"), [
    ("clip.h264", ["-c:v", "libx264"]), ("clip.ts", ["-c:v", "libx264"]),
    ("clip.mp4", ["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov"])])
def test_what_does_not_say_where_it_ends_is_said(tiny, capsys, name, options):
    clip(tiny, name, *options)
    assert upscale(name, "out.mkv", *BICUBIC) == 0
    assert f"not checked: whether {name} is whole (" in capsys.readouterr().out


def page(serial, flags, body=b"x" * 9):
    """An Ogg page."""
    return (b"OggS\0" + bytes([flags]) + bytes(8) + struct.pack("<I", serial) + bytes(8)
            + bytes([1, len(body)]) + body)


@pytest.mark.parametrize(("pages", "said"), [
    ([page(1, 2), page(1, 4)], None), ([page(1, 6)], None),
    ([page(1, 2), page(2, 2), page(2, 4), page(1, 4)], None),
    ([page(1, 2), page(1, 4), page(3, 2), page(3, 4)], None),
    ([page(1, 2), page(1, 0)], "1 of its streams have no end"),
    ([page(1, 2), page(2, 2), page(1, 4)], "1 of its streams have no end"),
    ([page(1, 2), page(1, 4)[:-1]], "its last page is not whole"),
    ([page(1, 2), page(1, 4)[:20]], "its last page is not whole"),
    ([page(1, 2), page(1, 4), b"rubbish"], "its last page is not whole")])
def test_pages_of_ogg(tmp_path, pages, said):
    (tmp_path / "a.ogv").write_bytes(b"".join(pages))
    if said is None:
        assert check(tmp_path / "a.ogv", "ogg", {}, []) == ""
    else:
        with pytest.raises(InputError, match=f"a.ogv: cut .{said}"):
            check(tmp_path / "a.ogv", "ogg", {}, [])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder-like"])
def test_what_is_no_file_does_not_hang(tiny, capsys, kind):
    if kind == "pipe":
        os.mkfifo("clip.mkv")
    elif kind == "device":
        os.symlink("/dev/zero", "clip.mkv")
    else:
        os.symlink("/dev/null/none", "clip.mkv")
    assert upscale("clip.mkv", "out.mkv", *BICUBIC) == 2
    err = capsys.readouterr().err
    assert ("no such file" if kind == "folder-like" else "not a regular file") in err
    assert sorted(os.listdir()) == ["clip.mkv", "models"]


# --- several -------------------------------------------------------------------------------


def test_a_bad_second_clip_leaves_no_first_output(tiny, capsys):
    make(tiny / "a.mkv", frames=2)
    make(tiny / "b.mkv", frames=9)
    os.truncate("b.mkv", 5000)
    assert call("upscale", "a.mkv", "b.mkv", "-o", "out", *BICUBIC) == 2
    assert "b.mkv: damaged" in capsys.readouterr().err
    assert not os.path.exists("out")


def test_a_bad_second_folder_leaves_no_first_output(tiny, capsys):
    for folder in ("one", "two"):
        os.mkdir(folder)
        Image.fromarray(np.zeros((3, 3), np.uint8)).save(f"{folder}/a.png")
    (tiny / "two" / "b.png").write_bytes(b"no picture")
    assert call("upscale", "one", "two", "-o", "out", "--engine", "bicubic") == 2
    assert "two/b.png: cannot be read" in capsys.readouterr().err
    assert not os.path.exists("out")


# --- full disks ----------------------------------------------------------------------------


@pytest.fixture(params=["limit", "disk"])
def small(request, tmp_path):
    """A folder, a block in which it has so many bytes less than 1 MiB, and what is said then.

    Files are limited for whoever may not mount a disk of 1 MiB.
    """
    folder = tmp_path / "small"
    folder.mkdir()

    def limited(filled):
        (folder / "fill").touch()
        return small_files(max(SPACE - filled, 1))

    @contextmanager
    def disk(filled):
        (folder / "fill").write_bytes(bytes(filled))
        yield

    if request.param == "limit":
        yield folder, limited, "File too large"
    else:
        with small_disk(folder, "1m"):
            yield folder, disk, "No space left on device"


@pytest.mark.parametrize(("name", "quality", "filled"), [
    ("out.mkv", 0, 0), ("out.mkv", 16, 0), ("out.mp4", 16, 0), ("out.mov", 0, 0),
    ("out.mkv", 16, 1000), ("out.mkv", 16, 1024)])
def test_a_full_disk_is_no_fault_of_the_users_file(tiny, small, capsys, name, quality, filled):
    folder, no_room, reason = small
    make(tiny / "clip.mkv", width=640, height=400, frames=20, sound=False)
    if filled:
        make(tiny / "clip.mkv", width=64, height=40, frames=30, sound=False)
    with no_room(filled << 10):
        code = upscale("clip.mkv", folder / name, "--quality", quality, "--engine", "bicubic")
    err = capsys.readouterr().err
    assert code == 2, err
    assert f"{name}: ffmpeg cannot write it ({reason}); allowed: a disk with room" in err
    assert err.count("\n") == 1 and "get it again" not in err and ".part" not in err
    assert os.listdir(folder) == ["fill"]


def test_a_full_disk_of_pictures(small, capsys):
    folder, no_room, reason = small
    large = np.random.default_rng(1).integers(0, 256, (700, 700), dtype=np.uint8)
    Image.fromarray(large).save(folder.parent / "in.png")
    with no_room(900 << 10):
        code = call("upscale", folder.parent / "in.png", "-o", folder / "out.png", "--engine",
                    "bicubic")
    err = capsys.readouterr().err
    assert code == 2, err
    assert f"out.png: cannot be written ({reason}); allowed: a disk with room for it; fix: make " \
        "room" in err
    assert os.listdir(folder) == ["fill"]


@pytest.mark.parametrize(("said", "reason"), [
    ("av_interleaved_write_frame(): No space left on device", "No space left on device"),
    ("x: Disk quota exceeded", "Disk quota exceeded"), ("ended by SIGXFSZ", "File too large"),
    ("Could not find tag for codec", None)])
def test_why_there_is_no_room(tmp_path, said, reason):
    if reason is None:
        parts.check_room(tmp_path, said, tmp_path / "out.mkv")
    else:
        with pytest.raises(InputError, match=f"out.mkv: ffmpeg cannot write it .{reason}"):
            parts.check_room(tmp_path, said, tmp_path / "out.mkv")


def test_a_result_that_is_not_whole_is_laid_to_the_output(tiny, monkeypatch, capsys):
    """Even where the disk has room: the fault is never said to be the input's."""
    make(tiny / "clip.mkv", frames=3)
    real = video.probe

    def spoiled(path, rate=None):
        if ".part" in path.name:
            Path(path).write_bytes(b"spoiled")
        return real(path, rate)

    monkeypatch.setattr(video, "probe", spoiled)
    assert upscale("clip.mkv", "out.mkv") == 2
    err = capsys.readouterr().err
    assert "out.mkv: ffmpeg wrote what cannot be read" in err and ".part" not in err
    assert sorted(os.listdir()) == ["clip.mkv", "models"]
