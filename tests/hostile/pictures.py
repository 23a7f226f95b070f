"""Pictures and videos that are not what they seem, disks that are full, words that --images takes.

Each file is made here, small; PNG files by hand where Pillow would not write them.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.case import Case

BICUBIC = ("--engine", "bicubic")
OUT = ("-o", "out.png", *BICUBIC)
VIDEO = ("upscale", "in.y4m", "-o", "out.mkv", *BICUBIC, "--codec", "ffv1")
PIXELS = np.random.default_rng(1).integers(0, 256, (6, 8), dtype=np.uint8)
LARGE = np.random.default_rng(2).integers(0, 256, (50, 50), dtype=np.uint8)


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, kind: int = 0,
        data: bytes | None = None) -> bytes:
    """A PNG of what is said, true or not."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    if data is None:
        data = zlib.compress(bytes((width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")))


def holds(content: bytes, name: str = "in.png"):
    """Lay a file out."""
    return lambda home: (home / name).write_bytes(content)


def saved(name: str = "in.png", pixels: np.ndarray = PIXELS, **options):
    """Lay out what Pillow writes."""
    return lambda home: Image.fromarray(pixels).save(home / name, **options)


def three(spoil):
    """Lay out three pictures, the last of them spoiled."""
    def make(home: Path) -> None:
        for name in "abc":
            Image.fromarray(PIXELS).save(home / f"{name}.png")
        spoil(home / "c.png")
    return make


def in_place_of(path: str, make):
    """Lay out something else where a file is expected."""
    return lambda home: make(home / path)


def turned(number: int) -> Image.Exif:
    """EXIF data with an orientation and the maker's name."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = number, "a maker\n$(touch made)"
    return exif


def frames(home: Path) -> None:
    """A GIF of three frames, with a comment."""
    pages = [Image.fromarray(np.full((4, 4), n, np.uint8)) for n in (5, 90, 200)]
    pages[0].save(home / "in.gif", save_all=True, append_images=pages[1:], comment=b"a\nb")


def tiff_loop(home: Path) -> None:
    """A TIFF whose list of pages runs in a circle."""
    Image.fromarray(PIXELS).save(home / "in.tif")
    data = bytearray((home / "in.tif").read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    (home / "in.tif").write_bytes(data)


def sparse(name: str, head: bytes, size: int = 1 << 40):
    """A file of a terabyte that takes no room."""
    def make(home: Path) -> None:
        (home / name).write_bytes(head)
        os.truncate(home / name, size)
    return make


def raw(cut: int, size: str = "W16 H8", frames: int = 3):
    """A YUV4MPEG2 file that lacks bytes at its end."""
    body = b"".join(b"FRAME\n" + bytes([(20 * n + 20) % 256]) * 192 for n in range(frames))
    data = f"YUV4MPEG2 {size} F25:1 Ip A1:1 C420jpeg\n".encode() + body
    return holds(data[:len(data) - cut], "in.y4m")


def gray_profile() -> bytes:
    """An ICC profile's header that says gray."""
    return bytes(16) + b"GRAY" + bytes(16) + b"acsp" + bytes(88)


def case(name: str, make, says: str, *args: str, code: int = 2, **more) -> Case:
    """A case of `upscale in.png -o out.png`, unless other words are given."""
    return Case(name, args or ("upscale", "in.png", *OUT), make, code=code, says=says,
                keeps=("out*",) if code == 0 else (), seconds=60, megabytes=600, **more)


def within(blocks: int, *args: str) -> tuple[str, ...]:
    """The words for `sh` to run the program where files have so many blocks of 512 bytes."""
    return ("-c", f'ulimit -f {blocks}; exec "$0" -m fsrcnnx.cli.main "$@"', sys.executable, *args)


def named(name: str) -> tuple[str, ...]:
    """The words to upscale a file of this name."""
    return ("upscale", name, *OUT)


CONTENT = (
    case("picture-empty", holds(b""), "an empty file"),
    case("picture-text", holds(b"hello\n"), "not a picture"),
    case("picture-head-only", holds(png(8, 6)[:30]), "in.png: cannot be read"),
    case("picture-cut", lambda home: (saved()(home), os.truncate(home / "in.png", 70)),
         "in.png: cannot be read"),
    case("picture-cut-jpeg", lambda home: (saved("in.jpg")(home),
                                           os.truncate(home / "in.jpg", 300)),
         "in.jpg: cannot be read", *named("in.jpg")),
    case("picture-no-pixels", holds(png(0, 6)), "in.png: "),
    case("picture-wrong-sum", holds(png(8, 6)[:-20] + bytes(20)),
         "in.png: cannot be read"),
    case("picture-bits-that-there-are-not", holds(png(8, 6, depth=7)), "in.png: cannot be read"),
    case("picture-larger-than-its-data", holds(png(8, 6, data=zlib.compress(b"\0"))),
         "in.png: cannot be read"),
    case("picture-postscript", holds(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
                                     b"%%EndComments\n(made) (w) file closefile\n"),
         "not a picture"),
    case("picture-svg", holds(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "in.svg"),
         "not a picture", *named("in.svg")),
    case("picture-floats", lambda home: Image.fromarray(
        np.full((3, 3), np.nan, np.float32)).save(home / "in.tif"), "floating-point pixels",
        *named("in.tif")),
    case("picture-negative", lambda home: Image.fromarray(
        np.full((3, 3), -1, np.int32)).save(home / "in.tif"), "gray values outside 16 bits",
        *named("in.tif")),
    case("picture-pages-in-a-circle", tiff_loop, "out.png: 16x12", *named("in.tif"), code=0),
)
SIZE = (
    case("picture-12000x9000", holds(png(12000, 9000, data=b"")),
         "12000x9000 are 108000000 pixels; allowed: up to 100000000; .*--max-pixels 108000000"),
    case("picture-of-2e9-squared", holds(png(2**31 - 1, 2**31 - 1, data=b"")), "--max-pixels"),
    case("picture-over-a-limit-of-mine", saved(), "allowed: up to 47;", "upscale", "in.png", *OUT,
         "--max-pixels", "47"),
    case("picture-limit-is-a-word", saved(), "FSRCNNX_MAX_PIXELS: 'lots'; allowed: a number",
         env={"FSRCNNX_MAX_PIXELS": "lots"}),
    case("picture-lifted-but-no-memory", holds(png(10**6, 10**6, data=b"")),
         "GiB of memory by bicubic; allowed: .* GiB, which is free", "upscale", "in.png", *OUT,
         "--max-pixels", str(10**12)),
    case("picture-of-a-terabyte", sparse("in.webp", b"RIFF\xff\xff\xff\x7fWEBPVP8L"),
         "a file of 1099511627776 bytes", *named("in.webp")),
    case("picture-bomb-in-a-profile", holds(png(2, 2, (b"iCCP", b"a\0\0" + zlib.compress(
        bytes(1 << 26), 9)))), "Decompressed data too large"),
    case("picture-bomb-in-a-text", holds(png(2, 2, (b"zTXt", b"a\0\0" + zlib.compress(
        bytes(1 << 26), 9)))), "Decompressed data too large"),
    case("picture-many-texts", holds(png(2, 2, *[(b"zTXt", b"a\0\0" + zlib.compress(
        bytes(1 << 20), 9))] * 99)), "[Tt]oo much memory|cannot be read"),
    case("picture-too-large-for-webp", saved(pixels=np.zeros((1, 9000), np.uint8)),
         "18000x2 pixels; allowed: sides up to 16383", "upscale", "in.png", "-o", "out.webp",
         *BICUBIC),
)
BESIDE = (
    case("picture-turned", saved("in.jpg", exif=turned(6)), "out.png: 12x16\nleft out: EXIF data\n",
         *named("in.jpg"), code=0),
    case("picture-turned-by-no-such-number", saved(exif=turned(77)), "out.png: 16x12", code=0),
    case("picture-exif-rubbish", saved("in.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff"),
         "out.png: 16x12", *named("in.jpg"), code=0),
    case("picture-profile-rubbish", saved(icc_profile=b"\xff" * 999),
         r"left out: ICC profile \(damaged\)", code=0),
    case("picture-profile-of-gray-for-colour",
         saved(pixels=np.dstack([PIXELS] * 3), icc_profile=gray_profile()),
         r"left out: ICC profile \(of gray, the picture is RGB\)", code=0),
    case("picture-frames", frames, "left out: 2 more frames, text\n", *named("in.gif"), code=0),
    case("picture-sixteen-bits", saved(pixels=PIXELS.astype(np.uint16) * 257),
         "left out: the low 8 bits of 16\n", code=0),
    case("picture-alpha-to-jpeg", saved(pixels=np.dstack([PIXELS] * 4)),
         r"left out: alpha \(composed on white\)", "upscale", "in.png", "-o", "out.jpg", *BICUBIC,
         code=0),
    case("picture-transparency-of-no-colour", holds(png(8, 6, (b"tRNS", b"\xff\xff"))),
         "out.png: 16x12", code=0),
    case("picture-gamma-zero", holds(png(8, 6, (b"gAMA", bytes(4)))), "out.png: 16x12", code=0),
    case("picture-dpi-without-end", holds(png(8, 6, (b"pHYs", b"\xff" * 8 + b"\1"))),
         "out.png: 16x12", code=0),
)
PLACE = (
    case("picture-is-a-pipe", in_place_of("in.png", os.mkfifo), "not a regular file"),
    case("picture-is-a-device", in_place_of("in.png", lambda p: p.symlink_to("/dev/zero")),
         "not a regular file"),
    case("picture-is-a-link-to-itself", in_place_of("in.png", lambda p: p.symlink_to(p)),
         "in.png: "),
    case("picture-through-a-link", lambda home: (saved("real.png")(home),
                                                 (home / "in.png").symlink_to("real.png")),
         "out.png: 16x12", code=0),
    case("picture-folder-among-images", in_place_of("in.png", os.mkdir), "no pictures", "verify",
         "--images", "in.png"),
    case("picture-pipe-among-images", in_place_of("in.png", os.mkfifo), "not a regular file",
         "ranges", "--images", "in.png"),
    case("picture-of-an-odd-name", lambda home: saved("a\nb\x1b[31m.png")(home),
         "a b.*: cannot be read|16x12", "upscale", "a\nb\x1b[31m.png", *OUT, code=0),
    case("picture-of-a-name-in-no-encoding", lambda home: (home / os.fsdecode(b"\xff.png"))
         .write_bytes(b"text"), "not a picture", "upscale", os.fsdecode(b"\xff.png"), *OUT),
    case("output-over-a-folder", lambda home: (saved()(home), (home / "out.png").mkdir()),
         "the output is the input|is a folder|out.png", "upscale", "in.png", "-o", "out.png/x.gif",
         *BICUBIC),
    case("output-on-a-full-device", saved(), "/dev/full|/dev", "upscale", "in.png", "-o",
         "/dev/full", *BICUBIC),
)
ROOM = (
    case("picture-without-room", saved(pixels=LARGE),
         r"out.png: cannot be written \(File too large\)",
         *within(4, "upscale", "in.png", *OUT), program="sh"),
    case("pictures-without-room", lambda home: (saved("a.png", LARGE)(home),
                                            saved("b.png", LARGE)(home)),
         r"out/a.png: cannot be written \(File too large\)",
         *within(4, "upscale", "a.png", "b.png", "-o", "out", *BICUBIC), program="sh"),
    case("video-without-room", raw(0, frames=40), "ffmpeg cannot write it .File too large",
         *within(4, *VIDEO), program="sh"),
)
SEVERAL = (
    *(case(f"third-picture-{name}", three(spoil), says, "upscale", "a.png", "b.png", "c.png", "-o",
           "out", "--engine", "golden") for name, spoil, says in (
        ("cut", lambda p: os.truncate(p, 70), "c.png: cannot be read"),
        ("missing", lambda p: p.unlink(), "c.png: no such file"),
        ("empty", lambda p: os.truncate(p, 0), "c.png: .*an empty file"),
        ("a-pipe", lambda p: (p.unlink(), os.mkfifo(p)), "c.png: not a regular file"))),
    case("third-output-not-written", three(lambda p: p.rename(p.with_suffix(".gif"))),
         "out/c.gif: suffix '.gif' is not a picture format", "upscale", "a.png", "b.png", "c.gif",
         "-o", "out", *BICUBIC),
    case("two-of-one-name", three(lambda p: None), "two inputs have this file name", "upscale",
         "a.png", "./a.png", "-o", "out", *BICUBIC),
    case("images-then-no-model", three(lambda p: None), "unknown model 'phto'", "verify",
         "--images", "a.png", "b.png", "phto"),
    case("images-one-missing", three(lambda p: p.unlink()), "c.png: no such file", "ranges",
         "--images", "a.png", "b.png", "c.png"),
    case("images-named-like-an-option", three(lambda p: p.rename(p.with_name("--lr"))),
         "none.png: no such file", "ranges", "--images", "--lr", "none.png"),
    case("frame-of-a-folder-damaged", lambda home: (
        (home / "in").mkdir(), [saved(f"in/{n}.png")(home) for n in range(3)],
        (home / "in" / "2.png").write_text("text")), "in/2.png: cannot be read", "upscale", "in",
        "-o", "out", *BICUBIC),
)
VIDEOS = (
    case("video-cut-in-a-frame", raw(50), "in.y4m: cut ", *VIDEO),
    case("video-cut-in-the-only-frame", raw(50, frames=1), "in.y4m: ", *VIDEO),
    case("video-of-one-byte-less", raw(1), "in.y4m: cut ", *VIDEO),
    case("video-of-no-size", raw(0, "W0 H0"), "in.y4m: ", *VIDEO),
    case("video-of-a-huge-size", raw(0, "W99999999 H99999999"), "in.y4m: ", *VIDEO),
    case("video-is-a-pipe", in_place_of("in.y4m", os.mkfifo), "not a regular file", *VIDEO),
    case("video-is-a-device", in_place_of("in.y4m", lambda p: p.symlink_to("/dev/zero")),
         "not a regular file", *VIDEO),
    case("video-is-a-folder-of-nothing", in_place_of("in.y4m", os.mkdir), "no pictures", "upscale",
         "in.y4m", "-o", "out", *BICUBIC),
    case("video-a-list-of-other-files", holds(b"ffconcat version 1.0\nfile /etc/passwd\n",
                                              "in.mkv"), "in.mkv: ", "upscale", "in.mkv", "-o",
         "out.mkv", *BICUBIC),
    case("video-a-playlist", holds(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
                                   "in.mp4"), "in.mp4: ", "upscale", "in.mp4", "-o", "out.mkv",
         *BICUBIC),
)
CASES = (*CONTENT, *SIZE, *BESIDE, *PLACE, *ROOM, *SEVERAL, *VIDEOS)
