"""YUV4MPEG2, the raw video that goes through the pipes from and to ffmpeg: headers and frames.

May import numpy and the errors. Planar: luma, then both chroma planes unless gray; a sample of 8
bits is a byte, one of 10 bits two, the low one first.

    header = read_header(pipe); for planes in read_frames(pipe, header): ...

Source: yuv4mpeg(5) of mjpegtools; ffmpeg's libavformat/yuv4mpegdec.c for XCOLORRANGE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from fsrcnnx.errors import InputError

LONGEST = 4096  # bytes of a header line
# tag without what says where chroma lies -> luma rows and columns per chroma sample
SUBSAMPLING = {"420": (2, 2), "422": (1, 2), "444": (1, 1), "mon": None}
LAYOUTS = ("420", "420jpeg", "420mpeg2", "420paldv", "422", "444", "mono",
           "420p10", "422p10", "444p10", "mono10")


@dataclass(frozen=True)
class Header:
    """What a stream says about its frames.

    Args:
        width: Luma columns.
        height: Luma rows.
        rate: Frames per second.
        chroma: Tag, one of LAYOUTS.
        full: Whether luma uses 0..255 rather than 16..235 (0..1023, 64..940 for 10 bits); None if
            it is not said.
        aspect: Shape of a pixel, `w:h`; 0:0 if it is not said.
        interlacing: p: progressive; t, b, m: fields; ?: not said.
    """

    width: int
    height: int
    rate: Fraction
    chroma: str
    full: bool | None = None
    aspect: str = "0:0"
    interlacing: str = "p"

    @property
    def step(self) -> tuple[int, int] | None:
        """Luma rows and columns per chroma sample, None for gray."""
        return SUBSAMPLING[self.chroma[:3]]

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        return 10 if self.chroma.endswith("10") else 8

    @property
    def sample(self) -> np.dtype:
        """How a sample stands in a stream."""
        return np.dtype("u1" if self.bits == 8 else "<u2")

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of each plane."""
        luma = [(self.height, self.width)]
        if self.step is None:
            return luma
        rows, columns = self.step
        return luma + [(-(-self.height // rows), -(-self.width // columns))] * 2

    def line(self) -> bytes:
        """The header as it stands in a stream."""
        words = ["YUV4MPEG2", f"W{self.width}", f"H{self.height}",
                 f"F{self.rate.numerator}:{self.rate.denominator}", f"I{self.interlacing}",
                 f"A{self.aspect}", f"C{self.chroma}"]
        if self.full is not None:
            words.append(f"XCOLORRANGE={'FULL' if self.full else 'LIMITED'}")
        return " ".join(words).encode() + b"\n"


def _line(stream: BinaryIO) -> bytes:
    """A line of a stream, without its end; empty at the end of the stream."""
    return stream.readline(LONGEST).removesuffix(b"\n")


def read_header(stream: BinaryIO, where: str = "") -> Header | None:
    """Read a stream's first line.

    Args:
        stream: At its beginning.
        where: Whose stream, for errors.

    Returns:
        The header, None if the stream is empty.

    Raises:
        InputError: If it is not YUV4MPEG2 in one of LAYOUTS.
    """
    line = _line(stream)
    if not line:
        return None
    try:
        first, *words = line.decode("ascii", "replace").split()
        given = {word[0]: word[1:] for word in words if word[0] != "X"}
        numerator, denominator = given.get("F", "25:1").split(":")
        header = Header(
            int(given["W"]), int(given["H"]), Fraction(int(numerator), int(denominator)),
            given.get("C", "420jpeg"),
            {"XCOLORRANGE=FULL": True, "XCOLORRANGE=LIMITED": False}.get(next(
                (word for word in words if word.startswith("XCOLORRANGE")), "")),
            given.get("A", "0:0"), given.get("I", "?"))
        known = header.chroma in LAYOUTS
        if first != "YUV4MPEG2" or not known or header.width < 1 or header.height < 1:
            raise ValueError
    except (KeyError, ValueError, ZeroDivisionError):
        raise InputError(f"not a YUV4MPEG2 stream that is read here: {line[:80]!r}", where=where,
                         allowed="8 or 10 bits; 4:2:0, 4:2:2, 4:4:4 or gray") from None
    return header


def read_frames(stream: BinaryIO, header: Header, where: str = "", bare: bool = False
                ) -> Iterator[list[np.ndarray]]:
    """Read frame after frame.

    Args:
        stream: Behind its header.
        header: The header.
        where: Whose stream, for errors.
        bare: Whether the frames follow one another without a line before each.

    Yields:
        The planes: uint8 or uint16 (H, W) luma, and two of chroma unless gray.

    Raises:
        InputError: If the stream ends inside a frame, or frames change their size.
    """
    sizes = [rows * columns for rows, columns in header.shapes]
    length = sum(sizes) * header.sample.itemsize
    number = 0
    while (line := b"FRAME" if bare else _line(stream)):
        data = stream.read(length) if line.split(b" ")[0] == b"FRAME" else b""
        if bare and not data:
            return
        if len(data) != length:
            raise InputError("the stream ends inside a frame, or its frames change their size",
                             where=f"{where}: frame {number}", allowed="whole frames of one size")
        raw = np.frombuffer(bytearray(data), header.sample)  # writable, as engines may want it
        if header.bits > 8 and raw.max() >> header.bits:
            raise InputError(f"a sample of {raw.max()}", where=f"{where}: frame {number}",
                             allowed=f"{header.bits} bits")
        planes = np.split(raw, np.cumsum(sizes)[:-1])
        yield [plane.reshape(shape) for plane, shape in zip(planes, header.shapes, strict=True)]
        number += 1


def write_frame(stream: BinaryIO, planes: Sequence[np.ndarray]) -> None:
    """Write a frame.

    Args:
        stream: Behind its header.
        planes: uint8 planes of the header's shapes, or uint16 of 10 bits.
    """
    stream.write(b"FRAME\n" + b"".join(
        plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes() for plane in planes))
