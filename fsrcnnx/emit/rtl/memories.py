"""Contents of the mac engine's memories, as constants: fsrcnnx_mem_pkg.sv.

May import the integer network and the folds. Word layout as the headers of fsrcnnx_mac_lane and
fsrcnnx_layer say: weight (output j, input m) of step o*fold_in + i lies at
[(j*ins + m)*weight bits] of that step's word. Constants and not files: a simulator or synthesiser
looks for a file in its own working folder, and most go on with an empty memory without it.

    print(memory_package(memories(network, folds), network.content_hash()))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.emit.literal import literals
from fsrcnnx.emit.rtl.fold import Fold, Lane, lanes
from fsrcnnx.exact import ranges
from fsrcnnx.exact.network import Layer, Network

KINDS = ("WEIGHTS", "BIASES", "SLOPES")


@dataclass(frozen=True, eq=False)
class Memory:
    """One memory of the core.

    Args:
        kind: A name of KINDS.
        layer: Index of its layer.
        lane: Index of its lane in the layer; 0 where the lanes share it.
        words: int64 (words, fields), field 0 in the low bits.
        field_bits: Bits per field, two's complement.
    """

    kind: str
    layer: int
    lane: int
    words: np.ndarray
    field_bits: int

    @property
    def word_bits(self) -> int:
        """Bits per word."""
        return self.words.shape[1] * self.field_bits

    @property
    def bits(self) -> int:
        """Bits in all."""
        return self.words.shape[0] * self.word_bits


def words(memory: Memory) -> list[list[str]]:
    """Print a memory's words as SystemVerilog numbers.

    Args:
        memory: The memory.

    Returns:
        The sized hex literals of each word, the high part first, in order of address.
    """
    bits, mask = memory.field_bits, (1 << memory.field_bits) - 1
    digits = -(-memory.word_bits // 4)
    found = []
    for word in memory.words.tolist():
        value = sum((field & mask) << (bits * place) for place, field in enumerate(word))
        found.append(literals(f"{value:0{digits}x}", memory.word_bits))
    return found


def weight_words(lane: Lane, fold: Fold, ins: int) -> np.ndarray:
    """Lay a lane's weights out in the order of its steps.

    Args:
        lane: The lane.
        fold: Its layer's fold.
        ins: Products per sum and step in this lane.

    Returns:
        int64 (fold_out * fold_in, outs * ins); places past the last output or input are 0.
    """
    flat = lane.weight.reshape(lane.weight.shape[0], -1)
    padded = np.zeros((fold.fold_out * fold.outs, fold.fold_in * ins), np.int64)
    padded[: flat.shape[0], : flat.shape[1]] = flat
    split = padded.reshape(fold.fold_out, fold.outs, fold.fold_in, ins)
    return split.transpose(0, 2, 1, 3).reshape(fold.cycles, fold.outs * ins)


def channel_words(values: np.ndarray, fold: Fold) -> np.ndarray:
    """Lay per-channel values out, one word per step over the outputs.

    Args:
        values: int64 (out,).
        fold: The layer's fold.

    Returns:
        int64 (fold_out, outs); places past the last channel are 0.
    """
    padded = np.zeros(fold.fold_out * fold.outs, np.int64)
    padded[: values.size] = values
    return padded.reshape(fold.fold_out, fold.outs)


def slope_width(layer: Layer) -> int:
    """Bits of a layer's slopes as signed numbers.

    Args:
        layer: A layer with or without slopes.

    Returns:
        Bits; 1 without slopes.
    """
    fmt = layer.slope_format
    return fmt.width + (not fmt.signed) if fmt else 1


def bias_lanes(layer: Layer) -> int:
    """Count the lanes that have biases of their own.

    Args:
        layer: A layer.

    Returns:
        All lanes of a shuffle; 1 where the lanes share their biases.
    """
    return layer.stride**2 if layer.kind == "shuffle" else 1


def memories(network: Network, folds: tuple[Fold, ...]) -> tuple[Memory, ...]:
    """Lay out all memories of a network.

    Args:
        network: A checked network.
        folds: One fold per layer.

    Returns:
        Layer by layer: the weights of each lane, the biases (of each lane of a shuffle), the slopes
        (zeros without).
    """
    found = []
    proved = ranges.prove(network)
    for index, (layer, fold, bound) in enumerate(zip(network.layers, folds, proved, strict=True)):
        parts = lanes(layer)
        for number, (lane, ins) in enumerate(zip(parts, fold.ins, strict=True)):
            found.append(Memory("WEIGHTS", index, number, weight_words(lane, fold, ins),
                                layer.weight_format.width))
        slope = np.zeros(layer.out_channels, np.int64) if layer.slope is None else layer.slope
        found += [Memory("BIASES", index, number, channel_words(lane.bias, fold), bound.acc_width)
                  for number, lane in enumerate(parts[: bias_lanes(layer)])]
        found.append(Memory("SLOPES", index, 0, channel_words(slope, fold), slope_width(layer)))
    return tuple(found)


def places(found: tuple[Memory, ...]) -> dict[str, list[int]]:
    """Tell where each layer's and lane's memory lies in the constants.

    Args:
        found: All memories of a network.

    Returns:
        Constant name -> one value per layer, or per lane of all layers for LANE_WEIGHTS_LSB, which
        counts from its layer's first bit.
    """
    layers = range(found[-1].layer + 1)
    told: dict[str, list[int]] = {}
    for kind in KINDS:
        sizes = [sum(m.bits for m in found if (m.kind, m.layer) == (kind, layer))
                 for layer in layers]
        told[f"LAYER_{kind}_LSB"] = [sum(sizes[:layer]) for layer in layers]
        if kind == "WEIGHTS":
            told["LAYER_WEIGHTS_WIDTH"] = sizes
    told["LANE_WEIGHTS_LSB"] = [
        sum(m.bits for m in found
            if (m.kind, m.layer) == (memory.kind, memory.layer) and m.lane < memory.lane)
        for memory in found if memory.kind == "WEIGHTS"]
    return told


def memory_package(found: tuple[Memory, ...], content_hash: str) -> str:
    """Write fsrcnnx_mem_pkg.sv.

    Args:
        found: All memories of a network.
        content_hash: The network's.

    Returns:
        The file's text: a vector per kind of memory, the first memory's word 0 in the low bits.
    """
    text = ("// SPDX-License-Identifier: Apache-2.0\n"
            f"// Contents of the memories, made by fsrcnnx {__version__}; do not edit.\n"
            f"// Network {content_hash}.\n"
            "// The highest word of a memory comes first, the lowest field of a word last.\n\n"
            "package fsrcnnx_mem_pkg;\n")
    for kind in KINDS:
        chosen = [memory for memory in found if memory.kind == kind]
        blocks = []
        for memory in reversed(chosen):
            shared = kind != "WEIGHTS" and sum(m.layer == memory.layer for m in chosen) == 1
            lane = "" if shared else f", lane {memory.lane}"
            title = (f"    // layer {memory.layer}{lane}: {memory.words.shape[0]} words of "
                     f"{memory.words.shape[1]} x {memory.field_bits} bits\n")
            blocks.append(title + ",\n".join(f"    {part}" for word in reversed(words(memory))
                                             for part in word))
        bits = sum(memory.bits for memory in chosen)
        text += f"\n  localparam bit [{bits}-1:0] {kind} = {{\n" + ",\n".join(blocks) + "\n  };\n"
    return text + "\nendpackage\n"
