"""How the shipped networks were trained: what `make train MODEL=name` does again.

May import learn.models.

    recipe("fsrcnn-x_x2").steps                    # 50,000

The choice of loss, products and held picture: docs/training.md, with what each of them gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx.learn import models

HOLDOUT = 32  # every 32nd picture decides which weights are best, and trains nothing


@dataclass(frozen=True)
class Recipe:
    """Settings of a float training.

    Args:
        steps: Steps in all.
        loss: A key of `fit.LOSSES`.
        expand: Factor of `expand.expand`.
        hold: Whether `expand.hold_picture` is applied.
        lr: Peak of the one-cycle schedule.
        start: Shipped network whose weights it starts from; none if empty.
        fine: Steps of quantisation-aware training.
    """

    steps: int = 50000
    loss: str = "log"
    expand: int = 4
    hold: bool = True
    lr: float = 3e-3
    start: str = ""
    fine: int = 30000


RECIPES: dict[str, Recipe] = {}


def recipe(name: str) -> Recipe:
    """Look up how a network is trained.

    Args:
        name: Model name, also one with bit widths, as `fsrcnn-x_x2_w4a8`.

    Returns:
        Its recipe; that of a network without one of its own is the default.

    Raises:
        ModelError: If there is no such network.
    """
    base = name.partition("_w")[0]
    models.find(base)
    return RECIPES.get(name, RECIPES.get(base, Recipe()))
