"""Memory files of the mac engine: weights per lane, biases and slopes per layer, as hex words.

May import the integer network and the folds. Word layout as the headers of fsrcnnx_mac_lane and
fsrcnnx_layer say: weight (output j, input m) of step o*fold_in + i lies at
[(j*ins + m)*weight bits] of that step's word.

    memories(network, folds)["layer00_bias.hex"]
"""

from __future__ import annotations

import numpy as np

from fsrcnnx.emit.fold import Fold, Lane, lanes
from fsrcnnx.exact import ranges
from fsrcnnx.exact.network import Layer, Network


def hex_words(words: np.ndarray, bits: int, title: str) -> str:
    """Print words of several fields as a $readmemh file.

    Args:
        words: int64 (words, fields), field 0 in the low bits; two's complement.
        bits: Bits per field.
        title: Comment for the first line.

    Returns:
        The file's text, one word a line.
    """
    mask, digits = (1 << bits) - 1, -(-words.shape[1] * bits // 4)
    lines = [f"// {title}"]
    for word in words.tolist():
        value = sum((field & mask) << (bits * place) for place, field in enumerate(word))
        lines.append(f"{value:0{digits}x}")
    return "\n".join(lines) + "\n"


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


def memories(network: Network, folds: tuple[Fold, ...]) -> dict[str, str]:
    """Write all memory files of a network.

    Args:
        network: A checked network.
        folds: One fold per layer.

    Returns:
        File name -> text.
    """
    files = {}
    proved = ranges.prove(network)
    for index, (layer, fold, bound) in enumerate(zip(network.layers, folds, proved, strict=True)):
        stem = f"layer{index:02d}"
        for number, (lane, ins) in enumerate(zip(lanes(layer), fold.ins, strict=True)):
            files[f"{stem}_lane{number:02d}_weight.hex"] = hex_words(
                weight_words(lane, fold, ins), layer.weight_format.width,
                f"{layer.name} weights {layer.weight_format}, {fold.outs} x {ins} a word")
        files[f"{stem}_bias.hex"] = hex_words(
            channel_words(layer.bias, fold), bound.acc_width,
            f"{layer.name} biases, {bound.acc_width} bits, {network.acc_frac(index)} of fraction")
        if layer.slope is not None:
            files[f"{stem}_slope.hex"] = hex_words(
                channel_words(layer.slope, fold), slope_width(layer),
                f"{layer.name} slopes {layer.slope_format}")
    return files
