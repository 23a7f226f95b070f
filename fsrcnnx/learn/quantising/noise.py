"""Rounding noise of maps, which trains where rounding itself has no gradient.

May import torch and training.devices.

    module.noise = Noise(torch.Generator().manual_seed(1))
"""

from __future__ import annotations

import torch

from fsrcnnx.learn.training.devices import ALONE, Team


class Noise:
    """Rounding noise: uniform over one step.

    It is a random stretch of a fixed pool, as drawing it anew took a quarter of a training step.

    Args:
        generator: Source of the choice, on the CPU; its state is all that a resumed run needs.
        team: Each of its processes takes its share of a whole batch's noise.
    """

    POOL = 1 << 23  # values

    def __init__(self, generator: torch.Generator, team: Team = ALONE):
        self.generator, self.team = generator, team
        pool = torch.rand(self.POOL, generator=torch.Generator().manual_seed(0)) - 0.5
        self.pool = pool.to(team.device)

    def like(self, x: torch.Tensor) -> torch.Tensor:
        """Choose noise of a dense tensor's shape and layout, -1/2..1/2."""
        room = self.POOL - x.numel() * self.team.size
        if room < 0:
            whole = torch.rand(len(x) * self.team.size, *x.shape[1:], generator=self.generator)
            return self.team.share(whole).to(x.device) - 0.5
        start = torch.randint(room + 1, (1,), generator=self.generator).item()
        return self.pool.as_strided(x.shape, x.stride(), start + self.team.rank * x.numel())
