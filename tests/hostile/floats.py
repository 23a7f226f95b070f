"""Float networks of others, checkpoints and ONNX, that mean harm; and folders of pictures.

May import the standard library and the area of learning beside.

    python -m tests.hostile floats
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.learn import ONE, archive, code, file, pictures, together, weights

IMPORT = ("import", "w.pth", "-o", "mine_x2", "--scale", "2")
QUANTISE = ("quantise", "w.pth", "--data", "in", "-o", "mine_x2")


def state(change=lambda state, torch: None):
    """A maker of a checkpoint in a layout of others, changed."""
    def make(folder: Path) -> None:
        import torch

        from tests.learn.others import Named, seeded

        content = dict(seeded(Named(2, 1, 0, kernels=(1, 3))).state_dict())
        change(content, torch)
        torch.save(content, folder / "w.pth")
    return make


def _set(key: str, of):
    """A maker of a checkpoint with another value under a key."""
    return state(lambda content, torch: content.update({key: of(torch)}))


def onnx_file(change):
    """A maker of a float ONNX file, one convolution, changed."""
    def make(folder: Path) -> None:
        import numpy as np
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "h", "w"])
                for name in ("x", "y")]
        model = helper.make_model(helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], ["y"], "conv")], "g", ends[:1], ends[1:],
            [numpy_helper.from_array(np.zeros((1, 1, 1, 1), np.float32), "w")]),
            opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        change(model, onnx)
        (folder / "w.onnx").write_bytes(model.SerializeToString())
    return make


def elsewhere(location: str):
    """A change: the weights lie in another file."""
    def change(model, onnx) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.external_data.add(key="location", value=location)
        tensor.data_location = onnx.TensorProto.EXTERNAL
    return change


def _refused(name: str, make, says: str) -> Case:
    return Case(f"float-{name}", IMPORT, make, says=says, env=ONE, megabytes=1024)


CASES = (
    Case("float-valid", IMPORT, state(), code=0, says="recognised d2s1m0f1l3_x2",
         keeps=("mine_x2",), env=ONE, megabytes=1024),
    _refused("code", code, "no torch file of plain data"),
    _refused("archive-bomb", archive, "compressed"),
    _refused("empty", file("w.pth", b""), "no torch file"),
    _refused("folder", file("w.pth"), r"w\.pth: a folder"),
    _refused("pipe", lambda folder: os.mkfifo(folder / "w.pth"), "not a regular file"),
    _refused("own", weights(), "weights of fsrcnnx itself"),
    _refused("nan", _set("first_part.0.bias", lambda torch: torch.full((2,), torch.nan)),
             "NaN or infinity"),
    _refused("view-of-terabytes", _set("first_part.0.weight", lambda torch: torch.zeros(
        1, 1).expand(1 << 21, 1 << 21)), "values so far; allowed: up to 4194304"),
    _refused("sparse", _set("first_part.0.weight", lambda torch: torch.zeros(2, 1).to_sparse()),
             "no torch file"),
    _refused("meta", _set("x.weight", lambda torch: torch.zeros(1 << 40, device="meta")), ""),
    _refused("many", state(lambda content, torch: content.update(
        {f"{n}.weight": torch.zeros(1) for n in range(5000)})), "5011 tensors; allowed"),
    _refused("names", _set("\x1b[2J$(touch trap)\n.weight", lambda torch: torch.zeros(1, 1)),
             r"\\x1b\[2J"),
    _refused("deep", state(lambda content, torch: content.update(net={"net": {"net": {
        "net": content.copy()}}})), "no state dictionary"),
    Case("float-onnx-passwords", ("import", "w.onnx", "-o", "mine_x2"),
         onnx_file(elsewhere("/etc/passwd")), says="lies in /etc/passwd; allowed: in w.onnx.data",
         env=ONE, megabytes=1024),
    Case("float-onnx-link", ("import", "w.onnx", "-o", "mine_x2"), together(
        onnx_file(elsewhere("w.onnx.data")), lambda folder: (
            folder / "w.onnx.data").symlink_to("/etc/passwd")), says="its data: a link", env=ONE,
         megabytes=1024),
    Case("float-onnx-pipe", ("import", "w.onnx", "-o", "mine_x2"), together(
        onnx_file(elsewhere("w.onnx.data")), lambda folder: os.mkfifo(folder / "w.onnx.data")),
         says="its data: not a plain file", env=ONE, megabytes=1024),
    Case("pictures-all-edge", QUANTISE, together(weights(), pictures("a.png", side=5)),
         says="every picture is smaller than a patch", env=ONE),
    Case("pictures-one-bad", QUANTISE, together(weights(), pictures("a.png", "b.png"),
                                                file("in/m.png", b"GIF89a")), says=r"m\.png",
         env=ONE),
    Case("pictures-into-a-file", QUANTISE, together(weights(), pictures("a.png"), file(
        "mine_x2", b"a")), says="in the way", env=ONE),
)
