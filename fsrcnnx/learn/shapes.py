"""What the networks of the family are made of, and how a name says it.

May import learn.kinds, the limits, the names and the errors.

    find("d16s9m4f3l3a_x2")                        # (Shape(d=16, s=9, ...), 2)

Source: FSRCNN and FSRCNN-s (Dong et al. 2016, arXiv:1608.00367, d, s, m in section 3); the seed's
FSRCNN-x: d = 23, s = 12, m = 2, 3x3 first convolution and deconvolution. optimal-fsrcnn is a shrunk
FSRCNN-s of the kind that Chang et al. 2020 (arXiv:1801.05997) run by TDC; its sizes are ours, for
the published ones were not at hand. The anchor, the nearest LR pixel added to each output phase:
ABPN (Du et al. 2021, arXiv:2105.09750). SRCNN (Dong et al. 2016, arXiv:1501.00092, n1, n2 and
f1-f2-f3 in sections 3.1 and 4.3). ESPCN (Shi et al. 2016, arXiv:1609.05158, sections 3.1 and 3.2):
its kernels and channels; its tanh the number contract has not. espcn-s: as many channels as
FSRCNN-x's 3,558 multiplications a pixel allow (3,524), most of them where the second layer has 3x3.
"""

from __future__ import annotations

import itertools
import re

from fsrcnnx import limits, names
from fsrcnnx.errors import ModelError
from fsrcnnx.learn.kinds import AnyShape, FlatShape, PixelShape, Shape, pads

__all__ = ["FAMILY", "MODELS", "SCALES", "AnyShape", "FlatShape", "PixelShape", "Shape", "find",
           "name_of", "pads"]

FAMILY = {
    "fsrcnn-x": Shape(23, 12, 2, 3, 3),
    "fsrcnn": Shape(56, 12, 4, 5, 9),
    "fsrcnn-s": Shape(32, 5, 1, 5, 9),
    "optimal-fsrcnn": Shape(25, 5, 1, 5, 7),
    "fsrcnnx-a": Shape(16, 9, 4, 3, 3, anchor=True),
    "fsrcnnx-b": Shape(22, 7, 4, 3, 3, anchor=True),
    "fsrcnnx-c": Shape(16, 11, 2, 3, 3, anchor=True),
    "srcnn": FlatShape(64, 32, 9, 1, 5),
    "srcnn-955": FlatShape(64, 32, 9, 5, 5),
    "espcn": PixelShape((64, 32), (5, 3, 3)),
    "espcn-s": PixelShape((20, 14), (5, 3, 3)),
}
SCALES = (2, 3, 4)
MODELS = {f"{name}_x{scale}": (shape, scale) for name, shape in FAMILY.items() for scale in SCALES
          if shape.fits(scale)}
# any other shape, by name
FREE = re.compile(r"d(\d+)s(\d+)m(\d+)f(\d+)l(\d+)(?:p(\d+))?(a?)_x([2-4])", re.ASCII)
FREE_FLAT = re.compile(r"n(\d+)n(\d+)f(\d+)f(\d+)f(\d+)_x([2-4])", re.ASCII)
FREE_PIXEL = re.compile(r"((?:n\d+(?:t\d+)?)+)((?:f\d+(?:t\d+)?)+)p(a?)_x([2-4])", re.ASCII)
RUN = 3  # equal sizes in a row that a name counts: n16t5, not n16n16n16n16n16


def find(name: str, where: str = "model") -> tuple[AnyShape, int]:
    """Look a network up by name.

    Args:
        name: A key of `MODELS`, e.g. `fsrcnn-x_x2`, or a shape spelt out: `d16s9m4f3l3a_x2` has
            d 16, s 9, m 4, a first kernel of 3, a deconvolution of 3 and the anchor (`l9p4`: of 9,
            padded by 4);
            `n64n32f9f1f5_x2` has n1 64, n2 32 and kernels of 9, 1 and 5 on enlarged luma;
            `n16t4f5f3t4pa_x2` 4 maps of 16, kernels of 5 and 4 times 3, a PixelShuffle, the anchor.
        where: What to name in an error.

    Returns:
        What it is made of, and how much larger a picture becomes.

    Raises:
        ModelError: If there is no such network, it is not defined at that scale, or is beyond the
            limits.
    """
    if name in MODELS:
        return MODELS[name]
    if len(name) > limits.NAME:
        raise ModelError(f"a name of {len(name)} characters", where=where,
                         allowed=f"up to {limits.NAME}", fix="spell the shape out shorter")
    family, _, scale = name.rpartition("_x")
    shape, spelt, flat = FAMILY.get(family), FREE.fullmatch(name), FREE_FLAT.fullmatch(name)
    pixel = FREE_PIXEL.fullmatch(name)
    if spelt:
        *sizes, padding, anchor, scale = spelt.groups()
        shape = Shape(*map(int, sizes), bool(anchor), None if padding is None else int(padding))
    elif flat:
        *sizes, scale = flat.groups()
        shape = FlatShape(*map(int, sizes))
    elif pixel:
        channels, kernels, anchor, scale = pixel.groups()
        shape = PixelShape(_sizes(channels), _sizes(kernels), bool(anchor))
    if (spelt or flat or pixel) and shape.fits(int(scale)):
        shape.sizes(int(scale)).check(f"{where}: {name}")
        return shape, int(scale)
    why = f"{family} is not defined at scale {scale}: {shape}" if shape \
        else f"unknown model {name!r}"
    known = [f"{name}_x{'/'.join(str(scale) for scale in SCALES if shape.fits(scale))}"
             for name, shape in FAMILY.items()]
    raise ModelError(why, where=where, allowed=", ".join(known),
                     fix=f"or spell a shape out, as {names.SPELT}")


def _sizes(text: str) -> tuple[int, ...]:
    """Sizes as a name spells them, no more of them than make it too many layers."""
    return tuple(int(size) for size, times in re.findall(r"(\d+)(?:t(\d+))?", text)
                 for _ in range(min(int(times or 1), limits.LAYERS + 2)))


def _spelt(letter: str, sizes: tuple[int, ...]) -> str:
    """Spell sizes as `_sizes` reads them."""
    runs = [(size, len(list(run))) for size, run in itertools.groupby(sizes)]
    return "".join(f"{letter}{size}t{times}" if times >= RUN else f"{letter}{size}" * times
                   for size, times in runs)


def name_of(shape: AnyShape, scale: int) -> str:
    """Name a network by what it is made of.

    Args:
        shape: What it is made of, defined at that scale.
        scale: How much larger a picture becomes.

    Returns:
        Its name in the family, or the shape spelt out; `find` gives the same network by it.
    """
    for name, (known, times) in MODELS.items():
        if (known, times) == (shape, scale):
            return name
    if isinstance(shape, FlatShape):
        return f"n{shape.n1}n{shape.n2}f{shape.f1}f{shape.f2}f{shape.f3}_x{scale}"
    if isinstance(shape, PixelShape):
        return f"{_spelt('n', shape.channels)}{_spelt('f', shape.kernels)}p{'a' * shape.anchor}" \
            f"_x{scale}"
    padding = "" if shape.padding is None else f"p{shape.padding}"
    return f"d{shape.d}s{shape.s}m{shape.m}f{shape.first}l{shape.last}{padding}" \
        f"{'a' * shape.anchor}_x{scale}"
