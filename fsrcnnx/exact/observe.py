"""What frames really reach: extremes of every sum and output, and how often outputs saturate.

May import numpy, the network, the golden model and the range proof, which it holds against what it
sees.

    seen = observe(network, [lr]); hold(prove(network), seen)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fsrcnnx.errors import CheckError
from fsrcnnx.exact import golden
from fsrcnnx.exact.formats import round_shift
from fsrcnnx.exact.network import Network, check_luma
from fsrcnnx.exact.ranges import LayerRange


@dataclass(frozen=True, eq=False)
class Seen:
    """What one layer reached.

    Args:
        name: Layer name.
        sum_lo: int64 (phases, out), least complete sum; a conv has one phase.
        sum_hi: int64 (phases, out), greatest complete sum.
        out_lo: int64 (out,), least output, raw.
        out_hi: int64 (out,), greatest output, raw.
        saturated: int64 (phases, out), outputs that had to be clipped.
        values: Outputs seen per phase and channel.
    """

    name: str
    sum_lo: np.ndarray
    sum_hi: np.ndarray
    out_lo: np.ndarray
    out_hi: np.ndarray
    saturated: np.ndarray
    values: int

    def join(self, other: Seen) -> Seen:
        """Put together what two sets of frames reached."""
        return Seen(
            self.name, np.minimum(self.sum_lo, other.sum_lo),
            np.maximum(self.sum_hi, other.sum_hi), np.minimum(self.out_lo, other.out_lo),
            np.maximum(self.out_hi, other.out_hi), self.saturated + other.saturated,
            self.values + other.values)


def _frame(network: Network, lr: np.ndarray) -> list[Seen]:
    """Run one frame by the golden model's own parts."""
    found, x = [], lr.astype(np.int64)[:, :, None]
    for index, layer in enumerate(network.layers):
        s = layer.stride
        acc = golden.accumulate(x, layer)
        if network.anchor and index == len(network.layers) - 1:
            up = network.acc_frac(index) - network.in_format.frac
            acc += lr.astype(np.int64).repeat(s, 0).repeat(s, 1)[:, :, None] << up
        exact = round_shift(golden.activate(acc, layer), network.shift(index))
        to = layer.out_format
        x = np.clip(exact, to.lo, to.hi)

        def phases(values: np.ndarray, s: int = s) -> np.ndarray:
            """(s*H, s*W, out) -> (H*W, phases, out)."""
            split = values.reshape(lr.shape[0], s, lr.shape[1], s, -1).transpose(0, 2, 1, 3, 4)
            return split.reshape(lr.size, s * s, -1)

        sums = phases(acc)
        found.append(Seen(
            layer.name, sums.min(0), sums.max(0), x.min((0, 1)), x.max((0, 1)),
            phases(exact != x).sum(0), lr.size))
    return found


def observe(network: Network, frames: Sequence[np.ndarray],
            progress: Callable[[float], None] | None = None) -> tuple[Seen, ...]:
    """Run frames through the network and keep the extremes.

    Args:
        network: A checked integer network.
        frames: Integers (H, W) each, raw luma within network.in_format; one or more.
        progress: Called with the fraction done.

    Returns:
        One record per layer, in order.

    Raises:
        InputError: If a frame is not a picture within the input format.
    """
    seen, done = None, 0
    total = sum(np.size(lr) for lr in frames)
    for lr in frames:
        new = _frame(network, check_luma(lr, network.in_format))
        seen = new if seen is None else [a.join(b) for a, b in zip(seen, new, strict=True)]
        done += np.size(lr)
        if progress:
            progress(done / total)
    return tuple(seen)


def hold(proved: Sequence[LayerRange], seen: Sequence[Seen]) -> None:
    """Hold the proof against what frames reached.

    Args:
        proved: Ranges of a network.
        seen: What it reached.

    Raises:
        CheckError: If something lies outside: the proof would be wrong. Names layer and channel.
    """
    for bound, record in zip(proved, seen, strict=True):
        for what, low, high, least, most in (
                ("sum", bound.sum_lo, bound.sum_hi, record.sum_lo, record.sum_hi),
                ("accumulator", bound.acc_lo, bound.acc_hi, record.sum_lo, record.sum_hi),
                ("output", bound.out_lo, bound.out_hi, record.out_lo, record.out_hi)):
            wrong = (least < low) | (most > high)
            if wrong.any():
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                raise CheckError(
                    f"{what} {least[at]}..{most[at]} of channel {at[-1]} leaves the proved range "
                    f"{np.broadcast_to(low, wrong.shape)[at]}.."
                    f"{np.broadcast_to(high, wrong.shape)[at]}", where=f"layer {bound.name}",
                    fix="report this as a defect of the range proof")
