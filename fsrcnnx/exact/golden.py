"""The golden model: the integer network by its definition, one numpy loop per kernel tap.

May import numpy, the formats and the network only. The deconvolution scatters, as
HR[s*y + ky - p, s*x + kx - p] += w[ky, kx] * LR[y, x] says; hardware gathers (see tdc.py), so the
two are independent derivations of the same bits.

    hr = golden.run(network, lr)   # uint8 (H, W) -> int64 (s*H, s*W)
"""

from __future__ import annotations

import numpy as np

from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import requantise
from fsrcnnx.exact.network import Layer, Network


def convolve(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Convolve with stride 1 and zero padding (raw 0).

    Args:
        x: int64 (H, W, in), raw.
        layer: A conv or shuffle layer.

    Returns:
        int64 (H, W, kernels): bias + sum of w * x, exact.
    """
    height, width, _ = x.shape
    padded = np.pad(x, ((layer.padding,) * 2, (layer.padding,) * 2, (0, 0)))
    acc = np.broadcast_to(layer.bias, (height, width, layer.bias.size)).copy()
    for ky in range(layer.kernel):
        for kx in range(layer.kernel):
            acc += padded[ky : ky + height, kx : kx + width] @ layer.weight[:, :, ky, kx].T
    return acc


def deconvolve(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Deconvolve by scattering each input pixel over its k x k output pixels.

    Args:
        x: int64 (H, W, in), raw.
        layer: A deconv layer.

    Returns:
        int64 (s*H, s*W, out): bias + scattered sums, cropped to s times the input size.
    """
    height, width, _ = x.shape
    s, k, p = layer.stride, layer.kernel, layer.padding
    full = np.zeros((s * height + k + p, s * width + k + p, layer.out_channels), np.int64)
    for ky in range(k):
        for kx in range(k):
            full[ky : ky + s * height : s, kx : kx + s * width : s] += (
                x @ layer.weight[:, :, ky, kx].T
            )
    return full[p : p + s * height, p : p + s * width] + layer.bias


def shuffle(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Convolve, then lay the sums of each pixel out as a block of pixels.

    Args:
        x: int64 (H, W, in), raw.
        layer: A shuffle layer.

    Returns:
        int64 (s*H, s*W, 1): the sum py*s + px of a pixel in row py and column px of its block.
    """
    (height, width, _), s = x.shape, layer.stride
    blocks = convolve(x, layer).reshape(height, width, s, s)
    return blocks.transpose(0, 2, 1, 3).reshape(s * height, s * width, 1)


def accumulate(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Form a layer's complete sums.

    Args:
        x: int64 (H, W, in), raw.
        layer: A layer of any kind.

    Returns:
        int64 (s*H, s*W, out), without anchor.
    """
    forward = {"conv": convolve, "deconv": deconvolve, "shuffle": shuffle}[layer.kind]
    return forward(x, layer)


def activate(acc: np.ndarray, layer: Layer) -> np.ndarray:
    """Apply PReLU exactly: non-negative values shift left, negative ones take their slope.

    Args:
        acc: int64 (H, W, out), raw.
        layer: The layer, with or without slopes.

    Returns:
        int64 (H, W, out) with slope_format.frac more fraction bits; acc itself without slopes.
    """
    if layer.slope is None:
        return acc
    return np.where(acc >= 0, acc << layer.slope_format.frac, acc * layer.slope)


def trace(network: Network, lr: np.ndarray) -> dict[str, np.ndarray]:
    """Run the network and keep every layer's output.

    Args:
        network: A checked integer network.
        lr: Integers (H, W), raw luma within network.in_format.

    Returns:
        Layer name -> int64 (H, W, C) after requantisation; the last is (s*H, s*W, 1).

    Raises:
        InputError: If lr is not a picture within the input format.
    """
    lr = np.asarray(lr)
    if lr.ndim != 2 or lr.size == 0 or lr.dtype.kind not in "iu":
        raise InputError(f"a picture of shape {lr.shape} and type {lr.dtype}",
                         allowed="integers (H, W), at least 1x1")
    if not network.in_format.holds(lr):
        raise InputError("pixel values outside the input format",
                         allowed=f"{network.in_format.lo}..{network.in_format.hi}")
    x = lr.astype(np.int64)[:, :, None]
    outputs = {}
    for index, layer in enumerate(network.layers):
        acc = accumulate(x, layer)
        if network.anchor and index == len(network.layers) - 1:
            nearest = lr.astype(np.int64).repeat(layer.stride, 0).repeat(layer.stride, 1)
            acc += (nearest << (network.acc_frac(index) - network.in_format.frac))[:, :, None]
        x = requantise(activate(acc, layer), network.shift(index), layer.out_format)
        outputs[layer.name] = x
    return outputs


def run(network: Network, lr: np.ndarray) -> np.ndarray:
    """Upscale a luma plane.

    Args:
        network: A checked integer network.
        lr: Integers (H, W), raw luma within network.in_format.

    Returns:
        int64 (s*H, s*W), raw luma within network.out_format.

    Raises:
        InputError: If lr is not a picture within the input format.
    """
    return trace(network, lr)[network.layers[-1].name][:, :, 0]
