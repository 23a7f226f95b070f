"""The layers as C functions, one for each: constants, requantisation, the sums of a line.

May import the plan and what writes arrays. A conv and a shuffle add shifted lines of their input,
weight by weight. A deconv is neither golden's scatter nor the phases of the hardware: each HR line
gathers the LR lines that reach it and scatters each along itself, column by column.

    print(layer(plan, plan.stages[0]))
"""

from __future__ import annotations

from string import Template

from fsrcnnx.emit.c.numbers import constant
from fsrcnnx.emit.c.plan import Plan, Stage, c_type

ADD = Template("""\
static void add_${name}(${sums} *restrict sums, const ${map} *restrict map, size_t count,
    ${sums} weight)
{
    for (size_t x = 0U; x < count; ++x) {
        sums[x] += weight * (${sums})map[x];
    }
}
""")
TAP = Template("""\
/* The same for tap kx of a kernel whose middle is `middle`: what lies beyond the line is 0. */
static void add_tap_${name}(${sums} *sums, const ${map} *map, size_t width, size_t kx,
    size_t middle, ${sums} weight)
{
    const size_t left = (kx < middle) ? (middle - kx) : 0U;
    const size_t right = (kx > middle) ? (kx - middle) : 0U;

    if (width > (left + right)) {
        add_${name}(&sums[left], &map[right], width - left - right, weight);
    }
}
""")
FILL = Template("""\
static void fill_${name}(${sums} *sums, size_t count, ${sums} value)
{
    for (size_t x = 0U; x < count; ++x) {
        sums[x] = value;
    }
}
""")
FINISH = Template("""\
/* ${what} */
static ${writes} finish_${index}(${sums} sum${slope})
{
    const ${values} value = ${value};
    u${values} size = (value < 0) ? (0U - (u${values})value) : (u${values})value;
    ${values} result;

${round}    if (value < 0) {
        result = ${low};
    } else {
        result = (size < ${hi}U) ? (${values})size : ${hi};
    }
    return (${writes})result;
}
""")
ROUND = Template("""\
    /* half of a step, less one where the quotient is even: ties go to even */
    size = ((size + ${most}U) + ((size >> ${shift}U) & 1U)) >> ${shift}U;
""")
HEAD = Template("""\
static void layer_${index}(${source}, size_t y,
    size_t width, size_t height, ${sums} *sums, ${target})
{
""")
# a line before the frame wraps to a number beyond its height
CONV = Template("""\
    for (size_t k = 0U; k < ${kernels}U; ++k) {
        fill_${sums_name}(sums, width, bias_${index}[k]);
        for (size_t ky = 0U; ky < ${kernel}U; ++ky) {
            const size_t line = (y + ky) - ${padding}U;

            if (line < height) {
                for (size_t c = 0U; c < ${channels}U; ++c) {
                    const ${reads} *const map = ${map};
                    const ${weights} *const weight = &weight_${index}[k][${row}];

                    for (size_t kx = 0U; kx < ${kernel}U; ++kx) {
                        add_tap_${name}(sums, map, width, kx, ${padding}U, weight[kx]);
                    }
                }
            }
        }
        for (size_t x = 0U; x < width; ++x) {
            ${put};
        }
    }
}
""")
# as above: only a line of the frame is a multiple of the stride below its height
DECONV = Template("""\
    const size_t span = width + ${margin}U; /* a line of sums of each px, with what is cropped */

    for (size_t py = 0U; py < ${stride}U; ++py) {
        fill_${sums_name}(sums, ${stride}U * span, bias_${index}[0]);
        for (size_t ky = 0U; ky < ${kernel}U; ++ky) {
            const size_t reached = ((${stride}U * y) + py + ${padding}U) - ky;
            const size_t line = reached / ${stride}U;

            if (((reached % ${stride}U) == 0U) && (line < height)) {
                for (size_t c = 0U; c < ${channels}U; ++c) {
                    const ${reads} *const map = ${map};
                    const ${weights} *const weight = &weight_${index}[0][${row}];

                    for (size_t kx = 0U; kx < ${kernel}U; ++kx) {
                        const size_t column = kx + ${ahead}U;

                        add_${name}(&sums[((column % ${stride}U) * span) + (column / ${stride}U)],
                            map, width, weight[kx]);
                    }
                }
            }
        }
        for (size_t x = 0U; x < width; ++x) {
            for (size_t px = 0U; px < ${stride}U; ++px) {
                hr[(py * hr_stride) + (${stride}U * x) + px] =
                    finish_${index}(sums[(px * span) + ${left}U + x]${anchor}${slope});
            }
        }
    }
}
""")


def helpers(stages: tuple[Stage, ...]) -> str:
    """Write what the layers share: one function of each kind for each pair of types.

    Args:
        stages: The layers.

    Returns:
        C text.
    """
    found = {f"fill {s.sums}": FILL.substitute(name=s.sums[:-2], sums=s.sums) for s in stages}
    texts = ["/* sums += weight * map. No product and no sum leaves the type: proved over the "
             "weights. */"]
    for stage in stages:
        names = {"name": _pair(stage), "sums": stage.sums, "map": stage.reads}
        found.setdefault(f"add {names['name']}", ADD.substitute(names))
        if stage.layer.kind != "deconv":
            found.setdefault(f"tap {names['name']}", TAP.substitute(names))
    fills = [text for key, text in found.items() if key.startswith("fill")]
    return "\n".join([*fills, *texts]) + "\n" + "\n".join(
        text for key, text in found.items() if not key.startswith("fill"))


def _pair(stage: Stage) -> str:
    """Name of a pair of types, of a map and of sums."""
    return f"{stage.reads[:-2]}_{stage.sums[:-2]}"


def _finish(stage: Stage) -> str:
    """Write the activation and the requantisation: half to even, then saturation."""
    layer, shift, to = stage.layer, stage.shift, stage.layer.out_format
    value, slope, words = f"({stage.values})sum", "", []
    if layer.slope is not None:
        up = 1 << layer.slope_format.frac
        value = f"(sum >= 0) ? (({stage.values})sum * {up}) : (({stage.values})sum * slope)"
        slope = f", {stage.values} slope"
        words = [f"PReLU with slopes over {up}"]
    words += [f"{shift} bits fewer, half to even" if shift else "no bit fewer",
              f"within {to.lo}..{to.hi}"]
    rounding = ROUND.substitute(shift=shift, most=(1 << shift >> 1) - 1) if shift else ""
    low = f"(size < {-to.lo}U) ? -({stage.values})size : {to.lo}" if to.signed else "0"
    text = "; ".join(words)
    return FINISH.substitute(
        what=f"{text[0].upper()}{text[1:]}.", writes=stage.writes, index=stage.index,
        sums=stage.sums, slope=slope, values=stage.values, value=value, round=rounding, hi=to.hi,
        low=low)


def _comment(stage: Stage) -> str:
    """Say what a layer is; its name is an identifier."""
    layer, proved = stage.layer, stage.proved
    kind = {"conv": "convolution", "deconv": f"transposed convolution, stride {layer.stride}",
            "shuffle": f"sub-pixel convolution to blocks of {layer.stride}x{layer.stride}"}
    return (f"/* Layer {stage.index}, {layer.name}: {kind[layer.kind]}, {layer.kernel}x"
            f"{layer.kernel}, {layer.in_channels} to {layer.out_channels} channels"
            f"{', anchor' if stage.anchor is not None else ''}.\n   Its sums, partial ones too, "
            f"lie in {int(proved.acc_lo.min())}..{int(proved.acc_hi.max())}. */\n")


def layer(plan: Plan, stage: Stage) -> str:
    """Write a layer: its constants and the function that makes one of its lines.

    Args:
        plan: The plan.
        stage: The layer, one of it.

    Returns:
        C text.
    """
    one, index, stride = stage.layer, stage.index, stage.layer.stride
    texts = [constant(c_type(one.weight_format), f"weight_{index}",
                      one.weight.reshape(one.bias.size, -1)),  # a row for each kernel
             constant(stage.sums, f"bias_{index}", one.bias)]
    if one.slope is not None:
        texts.append(constant(c_type(one.slope_format), f"slope_{index}", one.slope))
    source = f"const {stage.reads} *lines"
    place = f"&lines[(((line % {stage.lines}U) * {one.in_channels}U) + c) * width]"
    if not index:
        source, place = f"const {stage.reads} *lr, size_t lr_stride", "&lr[line * lr_stride]"
    anchor = ""
    if stage.anchor is not None:
        anchor = f" + (({stage.sums})lr[(y * lr_stride) + x] * {1 << stage.anchor})"
        if index:
            source += f", const {plan.pixel} *lr, size_t lr_stride"
    slope = "" if one.slope is None else f", slope_{index}[{'k' if one.kind == 'conv' else 0}]"
    finished = f"finish_{index}(sums[x]{anchor}{slope})"
    if stage is plan.stages[-1]:
        put = f"hr[((k / {stride}U) * hr_stride) + ({stride}U * x) + (k % {stride}U)] =\n" \
              f"                {finished}"
        target = f"{stage.writes} *hr, size_t hr_stride"
    else:
        put, target = f"out[(k * width) + x] = {finished}", f"{stage.writes} *out"
    given = {
        "index": index, "source": source, "target": target, "sums": stage.sums,
        "sums_name": stage.sums[:-2], "name": _pair(stage), "reads": stage.reads, "map": place,
        "put": put, "kernels": one.bias.size, "kernel": one.kernel, "padding": one.padding,
        "weights": c_type(one.weight_format), "row": f"((c * {one.kernel}U) + ky) * {one.kernel}U",
        "channels": one.in_channels, "stride": stride, "anchor": anchor, "slope": slope,
    }
    body = CONV
    if one.kind == "deconv":
        left, right = stage.beyond
        given |= {"margin": left + right, "left": left, "ahead": stride * left - one.padding}
        body = DECONV
    return "\n".join([_comment(stage) + texts[0], *texts[1:], _finish(stage),
                      HEAD.substitute(given) + body.substitute(given)])
