"""Expanded networks start as the plain ones and fold to what they have become."""

import pytest
import torch

from fsrcnnx.learn import models
from fsrcnnx.learn.training.expand import expand, fold, hold_picture


@pytest.fixture
def x():
    """Noise, (2, 1, 8, 9)."""
    return torch.rand(2, 1, 8, 9, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["fsrcnn-x_x2", "fsrcnnx-a_x3", "fsrcnn-s_x4", "n6n5f5f3f3_x3",
                                  "n6n5f5f3f3p_x3"])
def test_the_folded_network_is_the_trained_one(name, x):
    generator = torch.Generator().manual_seed(2)
    model = models.build(name, generator=generator)
    plain = sum(p.numel() for p in model.parameters())
    with torch.no_grad():
        start = model(x)
    expand(model, 3, generator)
    assert sum(p.numel() for p in model.parameters()) > 2 * plain
    torch.testing.assert_close(model(x), start, atol=1e-5, rtol=1e-5)

    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(3):
        loss = ((model(x) - 0.5) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    folded = fold(model)
    assert folded.state_dict().keys() == models.build(name).state_dict().keys()
    with torch.no_grad():
        torch.testing.assert_close(folded(x), model(x), atol=1e-6, rtol=1e-6)
        assert (folded(x) - start).abs().max() > 1e-3  # the steps changed something
        getattr(folded, folded.names[1]).weight[0] *= 1.01
        assert not torch.allclose(folded(x), model(x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("name", "factor"), [("fsrcnn-s_x3", 1), ("fsrcnn-s_x3", 3),
                                              ("n6n5f5f3f3p_x3", 3)])
def test_a_held_picture_stays_while_the_rest_learns(name, factor, x):
    model = models.build(name, generator=torch.Generator().manual_seed(2))
    start = fold(model)
    if factor > 1:
        expand(model, factor, torch.Generator().manual_seed(3))
    hold_picture(model)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        ((model(x) - 0.5) ** 2).mean().backward()
        optimiser.step()
    folded = fold(model)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), model(x), atol=1e-6, rtol=1e-6)
    for name, value in folded.named_parameters():
        was = start.get_parameter(name)
        changed = (value - was).abs() > 1e-4
        if name == "subpixel.weight":  # of each phase: what it takes of the picture
            changed = changed.swapaxes(0, 1)
        held = not name.startswith(f"{model.names[-1]}.bias")
        assert not (held and changed[0].any()), name
        assert changed[int(held):].any(), name


def test_an_anchor_needs_no_held_picture(x):
    model = models.build("fsrcnnx-a_x2")
    hold_picture(model)
    assert fold(model).state_dict().keys() == model.state_dict().keys()


def test_a_plain_network_folds_to_itself(x):
    model = models.build("fsrcnn-x_x2")
    with torch.no_grad():
        assert torch.equal(fold(model)(x), model(x))
