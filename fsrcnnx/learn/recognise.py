"""A row of layers from a stranger's file, recognised by its shapes as a network of the family.

May import learn.models, learn.rows, learn.shapes, learn.skips and learn.values.

    found = recognise(Row("net.pth", layers), Choice(scale=2))
    found.model, found.says                        # fsrcnn_x2, what was recognised, line by line

Nothing but shapes decides what a layer is; the first that does not fit is named.

Source: the networks: learn.shapes; layouts of files: github.com/yjn870, FSRCNN-pytorch,
SRCNN-pytorch and ESPCN-pytorch (models.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fsrcnnx.learn.models import Net, build
from fsrcnnx.learn.rows import UNSAID, Choice, Layer, Row
from fsrcnnx.learn.shapes import SCALES, FlatShape, PixelShape, Shape, name_of, pads
from fsrcnnx.learn.skips import carry
from fsrcnnx.learn.values import Values


@dataclass(frozen=True, eq=False)
class Recognised:
    """A network of the family, made of a stranger's weights.

    Args:
        model: The float network, in evaluation mode.
        divisor: What pixels are divided by before they enter the stranger's.
        says: What was recognised and done, a line each.
    """

    model: Net
    divisor: int
    says: tuple[str, ...]


class Recogniser:
    """One row of layers, looked at.

    Args:
        row: The row.
        choice: What the user says.
    """

    def __init__(self, row: Row, choice: Choice):
        self.row, self.choice, self.refuse = row, choice, row.refuse
        self.says: list[str] = []

    def need(self, layer: Layer, role: str, *want: int | None) -> tuple[int, ...]:
        """Hold a layer's weights against a shape; None stands for any side, of kernels an odd one.

        Returns:
            The shape.
        """
        found = layer.weight.shape
        text = ", ".join("any" if side is None else str(side) for side in want)
        if len(found) != 4 or any(side not in (None, have)
                                  for side, have in zip(want, found, strict=True)):
            self.refuse(f"weights of shape {found}", layer, allowed=f"({text}) for {role}",
                        fix=self._advice(layer))
        if found[2] != found[3]:
            self.refuse(f"a kernel of {found[2]}x{found[3]}", layer, allowed="square kernels")
        return found

    def _advice(self, layer: Layer) -> str:
        if layer is self.row.layers[0] and layer.weight.shape[1:2] == (3,):
            return "train on luma: a network of colours is another one"
        return "FSRCNN, FSRCNN-s, SRCNN and ESPCN of any size are taken, or train one of ours"

    def odd(self, layer: Layer) -> int:
        """The side of a convolution's kernel, refused where it has no middle."""
        side = layer.weight.shape[2]
        if side % 2 == 0:
            self.refuse(f"a kernel of {side}x{side}", layer, allowed="an odd side")
        return side

    def kinds(self, deconv: bool) -> None:
        """Refuse a deconvolution where a convolution is wanted, or the other way round."""
        if not deconv and self.choice.padding is not None:
            self.refuse("--padding, and no deconvolution", allowed="convolutions padded by half of "
                        "their kernels", fix="leave it out")
        for layer in self.row.layers:
            wanted = deconv and layer is self.row.layers[-1]
            if layer.deconv not in (None, wanted):
                self.refuse(f"a {'de' * layer.deconv}convolution", layer,
                            allowed=f"a {'de' * wanted}convolution")

    def scale(self, stride: int | None, allowed: Sequence[int], why: str) -> int:
        """The scale that the file says, or the user; they may not differ."""
        given = self.choice.scale
        if stride is None and given is None and len(allowed) == 1:
            return allowed[0]
        if stride is None and given is None:
            self.refuse(f"the scale is not in the file: {why}",
                        allowed=", ".join(map(str, allowed)), fix="say it, by --scale")
        scale = stride if given is None else given
        if stride not in (None, scale):
            self.refuse(f"--scale {scale}", allowed=f"{stride}, the stride of its last layer",
                        fix="leave it out")
        if scale not in allowed:
            self.refuse(f"scale {scale}", allowed=", ".join(map(str, allowed)))
        return scale

    def fsrcnn(self) -> tuple[Shape, int]:
        """Recognise an FSRCNN: feature, shrink, maps, expand, deconvolution."""
        first, shrink, *maps, expand, last = self.row.layers
        self.kinds(deconv=True)
        d = self.need(first, "the first convolution, on luma", None, 1, None, None)[0]
        f = self.odd(first)
        s = self.need(shrink, "the shrinking convolution", None, d, 1, 1)[0]
        for layer in maps:
            self.need(layer, "a mapping convolution", s, s, 3, 3)
        self.need(expand, "the expanding convolution", d, s, 1, 1)
        kernel = self.need(last, "the deconvolution (in, out, k, k)", d, 1, None, None)[2]
        allowed = [scale for scale in SCALES if scale <= kernel]
        if not allowed:
            self.refuse(f"a kernel of {kernel}x{kernel}", last, allowed=f"{SCALES[0]} and more")
        scale = self.scale(last.stride, allowed, f"a deconvolution of {kernel}x{kernel} has the "
                           "same weights at any")
        shape = Shape(d, s, len(maps), f, kernel, self.row.anchor)
        return replace(shape, padding=self.padding(last, kernel, scale)), scale

    def padding(self, last: Layer, kernel: int, scale: int) -> int | None:
        """The deconvolution's padding: of the file, the user, or usual; None if the least."""
        able, given = pads(kernel, scale), self.choice.padding
        padding = last.padding if given is None else given
        if padding is None:
            padding = able[-1]
            if len(able) > 1:
                self.says.append(
                    f"padding of the deconvolution: {padding}, output padding "
                    f"{scale - kernel + 2 * padding}, as is usual (--padding says otherwise)")
        if last.padding not in (None, padding):
            self.refuse(f"padding {padding}", last, allowed=f"{last.padding}, as the file says",
                        fix="leave --padding out")
        if padding not in able:
            self.refuse(f"padding {padding}", last, allowed=", ".join(map(str, able)))
        return None if padding == able[0] else padding

    def srcnn(self) -> tuple[FlatShape, int]:
        """Recognise an SRCNN: three convolutions on luma that bicubic has enlarged."""
        first, middle, last = self.row.layers
        self.kinds(deconv=False)
        n1 = self.need(first, "the first convolution, on luma", None, 1, None, None)[0]
        n2 = self.need(middle, "the second convolution", None, n1, None, None)[0]
        self.need(last, "the last convolution, to luma", 1, n2, None, None)
        if self.row.anchor:
            self.refuse("an SRCNN with an anchor", allowed="three convolutions alone")
        return FlatShape(n1, n2, *map(self.odd, self.row.layers)), self.scale(
            None, SCALES, "an SRCNN works on enlarged luma")

    @property
    def shuffled(self) -> bool:
        """Whether a PixelShuffle ends it, by the file or by shapes: a deconvolution's has 1 in."""
        *_, before, last = self.row.layers
        if last.block is not None:
            return last.block > 1
        return not last.deconv and last.weight.ndim == before.weight.ndim == 4 \
            and last.weight.shape[0] in [scale**2 for scale in SCALES] \
            and last.weight.shape[1] == before.weight.shape[0] != 1

    def espcn(self) -> tuple[PixelShape, int]:
        """Recognise convolutions on LR pixels, the last to scale^2 channels, a PixelShuffle."""
        *inner, last = self.row.layers
        self.kinds(deconv=False)
        channels = [1]
        for layer in inner:
            role = "a convolution" if len(channels) > 1 else "the first convolution, on luma"
            channels.append(self.need(layer, role, None, channels[-1], None, None)[0])
        block = last.block or math.isqrt(len(last.weight))
        if self.row.guessed:
            self.says.append("tensors alone do not tell whether the LR pixel is added to the "
                             "output: taken as not (--anchor says otherwise)")
        self.need(last, f"a PixelShuffle of luma by {block}", block**2, channels[-1], None, None)
        kernels = tuple(map(self.odd, self.row.layers))
        if any(layer.slope is None for layer in inner) and self.choice.slope is None:
            self.refuse("no slopes behind every layer, and the file does not say what is there",
                        allowed="ReLU, LeakyReLU, PReLU; not the tanh of ESPCN as published",
                        fix="--slope 0 if it is ReLU; train with ReLU or PReLU if it is tanh")
        return PixelShape(tuple(channels[1:]), kernels, self.row.anchor), self.scale(
            block, SCALES, "")

    def model(self) -> Recognised:
        """Recognise the network, and build it."""
        layers = self.row.layers
        shuffled = len(layers) > 1 and self.shuffled
        if len(layers) < 3 and not shuffled:
            self.refuse(f"{len(layers)} convolutions", allowed="3 of an SRCNN, 4 and more of an "
                        "FSRCNN (feature, shrink, maps, expand, deconvolution), or a last one to "
                        "scale^2 channels for a PixelShuffle", fix="train one of these, "
                        "espcn_x2 say: edge-SR, of one convolution, chooses between channels")
        shape, scale = self.espcn() if shuffled else \
            self.srcnn() if len(layers) == 3 else self.fsrcnn()
        shape.sizes(scale).check(self.row.file)
        values = Values(self.row, self.choice)
        activation, divisor = values.activation(), values.divisor()
        model = build(name_of(shape, scale), where=self.row.file)
        model.load_state_dict(values.state(model, divisor))
        return Recognised(model.eval(), divisor, (
            f"recognised {model.name}: {shape.describe(scale)}; {activation}",
            *self.says, *values.says, *self.row.notes))


def recognise(row: Row, choice: Choice = UNSAID) -> Recognised:
    """Recognise a stranger's network as one of the family.

    Args:
        row: Its layers.
        choice: What its file does not say.

    Returns:
        The float network, pixel / 256 in and out, and what was recognised.

    Raises:
        ModelError: Naming the first layer that does not fit, its shape and the expected one.
    """
    return Recogniser(*carry(row, choice)).model()
