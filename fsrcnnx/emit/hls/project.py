"""The HLS project: the plan through hls4ml, audited, with our headers, test bench and a manifest.

May import hls4ml, the other parts of this package and the errors. The folder stands alone: C++ in
`firmware/`, Tcl for Vitis HLS, the test bench and its vectors, README, licence, `manifest.json`.
The frame size is part of the hardware; conversion takes the same time whatever it is.

    emit(network, Path("build/hls"), width=960, height=540)["content_hash"]
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import hls4ml
import yaml
from hls4ml.model import ModelGraph
from hls4ml.model.flow import get_flow
from hls4ml.model.optimizer import optimize_model

from fsrcnnx import __version__
from fsrcnnx.emit.hls import adders, proof
from fsrcnnx.emit.hls.audit import PADDING, audit
from fsrcnnx.emit.hls.fifos import LEAST
from fsrcnnx.emit.hls.layers import BACKEND, TEST_BENCH, source_dir
from fsrcnnx.emit.hls.plan import KIND, Plan, make
from fsrcnnx.emit.hls.stages import INPUT, OUTPUT, Stage
from fsrcnnx.exact.network import Network
from fsrcnnx.owned import whole_folder

PROJECT = "fsrcnnx_hls"  # name of the top function and of the files around it
MANIFEST = "manifest.json"
FRAME = """// SPDX-License-Identifier: Apache-2.0
// {network}, content hash {content_hash}
// Frame size and scale of this project, for its test bench.
namespace fsrcnnx {{
static const unsigned width = {width};
static const unsigned height = {height};
static const unsigned scale = {scale};
}} // namespace fsrcnnx
"""


def _config(plan: Plan, folder: Path) -> dict:
    """hls4ml's configuration: every type by layer name; traces stay out of synthesis."""
    layers = {}
    for stage in plan.stages:
        layers[stage.name] = {"Precision": dict(stage.types), "Trace": stage.name != INPUT}
        if stage.name in plan.reuse:
            layers[stage.name] |= {"Strategy": plan.strategy,
                                   "ReuseFactor": plan.reuse[stage.name]}
    return {
        "OutputDir": str(folder), "ProjectName": PROJECT, "Backend": BACKEND,
        "IOType": "io_stream", "Part": plan.part, "ClockPeriod": plan.clock,
        "ClockUncertainty": "27%", "TraceOutput": True,
        # synthesis takes the initialisers in weights/*.h, g++ reads weights/*.txt, which compiles
        # in a third of the time; the audit compares both with the network
        "WriterConfig": {"Namespace": None, "WriteWeightsTxt": True, "WriteTar": False,
                         "TBOutputStream": "file"},
        "HLSConfig": {"Flows": [], "LayerName": layers,
                      "Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1,
                                "Strategy": "latency"}},
    }


def _set_depths(model: ModelGraph, wanted: Mapping[str, int]) -> dict[str, int]:
    """Give each stream between layers its depth; returns stream name -> depth."""
    ends = {variable.name for variable in (*model.get_input_variables(),
                                           *model.get_output_variables())}
    found = {}
    for layer in model.get_layers():
        for out_name, variable in layer.variables.items():
            if variable.name in ends:
                continue
            reader = next(node for node in model.get_layers() if out_name in node.inputs)
            # a layer reads its input in every clock, but for a padding and for the anchor's LR
            deep = reader.name.startswith(PADDING) or out_name in reader.inputs[1:]
            depth = wanted[reader.name.removeprefix(PADDING)] if deep else LEAST
            variable.pragma = ("stream", depth)
            found[variable.name] = depth
    return found


def convert(plan: Plan, folder: Path) -> tuple[ModelGraph, dict[str, int]]:
    """Run hls4ml and write its project.

    Args:
        plan: The plan.
        folder: Empty folder to write to.

    Returns:
        hls4ml's model, and the depth of each stream by name.
    """
    layers = [{"name": stage.name, "class_name": stage.kind, "inputs": list(stage.inputs),
               "outputs": [stage.name], **stage.attributes} for stage in plan.stages]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ModelGraph.from_layer_list(_config(plan, folder), layers, [INPUT],
                                           [plan.stages[-1].name])
        for flow in get_flow(model.config.backend.get_default_flow()).requires:
            if flow == "vivado:optimize":
                _solve_adders(model, plan.stages)
            if flow.endswith(":apply_templates"):  # names and depths become text here
                model.get_output_variables()[0].name = OUTPUT
                depths = _set_depths(model, plan.depths)
            model.apply_flow(flow, reapply="none")
        model.apply_flow(model.config.backend.get_default_flow(), reapply="none")
        model.write()
    _make_repeatable(folder, plan.network.content_hash()[:8])
    return model, depths


def _solve_adders(model: ModelGraph, stages: Sequence[Stage]) -> None:
    """Put the shift-add code of each such layer where hls4ml finds it, before its own solver."""
    optimize_model(model, ["vivado:optimize_pointwise_conv"])  # it renumbers layers: run it first
    by_name = {stage.name: stage for stage in stages}
    for node in model.get_layers():
        if node.get_attr("strategy") == "distributed_arithmetic":
            node.set_attr("da_codegen", adders.code(node, by_name[node.name]))


def _make_repeatable(folder: Path, stamp: str) -> None:
    """Replace hls4ml's random stamp and the folder's temporary path."""
    path = folder / "hls4ml_config.yml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config |= {"OutputDir": ".", "Stamp": stamp}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    path = folder / "build_lib.sh"
    path.write_text(re.sub(r"(?m)^LIB_STAMP=.*$", f"LIB_STAMP={stamp}",
                           path.read_text(encoding="utf-8")), encoding="utf-8")


def _manifest(plan: Plan, depths: Mapping[str, int]) -> dict:
    """Describe a project: what made it and what it is; depths are those of hls4ml's streams."""
    network = plan.network
    return {
        "made_by": f"fsrcnnx {__version__}, hls4ml {hls4ml.__version__}",
        "network": network.name, "content_hash": network.content_hash(), "scale": network.scale,
        "prescale": network.prescale,
        "width": plan.width, "height": plan.height, "top": PROJECT, "part": plan.part,
        "clock_ns": plan.clock, "strategy": plan.strategy,
        "in_format": str(network.in_format), "out_format": str(network.out_format),
        "layers": [{"name": stage.name, "layer": stage.layer, "kind": stage.kind,
                    "channels": stage.channels, "types": stage.types,
                    # beats per LR pixel
                    "pixels": stage.attributes.get("block", 1) ** 2,
                    **({"reuse": plan.reuse[stage.name]} if stage.name in plan.reuse else {})}
                   for stage in plan.stages],
        "fifo_depths": dict(depths),
    }


def write(plan: Plan, out_dir: Path | str) -> dict:
    """Write a complete, audited hls4ml project.

    Args:
        plan: The project's plan.
        out_dir: The folder; it appears whole or not at all.

    Returns:
        The manifest, as written to `manifest.json`.

    Raises:
        InputError: If the folder cannot be written.
        CheckError: If the audit finds a type that is not the plan's.
    """
    with whole_folder(Path(out_dir), KIND) as folder:
        model, depths = convert(plan, folder)
        audit(model, plan, folder)
        shutil.copyfile(source_dir() / TEST_BENCH, folder / f"{PROJECT}_test.cpp")
        described = _manifest(plan, depths)
        (folder / "fsrcnnx_frame.h").write_text(FRAME.format(**described), encoding="utf-8")
        (folder / MANIFEST).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        proof.write(folder, plan.network, described)
    return described


def emit(network: Network, out_dir: Path | str, **options) -> dict:
    """Plan a project and write it.

    Args:
        network: A checked integer network.
        out_dir: The folder; it appears whole or not at all.
        options: As `plan.make` takes them: width, height, strategy, reuse, ...

    Returns:
        The manifest, as written to `manifest.json`.

    Raises:
        InputError: If a parameter is out of range or the folder cannot be written.
        Unrepresentable: If the network has what the project cannot represent.
        CheckError: If the audit finds a type that is not the plan's.
    """
    return write(make(network, **options), out_dir)
