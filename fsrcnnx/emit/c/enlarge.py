"""The enlargement that a network wants of a picture before, in integers.

May import numpy, the plan and what writes arrays. Keys' kernel with a = -1/2 at the phases of a
whole factor s has weights of integers over 16 s^3, so that each pass of `resample.bicubic`, rounded
half up and clipped, is exact in integers, wherever no sum lies half way between two. At powers of
two float64 is exact too; at odd factors the divisor is odd and no half exists; at 6 it does, and
falls as float64 falls.

    print(weights(2))    # ([[-1, 9, ...], ...], 16)
"""

from __future__ import annotations

from string import Template

import numpy as np

from fsrcnnx.emit.c.numbers import constant
from fsrcnnx.emit.c.plan import Plan

TAPS = 5  # lines and columns from 2 before to 2 after; the kernel covers 4 of them
TEXT = Template("""\
/* Enlargement by ${scale}: weights of ${taps} lines or columns for each phase, over ${divisor}. */
${cubic}
/* A weighted mean, rounded half up and clipped to a pixel. */
static int32_t enlarge_mean(const int32_t values[${taps}], size_t phase)
{
    int32_t total = 0;

    for (size_t tap = 0U; tap < ${taps}U; ++tap) {
        total += cubic[phase][tap] * values[tap];
    }
    total = (total > 0) ? (((2 * total) + ${divisor}) / ${twice}) : 0;
    return (total < ${peak}) ? total : ${peak};
}

/* The line or column of a tap, mirrored at both ends. */
static size_t enlarge_place(size_t at, size_t tap, size_t size)
{
    const size_t period = 2U * size;
    const size_t place = ((at + tap + period) - 2U) % period;

    return (place < size) ? place : ((period - 1U) - place);
}

int ${prefix}_enlarge(const ${pixel} *lr, size_t width, size_t height, size_t lr_stride,
    ${pixel} *enlarged, size_t enlarged_stride)
{
    int status = ${upper}_OK;

    if ((lr == NULL) || (enlarged == NULL)) {
        status = ${upper}_ERROR_NULL;
    } else if ((width < 1U) || (height < 1U) || (width > (SIZE_MAX / ${room}U)) ||
               (height > (SIZE_MAX / ${room}U))) {
        status = ${upper}_ERROR_SIZE;
    } else if ((lr_stride < width) || (enlarged_stride < (${scale}U * width))) {
        status = ${upper}_ERROR_STRIDE;
${range}    } else {
        for (size_t line = 0U; line < (${scale}U * height); ++line) {
            for (size_t x = 0U; x < width; ++x) {
                int32_t columns[${taps}];

                for (size_t kx = 0U; kx < ${taps}U; ++kx) {
                    const size_t column = enlarge_place(x, kx, width);
                    int32_t values[${taps}];

                    for (size_t ky = 0U; ky < ${taps}U; ++ky) {
                        const size_t row = enlarge_place(line / ${scale}U, ky, height);
                        values[ky] = lr[(row * lr_stride) + column];
                    }
                    columns[kx] = enlarge_mean(values, line % ${scale}U);
                }
                for (size_t px = 0U; px < ${scale}U; ++px) {
                    enlarged[(line * enlarged_stride) + (${scale}U * x) + px] =
                        (${pixel})enlarge_mean(columns, px);
                }
            }
        }
    }
    return status;
}
""")


def weights(scale: int) -> tuple[np.ndarray, int]:
    """Write Keys' kernel at the phases of a factor as integers.

    Args:
        scale: The factor s.

    Returns:
        int64 (s, 5): the weights of the lines from 2 before to 2 after, for each line of s; and
        what they are divided by, their sum.
    """
    phase, tap = np.arange(scale)[:, None], np.arange(TAPS) - TAPS // 2
    m = np.abs(2 * phase + 1 - scale - 2 * scale * tap)  # the distance, times 2 s
    near = 3 * m**3 - 10 * scale * m**2 + 16 * scale**3
    far = -(m**3) + 10 * scale * m**2 - 32 * scale**2 * m + 32 * scale**3
    raw = np.where(m <= 2 * scale, near, np.where(m <= 4 * scale, far, 0))
    common = int(np.gcd.reduce(raw, axis=None))
    return raw // common, 16 * scale**3 // common


def enlargement(plan: Plan, in_range: str) -> str:
    """Write the function that enlarges.

    Args:
        plan: The plan, of a network with a prescale.
        in_range: The branch that refuses pixels outside the input format, if its type has any.

    Returns:
        C text.
    """
    network, (raw, divisor) = plan.network, weights(plan.network.prescale)
    assert 2 * int(np.abs(raw).sum(1).max()) * network.in_format.hi + divisor < 1 << 31
    return TEXT.substitute(
        scale=network.prescale, taps=TAPS, divisor=divisor, twice=2 * divisor,
        cubic=constant("int32_t", "cubic", raw), peak=network.in_format.hi, prefix=plan.prefix,
        upper=plan.prefix.upper(), pixel=plan.pixel, range=in_range,
        room=2 * network.prescale)
