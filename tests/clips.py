"""Synthetic clips, and what can be seen of a video file without the code under test.

    differences(Path("clip.mkv"), Path("clip_x2.mkv"), luma, chroma)     # [] if all is well
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fsrcnnx.cli import console
from fsrcnnx.cli import main as cli
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7), channels=(4, 3), kernels=(3, 1, 3))
STEPS = {"yuv420p": (2, 2), "yuvj420p": (2, 2), "yuv422p": (1, 2), "yuv444p": (1, 1), "gray": None,
         "yuv420p10le": (2, 2), "yuv422p10le": (1, 2), "yuv444p10le": (1, 1), "gray10le": None}
FACTS = ("r_frame_rate", "color_range", "color_space", "color_primaries", "color_transfer",
         "chroma_location", "sample_aspect_ratio")


def call(*args) -> int:
    """Run the command line in this process: its exit code."""
    return console.outcome(cli.main, [str(arg) for arg in args])


def upscale(source, output, *args) -> int:
    """Upscale by the tiny network, or by bicubic without one."""
    model = () if "bicubic" in args else ("--model", "tiny_x2")
    return call("upscale", source, "-o", output, *model, *args)


def ffmpeg(*args, data: bytes = b"") -> bytes:
    """Run ffmpeg: its standard output."""
    return subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, args)], input=data, check=True,
                          capture_output=True).stdout


def shapes(pixel_format: str, width: int, height: int) -> list[tuple[int, int]]:
    """Rows and columns of each plane."""
    step = STEPS[pixel_format]
    half = [] if step is None else [(-(-height // step[0]), -(-width // step[1]))] * 2
    return [(height, width), *half]


def depth(pixel_format: str) -> int:
    """Bits of a sample."""
    return 10 if pixel_format.endswith("10le") else 8


def make(path: Path, *options, pixel_format: str = "yuv420p", width: int = 33, height: int = 27,
         frames: int = 5, rate: str = "30000/1001", sound: bool = True, seed: int = 1) -> Path:
    """Write a lossless clip of noise on moving ramps, each plane another, with a tone."""
    rng = np.random.default_rng(seed)
    data, most = b"", 1 << depth(pixel_format)
    for number in range(frames):
        for plane, (rows, columns) in enumerate(shapes(pixel_format, width, height)):
            ramp = np.add.outer(np.arange(rows) * (3 + plane), np.arange(columns) * 5)
            noise = rng.integers(0, 60, (rows, columns))
            values = (ramp + noise + 11 * number + 70 * plane) * (most >> 8)
            if most > 256:  # all bits are to move
                values += rng.integers(0, most >> 8, values.shape)
            data += (values % most).astype("<u2" if most > 256 else np.uint8).tobytes()
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.3"] if sound else []
    codec = [] if "-c:v" in options else ["-c:v", "ffv1"]
    ffmpeg("-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}", "-r", rate,
           "-i", "pipe:0", *tone, *codec, *(["-c:a", "aac"] if sound else []), *options, path,
           data=data)
    return path


def look(path: Path) -> dict:
    """ffprobe's view of the picture stream."""
    done = subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-count_packets",
                           "-select_streams", "v:0", "-show_streams", str(path)],
                          check=True, capture_output=True)
    return json.loads(done.stdout)["streams"][0]


def frames(path: Path) -> list[list[np.ndarray]]:
    """Every frame's planes."""
    video = look(path)
    sizes = shapes(video["pix_fmt"], video["width"], video["height"])
    raw = np.frombuffer(ffmpeg("-i", path, "-map", "0:v:0", "-fps_mode", "passthrough",
                               "-f", "rawvideo", "pipe:1"),
                        "<u2" if depth(video["pix_fmt"]) > 8 else np.uint8)
    area = [rows * columns for rows, columns in sizes]
    assert raw.size % sum(area) == 0
    return [[plane.reshape(size) for plane, size in zip(
        np.split(frame, np.cumsum(area)[:-1]), sizes, strict=True)]
        for frame in raw.reshape(-1, sum(area))]


def sound(path: Path) -> str:
    """Hashes of the sound's packets as they are stored; empty without sound."""
    kinds = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of",
                            "csv=p=0", str(path)], check=True, capture_output=True, text=True)
    if "audio" not in kinds.stdout:
        return ""
    return ffmpeg("-i", path, "-map", "0:a", "-c", "copy", "-f", "streamhash", "-hash", "md5",
                  "pipe:1").decode()


def differences(source: Path, result: Path, luma: Callable[[np.ndarray], np.ndarray],
                chroma: Callable[[np.ndarray, tuple[int, int]], np.ndarray]) -> list[str]:
    """Hold an upscaled clip against its source.

    Args:
        source: The clip.
        result: What was made of it, losslessly.
        luma: Upscales a luma plane.
        chroma: Upscales a chroma plane to a size.

    Returns:
        One sentence per difference.
    """
    before, after, found = look(source), look(result), []
    for fact in (*FACTS, "pix_fmt"):
        old, new = before.get(fact, "unspecified"), after.get(fact, "unspecified")
        # left is what a stream means that does not say it; a square pixel likewise
        if fact == "chroma_location" and old == "unspecified":
            old = "left" if STEPS[before["pix_fmt"]] else old
        old, new = (word.replace("yuvj", "yuv").replace("N/A", "1:1") for word in (old, new))
        if old != new:
            found.append(f"{fact} was {old} and is {new}")
    if sound(source) != sound(result):
        found.append("the sound differs")
    given, got = frames(source), frames(result)
    if len(given) != len(got):
        found.append(f"{len(got)} of {len(given)} frames")
    for number, (old, new) in enumerate(zip(given, got, strict=False)):
        want = [luma(old[0]), *(chroma(plane, new[1].shape) for plane in old[1:])]
        names = ("luma", "Cb", "Cr")[:len(want)]
        for name, expected, actual in zip(names, want, new, strict=True):
            if expected.shape != actual.shape:
                found.append(f"{name} of frame {number} is {actual.shape}")
            elif bad := int((expected != actual).sum()):
                found.append(f"{name} of frame {number}: {bad}/{actual.size} mismatches")
    return found
