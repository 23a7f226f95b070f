"""Checkpoints of others: the tensors of a torch file as a row of layers.

May import torch, learn.rows, learn.schema, learn.torchfile, the limits and the errors.

    row = read_row(torchfile.read(path, limits.MODEL_BYTES), "net.pth")

A state dictionary holds tensors in the order in which a module was put together, under names that
anyone chose. Tensors that share all of their names but the last part are of one module: a
convolution has weights of four axes, a PReLU a single vector. What a file does not hold (strides,
padding, activations without weights) the row leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

import numpy as np
import torch

from fsrcnnx import limits
from fsrcnnx.errors import ModelError, shown
from fsrcnnx.learn.blocks import EXPORT, PARTS, Folded, fold
from fsrcnnx.learn.linear import identity
from fsrcnnx.learn.rows import UNSAID, Choice, Layer, Row
from fsrcnnx.learn.schema import FLOATS, kind

# keys under which a checkpoint has its state dictionary; averaged weights before others
INSIDE = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net")
DEPTH = 3  # dictionaries in dictionaries
MOST = 8 * limits.LAYERS  # tensors: of a layer three, and as many of other things
NAMED = 3  # keys that an error names
TENSORS_ALONE = "save its tensors alone: torch.save(model.state_dict(), 'net.pth')"


def own(content: object) -> bool:
    """Tell whether a torch file is one of ours.

    Args:
        content: What was read.

    Returns:
        True for a weights.pth, and for the bare state of one of our networks.
    """
    return isinstance(content, dict) and any(key in ("float", "act.feature.weight")
                                             for key in dict.keys(content))


def _refuse(what: str, file: str, name: str = "", allowed: str = "", fix: str = "") -> NoReturn:
    where = f"{file}: {shown(name, limits.NAME)}" if name else file
    raise ModelError(what, where=where, allowed=allowed, fix=fix)


def _state(content: object, file: str) -> tuple[dict, list[str]]:
    """Find the state dictionary, and say where it was."""
    path = []
    for _ in range(DEPTH):
        if not isinstance(content, dict):
            break
        # plain: an ordered one of a file may have attributes in the place of its methods
        content = dict(dict.items(content))
        key = next((key for key in INSIDE if isinstance(content.get(key), dict)), None)
        if key is None and any(isinstance(value, torch.Tensor) for value in content.values()):
            return content, [f"weights under {'.'.join(path)}"] if path else []
        if key is None:
            break
        path.append(key)
        content = content[key]
    found = ", ".join(kind(key) for key in list(content)[:NAMED]) \
        if isinstance(content, dict) else kind(content)
    _refuse(f"no state dictionary in it (found: {found or 'nothing'})", file,
            allowed=f"tensors by name, or those under {', '.join(INSIDE)}", fix=TENSORS_ALONE)


def _modules(state: Mapping, file: str) -> dict[str, dict[str, torch.Tensor]]:
    """Group the tensors by module, each looked at before anything is computed with it."""
    if len(state) > MOST:
        _refuse(f"{len(state)} tensors", file, allowed=f"up to {MOST}")
    found: dict[str, dict[str, torch.Tensor]] = {}
    total = 0
    for key, value in state.items():
        if type(key) is not str:
            _refuse(f"a key is {kind(key)}", file, allowed="text")
        prefix, _, role = key.rpartition(".")
        if role in ("running_mean", "running_var", "num_batches_tracked"):
            _refuse("of a BatchNormalization", file, key,
                    allowed="convolutions and PReLU", fix=EXPORT)
        if not isinstance(value, torch.Tensor) or value.dtype not in FLOATS \
                or value.layout is not torch.strided or value.is_nested or value.is_meta:
            _refuse(f"{kind(value)}", file, key, allowed="dense floating-point tensors")
        total += value.numel()
        if total > limits.WEIGHTS:
            _refuse(f"{total} values so far", file, key, allowed=f"up to {limits.WEIGHTS}")
        if role not in ("weight", "bias", *PARTS):
            _refuse(f"a tensor of shape {tuple(value.shape)}", file, key,
                    allowed="weight or bias of a module",
                    fix="a network of the family has no other parameters")
        found.setdefault(prefix, {})[role] = value
    return found


def _array(value: torch.Tensor) -> np.ndarray:
    return value.detach().double().numpy()


def _slopes(layers: list[Layer], behind: list[int], slopes: list[np.ndarray], file: str
            ) -> tuple[list[Layer], list[str]]:
    """Give each layer the slopes of its activation.

    Args:
        layers: All layers.
        behind: For each of the slopes, how many layers stand before it in the file.
        slopes: In the file's order.
        file: Its name.

    Returns:
        The layers, and what was assumed.
    """
    if len(slopes) == 1 and len(layers) > 2 and slopes[0].size == 1:
        return [replace(layer, slope=slopes[0]) for layer in layers[:-1]] + layers[-1:], [
            "one PReLU of one slope in the file: taken for all layers but the last"]
    if len(set(behind)) < len(behind) or 0 in behind:  # not each behind its own layer
        if len(slopes) != len(layers) - 1:
            _refuse(f"{len(slopes)} PReLU for {len(layers)} convolutions, and their order does "
                    "not tell which is behind which", file,
                    allowed=f"{len(layers) - 1}, or each behind its convolution", fix=EXPORT)
        behind = list(range(1, len(layers)))
    for place, slope in zip(behind, slopes, strict=True):
        layers[place - 1] = replace(layers[place - 1], slope=slope)
    return layers, []


def _skips(layers: list[Layer], folded: Folded, anchor: bool
           ) -> tuple[list[Layer], list[dict[int, np.ndarray]]]:
    """Say what skips past layers; a sum of maps before a wide last layer is one of its own."""
    skips: list[dict[int, np.ndarray]] = [{} for _ in layers]
    if folded.skips:
        names = [layer.name for layer in layers]
        source, end = (names.index(name) for name in folded.skips)
        eye = identity(len(layers[source].weight))
        if 2 * eye.size < layers[end].weight.size:
            layers.insert(end, Layer("add_residual", eye, slope=np.ones(1), deconv=False))
            skips.insert(end, {source + 1: eye})
        else:
            skips[end][source + 1] = layers[end].weight
    if folded.pixel is not None and not anchor:
        skips[-1][0] = folded.pixel.weight
        bias = folded.pixel.bias + (0 if layers[-1].bias is None else layers[-1].bias)
        layers[-1] = replace(layers[-1], bias=bias)
    return layers, skips if any(skips) else []


def read_row(content: object, file: str, choice: Choice = UNSAID) -> Row:
    """Read a stranger's checkpoint.

    Args:
        content: What `torchfile.read` gave of it.
        file: Its name, for errors.
        choice: What the user says of it.

    Returns:
        Its layers.

    Raises:
        ModelError: Naming the first tensor that has no place in such a network.
    """
    state, notes = _state(content, file)
    folded = fold({name: {role: _array(value) for role, value in parts.items()}
                   for name, parts in _modules(state, file).items()}, file, choice)
    layers, behind, slopes = [], [], []
    for name, parts in folded.modules.items():
        weight, bias = parts.get("weight"), parts.get("bias")
        if weight is not None and weight.ndim == 4 and (bias is None or bias.ndim == 1):
            layers.append(Layer(name, weight, bias))
        elif weight is not None and weight.ndim == 1 and bias is None:
            behind.append(len(layers))
            slopes.append(weight)
        else:
            shapes = ", ".join(f"{role} {value.shape}" for role, value in parts.items())
            _refuse(f"{shapes}", file, name,
                    allowed="a convolution, weight (out, in, k, k) and bias (out,), or a PReLU, "
                    "weight (1,) or (channels,)", fix=EXPORT)
    layers, assumed = _slopes(layers, behind, slopes, file)
    anchor = folded.anchor if choice.anchor is None else choice.anchor
    layers, skips = _skips(layers, folded, bool(anchor))
    types = {str(value.dtype).removeprefix("torch.") for value in state.values()} - {"float32"}
    notes += [f"{name} made float32{', rounded' * (name == 'float64')}" for name in sorted(types)]
    notes += folded.notes
    if choice.anchor is None and folded.anchor:
        notes.append("the LR pixel is added to the output, as published (--no-anchor says "
                     "otherwise)")
    return Row(file, tuple(layers), bool(anchor), notes=(*notes, *assumed), skips=tuple(skips),
               guessed=anchor is None)
