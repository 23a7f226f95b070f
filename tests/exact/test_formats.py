"""Requantisation against exact rational arithmetic, and the laws of formats."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsrcnnx.errors import FormatError
from fsrcnnx.exact.formats import (
    Format,
    from_pixels,
    quantise,
    requantise,
    round_shift,
    saturate,
    signed_digits,
    to_pixels,
)

FORMATS = st.builds(Format, st.booleans(), st.integers(1, 32), st.integers(-8, 40))


@given(raw=st.integers(-(2**50), 2**50), shift=st.integers(0, 48), fmt=FORMATS)
def test_requantise_is_exact_rounding_then_saturation(raw, shift, fmt):
    exact = Fraction(raw, 2**shift)
    want = min(max(round(exact), fmt.lo), fmt.hi)  # Fraction rounds half to even
    assert requantise(np.array([raw]), shift, fmt)[0] == want


@pytest.mark.parametrize("shift", [1, 2, 7])
def test_every_tie_goes_to_even(shift):
    ties = (np.arange(-9, 10) * 2 + 1) << (shift - 1)  # odd multiples of one half
    assert (round_shift(ties, shift) % 2 == 0).all()


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1), st.integers(0, 30))
def test_round_shift_equals_rint(raws, shift):
    raws = np.array(raws)
    np.testing.assert_array_equal(round_shift(raws, shift), np.rint(raws / 2.0**shift))


def test_negative_shift_is_refused():
    with pytest.raises(FormatError, match="requantisation by -1 bits"):
        round_shift(np.array([1]), -1)


@given(FORMATS)
def test_ap_type_round_trip(fmt):
    assert Format.parse(str(fmt)) == fmt


@pytest.mark.parametrize("text", ["", "fixed<8,4>", "ap_fixed<8>", "ap_fixed<8,4,AP_RND>"])
def test_parse_refuses_other_text(text):
    with pytest.raises(FormatError, match="not a format"):
        Format.parse(text)


@pytest.mark.parametrize("width", [0, -1, 63])
def test_widths_out_of_range_are_refused(width):
    with pytest.raises(FormatError, match=r"1\.\.62"):
        Format(True, width, 0)


@given(FORMATS, st.lists(st.integers(-(2**45), 2**45)))
def test_saturate_holds_and_keeps_what_fits(fmt, raws):
    raws = np.array(raws, np.int64)
    clipped = saturate(raws, fmt)
    assert fmt.holds(clipped)
    inside = (raws >= fmt.lo) & (raws <= fmt.hi)
    np.testing.assert_array_equal(clipped[inside], raws[inside])


@given(FORMATS, st.floats(-(2.0**20), 2.0**20))
def test_quantise_finds_the_nearest_value(fmt, value):
    raw = int(quantise(np.array([value]), fmt)[0])
    exact = Fraction(value) * Fraction(2) ** fmt.frac
    assert raw == min(max(round(exact), fmt.lo), fmt.hi)


@pytest.mark.parametrize(("fmt", "factor"), [
    (Format(False, 8, 8), 1), (Format(False, 10, 10), 4), (Format(True, 10, 8), 1),
    (Format(True, 12, 10), 4)])
def test_a_picture_comes_into_a_luma_format_and_back(fmt, factor):
    pixels = np.arange(256, dtype=np.uint8)
    raw = from_pixels(pixels, fmt)
    assert raw.tolist() == [factor * pixel for pixel in range(256)]
    np.testing.assert_array_equal(to_pixels(raw, fmt), pixels)


def test_fewer_bits_keep_the_upper_ones():
    pixels = np.array([15, 16, 255], np.uint8)
    assert from_pixels(pixels, Format(False, 4, 4)).tolist() == [0, 1, 15]


def test_quantise_refuses_nan():
    with pytest.raises(FormatError, match="not a number"):
        quantise(np.array([np.nan]), Format(True, 8, 4))


def _digits(n):
    """Non-zero digits of the non-adjacent form, by its definition."""
    count = 0
    while n:
        digit = 2 - n % 4 if n % 2 else 0
        count, n = count + abs(digit), (n - digit) // 2
    return count


def test_signed_digits_are_those_of_the_non_adjacent_form():
    raw = np.arange(-600, 600)
    want = [_digits(abs(int(n))) for n in raw]
    np.testing.assert_array_equal(signed_digits(raw), want)
    assert signed_digits(7) == 2  # 8 - 1, not 4 + 2 + 1
