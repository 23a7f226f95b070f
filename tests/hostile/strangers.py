"""Videos that name other files, that never end, or whose pictures become others on the way.

May import the standard library and the areas beside. A part of what pictures.py holds, by itself.

    python -m tests.hostile strangers
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.hostile.pictures import BICUBIC, VIDEO, case, raw


def beside(name: str, text: str, pipe: bool = False):
    """A list of other files, and the clip or the pipe that it names by HERE/secret.y4m."""
    def make(home: Path) -> None:
        raw(0)(home)
        (home / "in.y4m").rename(home / "secret.y4m")
        if pipe:
            (home / "secret.y4m").unlink()
            os.mkfifo(home / "secret.y4m")
        (home / name).write_text(text.replace("HERE", str(home)), encoding="utf-8")
    return make


def turning(first: str, then: str):
    """An H.264 stream whose pictures become others on the way."""
    def make(home: Path) -> None:
        data = b""
        for pixels in (first, then):
            data += subprocess.run(
                ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=32x32:d=0.2", "-pix_fmt",
                 pixels, "-f", "h264", "pipe:1"], check=True, stdout=subprocess.PIPE).stdout
        (home / "in.h264").write_bytes(data)
    return make


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nHERE/secret.y4m\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="1"
bandwidth="9"><BaseURL>HERE/secret.y4m</BaseURL></Representation></AdaptationSet></Period></MPD>"""
CASES = (
    *(case(f"video-{name}", beside(file, text, pipe), f"{file}: not a container of video",
           "upscale", file, "-o", "out.mkv", *BICUBIC) for name, file, text, pipe in (
        ("a-playlist-of-a-neighbour", "in.mp4", HLS + "#EXT-X-ENDLIST\n", False),
        ("a-playlist-that-never-ends", "in.mp4", HLS, False),
        ("a-playlist-of-a-pipe", "in.ts", HLS, True),
        ("a-manifest-of-a-neighbour", "in.mp4", DASH, False),
        ("a-manifest-of-a-pipe", "in.mkv", DASH, True),
        ("a-list-of-a-neighbour", "in.mkv", "ffconcat version 1.0\nfile secret.y4m\n", False),
        ("a-list-of-a-pipe", "in.avi", "ffconcat version 1.0\nfile secret.y4m\n", True))),
    case("video-of-one-endless-frame", lambda home: (home / "in.y4m").write_bytes(
        b"YUV4MPEG2 W16 H8 F1:1000000 Ip A1:1 C420jpeg\nFRAME\n" + bytes(192)),
        "in.y4m: .* make 1,000,000,000 frames", *VIDEO, "--rate", "1000"),
    *(case(f"video-turns-{then}", turning("yuv420p", then), "in.h264: another pixel format",
           "upscale", "in.h264", "-o", "out.mkv", *BICUBIC) for then in ("yuv420p10le", "yuv444p")),
    case("training-of-absurd-steps", lambda home: None, "--steps", "train", "t.h5", "e.h5", "-o",
         "out", "--steps", "1000000000000"),
)
