"""The integer network: what crosses from training to hardware, as frozen data.

May import numpy, the formats and the ground. All weights are raw integers; the formats say what
they are worth. Accumulators have frac = input frac + weight frac, biases the same.

    net.layers[0].weight.shape   # (23, 1, 3, 3)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from fsrcnnx import limits, names
from fsrcnnx.errors import InputError, ModelError, Unrepresentable
from fsrcnnx.exact.formats import Format

PIXEL = Format(False, 8, 8)  # luma in and out: pixel / 256
KINDS = ("conv", "deconv", "shuffle")
PRESCALES = range(1, 9)  # how many times a picture may be enlarged before


@dataclass(frozen=True, eq=False)
class Layer:
    """One convolution, deconvolution or sub-pixel convolution, with activation and requantisation.

    Args:
        name: Layer name, also its node name in ONNX.
        kind: `conv` (stride 1, zero padding (k-1)/2), `deconv` (output cropped to stride * size) or
            `shuffle` (a conv to stride^2 sums, laid out as a block of stride x stride pixels of one
            channel, sum py * stride + px at (py, px): a sub-pixel convolution, PixelShuffle).
        weight: int64 (out, in, k, k), raw in weight_format, for all kinds; (stride^2, in, k, k) of
            a shuffle.
        weight_format: Format of the weights, signed.
        bias: int64, one per kernel of the weights, raw at frac = input frac + weight frac.
        out_format: Format after requantisation.
        slope: int64 (out,) PReLU slopes, or None without activation.
        slope_format: Format of the slopes, or None.
        stride: Upscaling factor of a deconv or a shuffle; 1 for a conv.
        padding: Zero padding of a conv or a shuffle, crop offset p of a deconv.
    """

    name: str
    kind: Literal["conv", "deconv", "shuffle"]
    weight: np.ndarray
    weight_format: Format
    bias: np.ndarray
    out_format: Format
    slope: np.ndarray | None = None
    slope_format: Format | None = None
    stride: int = 1
    padding: int = 0

    @property
    def out_channels(self) -> int:
        """Number of output channels."""
        return 1 if self.kind == "shuffle" else self.weight.shape[0]

    @property
    def in_channels(self) -> int:
        """Number of input channels."""
        return self.weight.shape[1]

    @property
    def kernel(self) -> int:
        """Kernel side."""
        return self.weight.shape[2]

    @property
    def macs(self) -> int:
        """Multiplications per pixel that enters the network."""
        return self.weight.size

    def check(self) -> None:
        """Hold the layer against the number contract, and its name and size against the limits.

        Raises:
            ModelError: Naming the layer and what is wrong.
        """
        if not names.is_layer(self.name):
            raise ModelError("a layer name that is no identifier", where=f"layer {self.name!r}",
                             allowed=names.LAYER_SAYS)

        def need(ok: bool, what: str, allowed: str) -> None:
            if not ok:
                raise ModelError(what, where=f"layer {self.name}", allowed=allowed)

        need(self.kind in KINDS, f"kind {self.kind!r}", ", ".join(KINDS))
        need(self.weight.ndim == 4 and self.weight.shape[3] == self.weight.shape[2],
             f"weights of shape {self.weight.shape}", "(out, in, k, k)")
        out, k = self.out_channels, self.kernel
        for number, what, most in ((out, "output channels", limits.CHANNELS),
                                   (self.in_channels, "input channels", limits.CHANNELS),
                                   (k, "lines of kernel", limits.KERNEL),
                                   (self.stride, "stride", limits.SCALE)):
            need(1 <= number <= most, f"{number} {what}", f"1..{most}")
        for name in ("weight", "bias", "slope"):
            raw = getattr(self, name)
            need(raw is None or raw.dtype == np.int64, f"{name} is not int64", "int64")
        need(self.weight_format.signed and self.weight_format.holds(self.weight),
             f"weights outside {self.weight_format}", "signed, within the format")
        kernels = self.weight.shape[:1]
        need(self.bias.shape == kernels, f"bias of shape {self.bias.shape}", f"{kernels}")
        need((self.slope is None) == (self.slope_format is None), "slope without format", "both")
        if self.slope is not None:
            need(self.slope.shape == (out,), f"slopes of shape {self.slope.shape}", f"({out},)")
            need(self.slope_format.holds(self.slope), f"slopes outside {self.slope_format}",
                 "within the format")
        shape = f"kernel {k}, stride {self.stride}, padding {self.padding}"
        if self.kind == "deconv":
            extra = self.stride - k + 2 * self.padding
            need(self.stride >= 1 and self.padding >= 0 and 0 <= extra < max(self.stride, 1), shape,
                 "0 <= stride - kernel + 2*padding < stride (output is stride * size)")
            return
        odd = k % 2 == 1 and self.padding == (k - 1) // 2
        if self.kind == "conv":
            need(odd and self.stride == 1, shape, "odd kernel, stride 1, padding (k-1)/2")
        else:
            need(odd and self.stride >= 2, shape, "odd kernel, stride 2 or more, padding (k-1)/2")
            need(kernels[0] == self.stride**2, f"{kernels[0]} kernels for stride {self.stride}",
                 f"{self.stride**2}, one per output phase")


@dataclass(frozen=True, eq=False)
class Network:
    """A whole integer network.

    Args:
        name: Architecture name with scale, e.g. `fsrcnn-x_x2`.
        layers: Layers in order; only the last may be a deconv or a shuffle.
        in_format: Format of the input luma.
        anchor: Whether the LR pixel, shifted to the accumulator's frac, is added to each phase of
            the last layer before its requantisation.
        prescale: How many times a picture is enlarged by `resample.bicubic` before it enters; the
            network and all hardware take it enlarged.
        meta: Free text (training data, PSNR, version); not part of the hash.
    """

    name: str
    layers: tuple[Layer, ...]
    in_format: Format = PIXEL
    anchor: bool = False
    prescale: int = 1
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def scale(self) -> int:
        """Output size over input size, of the network alone."""
        return int(np.prod([layer.stride for layer in self.layers]))

    @property
    def picture_scale(self) -> int:
        """How much larger a picture becomes, the enlargement before included."""
        return self.prescale * self.scale

    @property
    def out_format(self) -> Format:
        """Format of the output luma."""
        return self.layers[-1].out_format

    @property
    def macs(self) -> int:
        """Multiplications per LR pixel; one that is enlarged first enters prescale^2 times."""
        return self.prescale**2 * sum(layer.macs for layer in self.layers)

    def in_format_of(self, index: int) -> Format:
        """Format of the feature map that enters layer `index`."""
        return self.layers[index - 1].out_format if index else self.in_format

    def acc_frac(self, index: int) -> int:
        """Fraction bits of layer `index`'s accumulator."""
        return self.in_format_of(index).frac + self.layers[index].weight_format.frac

    def shift(self, index: int) -> int:
        """Bits that layer `index`'s requantisation drops."""
        layer = self.layers[index]
        extra = layer.slope_format.frac if layer.slope_format else 0
        return self.acc_frac(index) + extra - layer.out_format.frac

    def check(self) -> Network:
        """Hold the network against the number contract, and its texts and size against the limits.

        Returns:
            The network itself.

        Raises:
            ModelError: Naming the layer and what is wrong.
        """
        self._check_texts()
        if not self.layers:
            raise ModelError("a network without layers", where=self.name, allowed="1 or more")
        weights = sum(layer.weight.size for layer in self.layers)
        for number, what, most in ((len(self.layers), "layers", limits.LAYERS),
                                   (weights, "weights", limits.WEIGHTS)):
            if number > most:
                raise ModelError(f"{number} {what}", where=self.name, allowed=f"up to {most}")
        if type(self.prescale) is not int or self.prescale not in PRESCALES:
            raise ModelError(f"prescale {self.prescale!r}", where=self.name,
                             allowed=f"{PRESCALES[0]}..{PRESCALES[-1]}, whole")
        channels = 1
        for index, layer in enumerate(self.layers):
            layer.check()
            where = f"layer {layer.name}"
            if layer.in_channels != channels:
                raise ModelError(f"{layer.in_channels} input channels", where=where,
                                 allowed=f"{channels}, as the layer before gives")
            if layer.kind != "conv" and index != len(self.layers) - 1:
                raise ModelError(f"a {layer.kind} before the last layer", where=where,
                                 allowed="one deconv or shuffle, at the end")
            if self.shift(index) < 0:
                raise ModelError(
                    f"the output has {-self.shift(index)} more fraction bits than the accumulator",
                    where=where, allowed="at most as many", fix="give the output fewer")
            channels = layer.out_channels
        if channels != 1:
            raise ModelError(f"{channels} output channels", where=self.name, allowed="1 (luma)")
        if self.anchor and self.acc_frac(len(self.layers) - 1) < self.in_format.frac:
            raise ModelError("the anchor has more fraction bits than the last accumulator",
                             where=self.name, allowed="at most as many")
        return self

    def _check_texts(self) -> None:
        """Refuse a name that is none, and metadata that is no text of a sane length."""
        if not names.is_network(self.name):
            raise ModelError("a network name that cannot be one", where=f"network {self.name!r}",
                             allowed=names.NETWORK_SAYS)
        if len(self.meta) > limits.TEXTS:
            raise ModelError(f"{len(self.meta)} texts in the metadata", where=self.name,
                             allowed=f"up to {limits.TEXTS}")
        for key, value in self.meta.items():
            for text, most in ((key, limits.NAME), (value, limits.TEXT)):
                if not isinstance(text, str) or len(text) > most:
                    raise ModelError(f"metadata {repr(key)[:99]}: {repr(value)[:99]}",
                                     where=self.name, allowed=f"text of up to {limits.TEXT} "
                                     f"characters, keys of up to {limits.NAME}")

    def check_pixels(self) -> Network:
        """Hold luma in and out against what the pixels of a picture hold.

        Returns:
            The network itself.

        Raises:
            Unrepresentable: If one of them is not 8 unsigned bits.
        """
        for where, to in (("the input", self.in_format), ("the output", self.out_format)):
            if to.signed or to.width != PIXEL.width:
                raise Unrepresentable(f"luma in {to}", where=where,
                                      allowed=f"{PIXEL.width} unsigned bits")
        return self

    def content_hash(self) -> str:
        """SHA-256 over everything that decides an output bit, as hex.

        Returns:
            64 hex digits; names and metadata do not count, layer names and a prescale above 1 do.
        """
        digest = hashlib.sha256(f"{self.in_format}|{self.anchor}".encode())
        if self.prescale > 1:
            digest.update(f"|prescale {self.prescale}".encode())
        for layer in self.layers:
            digest.update(
                f"|{layer.name}|{layer.kind}|{layer.stride}|{layer.padding}|{layer.weight.shape}"
                f"|{layer.weight_format}|{layer.slope_format}|{layer.out_format}|".encode()
            )
            for raw in (layer.weight, layer.bias, layer.slope):
                if raw is not None:
                    digest.update(np.ascontiguousarray(raw, dtype="<i8").tobytes())
        return digest.hexdigest()


def check_luma(lr: np.ndarray, to: Format) -> np.ndarray:
    """Hold a picture against the input format.

    Args:
        lr: Luma.
        to: Input format.

    Returns:
        lr as an array.

    Raises:
        InputError: If it is not integers (H, W) within the format.
    """
    lr = np.asarray(lr)
    if lr.ndim != 2 or lr.size == 0 or lr.dtype.kind not in "iu":
        raise InputError(f"a picture of shape {lr.shape} and type {lr.dtype}",
                         allowed="integers (H, W), at least 1x1")
    if not to.holds(lr):
        raise InputError("pixel values outside the input format",
                         allowed=f"{to.lo}..{to.hi}, {to}")
    return lr
