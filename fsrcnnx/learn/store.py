"""Weights files: what training and quantisation write, checked on the way in.

May import torch, learn.models, learn.schema, learn.torchfile and the ground.

    model = load("models/fsrcnn-x_x2/weights.pth")
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from fsrcnnx import limits
from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.files import regular
from fsrcnnx.learn import schema, torchfile
from fsrcnnx.learn.models import MODELS, Net, build

STATE = {"settings": str, "rows": list, "generator": (torch.Tensor, type(None))}


def read_weights(path: str | Path, default: str = next(iter(MODELS))) -> dict:
    """Read a weights file.

    Args:
        path: `weights.pth` (a dictionary with `name`, `float` and, after quantisation, `qat` and
            `bits`), or a bare state dictionary.
        default: Name of the network that a bare state dictionary is of.

    Returns:
        The dictionary, `name` and `float` always present, everything in it of the right form.

    Raises:
        ModelError: If the file is missing, too large, no such file, or something in it is wrong.
    """
    path = Path(path)
    try:
        regular(path, "a weights.pth file")
    except InputError as error:
        raise ModelError(error.what, where=str(path), allowed=error.allowed,
                         fix="train first, or check the path") from None
    try:
        content = torchfile.read(path, limits.MODEL_BYTES)
    except InputError as error:
        raise ModelError(f"not a weights file: {error.what}", where=str(path), fix=error.fix,
                         allowed=error.allowed or "a file written by training or quantisation"
                         ) from None
    return schema.check(content, str(path), default)


def load(path: str | Path, name: str | None = None) -> Net:
    """Load a float network.

    Args:
        path: `weights.pth` or a bare state dictionary.
        name: Model that it must be; the file's own if None.

    Returns:
        The module, float32, in evaluation mode.

    Raises:
        ModelError: If the file cannot be read, is wrong somewhere or does not fit the network.
    """
    content = read_weights(path, *[name] if name else [])
    model = build(name or content["name"])
    restore(model, content["float"], str(path))
    return model.eval()


def restore(model: Net, state: dict[str, torch.Tensor], where: str) -> None:
    """Put weights into a network.

    Args:
        model: The network.
        state: Parameters by name.
        where: File that they are from.

    Raises:
        ModelError: If a parameter is missing, too many or of another shape.
    """
    model.load_state_dict(schema.check_state(state, model, "float", where))


def complete(path: Path, facts: Mapping[str, int | str] | None = None) -> None:
    """Mark a weights file as what a run ends with, not what one has so far.

    Args:
        path: The file, written by the run.
        facts: What is known of the run only at its end, by name.

    Raises:
        InputError: If it cannot be written.
        ModelError: If it cannot be read back.
    """
    torchfile.save({**read_weights(path), **(facts or {}), "complete": True}, path)


def read_checkpoint(path: Path) -> dict:
    """Read the state of a training run.

    Args:
        path: `checkpoint.pth` of training.

    Returns:
        The state: settings, a generator's state or None, rows, and what the run put in.

    Raises:
        InputError: If it is no checkpoint.
    """
    try:
        state = torchfile.read(path, limits.CHECKPOINT_BYTES)
        if not isinstance(state, dict) or not all(
                isinstance(state.get(key), what) for key, what in STATE.items()):
            raise InputError("something is missing in it")
    except InputError as error:
        raise InputError(f"not a checkpoint: {error.what}", where=str(path),
                         allowed=error.allowed or "a file of an earlier run",
                         fix="delete it to start anew, or write to another folder") from None
    return state
