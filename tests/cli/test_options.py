"""The shared types of options: no command takes a number that is none."""

import click
import pytest

from fsrcnnx.cli.main import main
from fsrcnnx.cli.options import NUMBER, Finite, NumberRange

FLOATS = [(name, param) for name, command in main.commands.items() for param in command.params
          if isinstance(param.type, type(click.FLOAT))]


def test_the_options_that_take_a_float_are_found():
    assert {(name, param.name) for name, param in FLOATS} >= {
        ("pnr", "mhz"), ("pnr", "minutes"), ("train", "lr"), ("quantise", "lr"), ("hls", "clock")}


@pytest.mark.parametrize(("name", "param"), FLOATS, ids=lambda one: getattr(one, "name", one))
def test_nan_and_infinity_are_refused_everywhere(name, param):
    assert isinstance(param.type, Finite)
    for text in ("nan", "-nan", "inf", "-inf", "1e999"):
        with pytest.raises(click.BadParameter):
            param.type.convert(text, param, None)


def test_a_finite_number_is_taken():
    assert (NUMBER.convert("1e-3", None, None), NUMBER.convert("-2", None, None)) == (0.001, -2.0)
    assert NumberRange(0.1).convert("0.5", None, None) == 0.5
    with pytest.raises(click.BadParameter, match="range"):
        NumberRange(1, 2).convert("3", None, None)
    with pytest.raises(click.BadParameter, match="'nan' is not a finite number"):
        NumberRange(1, 2).convert("nan", None, None)
