"""What picture files hold beside 8-bit pixels: kept with exact values, or left out with a word."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from fsrcnnx import limits
from fsrcnnx.errors import InputError
from fsrcnnx.media import imaging
from fsrcnnx.media.imaging import Picture, bicubic, left_out, read_picture, write_picture
from fsrcnnx.media.pictures import read as picture_read

RNG = np.random.default_rng(5)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY = SRGB[:16] + b"GRAY" + SRGB[20:]
CMYK = SRGB[:16] + b"CMYK" + SRGB[20:]


def noise(*shape):
    """Noise of a shape, uint8."""
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def upscaled(path):
    """What upscale makes of a file, by bicubic."""
    picture = read_picture(path)
    return picture.enlarged(bicubic(picture.luma, 2), 2)


# --- orientation ---------------------------------------------------------------------------

# EXIF 0x0112 -> the stored array as an upright viewer must see it
TURNS = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1), 8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("number", TURNS)
def test_orientation_is_applied(tmp_path, number, suffix):
    stored, exif = noise(5, 7, 4), Image.Exif()
    exif[0x0112] = number
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(stored).save(tmp_path / f"a{suffix}", exif=exif, **options)
    picture, want = read_picture(tmp_path / f"a{suffix}"), TURNS[number](stored)
    np.testing.assert_array_equal(picture.luma, imaging.rgb_to_picture(want[..., :3]).luma)
    np.testing.assert_array_equal(picture.alpha, want[..., 3])
    assert imaging.picture_size(tmp_path / f"a{suffix}") == picture.luma.shape[::-1]
    assert picture.left_out == ()
    write_picture(tmp_path / "out.png", picture)
    assert Image.open(tmp_path / "out.png").getexif().get(0x0112) is None


@pytest.mark.parametrize("number", TURNS)
def test_orientation_of_sixteen_bits(tmp_path, number):
    stored, exif = noise(5, 7).astype(np.uint16) * 256, Image.Exif()
    exif[0x0112] = number
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").luma,
                                  TURNS[number](stored) // 256)


@pytest.mark.parametrize("number", [0, 9, 65535])
def test_an_orientation_that_there_is_not_changes_nothing(tmp_path, number):
    gray, exif = noise(5, 7), Image.Exif()
    exif[0x0112] = number
    Image.fromarray(gray).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").luma, gray)


def test_other_tags_are_left_out_with_a_word_and_damaged_ones_do_no_harm(tmp_path):
    gray, exif = noise(5, 7), Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    Image.fromarray(gray).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert (picture.luma.shape, picture.left_out) == ((7, 5), ("EXIF data",))
    for bad in (b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40, b"Exif\0\0"):
        Image.fromarray(gray).save(tmp_path / "b.jpg", exif=bad, quality=100)
        assert read_picture(tmp_path / "b.jpg").luma.shape == (5, 7)


# --- alpha ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_scaled_by_bicubic(tmp_path, mode, suffix):
    stored = noise(9, 11, len(mode))
    Image.fromarray(stored).save(tmp_path / "a.png")
    path = write_picture(tmp_path / f"out{suffix}", upscaled(tmp_path / "a.png"))
    out = Image.open(path)
    assert out.mode == ("RGBA" if suffix == ".webp" else mode)
    np.testing.assert_array_equal(np.asarray(out)[..., -1], bicubic(stored[..., -1], 2))
    colours = imaging.rgb_to_picture(stored[..., :3]) if mode == "RGBA" else Picture(stored[..., 0])
    want = imaging.picture_to_rgb(colours.enlarged(bicubic(colours.luma, 2), 2))
    got = np.asarray(out)[..., :3] if mode == "RGBA" or suffix == ".webp" else \
        np.asarray(out)[..., 0]
    np.testing.assert_array_equal(got, np.dstack([want] * 3) if got.ndim > want.ndim else want)
    assert left_out(path, read_picture(tmp_path / "a.png")) == ()


def test_transparent_white_stays_white(tmp_path):
    stored = np.full((4, 4, 4), 255, np.uint8)
    stored[:, 2:, 3] = 0
    Image.fromarray(stored).save(tmp_path / "a.png")
    for name in ("out.png", "out.jpg", "out.bmp", "out.ppm"):
        write_picture(tmp_path / name, upscaled(tmp_path / "a.png"))
        assert (np.asarray(Image.open(tmp_path / name))[..., :3] == 255).all()


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".pgm"])
def test_a_format_without_alpha_gets_it_composed_on_white(tmp_path, suffix):
    gray, alpha = noise(6, 6), noise(6, 6)
    picture = Picture(gray, alpha=alpha)
    path = write_picture(tmp_path / f"a{suffix}", picture)
    want = np.rint(gray * (alpha / 255) + 255 * (1 - alpha / 255))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), want)
    assert left_out(path, picture) == ("alpha (composed on white)",)
    assert left_out(path, Picture(gray, alpha=gray | 255)) == (), "nothing shows through"


KEYS = {  # what is saved with a transparent value -> alpha expected
    "gray": (lambda a: Image.fromarray(a), 7, lambda a: a != 7),
    "16-bit gray": (lambda a: Image.fromarray(a.astype(np.uint16) * 257), 7 * 257,
                    lambda a: a != 7),
    "one bit": (lambda a: Image.fromarray(a > 99), 1, lambda a: a <= 99),
    "colour": (lambda a: Image.fromarray(np.dstack([a, a, a])), (7, 7, 7), lambda a: a != 7),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_transparent_value_becomes_alpha(tmp_path, name):
    make, key, opaque = KEYS[name]
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    make(stored).save(tmp_path / "a.png", transparency=key)
    picture = read_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.alpha, np.where(opaque(stored), 255, 0))
    assert (picture.chroma is None) == (name != "colour")


def test_a_palette_with_alpha(tmp_path):
    image = Image.fromarray(noise(6, 6) % 4).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    image.save(tmp_path / "a.png", transparency=bytes([0, 85, 170, 255]))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").alpha, np.asarray(image) * 85)


# --- profile, dpi, gamma -------------------------------------------------------------------


@pytest.mark.parametrize("source", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_profile_stays_byte_for_byte(tmp_path, source, suffix):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / f"a{source}", icc_profile=SRGB)
    picture = upscaled(tmp_path / f"a{source}")
    path = write_picture(tmp_path / f"out{suffix}", picture)
    assert Image.open(path).info["icc_profile"] == SRGB
    assert left_out(path, picture) == ()


@pytest.mark.parametrize(("mode", "profile", "kept", "note"), [
    ("L", GRAY, True, None), ("L", SRGB, False, "ICC profile (of RGB, the picture is gray)"),
    ("RGB", GRAY, False, "ICC profile (of gray, the picture is RGB)"),
    ("RGB", b"nonsense", False, "ICC profile (damaged)"),
    ("RGB", SRGB[:16] + b"3CLR" + SRGB[20:], False,
     "ICC profile (of other colours, the picture is RGB)")])
def test_a_profile_of_other_colours_is_left_out(tmp_path, mode, profile, kept, note):
    Image.fromarray(noise(8, 8, *[3] * (mode == "RGB"))).save(tmp_path / "a.png",
                                                              icc_profile=profile)
    picture = read_picture(tmp_path / "a.png")
    assert picture.profile == (profile if kept else b"")
    assert picture.left_out == ((note,) if note else ())


def test_cmyk_becomes_rgb_and_its_profile_is_left_out(tmp_path):
    Image.fromarray(noise(8, 8, 3)).convert("CMYK").save(tmp_path / "a.jpg", icc_profile=CMYK)
    assert read_picture(tmp_path / "a.jpg").left_out == (
        "CMYK (converted to RGB)", "ICC profile (of CMYK, the picture is RGB)")


def test_formats_without_a_profile_or_dpi_say_so(tmp_path):
    colour = Picture(noise(4, 4), noise(4, 4, 2), profile=SRGB, dpi=(300.0, 300.0))
    assert left_out("a.bmp", colour) == ("ICC profile",)
    assert left_out("a.ppm", colour) == ("ICC profile", "dpi")
    assert left_out("a.webp", colour) == ("dpi",)
    assert left_out("a.webp", Picture(noise(4, 4), profile=GRAY)) == ("ICC profile",)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_dpi_stays(tmp_path, suffix):
    Image.fromarray(noise(4, 4)).save(tmp_path / "a.png", dpi=(300, 150))
    path = write_picture(tmp_path / f"out{suffix}", upscaled(tmp_path / "a.png"))
    assert Image.open(path).info["dpi"] == pytest.approx((300, 150), abs=0.02)


def test_gamma_stays_in_png_and_is_left_out_elsewhere(tmp_path):
    info = PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100000))
    info.add(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "a.png", pnginfo=info)
    before = Image.open(tmp_path / "a.png").info
    picture = upscaled(tmp_path / "a.png")
    after = Image.open(write_picture(tmp_path / "b.png", picture)).info
    assert (after["gamma"], after["chromaticity"]) == (1.0, before["chromaticity"])
    assert (left_out("b.png", picture), left_out("b.jpg", picture)) == (
        (), ("chromaticities", "gamma"))


# --- frames, depth, text -------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "options"), [(".gif", {}), (".png", {}), (".tif", {}),
                                                 (".webp", {"lossless": True})])
def test_further_frames_are_counted(tmp_path, suffix, options):
    frames = [Image.fromarray(noise(8, 9, 3)) for _ in range(4)]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **options)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.left_out == ("3 more frames",)
    first = np.asarray(Image.open(tmp_path / f"a{suffix}").convert("RGB"))
    np.testing.assert_array_equal(picture.luma, imaging.rgb_to_picture(first).luma)
    frames[0].save(tmp_path / f"one{suffix}", **options)
    assert read_picture(tmp_path / f"one{suffix}").left_out == ()


def png(kind, depth, rows, *chunks):
    """A PNG file by hand: colour type, bits, rows of bytes, further chunks (name, content)."""
    width = len(rows[0]) * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    head = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")))


@pytest.mark.parametrize("kind", [0, 2, 4, 6])
def test_sixteen_bits_lose_their_low_byte_with_a_word(tmp_path, kind):
    samples = RNG.integers(0, 65536, (5, 4, {0: 1, 2: 3, 4: 2, 6: 4}[kind])).astype(">u2")
    (tmp_path / "a.png").write_bytes(png(kind, 16, [row.tobytes() for row in samples]))
    picture, high = read_picture(tmp_path / "a.png"), (samples >> 8).astype(np.uint8)
    assert picture.left_out == ("the low 8 bits of 16",)
    want = imaging.rgb_to_picture(high[..., :3]).luma if kind in (2, 6) else high[..., 0]
    np.testing.assert_array_equal(picture.luma, want)
    if kind in (4, 6):
        np.testing.assert_array_equal(picture.alpha, high[..., -1])


@pytest.mark.parametrize("head", [b"P5 4 1 65535\n", b"P6 4 1 65535\n"])
def test_sixteen_bits_of_netpbm(tmp_path, head):
    (tmp_path / "a.ppm").write_bytes(head + bytes(range(24))[:8 if head[1:2] == b"5" else 24])
    assert read_picture(tmp_path / "a.ppm").left_out == ("the low 8 bits of 16",)


def test_twelve_bits_are_brought_to_eight(tmp_path):
    """A TIFF of 12-bit gray by hand: 0x123, 0xFED in three bytes."""
    data, entries = bytes([0x12, 0x3F, 0xED]), [
        (256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 12), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 3)]
    body = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 12) + data + b"\0" + body)
    picture = read_picture(tmp_path / "a.tif")
    assert (picture.luma.tolist(), picture.left_out) == ([[0x12, 0xFE]], ("the low 4 bits of 12",))


def test_text_is_left_out_with_a_word(tmp_path):
    info = PngInfo()
    info.add_text("Author", "somebody")
    Image.fromarray(noise(4, 4)).save(tmp_path / "a.png", pnginfo=info)
    Image.fromarray(noise(4, 4)).save(tmp_path / "a.jpg", comment=b"hello", xmp=b"<x/>")
    assert read_picture(tmp_path / "a.png").left_out == ("text",)
    assert read_picture(tmp_path / "a.jpg").left_out == ("XMP data", "text")


# --- limits --------------------------------------------------------------------------------


def test_too_many_pixels_are_refused_by_the_header_and_the_limit_lifted(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(png(0, 8, [b"\0"]).replace(
        struct.pack(">IIB", 1, 1, 8), struct.pack(">IIB", 12000, 9000, 8)))
    data = bytearray(path.read_bytes())
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(InputError, match="a.png: 12000x9000 are 108000000 pixels; allowed: up to "
                       "100000000; fix: .*--max-pixels 108000000, or FSRCNNX_MAX_PIXELS"):
        read_picture(path)
    monkeypatch.setenv(limits.PIXELS_VARIABLE, "108000000")
    assert imaging.picture_size(path) == (12000, 9000)
    monkeypatch.setenv(limits.PIXELS_VARIABLE, "107999999")
    with pytest.raises(InputError, match="up to 107999999"):
        imaging.picture_size(path)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e9", "9" * 30, "²"])
def test_a_limit_that_is_no_number_is_refused(tmp_path, monkeypatch, value):
    Image.fromarray(noise(4, 4)).save(tmp_path / "a.png")
    monkeypatch.setenv(limits.PIXELS_VARIABLE, value)
    with pytest.raises(InputError, match="FSRCNNX_MAX_PIXELS: .*allowed: a number of pixels"):
        read_picture(tmp_path / "a.png")


def test_pillows_own_limit_is_as_before(tmp_path):
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError):
        read_picture(Path(__file__))
    assert before == Image.MAX_IMAGE_PIXELS is not None


def test_a_file_larger_than_any_picture_is_not_read(tmp_path):
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF\xff\xff\xff\x7fWEBPVP8L")
    os.truncate(path, 1 << 40)  # sparse
    with pytest.raises(InputError, match="a file of 1099511627776 bytes; allowed: up to 8671"):
        read_picture(path)


@pytest.mark.parametrize("name", ["iCCP", "zTXt", "iTXt"])
def test_a_bomb_beside_the_pixels_does_not_go_off(tmp_path, name):
    bomb = zlib.compress(bytes(1 << 26), 9)
    body = {"iCCP": b"a\0\0", "zTXt": b"a\0\0", "iTXt": b"a\0\1\0\0\0"}[name] + bomb
    (tmp_path / "a.png").write_bytes(png(0, 8, [b"\7"], (name.encode(), body)))
    with pytest.raises(InputError, match="a.png: cannot be read .Decompressed data too large"):
        read_picture(tmp_path / "a.png")


# --- what is no picture file ---------------------------------------------------------------


def special(folder, kind):
    """Something that is not to be read."""
    path = folder / "a.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(folder / "none")
    return path


@pytest.mark.parametrize(("kind", "said"), [
    ("folder", "a folder"), ("pipe", "not a regular file"), ("device", "not a regular file"),
    ("missing", "no such file"), ("loop", "no such file"), ("dangling", "no such file")])
@pytest.mark.parametrize("read", [read_picture, imaging.picture_size])
def test_only_files_are_read(tmp_path, kind, said, read):
    path = special(tmp_path, kind)
    with pytest.raises(InputError, match=f"a.png: {said}; allowed: a picture file"):
        read(path)


@pytest.mark.parametrize(("form", "options"), [
    ("PNG", {}), ("PNG", {"save_all": True}), ("JPEG", {}), ("TIFF", {}), ("GIF", {}), ("BMP", {}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}), ("WEBP", {"lossless": True}), ("PPM", {}),
    ("TGA", {}), ("PCX", {}), ("SGI", {}), ("MPO", {"save_all": True})])
def test_spoiled_bytes_give_a_picture_or_one_line(tmp_path, capfd, form, options):
    """Forty files of each format, with bytes changed and ends cut."""
    rng, path, exif = np.random.default_rng(3), tmp_path / "a.png", Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    more = {"append_images": [Image.fromarray(noise(12, 13, 3))]} if options.get("save_all") else {}
    tags = {"exif": exif} if form in ("PNG", "JPEG", "WEBP") else {}
    Image.fromarray(noise(12, 13, 3)).save(path, form, **options, **more, **tags)
    whole, refused = path.read_bytes(), 0
    read_picture(path)
    for number in range(40):
        data = bytearray(whole)
        for at in rng.integers(0, [80, len(data)][number % 2], 1 + number % 7):
            data[at % len(data)] = rng.choice([0, 255, 127, rng.integers(256)])
        path.write_bytes(data[:rng.integers(len(data))] if number % 5 == 0 else data)
        try:
            read_picture(path)
        except InputError:
            refused += 1
    assert refused
    assert capfd.readouterr().err == "", "no decoder speaks for itself"


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
                                     b"%%EndComments\nshowpage\n")
    with pytest.raises(InputError, match="not a picture, or corrupt"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("raised", [KeyError("x"), struct.error("y"), RecursionError("z")])
def test_whatever_a_decoder_raises_is_one_line_about_the_file(tmp_path, monkeypatch, raised):
    Image.fromarray(noise(4, 4)).save(tmp_path / "a.png")

    def fail(*_, **__):
        raise raised

    monkeypatch.setattr(picture_read.Image, "open", fail)
    with pytest.raises(InputError, match="a.png: cannot be read"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize(("name", "size"), [("a.webp", (16384, 1)), ("a.jpg", (1, 65501))])
def test_a_size_that_the_format_does_not_hold_is_refused_first(tmp_path, name, size):
    with pytest.raises(InputError, match="allowed: sides up to"):
        imaging.check_size(tmp_path / name, *size)
    imaging.check_size(tmp_path / "a.png", *size)
