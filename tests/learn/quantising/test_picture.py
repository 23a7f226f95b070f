"""A held picture is carried exactly, at any bits, and training leaves it alone."""

import pytest
import torch
from torch.nn.utils import parametrize

from fsrcnnx.learn import models
from fsrcnnx.learn.quantising.calibrate import Bits, uniform
from fsrcnnx.learn.quantising.equalise import equalise, fitted_formats
from fsrcnnx.learn.quantising.noise import Noise
from fsrcnnx.learn.quantising.picture import carry_picture, is_held
from fsrcnnx.learn.quantising.quantnet import QuantNet, on_grid
from fsrcnnx.learn.training.optimisers import OPTIMISERS


@pytest.fixture
def x():
    """Every gray level, (4, 1, 8, 8)."""
    return torch.arange(256).reshape(4, 1, 8, 8) / 256


def held(name):
    """A network that has learned a little around the picture."""
    generator = torch.Generator().manual_seed(4)
    model = models.build(name, generator=generator)
    fresh = models.build(name, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        for key, value in model.named_parameters():
            value.add_(torch.randn(value.shape, generator=generator), alpha=0.02)
            if key != f"{model.names[-1]}.bias":
                part = {"rebuild": (0, 0), "subpixel": (slice(None), 0)}.get(
                    key.partition(".")[0], (0,))
                value[part] = fresh.get_parameter(key)[part]
    return model.eval()


def maps(module, x):
    """The maps of a quantised module by layer name."""
    frac, found = 8, {}
    for name, formats in module.formats.items():
        if formats.slope is None:
            return found
        acc = module.accumulate(x, name, frac)
        slope = on_grid(module.model.act[name].weight, formats.slope)
        x = found[name] = on_grid(torch.nn.functional.prelu(acc, slope), formats.out)
        frac = formats.out.frac


@pytest.mark.parametrize("bits", [Bits(8, 8), Bits(6, 8), Bits(4, 8), Bits(3, 9)])
@pytest.mark.parametrize("name", ["fsrcnn-x_x2", "fsrcnn-s_x3", "n8n6f3f1f3_x2",
                                  "n8n6f3f1f3p_x2"])
@pytest.mark.parametrize("rule", OPTIMISERS)
def test_the_picture_is_carried_exactly_while_the_rest_learns(name, bits, rule, x):
    model = held(name)
    assert is_held(model)
    widths = uniform(model, bits)
    equalise(model, x, kept=True)
    carried = carry_picture(model, x, widths)
    module = QuantNet(model, fitted_formats(model, widths, least=carried.weights))
    module.quiet = carried.channels
    carried.freeze(module.model)
    module.noise = Noise(torch.Generator().manual_seed(1))
    start = {key: value.detach().clone() for key, value in module.named_parameters()}
    optimiser = OPTIMISERS[rule](module.parameters(), 1e-2)
    for _ in range(12):  # SOAP turns its bases at the tenth, through whatever has no gradient
        optimiser.zero_grad()
        ((module.train()(x) - 0.5) ** 2).mean().backward()
        optimiser.step()
    assert all(not torch.equal(value, start[key]) for key, value in module.named_parameters())
    with torch.no_grad():
        for label, y in maps(module.eval(), x).items():
            for channel in carried.channels[label]:
                assert torch.equal(y[:, channel], x[:, 0] - 0.5), (label, channel)
        layer = module.model.get_submodule(module.model.names[1])
        parametrize.remove_parametrizations(layer, "weight")
        layer.weight[0, 0] += 0.3
        assert not torch.equal(maps(module, x)[module.model.names[1]][:, 0], x[:, 0] - 0.5)


@torch.no_grad()
def test_a_picture_that_was_not_held_is_seen(x):
    for key in ("feature.bias", "map1.weight", "act.map2.weight", "deconv.weight"):
        model = held("fsrcnn-x_x2")
        model.get_parameter(key)[0] += 1e-3
        assert not is_held(model)
    assert not is_held(models.build("fsrcnnx-a_x2"))
