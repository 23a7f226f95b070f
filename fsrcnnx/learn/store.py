"""Weights files: what training and quantisation write, checked on the way in.

May import torch, learn.models and the errors.

    model = load("models/fsrcnn-x_x2/weights.pth")
"""

from __future__ import annotations

from pathlib import Path

import torch

from fsrcnnx.errors import InputError, ModelError
from fsrcnnx.learn.models import MODELS, Net, build


def check_finite(state: dict[str, torch.Tensor], where: str) -> None:
    """Refuse weights that are not numbers.

    Args:
        state: Parameters by name.
        where: File that they are from.

    Raises:
        ModelError: Naming the first parameter with a NaN or infinity.
    """
    for name, value in state.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{name} holds NaN or infinity", where=where,
                             allowed="finite weights", fix="train again or take other weights")


def read_weights(path: str | Path, default: str = next(iter(MODELS))) -> dict:
    """Read a weights file.

    Args:
        path: `weights.pth` (a dictionary with `name`, `float` and, after quantisation, `qat` and
            `bits`), or a bare state dictionary.
        default: Name of the network that a bare state dictionary is of.

    Returns:
        The dictionary, `name` and `float` always present.

    Raises:
        ModelError: If the file is missing, no such file, or holds NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError("no such file", where=str(path), allowed="a weights.pth file",
                         fix="train first, or check the path")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is no checkpoint
        raise ModelError(f"not a weights file ({type(error).__name__})", where=str(path),
                         allowed="a file written by training or quantisation") from None
    if isinstance(content, dict) and "float" not in content:
        content = {"float": content}
    if not isinstance(content, dict) or not all(
            isinstance(value, torch.Tensor) for value in content["float"].values()):
        raise ModelError("no weights in this file", where=str(path),
                         allowed="a dictionary of tensors")
    check_finite(content["float"], str(path))
    return {"name": default, **content}


def load(path: str | Path, name: str | None = None) -> Net:
    """Load a float network.

    Args:
        path: `weights.pth` or a bare state dictionary.
        name: Model that it must be; the file's own if None.

    Returns:
        The module, float32, in evaluation mode.

    Raises:
        ModelError: If the file cannot be read, holds NaN or does not fit the network.
    """
    content = read_weights(path)
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
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"weights of another network ({str(error).splitlines()[-1].strip()})",
                         where=where, allowed=model.name) from None


def read_checkpoint(path: Path) -> dict:
    """Read the state of a training run.

    Args:
        path: `checkpoint.pth` of training.

    Returns:
        The state.

    Raises:
        InputError: If it is no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state["settings"], state["generator"], state["rows"]
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(f"not a checkpoint ({type(error).__name__})", where=str(path),
                         allowed="a file of an earlier run", fix="delete it") from None
    return state
