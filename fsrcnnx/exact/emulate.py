"""The emulator: the hardware's bits at the speed of tensor kernels, for whole pictures and video.

May import numpy, the network, the range proof, TDC, the tiles; torch, here alone on this floor,
only when used. Every value is an integer times a power of two in float32, or in float64 where the
range proof asks for it: no sum exceeds 2^24 (2^53), so no kernel rounds, in whatever order it
adds. The kernels are held against integer arithmetic once, when an emulator is made. Frames are
cut into tiles that fit the cache; a tile takes from its neighbours what its windows reach, and
zeros only beyond the frame, so that tiles change no bit.

    emulator = Emulator(network); hr = emulator(lr)   # uint8 (H, W) -> uint8 (s*H, s*W)
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fsrcnnx.errors import CheckError, ToolError, Unrepresentable
from fsrcnnx.exact import golden, ranges, tdc, tiles
from fsrcnnx.exact.formats import requantise
from fsrcnnx.exact.network import Layer, Network, check_luma
from fsrcnnx.install import advice

if TYPE_CHECKING:
    from torch import Tensor

EXACT = {"float32": ranges.FLOAT32_EXACT, "float64": ranges.FLOAT64_EXACT}
SCALES = 96            # powers of two up to there keep clear of float32's ends
TILE_BYTES = 1 << 21   # of a tile's widest feature map: the fastest of 2^18..2^22, measured
LEAST_SIDE = 32        # of a tile; a smaller one would be mostly borders


def _torch() -> Any:
    """Import torch, which the other exact engines do without."""
    try:
        import torch
    except ImportError as error:
        raise ToolError("torch is not installed", where="engine emulate",
                        fix=f"{advice('torch')}, or take the engine golden or onnx") from error
    return torch


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run each kernel on the thread that calls it: tiles, not kernels, share out the cores."""
    torch = _torch()
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
        torch = _torch()
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
        with _one_thread():
            got = self.run(self.tensor(padded), _torch().zeros(1, 1, *size))
            got = _torch().pixel_shuffle(got, layer.stride)[0].double().numpy()
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


class Emulator:
    """A network ready to upscale any number of frames of any size.

    Args:
        network: A checked integer network.
        threads: Cores to use; None for all that this process may use.
        side: Greatest rows and columns of a tile, in LR pixels; None for what fits a core's cache.
            Only speed and memory depend on it.

    Raises:
        Unrepresentable: If not even float64 is exact on a layer.
        ToolError: If torch is missing.
        CheckError: If torch's kernels do not compute exactly here.
    """

    def __init__(self, network: Network, *, threads: int | None = None,
                 side: int | None = None):
        self.network = network
        proved = ranges.prove(network)
        self.stages = stages(network, proved)
        self.reaches = [stage.reach for stage in self.stages]
        self.threads = threads or len(os.sched_getaffinity(0))
        widest = max(stage.channels * np.dtype(stage.dtype).itemsize for stage in self.stages)
        self.side = side or max(LEAST_SIDE, int((TILE_BYTES / widest) ** 0.5))
        lo, hi = (np.array([end]) for end in (network.in_format.lo, network.in_format.hi))
        for index, (stage, bound) in enumerate(zip(self.stages, proved, strict=True)):
            stage.check(lo, hi, network.shift(index))
            lo, hi = bound.out_lo, bound.out_hi

    def __call__(self, lr: np.ndarray, progress: Callable[[float], None] | None = None
                 ) -> np.ndarray:
        """Upscale a luma plane.

        Args:
            lr: Integers (H, W), raw luma within the network's input format.
            progress: Called with the fraction done.

        Returns:
            (s*H, s*W), raw luma: uint8 where the output format is 8 unsigned bits, else int64.

        Raises:
            InputError: If lr is not a picture within the input format.
        """
        lr = check_luma(lr, self.network.in_format)
        to, s = self.network.out_format, self.network.scale
        narrow = not to.signed and to.width == 8
        hr = np.empty((s * lr.shape[0], s * lr.shape[1]), np.uint8 if narrow else np.int64)
        lr = np.require(lr, None if lr.dtype == np.uint8 else np.int64, ["C", "W"])
        rows, cols = (tiles.cuts(size, self.side) for size in lr.shape)
        blocks = [(row, col) for row in rows for col in cols]

        def work(block: tuple[range, range]) -> None:
            row, col = block
            with _torch().inference_mode():
                hr[s * row.start : s * row.stop, s * col.start : s * col.stop] = self._tile(
                    lr, row, col)

        with _one_thread(), ThreadPoolExecutor(self.threads) as pool:
            for done, _ in enumerate(pool.map(work, blocks), 1):
                if progress:
                    progress(done / len(blocks))
        return hr

    def stack(self, lrs: np.ndarray) -> np.ndarray:
        """Upscale many small frames at once, each whole.

        Args:
            lrs: Integers (n, H, W), raw luma within the network's input format.

        Returns:
            int64 (n, s*H, s*W), raw luma.

        Raises:
            InputError: If they are not pictures within the input format.
        """
        from torch.nn.functional import pad, pixel_shuffle

        flat = check_luma(np.reshape(lrs, (-1, np.shape(lrs)[-1])), self.network.in_format)
        with _one_thread():
            maps = pixels = _torch().from_numpy(flat.astype(np.int64)).reshape(
                len(lrs), 1, -1, flat.shape[1])
            for stage in self.stages:
                maps = stage.run(pad(maps, stage.reach * 2), pixels)
            return pixel_shuffle(maps, self.network.scale)[:, 0].numpy().astype(np.int64)

    def trace(self, lr: np.ndarray) -> dict[str, np.ndarray]:
        """Keep every layer's output, to find where it parts from another engine; in one tile.

        Args:
            lr: Integers (H, W), raw luma within the network's input format.

        Returns:
            Layer name -> int64 (H, W, C); the last is (s*H, s*W, 1).

        Raises:
            InputError: If lr is not a picture within the input format.
        """
        from torch.nn.functional import pixel_shuffle

        lr = np.ascontiguousarray(check_luma(lr, self.network.in_format), np.int64)
        with _one_thread():
            return {stage.layer.name: pixel_shuffle(maps, stage.layer.stride)[0].permute(
                1, 2, 0).numpy().astype(np.int64) for stage, maps in zip(
                    self.stages, self._maps(lr, *map(range, lr.shape)), strict=True)}

    def _tile(self, lr: np.ndarray, rows: range, cols: range) -> np.ndarray:
        """Compute the HR pixels of a block of LR pixels."""
        from torch.nn.functional import pixel_shuffle

        last = deque(self._maps(lr, rows, cols), maxlen=1).pop()
        return pixel_shuffle(last, self.network.scale)[0, 0].numpy()

    def _maps(self, lr: np.ndarray, rows: range, cols: range) -> Iterator[Tensor]:
        """Compute what a block of HR pixels needs of each layer, the layers in order."""
        from torch.nn.functional import pad

        pixels = _torch().from_numpy(lr)[None, None]
        (y, pads_y), (x, pads_x) = (tiles.needed(self.reaches, span, size) for span, size
                                    in zip((rows, cols), lr.shape, strict=True))
        maps = pixels[:, :, y.start : y.stop, x.start : x.stop]
        own = pixels[:, :, rows.start : rows.stop, cols.start : cols.stop]
        for stage, pad_y, pad_x in zip(self.stages, pads_y, pads_x, strict=True):
            maps = stage.run(pad(maps, (*pad_x, *pad_y)) if any(pad_x + pad_y) else maps, own)
            yield maps


def run(network: Network, lr: np.ndarray) -> np.ndarray:
    """Upscale one luma plane; for several, keep an Emulator.

    Args:
        network: A checked integer network.
        lr: Integers (H, W), raw luma within the network's input format.

    Returns:
        (s*H, s*W), raw luma: uint8 where the output format is 8 unsigned bits, else int64.

    Raises:
        As Emulator and its call.
    """
    return Emulator(network)(lr)
