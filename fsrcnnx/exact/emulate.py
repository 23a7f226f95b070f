"""The emulator: the hardware's bits at the speed of tensor kernels, for whole pictures and video.

May import numpy, the network, the range proof, the tiles, the kernels; torch only when used. The
kernels are held against integer arithmetic once, when an emulator is made. Frames are cut into
tiles that fit the cache; a tile takes from its neighbours what its windows reach, and zeros only
beyond the frame, so that tiles change no bit.

    emulator = Emulator(network); hr = emulator(lr)   # uint8 (H, W) -> uint8 (s*H, s*W)
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from fsrcnnx.exact import ranges, tiles
from fsrcnnx.exact.kernels import load_torch, one_thread, stages
from fsrcnnx.exact.network import Network, check_luma

if TYPE_CHECKING:
    from torch import Tensor

TILE_BYTES = 1 << 21   # of a tile's widest feature map: the fastest of 2^18..2^22, measured
LEAST_SIDE = 32        # of a tile; a smaller one would be mostly borders


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
        self.fitting = max(LEAST_SIDE, int((TILE_BYTES / widest) ** 0.5))
        self.side = side or self.fitting
        lo, hi = (np.array([end]) for end in (network.in_format.lo, network.in_format.hi))
        for index, (stage, bound) in enumerate(zip(self.stages, proved, strict=True)):
            stage.check(lo, hi, network.shift(index))
            lo, hi = bound.out_lo, bound.out_hi

    def tiled(self, side: int | None = None) -> Emulator:
        """Take other tiles; nothing is proved or checked again.

        Args:
            side: As when an emulator is made.

        Returns:
            An emulator of the same network.
        """
        other = copy(self)
        other.side = side or self.fitting
        return other

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
            with load_torch().inference_mode():
                hr[s * row.start : s * row.stop, s * col.start : s * col.stop] = self._tile(
                    lr, row, col)

        with one_thread(), ThreadPoolExecutor(self.threads) as pool:
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
        with one_thread():
            maps = pixels = load_torch().from_numpy(flat.astype(np.int64)).reshape(
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
        with one_thread():
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

        pixels = load_torch().from_numpy(lr)[None, None]
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
