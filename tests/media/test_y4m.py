"""Raw video in pipes: headers there and back, every layout, streams that break off."""

import io
from fractions import Fraction

import numpy as np
import pytest

from fsrcnnx.errors import InputError
from fsrcnnx.media import y4m


@pytest.mark.parametrize("chroma", y4m.LAYOUTS)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 6)])
def test_frames_there_and_back(chroma, size):
    header = y4m.Header(*size, Fraction(30000, 1001), chroma, True, "4:3")
    rng = np.random.default_rng(1)
    given = [[rng.integers(0, 1 << header.bits, shape, header.sample) for shape in header.shapes]
             for _ in range(3)]
    assert header.bits == (10 if chroma.endswith("10") else 8)
    stream = io.BytesIO()
    stream.write(header.line())
    for planes in given:
        y4m.write_frame(stream, planes)
    stream.seek(0)
    assert y4m.read_header(stream) == header
    got = list(y4m.read_frames(stream, header))
    assert len(got) == 3
    for old, new in zip(given, got, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_sizes_of_planes():
    for chroma, half in (("420jpeg", (2, 3)), ("422", (3, 3)), ("444", (3, 5))):
        assert y4m.Header(5, 3, Fraction(25), chroma).shapes == [(3, 5), half, half]
    assert y4m.Header(5, 3, Fraction(25), "mono").shapes == [(3, 5)]


def test_a_header_of_other_tools():
    stream = io.BytesIO(b"YUV4MPEG2 W4 H2 F25:1 Ib XYSCSS=420JPEG XCOLORRANGE=LIMITED\n")
    assert y4m.read_header(stream) == y4m.Header(4, 2, Fraction(25), "420jpeg", False, "0:0", "b")
    assert y4m.read_header(io.BytesIO()) is None


@pytest.mark.parametrize("line", [b"RIFF", b"  ", b"YUV4MPEG2 W4", b"YUV4MPEG2 W4 H2 C420p12",
                                  b"YUV4MPEG2 W0 H2", b"YUV4MPEG2 Wx H2", b"YUV4MPEG2 W4 H2 F1:0"])
def test_other_headers_are_refused(line):
    with pytest.raises(InputError, match=r"pipe: not a YUV4MPEG2 stream .*; allowed: 8 or 10 bits"):
        y4m.read_header(io.BytesIO(line + b"\n"), "pipe")


@pytest.mark.parametrize("tail", [b"FRAME\n\x00\x00", b"FRAM\n\x00\x00\x00\x00", b"FRAME"])
def test_a_broken_stream_names_the_frame(tail):
    header = y4m.Header(2, 2, Fraction(25), "mono")
    stream = io.BytesIO(b"FRAME Ip\n\x01\x02\x03\x04" + tail)
    found = y4m.read_frames(stream, header, "pipe")
    assert next(found)[0].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match="pipe: frame 1: the stream ends inside a frame"):
        next(found)


def test_a_sample_of_10_bits_is_two_bytes_the_low_one_first():
    header = y4m.Header(2, 1, Fraction(25), "mono10")
    stream = io.BytesIO(b"FRAME\n\x01\x02\xff\x03FRAME\n\x00\x00\x00\x04")
    found = y4m.read_frames(stream, header, "pipe")
    assert next(found)[0].tolist() == [[0x201, 0x3FF]]
    with pytest.raises(InputError, match="pipe: frame 1: a sample of 1024; allowed: 10 bits"):
        next(found)
