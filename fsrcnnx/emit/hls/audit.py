"""The audit: every type of a generated project against the plan, in hls4ml's model and in its C++.

May import the plan, numpy, the errors; hls4ml's model comes as an argument. hls4ml falls back to
`ap_fixed<16,6>` where a setting does not reach a variable, and says nothing. So each variable is
looked at twice: in the model graph, and in `firmware/defines.h`, which is what is compiled. Weights
are compared too: what hls4ml writes must be worth the network's integers.

    audit(model, plan, Path("project"))     # raises CheckError
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fsrcnnx.emit.hls.plan import Plan
from fsrcnnx.emit.hls.stages import INPUT, Stage
from fsrcnnx.errors import CheckError

PADDING, COPY = "zp2d_", "clone_"  # hls4ml's names of the layers that it adds before and after ours
TYPEDEF = re.compile(r"typedef\s+(?:nnet::array<\s*(?P<item>.+?)\s*,\s*(?P<count>\d+)\*1\s*>"
                     r"|(?P<plain>\S+))\s+(?P<name>\w+);")


def contract(stages: Sequence[Stage]) -> dict[str, dict[str, str]]:
    """Spell out the type of every variable of every hls4ml layer.

    Args:
        stages: The stages.

    Returns:
        Layer name -> variable -> C++ type, the layers that hls4ml adds included.
    """
    by_name = {stage.name: stage for stage in stages}
    expected = {stage.name: dict(stage.types) for stage in stages}
    for stage in stages:
        if any(stage.pad):
            expected[PADDING + stage.name] = {"result": by_name[stage.inputs[0]].types["result"]}
        if INPUT in stage.inputs[1:]:
            expected[COPY + INPUT] = {"result": by_name[INPUT].types["result"]}
    return expected


def _variables(layer) -> list[tuple[str, object]]:
    """(role, type) of everything that a layer declares."""
    found = [(role.removesuffix("_t"), kind) for role, kind in layer.types.items()]
    return found + [("result", variable.type) for variable in layer.get_variables()]


def _model_differences(model, expected: dict[str, dict[str, str]],
                       names: dict[str, tuple[str, str, str]]) -> list[str]:
    """Compare hls4ml's graph; fill names: C++ type name -> (layer, role, wanted type)."""
    wrong = []
    for layer in model.get_layers():
        wants = expected.get(layer.name)
        if wants is None:
            wrong.append(f"layer {layer.name}: not in the plan")
            continue
        seen = set()
        for role, kind in _variables(layer):
            seen.add(role)
            want, got = wants.get(role, "nothing"), kind.precision.definition_cpp()
            names[kind.name] = (layer.name, role, want)
            if got != want:
                wrong.append(f"layer {layer.name}: {role} is {got}, wanted {want}")
        wrong += [f"layer {layer.name}: {role} is missing, wanted {wants[role]}"
                  for role in wants if role not in seen]
    have = {layer.name for layer in model.get_layers()}
    return wrong + [f"layer {name}: missing" for name in expected if name not in have]


def _text_differences(defines: Path, names: dict[str, tuple[str, str, str]],
                      channels: dict[str, int]) -> list[str]:
    """Compare what defines.h says."""
    wrong, seen = [], set()
    for line in defines.read_text(encoding="utf-8").splitlines():
        if not line.startswith("typedef"):
            continue
        match = TYPEDEF.fullmatch(line.strip())
        if not match or match["name"] not in names:
            wrong.append(f"defines.h: {line.strip()!r} is not in the plan")
            continue
        seen.add(match["name"])
        layer, role, want = names[match["name"]]
        got = match["item"] or match["plain"]
        if got != want:
            wrong.append(f"layer {layer}: {role} is {got} in defines.h, wanted {want}")
        if match["count"] and int(match["count"]) != channels[layer]:
            wrong.append(f"layer {layer}: {match['count']} values a beat in defines.h, "
                         f"wanted {channels[layer]}")
    return wrong + [f"layer {names[name][0]}: {name} is missing in defines.h"
                    for name in names if name not in seen]


def _numbers(text: str) -> np.ndarray:
    """Read decimals separated by commas; each is a sum of powers of two, so float64 is exact."""
    return np.array([float(number) for number in text.split(",")])


def _weight_differences(model, stages: Sequence[Stage], weights: Path) -> list[str]:
    """Compare the numbers written for synthesis (.h) and for g++ (.txt) with the network's."""
    wrong = []
    by_name = {stage.name: stage for stage in stages}
    for layer in model.get_layers():
        for role, variable in layer.weights.items():
            want = by_name[layer.name].attributes[f"{role}_data"]
            if layer.get_attr("_weights_transposed") and role == "weight":
                want = want.transpose(3, 0, 1, 2)  # the resource strategy wants (out, row, col, in)
            header = (weights / f"{variable.name}.h").read_text(encoding="utf-8")
            texts = {"h": header[header.rindex("{") + 1 : header.rindex("}")],
                     "txt": (weights / f"{variable.name}.txt").read_text(encoding="utf-8")}
            wrong += [f"layer {layer.name}: {role} values in {variable.name}.{suffix} are not the "
                      "network's" for suffix, text in texts.items()
                      if not np.array_equal(_numbers(text), want.ravel())]
    return wrong


def _setting_differences(model, strategy: str, reuse: Mapping[str, int]) -> list[str]:
    """Compare the strategies and reuse factors that hls4ml's passes left."""
    wrong = []
    for layer in model.get_layers():
        if layer.name in reuse:
            wants = {"strategy": strategy, "reuse_factor": reuse[layer.name]}
            wrong += [f"layer {layer.name}: {key} is {layer.get_attr(key)}, wanted {want}"
                      for key, want in wants.items() if layer.get_attr(key) != want]
    return wrong


def audit(model, plan: Plan, folder: Path) -> None:
    """Hold a written project against the plan.

    Args:
        model: hls4ml's ModelGraph, after its types were made.
        plan: The plan.
        folder: The project.

    Raises:
        CheckError: Naming layer, variable, type found and type wanted, for all differences.
    """
    stages, names = plan.stages, {}
    expected = contract(stages)
    by_name = {stage.name: stage for stage in stages}
    channels = {stage.name: stage.channels for stage in stages}
    channels |= {PADDING + stage.name: by_name[stage.inputs[0]].channels
                 for stage in stages if any(stage.pad)}
    channels[COPY + INPUT] = channels[INPUT]
    wrong = _model_differences(model, expected, names)
    wrong += _text_differences(Path(folder) / "firmware" / "defines.h", names, channels)
    wrong += _setting_differences(model, plan.strategy, plan.reuse)
    wrong += _weight_differences(model, stages, Path(folder) / "firmware" / "weights")
    if wrong:
        raise CheckError("; ".join(dict.fromkeys(wrong)), where="audit of the HLS project",
                         fix="pin what is named; nothing may keep hls4ml's default")
