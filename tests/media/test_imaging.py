"""Pictures in and out, bicubic by hand, and the published bicubic figures."""

import numpy as np
import pytest
from PIL import Image

from fsrcnnx.errors import InputError
from fsrcnnx.media import imaging
from fsrcnnx.media.pictures import picture, resample
from fsrcnnx.media.pictures.resample import bicubic_sited

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (16, 9)])
def test_gray_comes_back_as_it_was(tmp_path, shape):
    gray = RNG.integers(0, 256, shape, dtype=np.uint8)
    made = imaging.Picture(gray, None)
    path = imaging.write_picture(tmp_path / "a.png", made)
    again = imaging.read_picture(path)
    assert again.chroma is None
    np.testing.assert_array_equal(again.luma, gray)


def test_colour_goes_through_ycbcr_and_back():
    rgb = RNG.integers(0, 256, (9, 8, 3), dtype=np.uint8)
    picture = imaging.rgb_to_picture(rgb)
    assert picture.luma.min() >= 16 and picture.luma.max() <= 235
    back = imaging.picture_to_rgb(picture).astype(int)
    # 8-bit YCbCr has 219 luma steps for 256: two roundings move a sample by at most 4
    assert np.abs(back - rgb).max() <= 4


@pytest.mark.parametrize(("rgb", "luma"), [((0, 0, 0), 16), ((255, 255, 255), 235),
                                           ((255, 0, 0), 81), ((0, 255, 0), 145),
                                           ((0, 0, 255), 41)])
def test_bt601_luma_of_the_primaries(rgb, luma):
    assert imaging.rgb_to_picture(np.array([[rgb]], np.uint8)).luma.tolist() == [[luma]]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_flat_plane_stays_flat(scale):
    plane = np.full((12, 24), 77, np.uint8)
    assert (imaging.bicubic(plane, scale) == 77).all()
    assert (imaging.shrink(plane, scale) == 77).all()
    assert imaging.bicubic(plane, scale).shape == (12 * scale, 24 * scale)
    assert imaging.shrink(plane, scale).shape == (12 // scale, 24 // scale)


def test_shrink_crops_to_a_multiple():
    plane = RNG.integers(0, 256, (13, 15), dtype=np.uint8)
    np.testing.assert_array_equal(imaging.shrink(plane, 2), imaging.shrink(plane[:12, :14], 2))


def test_psnr_by_hand():
    a = np.zeros((8, 8), np.uint8)
    b = a.copy()
    b[4, 4] = 16
    assert imaging.psnr(a, b) == pytest.approx(10 * np.log10(255**2 / (256 / 64)))
    assert imaging.psnr(a, b, shave=2) == pytest.approx(10 * np.log10(255**2 / (256 / 16)))


def _broken(folder, kind):
    path = folder / f"{kind}.png"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no picture")
    elif kind == "cut":
        Image.fromarray(RNG.integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:500])
    elif kind == "folder":
        path.mkdir()
    return path


def test_sited_bicubic_is_bicubic_moved_on_a_ramp():
    plane = RNG.integers(0, 256, (5, 6), dtype=np.uint8)
    np.testing.assert_array_equal(bicubic_sited(plane, 3, (14, 17), (0, 0)),
                                  imaging.bicubic(plane, 3)[:14, :17])
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 16, (4, 1))  # bicubic keeps straight lines
    moved = bicubic_sited(ramp, 2, (8, 32), (0, 1 / 8))[3, 6:26]
    assert moved.tolist() == [8 * j - 2 for j in range(6, 26)]
    down = bicubic_sited(np.ascontiguousarray(ramp.T), 2, (32, 8), (-1 / 8, 0))[6:26, 3]
    assert down.tolist() == [8 * j - 6 for j in range(6, 26)]


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "folder"])
def test_a_broken_picture_is_named(tmp_path, kind):
    with pytest.raises(InputError, match=f"{kind}.png"):
        imaging.read_picture(_broken(tmp_path, kind))


@pytest.mark.parametrize("name", ["none/a.png", "a.unknown"])
def test_an_output_that_cannot_be_written_is_refused_first(tmp_path, name):
    with pytest.raises(InputError):
        imaging.check_writable(tmp_path / name)
    assert not list(tmp_path.iterdir())


# dB on Y, paper protocol: LR as uint8, and LR as float, as papers print
PUBLISHED = {
    ("Set5", 2): (33.64, 33.66), ("Set5", 3): (30.38, 30.39), ("Set5", 4): (28.41, 28.42),
    ("Set14", 2): (30.22, 30.23), ("Set14", 3): (27.54, 27.54), ("Set14", 4): (26.00, 26.00),
}


@pytest.mark.data
@pytest.mark.parametrize("name, scale", PUBLISHED)
def test_bicubic_reproduces_the_published_figures(data, monkeypatch, name, scale):
    """MATLAB's bicubic to 0.01 dB; the float figures with one rounding, of HR, at the end."""
    found, whole = [], resample.to_integers
    hrs = [imaging.crop(imaging.read_picture(path).luma, scale)
           for path in sorted((data / "test" / name).glob("*.png"))]
    for finish in (whole, lambda value, peak: value):  # of each pass
        monkeypatch.setattr(resample, "to_integers", finish)
        values = []
        for hr in hrs:
            again = imaging.bicubic(imaging.shrink(hr, scale), scale)
            values.append(imaging.psnr(hr, whole(again, 255), shave=scale))
        found.append(np.mean(values))
    assert found == pytest.approx(PUBLISHED[name, scale], abs=0.005)


@pytest.mark.parametrize("shape", [(1, 1, 3), (37, 41, 3), (5, 1, 3), (1, 50, 3)])
@pytest.mark.parametrize("band", [1, 7, 60])
def test_colour_is_the_same_in_bands_of_any_height(monkeypatch, shape, band):
    rgb = RNG.integers(0, 256, shape, dtype=np.uint8)
    whole = imaging.rgb_to_picture(rgb)
    back = imaging.picture_to_rgb(whole)
    monkeypatch.setattr(picture, "BAND", band)
    again = imaging.rgb_to_picture(rgb)
    np.testing.assert_array_equal(again.luma, whole.luma)
    np.testing.assert_array_equal(again.chroma, whole.chroma)
    np.testing.assert_array_equal(imaging.picture_to_rgb(whole), back)
    ycbcr = resample.to_uint8(rgb.astype(np.float64) @ picture.TO_YCBCR.T + picture.YCBCR_OFFSET)
    np.testing.assert_array_equal(whole.luma, ycbcr[..., 0])
