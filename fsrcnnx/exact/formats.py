"""Fixed-point formats and the one requantisation rule of the number contract.

May import numpy, the limits and the errors. A value is raw * 2^-frac; scales are powers of two and
zero points are 0. Rounding is half to even, then saturation: QONNX `ROUND`, ONNX `Round` and
`QuantizeLinear`, `torch.round`, `numpy.rint`, and ap_fixed's `AP_RND_CONV, AP_SAT`.

    requantise(np.array([5, 7]), shift=1, to=Format(True, 8, 4))   # [2, 4]
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import FormatError

MAX_WIDTH = 62  # raw values and their sums stay inside int64


@dataclass(frozen=True, order=True)
class Format:
    """A fixed-point format: value = raw * 2^-frac.

    Args:
        signed: Two's complement if true, else unsigned.
        width: Bits in all, 1..62.
        frac: Fraction bits; may be negative or exceed the width.

    Raises:
        FormatError: If the width or the fraction is out of range.
    """

    signed: bool
    width: int
    frac: int

    def __post_init__(self):
        if not 1 <= self.width <= MAX_WIDTH:
            raise FormatError(
                f"a format of {self.width} bits", where=str(self), allowed=f"1..{MAX_WIDTH} bits"
            )
        if abs(self.frac) > limits.FRACTION:
            raise FormatError(f"a format of {self.frac} fraction bits", where=str(self),
                              allowed=f"{-limits.FRACTION}..{limits.FRACTION}")

    @property
    def lo(self) -> int:
        """Smallest raw value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """Largest raw value."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def step(self) -> float:
        """Value of one least significant bit, 2^-frac."""
        return 2.0**-self.frac

    @property
    def dtype(self) -> np.dtype:
        """The smallest numpy integer that holds every raw value, of 1, 2, 4 or 8 bytes."""
        size = next(size for size in (1, 2, 4, 8) if self.width <= 8 * size)
        return np.dtype(f"{'i' if self.signed else 'u'}{size}")

    def __str__(self) -> str:
        """The ap type: ap_fixed<W, I> or ap_ufixed<W, I> with I = W - frac."""
        return f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.width - self.frac}>"

    @classmethod
    def parse(cls, text: str) -> Format:
        """Read a format from its ap type.

        Args:
            text: `ap_fixed<W,I>` or `ap_ufixed<W,I>`, blanks allowed.

        Returns:
            The format with frac = W - I.

        Raises:
            FormatError: If the text has another form.
        """
        match = re.fullmatch(r"\s*ap_(u?)fixed<\s*(\d{1,4})\s*,\s*(-?\d{1,4})\s*>\s*", text,
                             re.ASCII)
        if not match:
            raise FormatError("not a format", where=repr(text), allowed="ap_[u]fixed<W,I>")
        return cls(not match[1], int(match[2]), int(match[2]) - int(match[3]))

    def holds(self, raw: np.ndarray) -> bool:
        """Tell whether every raw value lies within the format.

        Args:
            raw: Integers of any shape.

        Returns:
            True if all are in lo..hi (also for an empty array).
        """
        raw = np.asarray(raw)
        return raw.size == 0 or bool(raw.min() >= self.lo and raw.max() <= self.hi)


def saturate(raw: np.ndarray, to: Format) -> np.ndarray:
    """Clip raw values to a format's range.

    Args:
        raw: int64, any shape, LSB 2^-to.frac.
        to: The format.

    Returns:
        int64, same shape, within lo..hi.
    """
    return np.clip(raw, to.lo, to.hi)


def round_shift(raw: np.ndarray, shift: int) -> np.ndarray:
    """Divide by 2^shift and round half to even.

    Args:
        raw: int64, any shape.
        shift: Bits to drop, 0 or more.

    Returns:
        int64, same shape, LSB 2^shift times the input's.

    Raises:
        FormatError: If the shift is negative.
    """
    if shift < 0:
        raise FormatError(
            f"a requantisation by {shift} bits",
            allowed="0 or more",
            fix="give the output fewer fraction bits than the accumulator",
        )
    raw = np.asarray(raw, dtype=np.int64)
    if shift == 0:
        return raw.copy()
    floor = raw >> shift
    rest = raw - (floor << shift)
    half = 1 << (shift - 1)
    return floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))


def requantise(raw: np.ndarray, shift: int, to: Format) -> np.ndarray:
    """Shift an accumulator to an output format: round half to even, then saturate.

    Args:
        raw: int64, any shape, LSB 2^-(to.frac + shift).
        shift: Bits to drop, 0 or more.
        to: Output format.

    Returns:
        int64, same shape, within the format.

    Raises:
        FormatError: If the shift is negative.
    """
    return saturate(round_shift(raw, shift), to)


def quantise(value: np.ndarray, to: Format) -> np.ndarray:
    """Bring real values into a format: round half to even, then saturate.

    Args:
        value: float64, any shape.
        to: The format.

    Returns:
        int64, same shape, within the format.

    Raises:
        FormatError: If a value is NaN.
    """
    scaled = np.asarray(value, dtype=np.float64) * 2.0**to.frac
    if np.isnan(scaled).any():
        raise FormatError("a value that is not a number", allowed="finite values")
    return np.clip(np.rint(scaled), to.lo, to.hi).astype(np.int64)


def from_pixels(pixels: np.ndarray, to: Format) -> np.ndarray:
    """Bring a picture of 8 bits into a luma format.

    Unsigned formats are counted as video counts: of more than 8 bits the picture's are the upper
    ones (10 bits: pixel * 4), of fewer its upper bits are kept (4 bits: pixel // 16), wherever the
    binary point lies. A signed format gets the pixel's value, pixel/256, rounded half to even and
    saturated.

    Args:
        pixels: uint8, any shape.
        to: The format.

    Returns:
        Integers of `to.dtype`, same shape, within the format; the pixels themselves for 8 unsigned
        bits.
    """
    if to.signed:
        return quantise(pixels / 256, to).astype(to.dtype)
    wide = pixels.astype(to.dtype) << max(to.width - 8, 0)
    return wide >> max(8 - to.width, 0)


def to_pixels(raw: np.ndarray, to: Format) -> np.ndarray:
    """Bring luma back to a picture of 8 bits: the way back of `from_pixels`.

    Args:
        raw: Integers within the format, any shape.
        to: The format.

    Returns:
        uint8, same shape: rounded half to even and clipped where the format is finer or reaches
        further than a picture; the raw values themselves for 8 unsigned bits.
    """
    step = 256 * to.step if to.signed else 2.0 ** (8 - to.width)
    return np.clip(np.rint(np.asarray(raw) * step), 0, 255).astype(np.uint8)


def signed_digits(raw: np.ndarray) -> np.ndarray:
    """Count the non-zero digits of integers in the signed binary form that has the fewest.

    Args:
        raw: int64, any shape.

    Returns:
        int64, same shape: what a multiplication by it takes in shifted terms.

    Source: Reitwiesner 1960; the digits stand where n and 3 n differ.
    """
    n = np.abs(np.asarray(raw, dtype=np.int64))
    return np.bitwise_count(n ^ (3 * n)).astype(np.int64)


def adders(raw: np.ndarray) -> np.ndarray:
    """Count the adders of a product by each integer alone.

    Args:
        raw: int64, any shape.

    Returns:
        int64, same shape: its signed digits, less one where a digit is positive: it needs none.
    """
    n = np.asarray(raw, dtype=np.int64)
    return signed_digits(n) - (3 * n & ~n != 0)  # where 3 n has a one and n has none
