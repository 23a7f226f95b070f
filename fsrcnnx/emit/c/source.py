"""The two files of a C reference: what a program includes, and what it links.

May import the plan and what writes its parts. No text of a file reaches them but names, which the
plan holds against their patterns.

    header(plan), source(plan)
"""

from __future__ import annotations

from string import Template

from fsrcnnx import __version__
from fsrcnnx.emit.c.enlarge import enlargement
from fsrcnnx.emit.c.layers import helpers, layer
from fsrcnnx.emit.c.plan import ALIGN, Part, Plan, c_type

HEADER = Template("""\
/* SPDX-License-Identifier: Apache-2.0 */
/* ${network}, network ${content_hash}
   made by ${made_by}: luma enlarged ${picture_scale} times, bit for bit as the hardware does.

   C99, integers only, no library, no memory of its own, no state: calls may run at the same time.
   Frames are lines from top to bottom; a stride is the elements from one line to the next. */
#ifndef ${upper}_H
#define ${upper}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${upper}_SCALE ${scale} /* HR size over LR size */
#define ${upper}_PRESCALE ${prescale} /* how many times a picture is enlarged before */
#define ${upper}_LR_LOW (${in_lo}) /* ${in_format} */
#define ${upper}_LR_HIGH ${in_hi}
#define ${upper}_HR_LOW (${out_lo}) /* ${out_format} */
#define ${upper}_HR_HIGH ${out_hi}

#define ${upper}_OK 0
#define ${upper}_ERROR_NULL 1 /* a pointer is NULL */
#define ${upper}_ERROR_SIZE 2 /* no pixels, or so many that sizes leave size_t */
#define ${upper}_ERROR_STRIDE 3 /* a stride shorter than its line */
#define ${upper}_ERROR_WORK 4 /* less work memory than ${prefix}_work_bytes */
#define ${upper}_ERROR_RANGE 5 /* an LR pixel outside LR_LOW..LR_HIGH */

typedef ${pixel} ${prefix}_lr; /* a pixel */
typedef ${hr} ${prefix}_hr;

extern const char ${prefix}_network[]; /* "${network}" */
extern const char ${prefix}_content_hash[65]; /* SHA-256 of the integer network, in hex */

/* Bytes of work memory for LR frames of this size; 0 if there can be none. */
size_t ${prefix}_work_bytes(size_t width, size_t height);

/* Upscale an LR frame to ${scale}*width by ${scale}*height. The frames and the work memory, of any
   alignment, do not overlap. Returns ${upper}_OK, or an ERROR; then nothing is written. */
int ${prefix}_upscale(const ${pixel} *lr, size_t width, size_t height, size_t lr_stride,
    ${hr} *hr, size_t hr_stride, void *work, size_t work_bytes);
${enlarge}
#ifdef __cplusplus
}
#endif

#endif
""")
ENLARGE = Template("""
/* Enlarge a picture to ${prescale}*width by ${prescale}*height by bicubic interpolation: the frame
   that ${prefix}_upscale takes, as the hardware does. They do not overlap. */
int ${prefix}_enlarge(const ${pixel} *lr, size_t width, size_t height, size_t lr_stride,
    ${pixel} *enlarged, size_t enlarged_stride);
""")
SOURCE = Template("""\
/* SPDX-License-Identifier: Apache-2.0 */
/* ${network}, made by ${made_by} from its integer network; do not edit.

   A step takes one LR line in, and every layer makes the line whose neighbours are there. A map is
   a ring of the lines that the next layer reads, each line channel by channel.

   Nothing here is undefined or left to the compiler: no sum leaves its type, negative values are
   not shifted, and only values within it are brought to a narrower type. Sizes may wrap, as
   unsigned numbers do: a line before the first one is beyond the last. */
#include "${prefix}.h"

const char ${prefix}_network[] = "${network}";
const char ${prefix}_content_hash[65] =
    "${content_hash}";

${helpers}
${layers}
${range}${enlarge}#define BYTES_PER_COLUMN ${per_column}U
#define BYTES_FIXED ${fixed}U

size_t ${prefix}_work_bytes(size_t width, size_t height)
{
    size_t bytes = 0U;

    if ((width >= 1U) && (height >= 1U) && (width <= ((SIZE_MAX / ${columns}U) - BYTES_FIXED)) &&
        (height <= ((SIZE_MAX / ${scale}U) - ${beyond}U))) {
        bytes = (BYTES_PER_COLUMN * width) + BYTES_FIXED;
    }
    return bytes;
}

int ${prefix}_upscale(const ${pixel} *lr, size_t width, size_t height, size_t lr_stride,
    ${hr} *hr, size_t hr_stride, void *work, size_t work_bytes)
{
    int status = ${upper}_OK;
    const size_t needed = ${prefix}_work_bytes(width, height);

    if ((lr == NULL) || (hr == NULL) || (work == NULL)) {
        status = ${upper}_ERROR_NULL;
    } else if (needed == 0U) {
        status = ${upper}_ERROR_SIZE;
    } else if ((lr_stride < width) || (hr_stride < (${scale}U * width))) {
        status = ${upper}_ERROR_STRIDE;
    } else if (work_bytes < needed) {
        status = ${upper}_ERROR_WORK;
${in_range}    } else {
        const size_t odd = (size_t)((uintptr_t)work % ${align}U);
        uint8_t *const at = &((uint8_t *)work)[(${align}U - odd) % ${align}U];
${parts}
        for (size_t step = 0U; step < (height + ${lag}U); ++step) {
            size_t y; /* the line that a layer makes; before its first one beyond the height */

${steps}        }
    }
    return status;
}
""")
RANGE = Template("""\
/* Whether every LR pixel lies in ${lo}..${hi}. */
static int in_range(const ${pixel} *lr, size_t width, size_t height, size_t lr_stride)
{
    int within = 1;

    for (size_t y = 0U; y < height; ++y) {
        for (size_t x = 0U; x < width; ++x) {
            const ${pixel} pixel = lr[(y * lr_stride) + x];

            if (${outside}) {
                within = 0;
            }
        }
    }
    return within;
}

""")
STEP = Template("""\
            y = step - ${lag}U; /* ${name} */
            if (y < height) {
                layer_${index}(${source}, y, width, height, ${sums},
                    ${target});
            }
""")


def _names(plan: Plan) -> dict[str, object]:
    """What several of the texts name."""
    network = plan.network
    return {"network": network.name, "content_hash": network.content_hash(),
            "made_by": f"fsrcnnx {__version__}", "prefix": plan.prefix,
            "upper": plan.prefix.upper(), "scale": network.scale, "prescale": network.prescale,
            "picture_scale": network.picture_scale, "pixel": plan.pixel,
            "hr": c_type(network.out_format)}


def header(plan: Plan) -> str:
    """Write what a program includes.

    Args:
        plan: The plan.

    Returns:
        C text.
    """
    names, lr, hr = _names(plan), plan.network.in_format, plan.network.out_format
    return HEADER.substitute(
        names, in_format=lr, in_lo=lr.lo, in_hi=lr.hi, out_format=hr, out_lo=hr.lo, out_hi=hr.hi,
        enlarge=ENLARGE.substitute(names) if plan.network.prescale > 1 else "")


def _range(plan: Plan) -> tuple[str, str]:
    """The check of the input's range and the branch that refuses; empty where its type has none."""
    to = plan.network.in_format
    if to.width == 8 * to.dtype.itemsize:
        return "", ""
    outside = f"pixel > {to.hi}" if not to.signed else f"(pixel < {to.lo}) || (pixel > {to.hi})"
    return (RANGE.substitute(pixel=plan.pixel, lo=to.lo, hi=to.hi, outside=outside),
            "    } else if (in_range(lr, width, height, lr_stride) == 0) {\n"
            f"        status = {plan.prefix.upper()}_ERROR_RANGE;\n")


def _carve(parts: tuple[Part, ...]) -> str:
    """Declare the parts of the work memory."""
    lines, columns, fixed = [], 0, 0
    for part in parts:
        lines.append(f"        {part.type} *const {part.name} = "
                     f"({part.type} *)(void *)&at[({columns}U * width) + {fixed}U];\n")
        columns += part.size * part.per_column
        fixed += part.size * part.fixed
    return "".join(lines)


def _steps(plan: Plan) -> str:
    """Call every layer whose line can be made."""
    texts = []
    for stage in plan.stages:
        source = f"map_{stage.index}" if stage.index else "lr, lr_stride"
        if stage.index and stage.anchor is not None:
            source += ", lr, lr_stride"
        after = stage.index + 1
        target = f"&hr[{stage.layer.stride}U * y * hr_stride], hr_stride"
        if after < len(plan.stages):
            lines = plan.stages[after].lines
            target = f"&map_{after}[((y % {lines}U) * {stage.layer.out_channels}U) * width]"
        texts.append(STEP.substitute(lag=stage.lag, name=stage.layer.name, index=stage.index,
                                     source=source, sums=f"sums_{stage.sums[:-2]}", target=target))
    return "".join(texts)


def source(plan: Plan) -> str:
    """Write what a program links.

    Args:
        plan: The plan.

    Returns:
        C text.
    """
    network = plan.network
    checks, in_range = _range(plan)
    return SOURCE.substitute(
        _names(plan), helpers=helpers(plan.stages), range=checks, in_range=in_range,
        layers="\n".join(layer(plan, stage) for stage in plan.stages),
        enlarge=f"{enlargement(plan, in_range)}\n" if network.prescale > 1 else "",
        per_column=plan.bytes_per_column, fixed=plan.bytes_fixed,
        columns=max(plan.bytes_per_column, network.scale),
        beyond=plan.lag + network.layers[-1].kernel + network.scale, align=ALIGN,
        parts=_carve(plan.parts), lag=plan.lag, steps=_steps(plan))
