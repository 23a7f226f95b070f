"""BatchNormalization behind a convolution, folded into its weights and bias: exact, or refused.

May import numpy, onnx and the other ONNX parts. In inference it is y = factor * x + offset per
channel. Where a Quant has rounded the weights before, folding keeps them whole only if each factor
is a power of two: then every channel has its own power-of-two scale, and one format holds them all.
Any other factor is refused: folding it would round the weights once more, to other values.

    factor, offset = read_batchnorm(view, node, channels)
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from fsrcnnx.exact.onnx.view import OnnxView

EPSILON = 1e-5  # ONNX's default
ADVICE = ("fold the BatchNormalization into the convolution before its weights are quantised, "
          "then train or calibrate, and export again")


def read_factors(view: OnnxView, node: NodeProto,
                 channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Read what a BatchNormalization does in inference.

    Args:
        view: The file.
        node: The BatchNormalization.
        channels: Channels of the layer before it.

    Returns:
        Factor and offset, float64 (channels,).

    Raises:
        ModelError: If it is in training mode, or its constants do not suit.
    """
    given = view.attributes(node, epsilon=EPSILON, momentum=0.9, training_mode=0)
    if given["training_mode"]:
        view.refuse(f"attribute training_mode is {given['training_mode']}", node, allowed="0",
                    fix="export the model in inference mode (model.eval())")
    constants = []
    for index, role in enumerate(("scale", "B", "mean", "var"), 1):
        value = view.constant(node, index, role)
        if value.shape != (channels,):
            view.refuse(f"input {role} of shape {value.shape}", node, allowed=f"({channels},)")
        constants.append(value)
    scale, shift, mean, variance = constants
    # in float32, as runtimes compute it
    spread = variance.astype(np.float32) + np.float32(given["epsilon"])
    if not (spread > 0).all() or not np.isfinite(spread).all():
        view.refuse("input var plus attribute epsilon is not positive and finite", node,
                    allowed="a positive sum")
    factor = (scale.astype(np.float32) / np.sqrt(spread)).astype(np.float64)
    return factor, shift - mean * factor


def read_batchnorm(view: OnnxView, node: NodeProto,
                   channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Read a BatchNormalization behind quantised weights.

    Args:
        view: The file.
        node: The BatchNormalization.
        channels: Channels of the layer before it.

    Returns:
        Factor and offset, float64 (channels,); each factor a power of two, or minus one.

    Raises:
        ModelError: As `read_factors` does, or if a factor is another.
    """
    factor, offset = read_factors(view, node, channels)
    other = np.abs(np.frexp(factor)[0]) != 0.5
    if other.any():
        at = int(np.argmax(other))
        view.refuse(f"scales channel {at} by {factor[at]:.9g}, behind weights that are quantised "
                    "already: they would leave their grid", node,
                    allowed="powers of two (scale / sqrt(var + epsilon))", fix=ADVICE)
    return factor, offset
