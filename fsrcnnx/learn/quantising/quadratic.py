"""The loss around a network as a quadratic function, and the moves that it promises to gain by.

May import torch, training.losses and quantising.quantnet.

    model = Quadratic(*curvature(module, gradients, draw, 1000, generator), weights)
    moved = model.choose(ways, 100)                # of the weights
    biases += model.answer(moved)

The model has the gradient of the loss and the Gauss-Newton part of its curvature, with all that
ties the weights to each other, so that it can weigh moves that only pay together.

Source: second-order rounding, as in Optimal Brain Quantization (Frantar and Alistarh 2022,
arXiv:2208.11580), which goes layer by layer; curvature by random projections (Hutchinson 1989).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from fsrcnnx.learn.quantising.quantnet import QuantNet
from fsrcnnx.learn.training.losses import ERROR_FLOOR

PAIRED = 600    # of the moves, the best alone, whose pairs are looked at
JOINED = 16     # batches whose gradients are multiplied at once
DAMPING = 0.01  # of the curvature's diagonal: projections are noisy


@contextmanager
def watched(module: QuantNet) -> Iterator[dict[str, tuple[torch.Tensor, ...]]]:
    """Keep what passes each layer while the module runs.

    Args:
        module: The network.

    Yields:
        Input, accumulators and what the activation makes of them by layer name, (N, in, H, W) and
        twice (N, out, H', W').
    """
    kept: dict[str, tuple[torch.Tensor, ...]] = {}
    plain, activated = module.accumulate, module.activate

    def accumulate(x: torch.Tensor, name: str, in_frac: int) -> torch.Tensor:
        acc = plain(x, name, in_frac)
        if not acc.requires_grad:  # the first: no parameter is asked for its gradient
            acc.requires_grad_()
        acc.retain_grad()
        kept[name] = x.detach(), acc
        return acc

    def activate(acc: torch.Tensor, name: str) -> torch.Tensor:
        out = activated(acc, name)
        out.retain_grad()
        kept[name] = *kept[name], out
        return out

    module.accumulate, module.activate = accumulate, activate
    try:
        yield kept
    finally:
        del module.accumulate, module.activate


def weight_gradients(layer: nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Gradient of a layer's weight for each sample by itself.

    Args:
        layer: Convolution, or deconvolution of stride s.
        x: Its input, (N, in, H, W).
        gradient: Of its output, (N, out, H', W').

    Returns:
        (N, weights), in the order of `layer.weight`.
    """
    k, p = layer.kernel_size[0], layer.padding[0]
    if isinstance(layer, nn.ConvTranspose2d):
        padded = functional.pad(gradient, (p, k, p, k))
        s, (rows, cols) = layer.stride[0], x.shape[2:]
        taps = padded.unfold(2, k, s).unfold(3, k, s)[:, :, :rows, :cols]  # (N, out, H, W, k, k)
        return torch.einsum("nihw,nohwkl->niokl", x, taps).flatten(1)
    taps = functional.unfold(x, k, padding=p)      # (N, in k k, H W)
    return torch.bmm(gradient.flatten(2), taps.transpose(1, 2)).flatten(1)


def curvature(module: QuantNet, gradients: Callable[[dict], torch.Tensor], draw: Callable,
              batches: int, generator: torch.Generator, step: Callable[[], object], *,
              sloped: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient and curvature of the joint loss, where the network is.

    The error of a patch has the curvature 2/n J'J, its logarithm at least that over the error; J'J,
    of n pixels, is the mean of gg', where g is the gradient along random signs of the pixels.

    Args:
        module: The network.
        gradients: Those of each sample, (N, P), from what `watched` kept, after a backward pass.
        draw: Gives batches, as `Batches.draw`.
        batches: How many to draw.
        generator: Source of the signs.
        step: Called after each.
        sloped: Whether the gradient is needed, which is half of the work.

    Returns:
        (P,) and (P, P), float64; P variables; the gradient is 0 if it is not needed.
    """
    slope, bend, seen, rows = 0.0, 0.0, 0, []
    for number in range(1, batches + 1):
        x, y = draw()
        with watched(module) as kept:
            hr = module(x)
        error = ((hr - y) ** 2).mean((1, 2, 3)) + ERROR_FLOOR
        if sloped:
            error.log().sum().backward(retain_graph=True)
            slope += gradients(kept).double().sum(0)
            for _, *reached in kept.values():
                for part in reached:
                    part.grad = None
        signs = torch.randint(2, hr.shape, generator=generator) * 2 - 1
        weight = (2 / hr[0].numel() / error.detach()).sqrt()[:, None, None, None]
        (weight * signs * hr).sum().backward()
        rows.append(gradients(kept))
        seen += len(x)
        step()
        if number % JOINED == 0 or number == batches:
            own, rows = torch.cat(rows), []
            bend += own.T @ own
    return slope / seen, bend.double().div_(seen)


class Quadratic:
    """The model in the weights alone: the biases take their best values for each choice.

    Args:
        gradient: (P,).
        curvature: (P, P).
        weights: How many of P are weights.
    """

    def __init__(self, gradient: torch.Tensor, curvature: torch.Tensor, weights: int):
        damped = curvature.clone()
        own = damped.diagonal()
        own.copy_(own + DAMPING * own + 1e-12)
        cross, biases = damped[:weights, weights:], damped[weights:, weights:]
        answer = torch.linalg.solve(biases, torch.cat([cross.T, gradient[weights:, None]], 1))
        self._per_weight, self._own = answer[:, :-1], answer[:, -1]
        self.curvature = damped[:weights, :weights] - cross @ self._per_weight
        self.gradient = gradient[:weights] - cross @ self._own

    def answer(self, moved: torch.Tensor) -> torch.Tensor:
        """Solve for the biases.

        Args:
            moved: Change of the weights, (weights,).

        Returns:
            The best change of the biases with it, (biases,).
        """
        return -(self._per_weight @ moved + self._own)

    def choose(self, ways: torch.Tensor, most: int) -> torch.Tensor:
        """Choose moves, alone or in pairs, each the best for those before it, while they pay.

        Where one move is left and a pair would be better, it is left out.

        Args:
            ways: (2, weights), as of `Variables.neighbours`.
            most: How many weights may move.

        Returns:
            (weights,), the change; 0 where nothing moves.
        """
        moved, slope = torch.zeros(ways.shape[1], dtype=torch.float64), self.gradient.clone()
        own = self.curvature.diagonal() / 2
        open_ = ways != 0
        ways = ways.flatten()
        for _ in range(most):
            gains = (slope * ways.view(2, -1) + own * ways.view(2, -1) ** 2)
            gains = gains.masked_fill(~open_, math.inf).flatten()
            top = gains.topk(min(PAIRED, len(gains)), largest=False)
            at, way = top.indices % len(moved), ways[top.indices]
            both = top.values[:, None] + top.values \
                + self.curvature[at][:, at] * way[:, None] * way
            both = both.masked_fill(at[:, None] == at, math.inf)
            if most == 1:
                both.fill_(math.inf)
            one, two = divmod(int(both.argmin()), len(at))
            pair = both[one, two]
            chosen = [0] if top.values[0] <= pair / 2 else [one, two]  # gain for each weight moved
            if not min(float(top.values[0]), float(pair)) < 0 \
                    or int((moved != 0).sum()) + len(chosen) > most:
                break
            for index in chosen:
                moved[at[index]] = way[index]
                slope += self.curvature[:, at[index]] * way[index]
                open_[:, at[index]] = False
        return moved
