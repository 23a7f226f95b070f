"""Look into a video file with ffprobe: pictures, rate, colours, and what else is in it.

May import cut, the ground and the standard library. Refuses what would not come out as it went
in: other pixel formats, fields, a variable frame rate, damage.

    clip = probe(Path("clip.mp4")); clip.rate, clip.frames

Source: ffprobe(1); ITU-T H.264 Annex E for where chroma lies when a stream does not say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fsrcnnx import limits, processes, tools
from fsrcnnx.errors import InputError
from fsrcnnx.files import regular
from fsrcnnx.media.cut import check as check_whole

# pixel formats that pass, ours -> y4m's tag; the yuvj ones say "full range" once more
FORMATS = {"yuv420p": "420", "yuvj420p": "420", "yuv422p": "422", "yuvj422p": "422",
           "yuv444p": "444", "yuvj444p": "444", "gray": "mono",
           "yuv420p10le": "420p10", "yuv422p10le": "422p10", "yuv444p10le": "444p10",
           "gray10le": "mono10"}
# names by which a file is taken for a video; what is in it is up to ffmpeg
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg",
            ".mpeg", ".vob", ".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".nut", ".y4m", ".h264",
            ".264", ".hevc", ".265")
# ffmpeg's names of what such files are: containers that hold their pictures themselves. Playlists,
# manifests and lists (hls, dash, concat, ...) name other files, which may be anyone's or never end
CONTAINERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "asf", "flv", "ogg",
              "mxf", "nut", "yuv4mpegpipe", "h264", "hevc")
ALLOWED = "8 or 10 bits, 4:2:0, 4:2:2, 4:4:4 or gray"
# y4m's names of where 4:2:0 chroma lies; the other places have none
SITED = {"left": "420mpeg2", "center": "420jpeg", "topleft": "420paldv"}
COLOURS = {"color_space": "colorspace", "color_primaries": "color_primaries",
           "color_transfer": "color_trc", "color_range": "range"}  # ffprobe's names -> setparams'
UNKNOWN = (None, "unknown", "unspecified", "reserved")


@dataclass(frozen=True)
class Clip:
    """A video file as far as upscaling needs to know it.

    Args:
        path: The file.
        index: Number of its picture stream.
        pixel_format: ffmpeg's name.
        size: Columns and rows, upright.
        aspect: Shape of a pixel, upright, `w:h`; 0:0 if it is not said.
        rate: Frames per second.
        frames: Pictures in it; None if `rate` was asked for.
        delay: Seconds by which the pictures start after the file.
        colours: setparams' names -> what the file says of range, matrix, primaries, transfer.
        sited: Where chroma lies: left, center, topleft, ...
        subtitles: Codec of each subtitle stream.
        left_out: What is not taken over, in words.
        resample: Whether frames are dropped or repeated to reach `rate`.
        doubt: Why it cannot be known whether the file is whole; empty where it is known.
    """

    path: Path
    index: int
    pixel_format: str
    size: tuple[int, int]
    aspect: str
    rate: Fraction
    frames: int | None
    delay: Fraction
    colours: dict[str, str]
    sited: str
    subtitles: tuple[str, ...]
    left_out: tuple[str, ...]
    resample: bool = False
    doubt: str = ""

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        return 10 if self.pixel_format.endswith("10le") else 8

    @property
    def bare(self) -> bool:
        """Whether its frames must come without y4m: of chroma of 10 bits and an odd width ffmpeg
        5.1 writes half the luma's bytes, half a sample too few."""
        return self.bits > 8 and self.size[0] % 2 == 1 and self.chroma.startswith("42")

    @property
    def other_depth(self) -> str:
        """ffmpeg's name of the same pixels with 10 bits instead of 8, or 8 instead of 10."""
        plain = self.pixel_format.replace("yuvj", "yuv").removesuffix("10le").removesuffix("p")
        planar = "" if plain == "gray" else "p"
        return f"{plain}{planar}{'' if self.bits == 10 else '10le'}"

    @property
    def chroma(self) -> str:
        """y4m's tag of the pixel format."""
        tag = FORMATS[self.pixel_format]
        return SITED.get(self.sited, "420mpeg2") if tag == "420" else tag


def opening(path: Path) -> list[str]:
    """Say how ffmpeg and ffprobe open a clip: as one of CONTAINERS, and no file but this one.

    Args:
        path: The clip.

    Returns:
        Words of their command lines, the input itself the last.
    """
    return ["-protocol_whitelist", "file", "-format_whitelist", ",".join(CONTAINERS), "-i",
            f"file:{path}"]


def first_line(text: str) -> str:
    """Pick the first line of what ffmpeg said, without the part of ffmpeg that says it."""
    lines = [re.sub(r"^\[[^]]* @ 0x[0-9a-f]+\]\s*", "", line).strip() for line in text.splitlines()]
    return next(filter(None, lines), "no message")


def _ask(path: Path, *options: str) -> tuple[dict, str]:
    """Run ffprobe: what it found, and its complaints."""
    done = processes.run(
        [tools.find("ffprobe"), "-v", "error", "-of", "json", *options, *opening(path)])
    said = done.stderr.replace(f"file:{path}", "it")
    if "not on whitelist" in said:
        raise InputError("not a container of video, but e.g. a playlist or a list of files",
                         where=path, allowed=f"a file of {', '.join(CONTAINERS)}",
                         fix="bring it into one, e.g. ffmpeg -i IN -c copy OUT.mkv")
    if done.returncode:
        raise InputError(f"not a video, or corrupt ({first_line(said)})", where=path,
                         allowed="a video file that ffmpeg reads", fix="check the file")
    return json.loads(done.stdout or "{}"), said


def _rate(text: str) -> Fraction | None:
    """A rate as ffprobe prints it."""
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator or 1)) \
        if int(denominator or 1) and int(numerator) > 0 else None


def constant_rate(times: Sequence[int], tick: Fraction, rates: Sequence[Fraction]
                  ) -> Fraction | None:
    """Find the rate at which time stamps are evenly spaced, but for rounding to their clock.

    Args:
        times: Time stamps in display order, in ticks.
        tick: Seconds per tick.
        rates: Candidates, in frames per second.

    Returns:
        The first that fits, or None.
    """
    for rate in rates:
        step = 1 / (rate * tick)
        late = [time - number * step for number, time in enumerate(times)]
        if max(late) - min(late) < 1:
            return rate
    return None


def probe(path: Path, rate: Fraction | None = None) -> Clip:
    """Look into a video file.

    Args:
        path: The file.
        rate: Frames per second to bring it to, by dropping and repeating; None: as it is.

    Returns:
        What it holds.

    Raises:
        InputError: If it is missing, damaged, has no pictures, or pictures that are not taken:
            other pixel formats, fields, or a variable rate without `rate`.
        ToolError: If ffprobe is missing.
    """
    regular(path, "a video file")
    found, _ = _ask(path, "-show_streams", "-show_format")
    streams = found.get("streams", [])
    pictures = [s for s in streams if s.get("codec_type") == "video"
                and not s.get("disposition", {}).get("attached_pic")]
    if not pictures:
        kinds = ", ".join(s.get("codec_type", "unknown") for s in streams) or "no stream at all"
        raise InputError(f"no video stream in it, but {kinds}", where=path,
                         allowed="a file with a video stream")
    video = pictures[0]
    pixels = video.get("pix_fmt", "unknown")
    if pixels not in FORMATS:
        raise InputError(f"pixel format {pixels}", where=path, allowed=ALLOWED,
                         fix="convert it first, e.g. ffmpeg -i IN -pix_fmt yuv420p -crf 10 OUT.mkv")
    if video.get("field_order", "progressive") not in ("progressive", "unknown"):
        raise InputError("interlaced fields", where=path, allowed="progressive frames",
                         fix="deinterlace it first, e.g. ffmpeg -i IN -vf bwdif -crf 10 OUT.mkv")
    size, aspect = _upright(video)
    if FORMATS[pixels].startswith("422") and size != (video.get("width"), video.get("height")):
        raise InputError("turned pictures of 4:2:2", where=path, allowed="4:2:0, 4:4:4 or gray",
                         fix="convert it first, e.g. ffmpeg -i IN -pix_fmt yuv444p -crf 10 OUT.mkv")
    own, count, doubt = _timing(path, video, rate, found["format"].get("format_name", ""))
    sited = video.get("chroma_location")
    if sited in UNKNOWN:  # H.264 and its kin mean left, JPEG means the middle
        sited = "center" if pixels.startswith("yuvj") else "left"
    colours = {ours: video[theirs] for theirs, ours in COLOURS.items()
               if video.get(theirs) not in UNKNOWN}
    if pixels.startswith("yuvj"):
        colours["range"] = "pc"
    starts = [Fraction(s) for s in (video.get("start_time"), found["format"].get("start_time"))
              if s is not None]
    kept = ("audio", "subtitle", "attachment")
    left_out = [f"{s.get('codec_type', 'unknown')} stream {s['index']} "
                f"({s.get('codec_name', 'unknown')})" for s in streams
                if s is not video and s.get("codec_type") not in kept]
    return Clip(path, video["index"], pixels, size, aspect, own, count,
                starts[0] - starts[1] if len(starts) == 2 else Fraction(0), colours, sited,
                tuple(s.get("codec_name", "unknown") for s in streams
                      if s.get("codec_type") == "subtitle"), tuple(left_out), rate is not None,
                doubt)


def _upright(video: dict) -> tuple[tuple[int, int], str]:
    """Size and shape of a pixel of a stream as ffmpeg turns its pictures."""
    size = (int(video.get("width", 0)), int(video.get("height", 0)))
    aspect = video.get("sample_aspect_ratio", "0:1")
    aspect = aspect if re.fullmatch(r"[1-9]\d*:[1-9]\d*", aspect) else "0:0"
    turns = [data.get("rotation", 0) for data in video.get("side_data_list", [])]
    if any(abs(abs(float(turn)) % 180 - 90) < 1 for turn in turns):
        return size[::-1], ":".join(aspect.split(":")[::-1])
    return size, aspect


def _timing(path: Path, video: dict, rate: Fraction | None, container: str
            ) -> tuple[Fraction, int | None, str]:
    """Rate and number of frames from the time stamps of the packets; doubts about their end."""
    found, said = _ask(path, "-select_streams", str(video["index"]), "-show_entries",
                       "packet=pts,dts,duration,flags,pos,size")
    if said:
        raise InputError(f"damaged ({first_line(said)})", where=path, allowed="a whole video file",
                         fix="get it again, or repair it with ffmpeg")
    packets = [p for p in found.get("packets", []) if "D" not in p.get("flags", "")]
    expected = int(video.get("nb_frames", 0))
    if not packets:
        raise InputError("no frames in its video stream", where=path, allowed="1 frame or more")
    if len(packets) < expected and len(found["packets"]) < expected:
        raise InputError(f"{len(packets)} of {expected} frames are there", where=path,
                         allowed="a whole video file", fix="get it again")
    doubt = check_whole(path, container, video, found["packets"])
    if rate is not None:
        _check_length(path, packets, _rate(video["time_base"]), rate)
        return rate, None, doubt
    guesses = [r for r in (_rate(video.get(key, "0/1"))
                           for key in ("r_frame_rate", "avg_frame_rate")) if r]
    if not guesses:
        raise InputError("its frame rate is not known", where=path, allowed="a constant rate",
                         fix="say it with --rate")
    times = next((sorted(p[key] for p in packets) for key in ("pts", "dts")
                  if all(key in p for p in packets)), None)
    if times is None:  # a stream without time stamps has the rate that it says
        return guesses[0], len(packets), doubt
    own = constant_rate(times, _rate(video["time_base"]), guesses)
    if own is None:
        plain = min(guesses[0], Fraction(60)).limit_denominator(1001)
        raise InputError(f"a variable frame rate, {float(guesses[-1]):.3f} on average", where=path,
                         allowed="a constant rate",
                         fix=f"--rate {plain} drops and repeats frames to make it constant")
    return own, len(packets), doubt


def _check_length(path: Path, packets: list[dict], tick: Fraction, rate: Fraction) -> None:
    """Refuse a file that lasts so long that a rate makes too many frames of it."""
    stamps = [(p[key], int(p.get("duration", 0))) for p in packets for key in ("pts", "dts")
              if key in p]
    start = min((stamp for stamp, _ in stamps), default=0)
    lasting = [stamp + length - start for stamp, length in stamps] or [
        sum(int(p.get("duration", 0)) for p in packets)]
    if (made := max(lasting) * tick * rate) > limits.FRAMES:
        raise InputError(f"{float(max(lasting) * tick):,.0f} s of {float(rate):g} frames a second "
                         f"make {float(made):,.0f} frames", where=path,
                         allowed=f"up to {limits.FRAMES:,}",
                         fix="take a lower --rate, or cut the clip")
