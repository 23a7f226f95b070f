"""A layer as tensor kernels that compute exact integers; the emulator strings them together.

May import numpy, the network, the golden model, the range proof, TDC; torch, only when used. Every
value is an integer times a power of two in float32, or in float64 where the range proof asks for
it: no sum exceeds 2^24 (2^53), so no kernel rounds, in whatever order it adds.

    for stage in stages(network, prove(network)): print(stage.dtype, stage.reach)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fsrcnnx.errors import CheckError, ToolError, Unrepresentable
from fsrcnnx.exact import golden, ranges, tdc
from fsrcnnx.exact.formats import requantise
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.install import advice

if TYPE_CHECKING:
    from torch import Tensor

EXACT = {"float32": ranges.FLOAT32_EXACT, "float64": ranges.FLOAT64_EXACT}
SCALES = 96  # powers of two up to there keep clear of float32's ends


def load_torch() -> Any:
    """Import torch, which the other exact engines do without.

    Returns:
        The module.

    Raises:
        ToolError: If it is missing.
    """
    try:
        import torch
    except ImportError as error:
        raise ToolError("torch is not installed", where="engine emulate",
                        fix=f"{advice('torch')}, or take the engine golden or onnx") from error
    return torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run each kernel on the thread that calls it: tiles, not kernels, share out the cores."""
    torch = load_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True, eq=False)
class Stage:
    """One layer as tensor kernels; its sums are times `step`, so that rounding follows at once.

    Args:
        layer: The layer.
        dtype: Name of the float type that is exact here.
        step: Power of two: acc * step is what the requantisation rounds.
        anchor: Raw LR pixel times this joins the sums; 0 without anchor.
    """

    layer: Layer
    dtype: str
    step: float
    anchor: float

    @cached_property
    def reach(self) -> tuple[int, int]:
        """Rows (and columns) that the window reaches before and after the pixel."""
        side, before = tdc.window(self.layer)
        return before, side - 1 - before

    @cached_property
    def channels(self) -> int:
        """Channels of the widest map that the layer makes."""
        return self.layer.kernel**2 if self.layer.kind == "deconv" else self.layer.bias.size

    def tensor(self, raw: np.ndarray, factor: float = 1.0) -> Tensor:
        """Bring integers to the stage's type, exactly, since factors are powers of two."""
        torch = load_torch()
        return torch.from_numpy(np.asarray(raw * factor)).to(getattr(torch, self.dtype))

    @cached_property
    def _kernel(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Weights, biases and relative slopes. A deconv's taps become k*k output channels."""
        weight, layer = self.tensor(self.layer.weight, self.step), self.layer
        if layer.kind == "deconv":
            weight = weight[0].permute(1, 2, 0).reshape(-1, layer.in_channels, 1, 1).contiguous()
        slope = layer.slope
        if slope is not None:
            slope = self.tensor(slope, layer.slope_format.step)
        return weight, self.tensor(layer.bias, self.step), slope

    def run(self, x: Tensor, pixel: Tensor) -> Tensor:
        """Accumulate, activate, round half to even and saturate.

        Args:
            x: (n, in, h + reach, w + reach), raw.
            pixel: (n, 1, h, w), raw LR.

        Returns:
            (n, out, h, w) of a conv, (n, s*s, h, w) of the other kinds, raw, in the stage's type.
        """
        from torch.nn.functional import conv2d, prelu

        weight, bias, slope = self._kernel
        if self.layer.kind == "deconv":
            acc = self._gather(conv2d(x.to(weight.dtype), weight), bias)
        else:
            acc = conv2d(x.to(weight.dtype), weight, bias)
        if self.anchor:
            acc += pixel.to(acc.dtype) * self.anchor
        if slope is not None:
            acc = prelu(acc, slope)
        return acc.round_().clamp_(self.layer.out_format.lo, self.layer.out_format.hi)

    def _gather(self, taps: Tensor, bias: Tensor) -> Tensor:
        """Add each phase's taps: (n, k*k, h + reach, w + reach) -> (n, s*s, h, w)."""
        before, after = self.reach
        height, width = (side - before - after for side in taps.shape[2:])
        acc = bias.repeat(len(taps), self.layer.stride**2, height, width)
        for phase in tdc.phases(self.layer):
            for r, ky in enumerate(phase.row.taps):
                for c, kx in enumerate(phase.col.taps):
                    y, x = before + phase.row.first + r, before + phase.col.first + c
                    acc[:, phase.index] += taps[:, ky * self.layer.kernel + kx,
                                                y : y + height, x : x + width]
        return acc

    def check(self, lo: np.ndarray, hi: np.ndarray, shift: int) -> None:
        """Hold the kernels against integer arithmetic, on noise and on the ends of the inputs.

        Args:
            lo: int64 (in,), least input.
            hi: int64 (in,), greatest input.
            shift: Bits that the requantisation drops.

        Raises:
            CheckError: If the tensor library does not give the exact bits.
        """
        rng, layer = np.random.default_rng(0), self.layer
        size = (layer.kernel + 3,) * 2
        x = rng.integers(lo, hi + 1, (*size, layer.in_channels))
        ends = rng.integers(0, 2, x.shape).astype(bool)
        x = np.where(rng.integers(0, 2, x.shape), np.where(ends, lo, hi), x)
        want = requantise(golden.activate(golden.accumulate(x, layer), layer), shift,
                          layer.out_format)
        padded = np.pad(x, (self.reach, self.reach, (0, 0))).transpose(2, 0, 1)[None]
        with one_thread():
            got = self.run(self.tensor(padded), load_torch().zeros(1, 1, *size))
            got = load_torch().pixel_shuffle(got, layer.stride)[0].double().numpy()
        wrong = int((got != want.transpose(2, 0, 1)).sum())
        if wrong:
            raise CheckError(f"torch's kernels are not exact: {wrong}/{want.size} mismatches",
                             where=f"layer {layer.name}",
                             fix="leave torch's precision and oneDNN's math mode at their defaults")


def stages(network: Network, proved: Sequence[ranges.LayerRange]) -> tuple[Stage, ...]:
    """Choose each layer's float type by the range proof.

    Args:
        network: A checked integer network.
        proved: Its ranges.

    Returns:
        One stage per layer.

    Raises:
        Unrepresentable: If not even float64 is exact, naming the layer.
    """
    found = []
    for index, (layer, bound) in enumerate(zip(network.layers, proved, strict=True)):
        extra = layer.slope_format.frac if layer.slope_format else 0
        power = extra - network.shift(index)
        dtype = next((name for name, most in EXACT.items() if bound.peak <= most), None)
        if dtype is None or max(abs(power), abs(extra)) > SCALES:
            raise Unrepresentable(f"sums reach {bound.peak} and scales 2^{power}, 2^{-extra}",
                                  where=f"layer {layer.name}",
                                  allowed=f"2^53, 2^-{SCALES}..2^{SCALES}",
                                  fix="use fewer bits, or the golden engine")
        last = index == len(network.layers) - 1
        anchor = 2.0 ** (network.acc_frac(index) - network.in_format.frac + power)
        found.append(Stage(layer, dtype, 2.0**power, anchor if network.anchor and last else 0.0))
    return tuple(found)
