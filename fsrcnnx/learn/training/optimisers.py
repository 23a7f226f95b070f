"""The rules that turn gradients into steps, by name.

May import torch, pytorch_optimizer, the names and the ground.

    optimiser = OPTIMISERS["soap"](module.parameters(), 1e-2)

SOAP is Adam in the eigenbasis of the gradients' second moments, one basis for each dimension of a
weight. The layers are so small that the bases cost next to nothing, and the steps go several times
further: docs/training.md has the figures. Source: Adam (Kingma and Ba 2015, arXiv:1412.6980);
SOAP (Vyas et al. 2024, arXiv:2409.11321).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable

import torch

from fsrcnnx.errors import ToolError
from fsrcnnx.files import scratch
from fsrcnnx.install import advice
from fsrcnnx.learn import rules


def _import_compiler() -> None:
    """Import torch's compiler, as the first optimiser does, without the folder that it leaves."""
    cache = "TORCHINDUCTOR_CACHE_DIR"
    if "torch._dynamo" not in sys.modules and cache not in os.environ:
        with scratch() as folder:
            os.environ[cache] = str(folder)
            try:
                importlib.import_module("torch._dynamo")
            finally:
                del os.environ[cache]


def adam(parameters: Iterable[torch.Tensor], lr: float) -> torch.optim.Optimizer:
    """Adam; lr: peak of the schedule."""
    _import_compiler()
    return torch.optim.Adam(parameters, lr=lr)


def soap(parameters: Iterable[torch.Tensor], lr: float) -> torch.optim.Optimizer:
    """SOAP without weight decay, which a network that underfits has no use for."""
    _import_compiler()
    try:
        from pytorch_optimizer import SOAP  # a second to import
    except ModuleNotFoundError:
        raise ToolError("pytorch-optimizer is not installed", where="--optimiser soap",
                        fix=advice("pytorch-optimizer")) from None
    return SOAP(parameters, lr=lr, betas=(0.95, 0.99), weight_decay=0.0)


OPTIMISERS = dict(zip(rules.OPTIMISERS, (adam, soap), strict=True))


def settled(name: str, optimiser: torch.optim.Optimizer, steps: int) -> dict:
    """Make what the state of an optimiser must be like after so many steps.

    Args:
        name: A key of `OPTIMISERS`.
        optimiser: A fresh one of it, its rates as after the steps.
        steps: At least 1.

    Returns:
        As its `state_dict`; tensors have the right shapes, their values mean nothing.
    """
    groups = optimiser.state_dict()["param_groups"]
    twins = [torch.zeros_like(parameter).requires_grad_(parameter.requires_grad)
             for group in optimiser.param_groups for parameter in group["params"]]
    for twin in twins:
        twin.grad = torch.zeros_like(twin) if twin.requires_grad else None
    other = OPTIMISERS[name](twins, groups[0]["lr"])
    for _ in range(2):  # SOAP takes its bases from the first gradient, and no step
        other.step()
    like = other.state_dict()
    for state in like["state"].values():
        if "step" in state:
            state["step"].fill_(steps)
    for own, group in zip(like["param_groups"], groups, strict=True):
        own |= group | ({"step": steps} if "step" in own else {})
    return like
