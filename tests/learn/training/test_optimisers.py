"""Optimisers: by name, without a pull of their own."""

import sys

import pytest
import torch

from fsrcnnx.errors import InputError, ToolError
from fsrcnnx.learn.training.fit import Plan
from fsrcnnx.learn.training.optimisers import OPTIMISERS


def test_no_decay_pulls_on_weights_without_gradient():
    for make in OPTIMISERS.values():
        weight = torch.nn.Parameter(torch.ones(3, 3))
        optimiser = make([weight], 1e-2)
        for _ in range(3):
            weight.grad = torch.zeros_like(weight)
            optimiser.step()
        assert torch.equal(weight, torch.ones(3, 3))


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(ToolError, match="pytorch-optimizer is not installed.*make setup"):
        OPTIMISERS["soap"]([torch.nn.Parameter(torch.ones(1))], 1e-3)


def test_an_unknown_optimiser_is_refused_by_name():
    with pytest.raises(InputError, match="allowed: adam, soap"):
        Plan("fsrcnn-x_x2", 1, 1e-3, 10, 5, 4, 100, optimiser="sgd")
