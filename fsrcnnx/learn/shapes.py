"""What the networks of the family are made of, and how a name says it.

May import the limits, the names and the errors.

    find("d16s9m4f3l3a_x2")                        # (Shape(d=16, s=9, ...), 2)

Source: FSRCNN and FSRCNN-s (Dong et al. 2016, arXiv:1608.00367, d, s, m in section 3); the seed's
FSRCNN-x: d = 23, s = 12, m = 2, 3x3 first convolution and deconvolution. optimal-fsrcnn is a shrunk
FSRCNN-s of the kind that Chang et al. 2020 (arXiv:1801.05997) run by TDC; its sizes are ours, for
the published ones were not at hand. The anchor, the nearest LR pixel added to each output phase:
ABPN (Du et al. 2021, arXiv:2105.09750). SRCNN (Dong et al. 2016, arXiv:1501.00092, n1, n2 and
f1-f2-f3 in sections 3.1 and 4.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fsrcnnx import limits, names
from fsrcnnx.errors import ModelError


@dataclass(frozen=True)
class Sizes:
    """How much there is of everything in a network.

    Args:
        layers: Of convolutions.
        channels: Most of a layer.
        kernel: Largest side.
        weights: In all layers together.
    """

    layers: int
    channels: int
    kernel: int
    weights: int

    def check(self, where: str) -> None:
        """Refuse what is beyond the limits, before any of it is made.

        Args:
            where: What to name in an error.

        Raises:
            ModelError: If there is too much of something.
        """
        for what, found, most in (("layers", self.layers, limits.LAYERS),
                                  ("channels", self.channels, limits.CHANNELS),
                                  ("pixels of a kernel's side", self.kernel, limits.KERNEL),
                                  ("weights", self.weights, limits.WEIGHTS)):
            if found > most:
                raise ModelError(f"{found} {what}", where=where, allowed=f"up to {most}",
                                 fix="take a smaller network")


@dataclass(frozen=True)
class Shape:
    """What an FSRCNN is made of, at any scale.

    Args:
        d: Channels of the feature and expanded maps.
        s: Channels of the mapping layers.
        m: Number of 3x3 mapping layers.
        first: Kernel of the first convolution, odd.
        last: Kernel of the deconvolution.
        anchor: Whether the nearest LR pixel is added to the output.
        padding: Of the deconvolution: how many lines above and left of its LR pixel a kernel's
            first line lies; the least that there is if None.
    """

    d: int
    s: int
    m: int
    first: int
    last: int
    anchor: bool = False
    padding: int | None = None

    def fits(self, scale: int) -> bool:
        """Tell whether the network is defined at a scale."""
        # a deconvolution smaller than its stride would leave HR pixels that nothing reaches
        return min(self.d, self.s) > 0 and self.first % 2 == 1 and self.last >= scale \
            and self.pad(scale) in pads(self.last, scale)

    def pad(self, scale: int) -> int:
        """The deconvolution's padding at a scale."""
        return pads(self.last, scale)[0] if self.padding is None else self.padding

    def sizes(self) -> Sizes:
        """How much there is of everything."""
        weights = self.d * (self.first**2 + 2 * self.s + self.last**2) + 9 * self.m * self.s**2
        return Sizes(self.m + 4, max(self.d, self.s), max(self.first, self.last), weights)

    def __str__(self) -> str:
        return f"its convolution is {self.first}x{self.first}, its deconvolution " \
            f"{self.last}x{self.last}" + f", padded by {self.padding}" * (self.padding is not None)


@dataclass(frozen=True)
class FlatShape:
    """What an SRCNN is made of, at any scale: three convolutions on enlarged luma.

    Args:
        n1: Channels of the feature map.
        n2: Channels of the mapped one.
        f1: Kernel of the first convolution, odd.
        f2: Kernel of the second, odd.
        f3: Kernel of the last, odd.
    """

    n1: int
    n2: int
    f1: int
    f2: int
    f3: int
    anchor = False

    def fits(self, scale: int) -> bool:
        """Tell whether the network is defined at a scale."""
        return min(self.n1, self.n2) > 0 and self.f1 % 2 == self.f2 % 2 == self.f3 % 2 == 1

    def grows_to(self, other: Shape | FlatShape) -> bool:
        """Tell whether another is the same but for larger kernels."""
        return isinstance(other, FlatShape) and self != other \
            and (self.n1, self.n2) == (other.n1, other.n2) \
            and self.f1 <= other.f1 and self.f2 <= other.f2 and self.f3 <= other.f3

    def sizes(self) -> Sizes:
        """How much there is of everything."""
        weights = self.n1 * self.f1**2 + self.n1 * self.n2 * self.f2**2 + self.n2 * self.f3**2
        return Sizes(3, max(self.n1, self.n2), max(self.f1, self.f2, self.f3), weights)

    def __str__(self) -> str:
        return f"its convolutions are {self.f1}, {self.f2} and {self.f3} wide"


def pads(kernel: int, scale: int) -> range:
    """List the paddings with which a deconvolution gives an output of `scale` times the input.

    Args:
        kernel: Its kernel, the scale or larger.
        scale: Its stride.

    Returns:
        Paddings, the least first; all but one have an output padding beside them.
    """
    return range((kernel - scale + 1) // 2, (kernel + 1) // 2)


FAMILY = {
    "fsrcnn-x": Shape(23, 12, 2, 3, 3),
    "fsrcnn": Shape(56, 12, 4, 5, 9),
    "fsrcnn-s": Shape(32, 5, 1, 5, 9),
    "optimal-fsrcnn": Shape(25, 5, 1, 5, 7),
    "fsrcnnx-a": Shape(16, 9, 4, 3, 3, anchor=True),
    "fsrcnnx-b": Shape(22, 7, 4, 3, 3, anchor=True),
    "srcnn": FlatShape(64, 32, 9, 1, 5),
    "srcnn-955": FlatShape(64, 32, 9, 5, 5),
}
SCALES = (2, 3, 4)
MODELS = {f"{name}_x{scale}": (shape, scale) for name, shape in FAMILY.items() for scale in SCALES
          if shape.fits(scale)}
# any other shape, by name
FREE = re.compile(r"d(\d+)s(\d+)m(\d+)f(\d+)l(\d+)(?:p(\d+))?(a?)_x([2-4])", re.ASCII)
FREE_FLAT = re.compile(r"n(\d+)n(\d+)f(\d+)f(\d+)f(\d+)_x([2-4])", re.ASCII)


def find(name: str, where: str = "model") -> tuple[Shape | FlatShape, int]:
    """Look a network up by name.

    Args:
        name: A key of `MODELS`, e.g. `fsrcnn-x_x2`, or a shape spelt out: `d16s9m4f3l3a_x2` has
            d 16, s 9, m 4, a first kernel of 3, a deconvolution of 3 and the anchor (`l9p4`: of 9,
            padded by 4);
            `n64n32f9f1f5_x2` has n1 64, n2 32 and kernels of 9, 1 and 5 on enlarged luma.
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
    if spelt:
        *sizes, padding, anchor, scale = spelt.groups()
        shape = Shape(*map(int, sizes), bool(anchor), None if padding is None else int(padding))
    elif flat:
        *sizes, scale = flat.groups()
        shape = FlatShape(*map(int, sizes))
    if (spelt or flat) and shape.fits(int(scale)):
        shape.sizes().check(f"{where}: {name}")
        return shape, int(scale)
    why = f"{family} is not defined at scale {scale}: {shape}" if shape \
        else f"unknown model {name!r}"
    raise ModelError(why, where=where, allowed=", ".join(MODELS),
                     fix=f"or spell a shape out, as {names.SPELT}")


def name_of(shape: Shape | FlatShape, scale: int) -> str:
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
    padding = "" if shape.padding is None else f"p{shape.padding}"
    return f"d{shape.d}s{shape.s}m{shape.m}f{shape.first}l{shape.last}{padding}" \
        f"{'a' * shape.anchor}_x{scale}"
