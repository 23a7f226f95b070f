"""The kinds of networks that the family has, and what each is made of.

May import the limits and the errors.

    Shape(16, 9, 4, 3, 3, anchor=True).fits(2)     # True

Sources: learn.shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx import limits
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

    def sizes(self, scale: int) -> Sizes:
        """How much there is of everything."""
        weights = self.d * (self.first**2 + 2 * self.s + self.last**2) + 9 * self.m * self.s**2
        return Sizes(self.m + 4, max(self.d, self.s), max(self.first, self.last), weights)

    def describe(self, scale: int) -> str:
        """Say in a line what it is made of."""
        kernels = [self.first, 1, *[3] * min(self.m, 1), 1, self.last]
        return f"FSRCNN, d {self.d}, s {self.s}, m {self.m}, kernels " \
            f"{', '.join(map(str, kernels))}{', an anchor' * self.anchor}, x{scale}"

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

    def grows_to(self, other: AnyShape) -> bool:
        """Tell whether another is the same but for larger kernels."""
        return isinstance(other, FlatShape) and self != other \
            and (self.n1, self.n2) == (other.n1, other.n2) \
            and self.f1 <= other.f1 and self.f2 <= other.f2 and self.f3 <= other.f3

    def sizes(self, scale: int) -> Sizes:
        """How much there is of everything."""
        weights = self.n1 * self.f1**2 + self.n1 * self.n2 * self.f2**2 + self.n2 * self.f3**2
        return Sizes(3, max(self.n1, self.n2), max(self.f1, self.f2, self.f3), weights)

    def describe(self, scale: int) -> str:
        """Say in a line what it is made of."""
        return f"SRCNN, channels {self.n1} and {self.n2}, kernels {self.f1}, {self.f2} and " \
            f"{self.f3}, on luma that bicubic enlarges x{scale}"

    def __str__(self) -> str:
        return f"its convolutions are {self.f1}, {self.f2} and {self.f3} wide"


@dataclass(frozen=True)
class PixelShape:
    """What a network is made of whose last convolution gives scale^2 channels, a PixelShuffle.

    Args:
        channels: Of the maps between.
        kernels: Of the convolutions, odd; one more than there are maps.
        anchor: Whether the nearest LR pixel is added to the output.
    """

    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    anchor: bool = False

    def fits(self, scale: int) -> bool:
        """Tell whether the network is defined at a scale."""
        return len(self.kernels) == len(self.channels) + 1 > 1 and min(self.channels) > 0 \
            and all(kernel % 2 == 1 for kernel in self.kernels)

    def sizes(self, scale: int) -> Sizes:
        """How much there is of everything."""
        out = (*self.channels, scale**2)
        weights = sum(before * after * kernel**2 for before, after, kernel in zip(
            (1, *self.channels), out, self.kernels, strict=True))
        return Sizes(len(out), max(out), max(self.kernels), weights)

    def describe(self, scale: int) -> str:
        """Say in a line what it is made of."""
        return f"PixelShuffle (as ESPCN), channels {', '.join(map(str, self.channels))}, kernels " \
            f"{', '.join(map(str, self.kernels))}{', an anchor' * self.anchor}, x{scale}"

    def __str__(self) -> str:
        return f"it has {len(self.kernels)} kernels, all of which have to be odd, and " \
            f"{len(self.channels)} maps between, one fewer"


AnyShape = Shape | FlatShape | PixelShape


def pads(kernel: int, scale: int) -> range:
    """List the paddings with which a deconvolution gives an output of `scale` times the input.

    Args:
        kernel: Its kernel, the scale or larger.
        scale: Its stride.

    Returns:
        Paddings, the least first; all but one have an output padding beside them.
    """
    return range((kernel - scale + 1) // 2, (kernel + 1) // 2)
