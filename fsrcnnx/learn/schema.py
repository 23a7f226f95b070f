"""What a weights file must hold, key by key.

May import torch, exact.formats, learn.models, learn.rules and the ground.

    check({"name": "fsrcnn-x_x2", "float": state}, "weights.pth")

A weights file is a stranger: each value has the type, the range and, for text, the characters that
its readers count on, or an error says which key, what was expected and what was found. Keys beside
these are left alone, for files of later versions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from fsrcnnx import limits, names
from fsrcnnx.errors import FormatError, ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.learn.models import Net, build
from fsrcnnx.learn.rules import LOSSES, OPTIMISERS

WIDTHS = range(2, 17)  # bits of a weight, map or slope
DIGITS = range(9)
LONGEST = 32  # characters of a format
FRACTIONS = 64  # most bits before or after the point
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
FIX = "train or quantise again, or take another file"


def kind(value: object) -> str:
    """Describe a value in a few words, whatever it is.

    Args:
        value: Anything.

    Returns:
        Its type; of a tensor its shape too, of a short text or number the value itself.
    """
    if isinstance(value, torch.Tensor):
        return f"a {str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
    if type(value) in (bool, float) or (type(value) is int and abs(value) < 1 << 64):
        return repr(value)
    if isinstance(value, str):
        return ascii(value) if len(value) <= limits.NAME else f"text of {len(value)} characters"
    return "nothing" if value is None else f"a {type(value).__name__}"


@dataclass(frozen=True)
class Rule:
    """What one value may be.

    Args:
        holds: Tells whether it is.
        allowed: The same in words.
    """

    holds: Callable[[object], bool]
    allowed: str


@dataclass(frozen=True)
class Table:
    """A dictionary of known keys.

    Args:
        rules: What each value may be.
        needed: Keys that must be there, unless it is empty.
    """

    rules: dict[str, Rule]
    needed: tuple[str, ...] = ()


def _whole(least: int, most: int) -> Rule:
    return Rule(lambda value: type(value) is int and least <= value <= most,
                f"a whole number, {least} to {most}")


def _one_of(known: dict) -> Rule:
    return Rule(lambda value: type(value) is str and value in known, ", ".join(known))


# a mean PSNR is infinite where every pixel is right
NUMBER = Rule(lambda value: (type(value) is float and not math.isnan(value))
              or (type(value) is int and abs(value) < 1 << 64), "a number")
YES = Rule(lambda value: type(value) is bool, "True or False")
COUNT = _whole(0, (1 << 62) - 1)
SEED = _whole(-limits.SEED, limits.SEED)
LINE = Rule(lambda value: type(value) is str and len(value) <= limits.TEXT
            and re.fullmatch("[ -~]*", value) is not None,
            f"a line of ASCII, up to {limits.TEXT} characters")
MARK = Rule(lambda value: type(value) is str and re.fullmatch("[0-9a-f]{12}", value) is not None,
            "12 hexadecimal digits")
NAME = Rule(names.is_network, names.NETWORK_SAYS)
WIDTH = _whole(WIDTHS[0], WIDTHS[-1])

TRAINING = Table({"lr": NUMBER, "steps": COUNT, "batch_size": COUNT, "patches": COUNT,
                  "loss": _one_of(LOSSES), "expand": COUNT, "hold": YES,
                  "optimiser": _one_of(OPTIMISERS), "teacher": LINE, "seed": SEED, "data": LINE,
                  "pictures": COUNT, "held_out": COUNT, "holdout": COUNT, "protocol": LINE,
                  "augment": YES, "trained_on": MARK, "start": LINE, "ended": YES},
                 ("lr", "steps", "batch_size", "patches", "loss", "expand", "hold"))
BITS = Table({"weight": WIDTH, "activation": WIDTH, "slope": WIDTH,
              "digits": _whole(DIGITS[0], DIGITS[-1])}, ("weight", "activation", "slope"))
SCORES = Table(dict.fromkeys(("float", "calibrated", "qat"), NUMBER),
               ("float", "calibrated", "qat"))
FILE = Table({"name": NAME, "label": NAME, "fine": COUNT, "fine_lr": NUMBER, "fine_teacher": LINE,
              "fine_optimiser": _one_of(OPTIMISERS), "fine_batch_size": COUNT, "rounds": COUNT,
              "rounds_done": COUNT, "imported_from": LINE, "imported_sha256": LINE, "seed": SEED,
              "version": LINE, "step": COUNT, "complete": YES, "contrast": YES})


def _refuse(key: str, found: object, allowed: str, where: str) -> ModelError:
    return ModelError(f"{key} is {found if isinstance(found, str) else kind(found)}", where=where,
                      allowed=allowed, fix=FIX)


def _dictionary(value: object, key: str, where: str) -> dict:
    if not isinstance(value, dict):
        raise _refuse(key, kind(value), "a dictionary", where)
    for name in dict.keys(value):
        if type(name) is not str:
            raise _refuse(f"a key of {key}", kind(name), "text", where)
    # plain: an ordered one of a file may have attributes in the place of its methods
    return dict(dict.items(value))


def _hold(content: dict, table: Table, inside: str, where: str) -> None:
    """Hold the values of a dictionary against their rules."""
    for key, rule in table.rules.items():
        if key in content and not rule.holds(content[key]):
            raise _refuse(f"{inside}{key}", kind(content[key]), rule.allowed, where)


def _closed(value: object, table: Table, key: str, where: str) -> dict:
    """Hold a dictionary that has the known keys only."""
    content = _dictionary(value, key, where)
    for name in content:
        if name not in table.rules:
            raise ModelError(f"{key} has a key {kind(name)}", where=where,
                             allowed=", ".join(table.rules), fix=FIX)
    for name in table.needed if content else ():
        if name not in content:
            raise ModelError(f"{key} lacks {name}", where=where, allowed=", ".join(table.needed),
                             fix=FIX)
    _hold(content, table, f"{key}.", where)
    return content


def check_finite(state: dict[str, torch.Tensor], where: str) -> None:
    """Refuse weights that are not numbers.

    Args:
        state: Parameters by name.
        where: File that they are from.

    Raises:
        ModelError: Naming the first parameter with a NaN or infinity, or one beyond float32.
    """
    for name, value in state.items():
        if not torch.isfinite(value.float()).all():
            raise ModelError(f"{name} holds NaN or infinity", where=where,
                             allowed="finite weights", fix="train again or take other weights")


def check_state(value: object, model: Net, key: str, where: str) -> dict[str, torch.Tensor]:
    """Hold parameters against those of a network.

    Args:
        value: What should be a dictionary of tensors.
        model: The network.
        key: What to call it.
        where: File that it is from.

    Returns:
        The dictionary.

    Raises:
        ModelError: If it is none, a parameter is missing, too many, or is no dense floating-point
            tensor of the network's shape with finite values.
    """
    state, own = _dictionary(value, key, where), model.state_dict()
    for name, tensor in state.items():
        # before any computation: a view may claim more than there is memory
        if not isinstance(tensor, torch.Tensor) or tensor.dtype not in FLOATS \
                or tensor.layout is not torch.strided or tensor.is_nested or tensor.is_meta:
            raise _refuse(f"{key}.{name}"[:limits.NAME], kind(tensor),
                          "a dense floating-point tensor", where)
        want = own.get(name)
        if want is None or want.shape != tensor.shape:
            why = f"{name[:limits.NAME]!a}: {tuple(tensor.shape)}"
            why += f", not {tuple(want.shape)}" if want is not None else " has no place in it"
            raise ModelError(f"{key}: weights of another network ({why})", where=where,
                             allowed=model.name, fix=FIX)
    if missing := [name for name in own if name not in state]:
        raise ModelError(f"{key}: weights of another network (no {missing[0]})", where=where,
                         allowed=model.name, fix=FIX)
    check_finite(state, where)
    return state


def _formats(value: object, model: Net, where: str) -> dict:
    """Hold the formats of a quantised network against what quantisation makes."""
    rows = _dictionary(value, "qat.formats", where)
    if list(rows) != model.names:
        raise ModelError(f"qat.formats of {', '.join(rows) or 'no layer'}"[:160], where=where,
                         allowed=", ".join(model.names), fix=FIX)
    for name, row in rows.items():
        key, slope = f"qat.formats.{name}", name in model.act
        if not isinstance(row, (list, tuple)) or len(row) not in (3, 4, 5) \
                or not all(type(part) is str and len(part) <= LONGEST for part in row):
            raise _refuse(key, kind(row), "formats of weights, slopes and map, and numbers of "
                          "digits of weights and slopes, as short texts", where)
        for part, needed in zip(row[:3], (True, slope, True), strict=True):
            try:
                to = Format.parse(part) if part else None
            except FormatError as error:
                raise ModelError(f"{key}: {error}", where=where, fix=FIX) from None
            if (to is not None) != needed or (to and (
                    to.width not in WIDTHS or abs(to.frac) > FRACTIONS)):
                raise ModelError(f"{key} has {part!a}", where=where, fix=FIX,
                                 allowed=f"{WIDTHS[0]} to {WIDTHS[-1]} bits, slopes for each layer "
                                         "but the last")
        for part in row[3:]:
            if part and part not in map(str, DIGITS):
                raise ModelError(f"{key} has {part!a} digits", where=where,
                                 allowed=f"{DIGITS[0]} to {DIGITS[-1]}", fix=FIX)
    return rows


def check(content: object, where: str, default: str) -> dict:
    """Hold a weights file against all that its readers count on.

    Args:
        content: What was read.
        where: The file.
        default: Name of the network that a bare state dictionary is of.

    Returns:
        The dictionary, `name` and `float` always present.

    Raises:
        ModelError: Naming the key, what was expected and what was found.
    """
    content = _dictionary(content, "the content", where)
    if "float" not in content:
        bare = all(isinstance(value, torch.Tensor) for value in content.values())
        if not bare or not content:
            raise ModelError("no weights in this file: float is missing", where=where,
                             allowed="a dictionary with float, or of tensors", fix=FIX)
        content = {"float": content}
    content = {"name": default, **content}
    _hold(content, FILE, "", where)
    model = build(content["name"], where=where)
    content["float"] = check_state(content["float"], model, "float", where)
    for key, table in (("training", TRAINING), ("bits", BITS)):
        if key in content:
            content[key] = _closed(content[key], table, key, where)
    if not NUMBER.holds(content.get("eval_psnr", 0)):
        content["eval_psnr"] = _closed(content["eval_psnr"], SCORES, "eval_psnr", where)
    if "qat" in content:
        packed = _dictionary(content["qat"], "qat", where)
        for key in ("state", "formats"):
            if key not in packed:
                raise ModelError(f"qat lacks {key}", where=where, allowed="state, formats",
                                 fix=FIX)
        content["qat"] = {"state": check_state(packed["state"], model, "qat.state", where),
                          "formats": _formats(packed["formats"], model, where)}
    return content
