"""Recipes: every shipped network has one, and the command line trains by it."""

from pathlib import Path

import pytest

from fsrcnnx.errors import ModelError
from fsrcnnx.learn import models
from fsrcnnx.learn.training import recipes
from fsrcnnx.learn.training.losses import LOSSES
from fsrcnnx.learn.training.optimisers import OPTIMISERS

SHIPPED = sorted(path.parent.name
                 for path in (Path(__file__).parents[3] / "models").glob("*/model.onnx"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_network_has_a_recipe_for_its_float_weights(name):
    own = recipes.recipe(name)
    assert own.steps == recipes.RECIPES[name.partition("_w")[0]].steps
    assert not own.start or own.start in SHIPPED
    base, _, bits = name.partition("_w")
    widths = recipes.FINE.get(name, recipes.FINE.get(f"w{bits}", recipes.FINE_ELSE))
    plain = recipes.RECIPES[base]
    assert (own.fine, own.fine_lr, own.fine_taught, own.rounds) \
        == (widths if bits else (plain.fine, plain.fine_lr, plain.fine_taught, 0))


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_is_of_a_network(name):
    models.find(name)
    own = recipes.RECIPES[name]
    assert own.start in ("", *recipes.RECIPES) and own.start != name
    if own.teacher:
        assert own.teacher in recipes.RECIPES and own.teacher != name
        assert models.find(own.teacher)[1] == models.find(name)[1]
    assert own.optimiser in OPTIMISERS and own.loss in LOSSES


def test_a_shape_without_a_recipe_gets_the_usual_one():
    assert recipes.recipe("d8s8m4f3l6a_x2") == recipes.Recipe()
    with pytest.raises(ModelError, match="unknown model"):
        recipes.recipe("vdsr_x2")
