"""The rules that turn gradients into steps, by name.

May import torch, pytorch_optimizer and the errors.

    optimiser = OPTIMISERS["soap"](module.parameters(), 1e-2)

SOAP is Adam in the eigenbasis of the gradients' second moments, one basis for each dimension of a
weight. The layers are so small that the bases cost next to nothing, and the steps go several times
further: docs/training.md has the figures. Source: Adam (Kingma and Ba 2015, arXiv:1412.6980);
SOAP (Vyas et al. 2024, arXiv:2409.11321).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from fsrcnnx.errors import ToolError
from fsrcnnx.install import advice


def adam(parameters: Iterable[torch.Tensor], lr: float) -> torch.optim.Optimizer:
    """Adam; lr: peak of the schedule."""
    return torch.optim.Adam(parameters, lr=lr)


def soap(parameters: Iterable[torch.Tensor], lr: float) -> torch.optim.Optimizer:
    """SOAP without weight decay, which a network that underfits has no use for."""
    try:
        from pytorch_optimizer import SOAP  # a second to import
    except ModuleNotFoundError:
        raise ToolError("pytorch-optimizer is not installed", where="--optimiser soap",
                        fix=advice("pytorch-optimizer")) from None
    return SOAP(parameters, lr=lr, betas=(0.95, 0.99), weight_decay=0.0)


OPTIMISERS = {"adam": adam, "soap": soap}
