"""The values of a stranger's network, as ours takes them: slopes, biases, the range of pixels.

May import numpy, torch, learn.models and learn.rows.

    state = Values(row, choice).state(model, 255)  # for load_state_dict

Our networks see pixel / 256, those of others pixel / 255 as a rule. Convolutions, deconvolutions
and PReLU scale with what they are given, so that other biases alone make up for it: the same
function, and weights and slopes as they were.
"""

from __future__ import annotations

import numpy as np
import torch

from fsrcnnx.learn.models import PIXEL_STEPS, Net
from fsrcnnx.learn.rows import Choice, Layer, Row

DIVISORS = (255, PIXEL_STEPS, 1)  # of pixels, before they enter a network
ADVICE = "export the network to ONNX and import that: it says what each layer is"


class Values:
    """The values of a row of layers.

    Args:
        row: The row.
        choice: What the user says.
    """

    def __init__(self, row: Row, choice: Choice):
        self.row, self.choice, self.refuse = row, choice, row.refuse
        self.says: list[str] = []

    def slope(self, layer: Layer) -> np.ndarray:
        """Slopes of the activation behind a layer, one per channel."""
        out = layer.weight.shape[0]
        slope = layer.slope
        if slope is None:
            slope = np.full(1, self.choice.slope or 0.0)
        if slope.shape not in ((1,), (out,)):
            self.refuse(f"slopes of shape {slope.shape}", layer, allowed=f"({out},) or (1,)")
        return np.broadcast_to(slope, (out,))

    def activation(self) -> str:
        """Say what the activations are; a file holds those of all layers but the last, or none."""
        *inner, last = self.row.layers
        if last.slope is not None:
            self.refuse("an activation behind it", last, allowed="none behind the last layer")
        without = [layer for layer in inner if layer.slope is None]
        if without and len(without) < len(inner) and self.choice.slope is None:
            self.refuse("no slopes behind it, and others have some", without[0],
                        allowed="PReLU behind every layer but the last, or behind none",
                        fix=f"{ADVICE}; or say its slope, by --slope")
        if without:
            slope = self.choice.slope or 0.0
            what = f"{slope:g}, as --slope says" if slope else "0, ReLU"
            self.says.append(f"no slopes in the file behind {len(without)} of {len(inner)} "
                             f"layers: taken as {what}")
        elif self.choice.slope is not None:
            self.refuse("--slope, and the file has slopes behind every layer",
                        allowed="--slope where it has none", fix="leave it out")
        if all(layer.slope is not None and layer.slope.size > 1 for layer in inner):
            return "PReLU, a slope per channel"
        return "ReLU" if not any(self.slope(layer).any() for layer in inner) else \
            "PReLU, shared slopes made one per channel"

    def divisor(self) -> int:
        """What pixels were divided by, said."""
        divisor = self.choice.divisor
        if divisor is None:
            divisor = PIXEL_STEPS if self.row.own else DIVISORS[0]
        low, high = self.row.limits
        if low > 0 or high < 255 / divisor:
            self.refuse(f"the output is clipped to {low:g}..{high:g}",
                        allowed=f"0..{255 / divisor:g}, all pixels of a picture, or no clip",
                        fix="--divisor, if pixels were divided by another number")
        if divisor == PIXEL_STEPS:
            self.says.append("pixels divided by 256, as ours: every value as it was")
        else:
            self.says.append(f"pixels divided by {divisor}, now by 256: biases times {divisor}/256,"
                             " weights and slopes as they were")
        return divisor

    def state(self, model: Net, divisor: int) -> dict[str, torch.Tensor]:
        """Put the values in the places of a network of ours.

        Args:
            model: The network.
            divisor: What pixels were divided by.

        Returns:
            Its state, float32.

        Raises:
            ModelError: If a bias does not fit its layer, or a value is not finite.
        """
        state = {}
        for name, layer in zip(model.names, self.row.layers, strict=True):
            out = getattr(model, name).out_channels
            bias = np.zeros(out) if layer.bias is None else layer.bias
            if bias.shape != (out,):
                self.refuse(f"a bias of shape {bias.shape}", layer, allowed=f"({out},)")
            state[f"{name}.weight"], state[f"{name}.bias"] = \
                layer.weight, bias * (divisor / PIXEL_STEPS)
            if name in model.act:
                state[f"act.{name}.weight"] = self.slope(layer)
        with np.errstate(over="ignore"):
            state = {key: value.astype(np.float32) for key, value in state.items()}
        for key, value in state.items():
            if not np.isfinite(value).all():
                self.refuse(f"{key} holds NaN or infinity, as float32", allowed="finite values")
        return {key: torch.from_numpy(value) for key, value in state.items()}
