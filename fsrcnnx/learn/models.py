"""The float networks, each readable at a glance.

May import torch and the errors.

    model = build("fsrcnn-x_x2")
    hr = model(lr)                                 # (N, 1, H, W) to (N, 1, 2 H, 2 W), pixel / 256

Source: FSRCNN (Dong et al. 2016, arXiv:1608.00367) with the seed's FSRCNN-x figures: d = 23,
s = 12, m = 2, 3x3 first convolution, 3x3 deconvolution.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from fsrcnnx.errors import InputError, ModelError

MODELS = {"fsrcnn-x_x2": {"scale": 2, "d": 23, "s": 12, "m": 2}}


class FSRCNNX(nn.Module):
    """FSRCNN-x: luma in, luma `scale` times larger out, both pixel / 256.

    The first channel of every layer starts as the picture itself, centred (LR - 1/2) and linear
    (slope 1), which the deconvolution starts by repeating: training begins at nearest-neighbour
    upscaling, and a signed 8-bit feature map holds the centred picture without loss.

    Args:
        scale: Upscaling factor, 2..4.
        d: Channels of the feature and expanded maps.
        s: Channels of the mapping layers.
        m: Number of 3x3 mapping layers.
        generator: Source of the initial weights.
    """

    def __init__(self, scale: int = 2, d: int = 23, s: int = 12, m: int = 2, *,
                 generator: torch.Generator | None = None):
        super().__init__()
        self.name = f"fsrcnn-x_x{scale}"
        self.scale = scale
        self.mapping = [f"map{index + 1}" for index in range(m)]
        self.feature = nn.Conv2d(1, d, 3, padding=1)
        self.shrink = nn.Conv2d(d, s, 1)
        for name in self.mapping:
            self.add_module(name, nn.Conv2d(s, s, 3, padding=1))
        self.expand = nn.Conv2d(s, d, 1)
        padding = max(0, (3 - scale + 1) // 2)
        self.deconv = nn.ConvTranspose2d(d, 1, 3, scale, padding, scale - 3 + 2 * padding)
        self.act = nn.ModuleDict({name: nn.PReLU(getattr(self, name).out_channels)
                                  for name in self.names[:-1]})
        self._start(generator or torch.Generator().manual_seed(0))

    @property
    def names(self) -> list[str]:
        """Layer names in order."""
        return ["feature", "shrink", *self.mapping, "expand", "deconv"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Upscale; x: (N, 1, H, W)."""
        x = self.act["feature"](self.feature(x))     # (N, d, H, W)
        x = self.act["shrink"](self.shrink(x))       # (N, s, H, W)
        for name in self.mapping:
            x = self.act[name](getattr(self, name)(x))  # (N, s, H, W)
        x = self.act["expand"](self.expand(x))       # (N, d, H, W)
        return self.deconv(x)                        # (N, 1, scale * H, scale * W)

    @torch.no_grad()
    def _start(self, generator: torch.Generator) -> None:
        for name in self.names:
            layer = getattr(self, name)
            conv = name != "deconv"
            fan_in = layer.in_channels * layer.kernel_size[0] ** 2
            std = (2 / fan_in / (1 + 0.25**2)) ** 0.5 if conv else 1e-3  # He et al. 2015
            layer.weight.normal_(0, std, generator=generator)
            layer.bias.zero_()
            weight = layer.weight[0]                 # conv (in, k, k); deconv (1, k, k)
            if conv:
                middle = layer.kernel_size[0] // 2
                weight.zero_()
                weight[0, middle, middle] = 1
                self.act[name].weight[0] = 1
        self.feature.bias[0] = -0.5
        self.deconv.weight[0].zero_()
        padding = self.deconv.padding[0]
        repeat = slice(padding, min(padding + self.scale, 3))
        self.deconv.weight[0, 0, repeat, repeat] = 1
        self.deconv.bias.fill_(0.5)


def build(name: str, *, generator: torch.Generator | None = None) -> FSRCNNX:
    """Make a network by name, with fresh weights.

    Args:
        name: A key of `MODELS`, e.g. `fsrcnn-x_x2`.
        generator: Source of the initial weights; seed 0 if None.

    Returns:
        The module, float32, in training mode.

    Raises:
        ModelError: If the name is unknown.
    """
    if name not in MODELS:
        raise ModelError(f"unknown model {name!r}", where="model", allowed=", ".join(MODELS))
    model = FSRCNNX(**MODELS[name], generator=generator)
    model.name = name
    return model


def check_finite(state: dict[str, torch.Tensor], where: str) -> None:
    """Refuse weights that are not numbers.

    Args:
        state: Parameters by name.
        where: File that they are from.

    Raises:
        ModelError: Naming the first parameter with a NaN or infinity.
    """
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{name} holds NaN or infinity", where=where,
                             allowed="finite weights", fix="train again or take other weights")


def read_weights(path: str | Path) -> dict:
    """Read a weights file.

    Args:
        path: `weights.pth` (a dictionary with `name`, `float` and, after quantisation, `qat` and
            `bits`), or a bare state dictionary of the default network.

    Returns:
        The dictionary, `name` and `float` always present.

    Raises:
        ModelError: If the file is missing, no such file, or holds NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError("no such file", where=str(path), allowed="a weights.pth file",
                         fix="train first, or check the path")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise ModelError(f"not a weights file ({type(error).__name__})", where=str(path),
                         allowed="a file written by training or quantisation") from None
    if isinstance(content, dict) and "float" not in content:
        content = {"float": content}
    if not isinstance(content, dict) or not all(
            isinstance(value, torch.Tensor) for value in content["float"].values()):
        raise ModelError("no weights in this file", where=str(path),
                         allowed="a dictionary of tensors")
    check_finite(content["float"], str(path))
    return {"name": next(iter(MODELS)), **content}


def load(path: str | Path, name: str | None = None) -> FSRCNNX:
    """Load a float network.

    Args:
        path: `weights.pth` or a bare state dictionary.
        name: Model that it must be; the file's own if None.

    Returns:
        The module, float32, in evaluation mode.

    Raises:
        ModelError: If the file cannot be read, holds NaN or does not fit the network.
    """
    content = read_weights(path)
    model = build(name or content["name"])
    restore(model, content["float"], str(path))
    return model.eval()


def restore(model: FSRCNNX, state: dict[str, torch.Tensor], where: str) -> None:
    """Put weights into a network.

    Args:
        model: The network.
        state: Parameters by name.
        where: File that they are from.

    Raises:
        ModelError: If a parameter is missing, too many or of another shape.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"weights of another network ({str(error).splitlines()[-1].strip()})",
                         where=where, allowed=model.name) from None


def read_checkpoint(path: Path) -> dict:
    """Read the state of a training run.

    Args:
        path: `checkpoint.pth` of training.

    Returns:
        The state.

    Raises:
        InputError: If it is no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state["settings"], state["generator"]
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(f"not a checkpoint ({type(error).__name__})", where=str(path),
                         allowed="a file of an earlier run", fix="delete it") from None
    return state
