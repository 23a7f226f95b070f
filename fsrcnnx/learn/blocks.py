"""Collapsible blocks in checkpoints of others, folded: ECBSR, SESR; and anchors that are layers.

May import numpy, learn.linear, learn.rows, the limits and the errors.

    folded = fold(modules, "ecbsr.pth", Choice())  # each block one convolution

Blocks are known by the names that their authors gave, for tensors alone do not tell what is added
to what. What the names do not tell is as published, and said: whether blocks add what they are
given, and whether the LR pixel is added at the end.

Sources: github.com/xindongzhang/ECBSR, models/ecb.py and ecbsr.py, which pads by the bias of the
1x1, so that the fold is exact at the borders; github.com/quic/aimet-model-zoo,
common/super_resolution/blocks.py and models.py, for SESR (arXiv:2103.09404, whose own code is in
TensorFlow) and QuickSRNet (arXiv:2303.04336).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import ModelError, shown
from fsrcnnx.learn.linear import Linear, add, identity, then
from fsrcnnx.learn.rows import Choice

Module = Mapping[str, np.ndarray]
# what a branch of ECBSR's block holds besides the names of a convolution
PARTS = ("k0", "b0", "k1", "b1", "scale", "mask")
# its branches: the plain one, expand and squeeze, and edges along either axis and all ways
BRANCHES = ("conv3x3", "conv1x1_3x3", "conv1x1_sbx", "conv1x1_sby", "conv1x1_lpl")
EXPAND, SQUEEZE, ANCHOR = "conv_expand", "conv_squeeze", "anchor.net"
SPARE = 4  # a block's expanded channels are more than those of its convolution
EXPORT = "export the network to ONNX, where it can be folded, and import that"


@dataclass(frozen=True, eq=False)
class Folded:
    """Modules of a file, each a convolution or an activation.

    Args:
        modules: By name, in the file's order.
        anchor: Whether the LR pixel is added at the end; None if nothing tells.
        pixel: The convolution by which it is added instead; None without.
        skips: Names of the first layer and of the last one before which its maps are added.
        notes: What was done, a line each.
    """

    modules: dict[str, Module]
    anchor: bool | None = None
    pixel: Linear | None = None
    skips: tuple[str, str] | None = None
    notes: list[str] = field(default_factory=list)


def _need(module: Module, file: str, name: str, **want: tuple[int | None, ...]) -> list[np.ndarray]:
    """Take parts of these shapes out of a module; vectors may be missing: zeros."""
    found = []
    for role, shape in want.items():
        value = module.get(role)
        if value is None and len(shape) == 1 and shape[0] is not None:
            value = np.zeros(shape)
        have = None if value is None else value.shape
        if have is None or len(have) != len(shape) or max(have) > limits.CHANNELS or any(
                side not in (None, there) for side, there in zip(shape, have, strict=True)):
            text = ", ".join(f"1..{limits.CHANNELS}" if side is None else str(side)
                             for side in shape)
            raise ModelError(f"{role} of shape {have}" if have is not None else f"no {role}",
                             where=f"{file}: {shown(name, limits.NAME)}", allowed=f"({text})",
                             fix=EXPORT)
        found.append(value)
    if extra := set(module) - set(want):
        raise ModelError(f"{sorted(extra)[0]} in it", where=f"{file}: {shown(name, limits.NAME)}",
                         allowed=", ".join(want), fix=EXPORT)
    return found


def _branch(module: Module, file: str, name: str) -> Linear:
    """One branch of an ECBSR's block as a convolution."""
    if "k0" not in module:
        out = len(module.get("weight", ()))
        return Linear(*_need(module, file, name, weight=(None, None, 3, 3), bias=(out,)))
    middle = len(module["k0"])
    if "k1" in module:
        out = len(module["k1"])
        k0, b0, k1, b1 = _need(module, file, name, k0=(None, None, 1, 1), b0=(middle,),
                               k1=(None, middle, 3, 3), b1=(out,))
        return then(Linear(k0, b0), Linear(k1, b1), bias_pads=True)
    k0, b0, scale, mask, bias = _need(
        module, file, name, k0=(None, None, 1, 1), b0=(middle,), scale=(middle, 1, 1, 1),
        mask=(middle, 1, 3, 3), bias=(middle,))
    edges = scale * mask  # (out, 1, 3, 3): each channel by its own
    return Linear(edges * k0, edges.sum((1, 2, 3)) * b0 + bias)


def _spend(blocks: Mapping[str, Mapping[str, Module]], file: str) -> None:
    """Refuse blocks that would be more weights than a network may have, before they are folded."""
    total = 0
    for block, parts in blocks.items():
        sides = [value.shape for module in parts.values() for role, value in module.items()
                 if role in ("weight", "k0", "k1") and value.ndim == 4]
        total += max((shape[0] for shape in sides), default=0) * max(
            (shape[1] for shape in sides), default=0) * max(
            (shape[2] for shape in sides), default=0) ** 2
        if total > SPARE * limits.WEIGHTS:
            raise ModelError(f"up to {total} weights so far, folded", where=f"{file}: "
                             f"{shown(block, limits.NAME)}",
                             allowed=f"up to {SPARE * limits.WEIGHTS}")


def _summed(branches: Mapping[str, Linear], file: str, name: str) -> Linear:
    """Branches that see one input, as one convolution."""
    first, *others = branches.values()
    for branch, linear in branches.items():
        if linear.weight.shape != first.weight.shape:
            raise ModelError(f"weights of shape {linear.weight.shape}", fix=EXPORT,
                             where=f"{file}: {shown(branch, limits.NAME)}",
                             allowed=f"{first.weight.shape}, as of the branches before")
    return Linear(sum((one.weight for one in others), first.weight),
                  sum((one.bias for one in others), first.bias))


def _plus_input(linear: Linear) -> Linear:
    """A block that adds what it is given."""
    return Linear(add(linear.weight, identity(len(linear.weight))), linear.bias)


def _groups(modules: Mapping[str, Module], names: tuple[str, ...]) -> dict[str, dict[str, Module]]:
    """Modules of these names, by the block that they are in."""
    found: dict[str, dict[str, Module]] = {}
    for name, module in modules.items():
        block, _, last = name.rpartition(".")
        if last in names and module.get("weight", module.get("k0", np.zeros(0))).ndim == 4:
            found.setdefault(block, {})[name] = module
    return found


def _put(modules: Mapping[str, Module], groups: Mapping[str, Mapping[str, Module]],
         blocks: Mapping[str, Linear]) -> dict[str, Module]:
    """Put each block's convolution where its first module was."""
    member = {name: block for block, names in groups.items() for name in names}
    found: dict[str, Module] = {}
    for name, module in modules.items():
        block = member.get(name)
        if block is None:
            found[name] = module
        elif block not in found:
            found[block] = {"weight": blocks[block].weight, "bias": blocks[block].bias}
    return found


def _square(linear: Linear) -> bool:
    return linear.weight.shape[0] == linear.weight.shape[1]


def _ecbsr(modules: dict[str, Module], file: str, choice: Choice) -> Folded | None:
    """Fold edge-oriented blocks, or those of the same authors' plain networks."""
    groups = _groups(modules, BRANCHES)
    if not groups or any(not name.partition("backbone.")[1] for name in groups):
        return None
    _spend(groups, file)
    blocks = {block: _summed({name: _branch(module, file, name)
                              for name, module in parts.items()}, file, block)
              for block, parts in groups.items()}
    plain = all(len(parts) == 1 for parts in groups.values())
    notes = [] if plain else [f"{len(blocks)} edge-oriented blocks of an ECBSR folded, "
                              f"{sum(map(len, groups.values()))} branches"]
    if not plain:
        adds = bool(choice.identity)
        notes.append(f"blocks {'add' if adds else 'do not add'} what they are given"
                     + ", as its configurations have it (--identity says otherwise)"
                     * (choice.identity is None))
        blocks = {name: _plus_input(one) if adds and _square(one) else one
                  for name, one in blocks.items()}
    return Folded(_put(modules, groups, blocks), anchor=True, notes=notes)


def _sesr(modules: dict[str, Module], file: str, choice: Choice) -> Folded | None:
    """Fold linear blocks; blocks that are folded already come as they are."""
    groups = _groups(modules, (EXPAND, SQUEEZE))
    if not groups:
        return None
    _spend(groups, file)
    names, blocks, whole = list(groups), {}, 0
    for block, parts in groups.items():
        expand, *squeeze = parts
        out = len(parts[expand].get("weight", ()))
        first = Linear(*_need(parts[expand], file, expand, weight=(None, None, None, None),
                              bias=(out,)))
        blocks[block] = first
        if squeeze:
            last = Linear(*_need(parts[squeeze[0]], file, squeeze[0], weight=(None, out, 1, 1),
                                 bias=(len(parts[squeeze[0]].get("weight", ())),)))
            blocks[block] = then(first, last)
            whole += 1
            if block not in (names[0], names[-1]) and _square(blocks[block]) \
                    and choice.identity is not False:
                blocks[block] = _plus_input(blocks[block])
    adds = "do not add" if choice.identity is False else "add"
    notes = [f"{whole} linear blocks of an SESR folded; those between {adds} what they are given"
             + ", as published (--no-identity says otherwise)" * (choice.identity is None)] \
        if whole else []
    skips = None
    if len(names) > 2 and blocks[names[-1]].weight.shape[1] == len(blocks[names[0]].weight):
        skips = names[0], names[-1]
        notes.append("the first block's maps are added before the last, as published")
    return Folded(_put(modules, groups, blocks), None, None, skips, notes)


def _anchor(modules: Mapping[str, Module], file: str) -> tuple[bool | None, Linear | None]:
    """Whether a layer repeats the LR pixel, and what it does if that is not all."""
    for name, module in modules.items():
        if f".{name}".endswith(f".{ANCHOR}"):
            weight, bias = _need(module, file, name, weight=(None, 1, None, None),
                                 bias=(len(module.get("weight", ())),))
            if weight.shape[2:] == (1, 1) and (weight == 1).all() and not bias.any():
                return True, None
            return False, Linear(weight, bias)
    return None, None


def fold(modules: Mapping[str, Module], file: str, choice: Choice) -> Folded:
    """Fold what of a file can be folded.

    Args:
        modules: What it holds by name, each part float64.
        file: Its name, for errors.
        choice: What the user says.

    Returns:
        The same function as plain convolutions and activations, and what else is known of it.

    Raises:
        ModelError: Naming the part of a block that does not fit, or that is of no known block.
    """
    anchor, pixel = _anchor(modules, file)
    rest = {name: module for name, module in modules.items()
            if not f".{name}".endswith(f".{ANCHOR}")}
    with np.errstate(all="ignore"):  # what is not finite is refused where a layer is made of it
        found = _ecbsr(rest, file, choice) or _sesr(rest, file, choice) or Folded(rest)
    for name, module in found.modules.items():
        if part := next((part for part in PARTS if part in module), None):
            raise ModelError("of a collapsible block", where=f"{file}: "
                             f"{shown(f'{name}.{part}', limits.NAME)}",
                             allowed=f"the names of ECBSR: backbone.N with {', '.join(BRANCHES)}",
                             fix="collapse it where it was trained, and save the plain network")
    if anchor is not None:
        notes = [] if anchor else ["its anchor is a layer of its own: the LR pixel is carried"]
        found = replace(found, anchor=anchor, pixel=pixel, notes=[*found.notes, *notes])
    return found
