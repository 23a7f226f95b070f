"""model.onnx and its two companions: write, read and run them.

May import the other ONNX parts. `save` and `load` are the contract between training and hardware
(QONNX); `save_uint8` and `save_float` write files of stock operators for any runtime.
Written with opset 13, read with opsets 11 to 23.

    save(network, Path("model.onnx")); network = load(Path("model.onnx"))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.bytes import read_bytes
from fsrcnnx.exact.onnx.graph import write_atomically
from fsrcnnx.exact.onnx.read import decode
from fsrcnnx.exact.onnx.run import (
    float_session,
    qonnx_session,
    run_float,
    run_qonnx,
    run_uint8,
    uint8_session,
)
from fsrcnnx.exact.onnx.stock import FloatLayer, dequantise, encode_float, encode_uint8
from fsrcnnx.exact.onnx.write import encode

__all__ = ["FloatLayer", "dequantise", "float_session", "load", "qonnx_session", "run_float",
           "run_qonnx", "run_uint8", "save", "save_float", "save_uint8", "uint8_session"]


def save(network: Network, path: Path) -> None:
    """Write a network as QONNX, whole or not at all; the reader has accepted it before.

    Args:
        network: An integer network.
        path: Target, in an existing folder.

    Raises:
        ModelError: If the network cannot be represented exactly in such a file.
        InputError: If the file cannot be written.
    """
    data = encode(network)
    if decode(data, str(path)).content_hash() != network.content_hash():
        raise ModelError("the written file would read back as another network", where=path,
                         fix="report this as a defect of the writer")
    write_atomically(path, data)


def load(path: Path) -> Network:
    """Read a QONNX file into the integer network.

    Args:
        path: A file of ours, or of another tool for a network of this family.

    Returns:
        The checked network.

    Raises:
        ModelError: If the file is missing, damaged or cannot be represented exactly; names node
            and attribute, what was found and what is allowed.
    """
    return decode(read_bytes(path), str(path))


def save_uint8(network: Network, path: Path) -> None:
    """Write a network with stock operators only, uint8 luma in and out, exact in float32.

    Args:
        network: An integer network with 8-bit luma.
        path: Target, in an existing folder.

    Raises:
        ModelError: If float32 would not be exact, naming the layer, or luma is not 8 bits.
        InputError: If the file cannot be written.
    """
    write_atomically(path, encode_uint8(network))


def save_float(network: Network, path: Path,
               weights: Mapping[str, FloatLayer] | None = None) -> None:
    """Write a network without quantisation, float luma (pixel/256) in and out.

    Args:
        network: Gives layer names, kinds, strides, paddings, the anchor and the metadata.
        path: Target, in an existing folder.
        weights: Layer name -> float values; by default what the network's integers are worth.

    Raises:
        ModelError: If a layer or a shape differs from the network's, or a value is not finite.
        InputError: If the file cannot be written.
    """
    write_atomically(path, encode_float(network, weights))
