"""Convolutions that are trained as two and fold into one: more weights to learn with, none to run.

May import torch, learn.models.

    expand(model, 4)                               # train it, then
    plain = fold(model)                            # the same function, weights of the usual shape

Each weight is a product, (out, p) times (p, in, k, k): a wide convolution and the 1x1 that follows
it, without anything between them. Only the product is convolved with, so that a step costs hardly
more. Source: collapsible linear blocks with collapsed forward (Bhardwaj et al. 2022, SESR,
arXiv:2103.09404, sections 3.2 and 3.3).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize

from fsrcnnx.learn import models


class Product(nn.Module):
    """A weight as the product of two.

    Args:
        width: Channels between the two, at least the weight's first dimension.
        generator: Source of the start.
    """

    def __init__(self, width: int, generator: torch.Generator):
        super().__init__()
        self.width, self.generator = width, generator

    def forward(self, mix: torch.Tensor, wide: torch.Tensor) -> torch.Tensor:
        """Fold; mix: (a, p), wide: (p, b, k, k); returns (a, b, k, k)."""
        return torch.einsum("ap,pbkl->abkl", mix, wide)

    @torch.no_grad()
    def right_inverse(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Split a weight: a mix of orthonormal rows, and its transpose times the weight."""
        square = torch.randn(self.width, self.width, generator=self.generator)
        mix = torch.linalg.qr(square)[0][: len(weight)].contiguous()
        return mix, torch.einsum("ap,abkl->pbkl", mix, weight)


class Held(nn.Module):
    """A parameter of which a part stays as it is.

    Args:
        value: The parameter.
        part: What stays, an index.
    """

    def __init__(self, value: torch.Tensor, part: tuple):
        super().__init__()
        free = torch.ones_like(value)
        free[part] = 0
        self.register_buffer("free", free, persistent=False)
        self.register_buffer("held", value.detach() * (1 - free), persistent=False)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Put the held part in; value: of the parameter's shape."""
        return value * self.free + self.held

    def right_inverse(self, value: torch.Tensor) -> torch.Tensor:
        """The parameter itself."""
        return value


def hold_picture(model: models.Net) -> None:
    """Keep the picture that a fresh network carries in channel 0 as it is, in every layer.

    What is learned is then added to the repeated picture, as an anchor adds it, though the network
    has none: nothing that a step changes can shift the picture itself.

    Args:
        model: A fresh network, expanded or not; changed in place.
    """
    if model.anchor:
        return
    for name in model.names:
        layer = getattr(model, name)
        part = (0,) if name in model.act else (0, 0)  # the last layer: what it takes of channel 0
        if isinstance(layer, models.SubPixel):
            part = (slice(None), 0)
        parametrize.register_parametrization(layer, "weight", Held(layer.weight, part))
        if name in model.act:
            for module, key in ((layer, "bias"), (model.act[name], "weight")):
                parametrize.register_parametrization(module, key, Held(getattr(module, key), (0,)))


def expand(model: models.Net, factor: int, generator: torch.Generator) -> None:
    """Let every layer learn a product instead of its weight; the function stays for now.

    Args:
        model: The network, changed in place.
        factor: Channels between, as a multiple of the weight's first dimension.
        generator: Source of the start.
    """
    for name in model.names:
        layer = getattr(model, name)
        width = factor * len(layer.weight)
        parametrize.register_parametrization(layer, "weight", Product(width, generator))


def fold(model: models.Net) -> models.Net:
    """Multiply out.

    Args:
        model: A network, expanded or not; left as it is.

    Returns:
        A network with plain weights: the same function.
    """
    plain = models.build(model.name)
    state = {}
    for key in plain.state_dict():
        module, _, attribute = key.rpartition(".")
        state[key] = getattr(model.get_submodule(module), attribute).detach()
    plain.load_state_dict(state)
    return plain.train(model.training)
