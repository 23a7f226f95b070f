"""Videos that cannot be: one clear line, nothing left behind; interruptions and full disks too."""

import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.clips import ffmpeg, make, upscale

pytestmark = pytest.mark.slow

LOSSLESS = ["--quality", "0"]


# --- refusals ------------------------------------------------------------------------------


def truncate(path):
    """Cut a file to two thirds."""
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) * 2 // 3)


def corrupt(path):
    """Spoil bytes in the middle of the pictures."""
    data = bytearray(Path(path).read_bytes())
    at = data.rfind(b"mdat") + (len(data) - data.rfind(b"mdat")) // 2
    data[at:at + 200] = bytes(byte ^ 0x5A for byte in data[at:at + 200])
    Path(path).write_bytes(data)


BAD = {
    "no such file": (lambda p: p.unlink(), "clip.mp4: no such file"),
    "empty": (lambda p: p.write_bytes(b""), "not a video, or corrupt"),
    "text": (lambda p: p.write_text("hello"), "not a video, or corrupt"),
    "truncated": (truncate, "clip.mp4: damaged"),
    "corrupt": (corrupt, "clip.mp4: damaged"),
    "sound only": (lambda p: ffmpeg("-f", "lavfi", "-i", "sine=d=0.1", p),
                   "no video stream in it, but audio"),
    "no stream": (lambda p: ffmpeg("-f", "lavfi", "-i", "testsrc2=s=16x16:d=0.1", "-frames:v", "0",
                                   p), "no video stream in it, but no stream at all"),
    "no frames": (lambda p: p.write_bytes(b"YUV4MPEG2 W16 H16 F25:1 Ip C420jpeg\n"),
                  "no frames in its video stream; allowed: 1 frame or more"),
    "10 bits": (lambda p: ffmpeg("-f", "lavfi", "-i", "testsrc2=s=16x16:d=0.1", "-pix_fmt",
                                 "yuv420p10le", p),
                "clip.mp4: pixel format yuv420p10le, 10 bits; allowed: 8 bits, as "
                "models/tiny_x2/model.onnx takes; fix: "),
    "12 bits": (lambda p: ffmpeg("-f", "lavfi", "-i", "testsrc2=s=16x16:d=0.1", "-pix_fmt",
                                 "yuv420p12le", "-f", "matroska", "-c:v", "ffv1", p),
                "pixel format yuv420p12le; allowed: 8 or 10 bits, 4:2:0, 4:2:2, 4:4:4 or gray"),
    "fields": (lambda p: ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.2", "-vf",
                                "interlace", "-flags", "+ildct+ilme", "-c:v", "mpeg2video", p),
               "interlaced fields; allowed: progressive frames"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_input_is_one_line_and_leaves_nothing(tiny, capsys, name):
    spoil, message = BAD[name]
    make(tiny / "clip.mp4", "-c:v", "libx264", "-qp", "0", "-movflags", "+faststart", width=34,
         height=26, frames=20)
    spoil(tiny / "clip.mp4")
    assert upscale("clip.mp4", "out.mp4") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert sorted(os.listdir()) == sorted({"models", "clip.mp4"} - (
        {"clip.mp4"} if name == "no such file" else set()))


@pytest.mark.parametrize(("args", "message"), [
    (["out.avi"], "is not a video that is written here; allowed: .mp4"),
    (["out.png"], "is not a video that is written here; allowed: .mp4"),
    (["no/out.mp4"], "no: the folder does not exist"), (["clip.mkv"], "the output is the input"),
    (["out.mp4", "--codec", "ffv1"], "codec ffv1 in .mp4; allowed: .mkv"),
    (["out.mkv", "--rate", "x"], "rate 'x'; allowed: frames per second"),
    (["out.mp4"], "ffmpeg cannot write it (Could not find tag for codec pcm_s16le"),
    (["out.mkv", "--engine", "bicubic", "--scale", "3"], "h264 has no 99x81 pixels of 4:2:0"),
])
def test_a_bad_output_is_one_line_and_leaves_nothing(tiny, capsys, args, message):
    make(tiny / "clip.mkv", "-c:a", "pcm_s16le")
    assert upscale("clip.mkv", *args) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error and ".part" not in error
    assert sorted(os.listdir()) == ["clip.mkv", "models"]


def test_without_ffmpeg(tiny, monkeypatch, capsys):
    make(tiny / "clip.mkv")
    monkeypatch.setenv("PATH", str(tiny))
    assert upscale("clip.mkv", "out.mkv") == 3
    assert "ffprobe: not found; allowed: 5.1 or newer; fix: apt-get install ffmpeg" in \
        capsys.readouterr().err


def process(*args, **options):
    """Start the command line as a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "fsrcnnx", *args], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_a_full_disk(tiny):
    make(tiny / "clip.mkv", width=320, height=200)
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, 100_000))
    with process("upscale", "clip.mkv", "-o", "out.mkv", "--model", "tiny_x2", *LOSSLESS,
                 preexec_fn=limit) as child:
        _, error = child.communicate()
    assert child.returncode == 2
    assert "out.mkv: ffmpeg cannot write it" in error and error.count("\n") == 1
    assert sorted(os.listdir()) == ["clip.mkv", "models"]


@pytest.mark.parametrize(("number", "said"), [
    (signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "interrupted")])
def test_an_interruption_leaves_no_file_and_no_ffmpeg(tiny, number, said):
    make(tiny / "clip.mkv", width=320, height=200, frames=150)
    with process("upscale", "clip.mkv", "-o", "out.mkv", "--model", "tiny_x2", "--engine",
                 "golden") as child:
        end = time.monotonic() + 60
        while not list(tiny.glob(".out.*")) and time.monotonic() < end:
            time.sleep(0.02)
        assert list(tiny.glob(".out.*")), "the output was never begun"
        child.send_signal(number)
        _, error = child.communicate(timeout=60)
    assert (child.returncode, error.strip()) == (128 + number, f"fsrcnnx: error: {said}")
    assert sorted(os.listdir()) == ["clip.mkv", "models"]
    assert [p.name for p in Path("/proc").glob("[0-9]*") if str(tiny).encode() in cwd_of(p)] == [
        str(os.getpid())]


def cwd_of(folder):
    """Where a process runs, as bytes; empty if it has gone."""
    try:
        return os.fsencode(os.readlink(folder / "cwd"))
    except OSError:
        return b""
