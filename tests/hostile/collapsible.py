"""Collapsible blocks and skips that mean harm: folds of terabytes, sums of thousands, odd parts.

May import the standard library and the area of floats beside.

    python -m tests.hostile collapsible
"""

from __future__ import annotations

from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.floats import onnx_file
from tests.hostile.learn import ONE

CHECKPOINT = ("import", "w.pth", "-o", "mine_x2")
GRAPH = ("import", "w.onnx", "-o", "mine_x2")


def blocks(change=lambda state, torch: None, kind: str = "Ecbsr"):
    """A maker of a checkpoint of collapsible blocks, changed."""
    def make(folder: Path) -> None:
        import torch

        from tests.learn import collapsible

        content = dict(collapsible.started(getattr(collapsible, kind)(1)).state_dict())
        change(content, torch)
        torch.save(content, folder / "w.pth")
    return make


def _set(key: str, of, kind: str = "Ecbsr"):
    """A maker of such a checkpoint with another value under a key."""
    return blocks(lambda content, torch: content.update({key: of(torch)}), kind)


def terabytes(content, torch) -> None:
    """Blocks of few values whose folds would have a billion."""
    content.clear()
    for at in range(60):
        content |= {f"backbone.{at}.conv1x1_3x3.k0": torch.zeros(1, 1024, 1, 1),
                    f"backbone.{at}.conv1x1_3x3.k1": torch.zeros(1024, 1, 3, 3)}


def graph(lay):
    """A maker of a float ONNX file: what `lay` puts first, two layers, a DepthToSpace."""
    def change(model, onnx) -> None:
        import numpy as np
        from onnx import helper, numpy_helper

        nodes, values = [], {"w": np.ones((4, 1, 3, 3), np.float32)}

        def node(op: str, inputs: list[str], **attributes) -> str:
            nodes.append(helper.make_node(op, inputs, [f"t{len(nodes)}"], f"n{len(nodes)}",
                                          **attributes))
            return f"t{len(nodes) - 1}"

        def constant(value) -> str:
            values[f"c{len(values)}"] = np.asarray(value, np.float32)
            return f"c{len(values) - 1}"

        first = node("Conv", [lay(node, constant, np), constant(np.ones((1, 1, 1, 1)))])
        last = node("Conv", [node("Relu", [first]), "w"], pads=[1] * 4)
        nodes.append(helper.make_node("DepthToSpace", [last], ["y"], "shuffle", blocksize=2))
        del model.graph.node[:], model.graph.initializer[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(numpy_helper.from_array(value, name)
                                       for name, value in values.items())
    return onnx_file(change)


def doubled(node, constant, np) -> str:
    """The pixel plus itself, a thousand times over: beyond what a float holds."""
    tensor = "x"
    for _ in range(1100):
        tensor = node("Add", [tensor, tensor])
    return tensor


def deep(node, constant, np) -> str:
    """A thousand constants added one behind the other."""
    tensor, one = "x", constant(1e-6)
    for _ in range(1900):
        tensor = node("Add", [tensor, one])
    return tensor


def joined(node, constant, np) -> str:
    """Channels put beside themselves until there are millions."""
    tensor = "x"
    for _ in range(22):
        tensor = node("Concat", [tensor, tensor], axis=1)
    return tensor


def carried(node, constant, np) -> str:
    """A map of 400 channels that skips past 40 layers."""
    wide = tensor = node("Relu", [node("Conv", ["x", constant(np.zeros((400, 1, 3, 3)))],
                                       pads=[1] * 4)])
    one = constant(np.zeros((1, 400, 3, 3)))
    tensor = node("Relu", [node("Conv", [wide, one], pads=[1] * 4)])
    for _ in range(40):
        tensor = node("Relu", [node("Conv", [tensor, constant(np.zeros((1, 1, 3, 3)))],
                                    pads=[1] * 4)])
    return node("Add", [tensor, node("Conv", [wide, one], pads=[1] * 4)])


def identities(node, constant, np) -> str:
    """Activations of a thousand channels, one behind the other."""
    tensor = node("Conv", ["x", constant(np.zeros((1024, 1, 1, 1)))])
    for _ in range(900):
        tensor = node("Relu", [tensor])
    return node("Conv", [tensor, constant(np.zeros((1, 1024, 1, 1)))])


def tiny(node, constant, np) -> str:
    return node("Div", ["x", constant(np.float32(1e-45))])


def of_constants(node, constant, np) -> str:
    return node("Sub", [constant(1.0), constant(2.0)])


def _checkpoint(name: str, make, says: str) -> Case:
    return Case(f"collapsible-{name}", CHECKPOINT, make, says=says, env=ONE, megabytes=1024)


def _graph(name: str, lay, says: str, seconds: float = 120) -> Case:
    return Case(f"collapsible-onnx-{name}", GRAPH, graph(lay), says=says, env=ONE,
                megabytes=1536, seconds=seconds)


SBX, WIDE = "backbone.0.conv1x1_sbx", "backbone.0.conv1x1_3x3"
CASES = (
    Case("collapsible-valid", CHECKPOINT, blocks(), code=0, says="recognised n4n4f3t3pa_x2",
         keeps=("mine_x2",), env=ONE, megabytes=1024),
    _checkpoint("terabytes", blocks(terabytes), "weights so far, folded"),
    _checkpoint("mask-missing", blocks(lambda content, torch: content.pop(f"{SBX}.mask")),
                "no mask"),
    _checkpoint("mask-of-another-size", _set(f"{SBX}.mask", lambda torch: torch.zeros(4, 4, 3, 3)),
                "mask of shape"),
    _checkpoint("middle-empty", _set(f"{WIDE}.k0", lambda torch: torch.zeros(0, 1, 1, 1)), ""),
    _checkpoint("part-of-no-axes", _set(f"{SBX}.scale", lambda torch: torch.tensor(1.0)),
                "scale of shape"),
    _checkpoint("infinite", _set(f"{SBX}.b0", lambda torch: torch.full((4,), torch.inf)),
                "NaN or infinity"),
    _checkpoint("names", _set("\x1b[2J$(touch trap)\n.k0", lambda torch: torch.zeros(1, 1, 1, 1)),
                r"\\x1b\[2J"),
    _checkpoint("squeeze-of-others", _set("conv_last.conv_squeeze.weight", lambda torch:
                                          torch.zeros(4, 8, 1, 1), "Sesr"), "of shape"),
    _checkpoint("anchor-of-colours", _set("anchor.net.weight", lambda torch: torch.zeros(
        12, 3, 1, 1), "Sesr"), "anchor.net: weight of shape"),
    _checkpoint("expand-alone", blocks(lambda content, torch: [
        content.pop(f"conv_first.conv_squeeze.{role}") for role in ("weight", "bias")], "Sesr"),
                ""),
    _graph("doubled", doubled, "NaN or infinity"),
    _graph("joined", joined, "2048 channels; allowed: up to 1024"),
    _graph("carried", carried, "weights, with all that skips|slopes"),
    _graph("identities", identities, "weights in sums of layers so far|layer should be"),
    _graph("tiny-divisor", tiny, "NaN or infinity"),
    _graph("of-constants", of_constants, "layer should be|constant"),
    Case("collapsible-onnx-deep", GRAPH, graph(deep), code=0, says="recognised", keeps=("mine_x2",),
         env=ONE, megabytes=1536, seconds=240),
)
