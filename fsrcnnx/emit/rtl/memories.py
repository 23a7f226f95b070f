"""Memories of the mac engine: what each one holds, word by word, and where it lies.

May import the integer network, the lanes and the folds. Word layout as the headers of
fsrcnnx_mac_lane and fsrcnnx_mac say: weight (output j, input m) of turn o*fold_in + i lies at
[(j*ins + m)*weight bits] of that turn's word.

    placed(memories(0, layer, parts, fold, acc_bits))[0].word_bits
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from fsrcnnx.emit.rtl.fold import Fold
from fsrcnnx.emit.rtl.lanes import Lane
from fsrcnnx.exact.network import Layer

KINDS = ("WEIGHTS", "BIASES")


@dataclass(frozen=True, eq=False)
class Memory:
    """One memory of the core.

    Args:
        kind: A name of KINDS.
        layer: Index of its layer.
        lane: Index of its lane in the layer; 0 where the lanes share it.
        words: int64 (words, fields), field 0 in the low bits.
        field_bits: Bits per field, two's complement.
        lsb: Where its word 0 starts in the vector of all memories of its kind.
    """

    kind: str
    layer: int
    lane: int
    words: np.ndarray
    field_bits: int
    lsb: int = 0

    @property
    def word_bits(self) -> int:
        """Bits per word."""
        return self.words.shape[1] * self.field_bits

    @property
    def bits(self) -> int:
        """Bits in all."""
        return self.words.shape[0] * self.word_bits


def weight_words(lane: Lane, fold: Fold, ins: int) -> np.ndarray:
    """Lay a lane's weights out in the order of its turns.

    Args:
        lane: The lane.
        fold: Its layer's fold.
        ins: Products per sum and turn in this lane.

    Returns:
        int64 (fold_out * fold_in, outs * ins); places past the last output or input are 0.
    """
    flat = lane.weight.reshape(lane.weight.shape[0], -1)
    padded = np.zeros((fold.fold_out * fold.outs, fold.fold_in * ins), np.int64)
    padded[: flat.shape[0], : flat.shape[1]] = flat
    split = padded.reshape(fold.fold_out, fold.outs, fold.fold_in, ins)
    return split.transpose(0, 2, 1, 3).reshape(fold.cycles, fold.outs * ins)


def channel_words(values: np.ndarray, fold: Fold) -> np.ndarray:
    """Lay per-output values out, one word per slice.

    Args:
        values: int64 (out,).
        fold: The layer's fold.

    Returns:
        int64 (fold_out, outs); places past the last output are 0.
    """
    padded = np.zeros(fold.fold_out * fold.outs, np.int64)
    padded[: values.size] = values
    return padded.reshape(fold.fold_out, fold.outs)


def memories(index: int, layer: Layer, parts: tuple[Lane, ...], fold: Fold,
             acc_bits: int) -> list[Memory]:
    """Lay out the memories of a layer.

    Args:
        index: The layer's place in the network.
        layer: The layer.
        parts: Its lanes.
        fold: Its fold.
        acc_bits: Bits of its accumulators.

    Returns:
        The weights of each lane, and the biases, which the lanes share.
    """
    return [
        *(Memory("WEIGHTS", index, number, weight_words(lane, fold, ins), layer.weight_format.width)
          for number, (lane, ins) in enumerate(zip(parts, fold.ins, strict=True))),
        Memory("BIASES", index, 0, channel_words(parts[0].bias, fold), acc_bits),
    ]


def placed(found: Iterable[Memory]) -> tuple[Memory, ...]:
    """Put memories one behind the other in the vector of their kind.

    Args:
        found: All memories of a network, in order.

    Returns:
        The same, each with its place.
    """
    ends = dict.fromkeys(KINDS, 0)
    done = []
    for memory in found:
        done.append(replace(memory, lsb=ends[memory.kind]))
        ends[memory.kind] += memory.bits
    return tuple(done)
