"""A stranger's network as a row of layers, as its file has it: what the readers of files give.

May import numpy, the limits and the errors.

    Row("net.pth", (Layer("first_part.0", weight, bias, slope), ...))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import ModelError, shown


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer as a file has it.

    Args:
        name: What the file calls it.
        weight: float64 (out, in, k, k), of a deconvolution (in, out, k, k).
        bias: float64 (out,), or None.
        slope: float64 (1,) or (out,) of the activation behind it; None where the file names none.
        deconv: Whether it is a deconvolution; None where the file does not say.
        stride: Its stride; None where the file does not say.
        padding: Its padding; None where the file does not say.
        block: Side of the blocks that a PixelShuffle behind it makes, 1 without; None where the
            file does not say.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray | None = None
    slope: np.ndarray | None = None
    deconv: bool | None = None
    stride: int | None = None
    padding: int | None = None
    block: int | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """A network as a file has it.

    Args:
        file: Its name, for errors.
        layers: In the order in which they compute.
        anchor: Whether the nearest LR pixel is added at the end.
        limits: What the output is clipped to.
        own: Whether we wrote the file.
        notes: What was done to read it, a line each.
        skips: For each layer what it adds up besides the layer before: number of a source (0 is
            the network's input, 1 the first layer's output) to weights (out, in, k, k); empty if
            nothing skips.
        guessed: Whether nothing tells of an anchor, and it is taken as none.
    """

    file: str
    layers: Sequence[Layer]
    anchor: bool = False
    limits: tuple[float, float] = (-np.inf, np.inf)
    own: bool = False
    notes: tuple[str, ...] = ()
    skips: Sequence[Mapping[int, np.ndarray]] = ()
    guessed: bool = False

    def refuse(self, what: str, layer: Layer | None = None, *, allowed: str = "",
               fix: str = "") -> NoReturn:
        """Stop, naming the file and the layer.

        Args:
            what: What is wrong.
            layer: Where, if at a layer.
            allowed: What would be accepted.
            fix: What to do.

        Raises:
            ModelError: Always.
        """
        where = self.file if layer is None else f"{self.file}: {shown(layer.name, limits.NAME)}"
        raise ModelError(what, where=where, allowed=allowed, fix=fix)


@dataclass(frozen=True)
class Choice:
    """What a user says of a file that does not say it.

    Args:
        scale: How much larger a picture becomes.
        padding: Of the deconvolution.
        divisor: What pixels are divided by before they enter: a value of DIVISORS.
        slope: Of activations that the file does not hold.
        anchor: Whether the LR pixel is added to the output.
        identity: Whether collapsible blocks add what they are given.
    """

    scale: int | None = None
    padding: int | None = None
    divisor: int | None = None
    slope: float | None = None
    anchor: bool | None = None
    identity: bool | None = None


UNSAID = Choice()
