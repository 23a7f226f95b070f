"""How the shipped networks were trained: what `make train MODEL=name` does again.

May import learn.models.

    recipe("fsrcnn-x_x2").steps                    # 60,000

The choice of loss, products and held picture: docs/training.md, with what each of them gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fsrcnnx.learn import models


@dataclass(frozen=True)
class Recipe:
    """Settings of a float training.

    Args:
        steps: Steps in all.
        loss: A key of `losses.LOSSES`.
        expand: Factor of `expand.expand`.
        hold: Whether `expand.hold_picture` is applied.
        optimiser: A key of `optimisers.OPTIMISERS`, for the integers too.
        lr: Peak of the one-cycle schedule.
        start: Shipped network whose weights it starts from; none if empty.
        teacher: Shipped network that can teach; none if empty.
        taught: Whether its pictures make half of the loss.
        fine: Steps of quantisation-aware training.
        fine_lr: Its peak rate.
        fine_taught: Whether the teacher takes part.
        rounds: Most rounds of the search for better weights of few bits.
    """

    steps: int = 50000
    loss: str = "log"
    expand: int = 4
    hold: bool = True
    optimiser: str = "soap"
    lr: float = 1e-2
    start: str = ""
    teacher: str = ""
    taught: bool = False
    fine: int = 30000
    fine_lr: float = 1e-3
    fine_taught: bool = False
    rounds: int = 0


ADAM = Recipe(optimiser="adam", lr=3e-3)
TAUGHT = Recipe(teacher="fsrcnn_x2", taught=True, fine_taught=True)
RECIPES = {
    "fsrcnn-x_x2": replace(TAUGHT, steps=60000, fine=8000),
    "fsrcnn-x_x3": replace(TAUGHT, teacher="fsrcnn_x3", steps=5000, start="fsrcnn-x_x2", fine=3000),
    "fsrcnnx-a_x2": Recipe(200000, teacher="fsrcnn_x2", fine=7000, fine_lr=2e-3),
    "fsrcnnx-b_x2": Recipe(120000, teacher="fsrcnn_x2", fine=15000, fine_lr=3e-3),
    "fsrcnnx-c_x2": replace(TAUGHT, steps=60000),
    "fsrcnn_x2": replace(ADAM, steps=60000, fine=8000),
    "fsrcnn_x3": replace(ADAM, steps=6000, start="fsrcnn_x2", fine=2500),
    "fsrcnn_x4": replace(ADAM, steps=5000, start="fsrcnn_x2", fine=2500),
    "fsrcnn-s_x2": replace(ADAM, steps=20000, fine=4000),
    "optimal-fsrcnn_x2": Recipe(20000, fine=4000),
    "espcn-s_x2": replace(TAUGHT, steps=24000, fine=8000),
    "srcnn_x2": Recipe(4000, fine=1000),
    "srcnn-955_x2": Recipe(1500, start="srcnn_x2", fine=200),
}
# of fine-tuning at other widths: steps, rate, whether the teacher takes part, rounds of the search
FINE = {"fsrcnnx-a_x2_w4a8": (60000, 5e-3, True, 4),
        "fsrcnnx-b_x2_w4a8": (60000, 5e-3, True, 4), "w4a8": (10000, 5e-3, True, 4),
        "w4a8-mixed": (10000, 5e-3, True, 4), "w4a6": (10000, 5e-3, True, 4),
        "w8a8d2": (6000, 1e-3, True, 4),
        "fsrcnn-x_x2_w8a9": (8000, 1e-3, True, 0), "fsrcnnx-a_x2_w8a9": (7000, 2e-3, False, 0)}
FINE_ELSE = (6000, 3e-3, False, 4)


def base(name: str) -> str:
    """Take the bit widths off a name.

    Args:
        name: Model name, as `fsrcnn-x_x2_w4a8`.

    Returns:
        That of the float network, `fsrcnn-x_x2`.
    """
    return name.partition("_w")[0]


def recipe(name: str) -> Recipe:
    """Look up how a network is trained.

    Args:
        name: Model name, also one with bit widths, as `fsrcnn-x_x2_w4a8`.

    Returns:
        Its recipe; that of a network without one of its own is the default, and at other widths the
        fine-tuning has settings of its own.

    Raises:
        ModelError: If there is no such network.
    """
    plain = base(name)
    models.find(plain)
    own, bits = RECIPES.get(plain, Recipe()), name.removeprefix(f"{plain}_")
    if bits in (name, "w8a8"):
        return own
    fine, rate, taught, rounds = FINE.get(name, FINE.get(bits, FINE_ELSE))
    return replace(own, fine=fine, fine_lr=rate, fine_taught=taught, rounds=rounds)
