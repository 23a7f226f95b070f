"""docs/bring-your-own.md tells the truth: its operators, refusals and commands happen."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fsrcnnx.errors import ModelError
from fsrcnnx.exact.onnx.adopt import adopt
from fsrcnnx.exact.onnx.check import FOREIGN, OLDEST_IR
from tests.foreign import MAP, Foreign, foreign, with_activation

PAGE = (Path(__file__).parents[3] / "docs" / "bring-your-own.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading."""
    lines = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")]
             for line in lines if line.startswith("|")]
    return cells[2:]


# command of the page's first table -> the test that runs it, on a file that it makes itself
TESTED = {
    "fsrcnnx import net.pth -o models/mine_x2 --scale 2":
        "cli/test_import_float.py::test_a_checkpoint_becomes_a_model_in_two_commands",
    "fsrcnnx import net.pth -o models/mine_x3 --scale 3": "learn/test_checkpoint.py::test_srcnn",
    "fsrcnnx import espcn.pth -o models/mine_x2 --slope 0":
        "cli/test_import_float.py::test_a_checkpoint_that_ends_in_a_pixel_shuffle",
    "fsrcnnx import ecbsr.pth -o models/mine_x2": "learn/test_collapsible.py::test_an_ecbsr",
    "fsrcnnx import sesr.pth -o models/mine_x2 --slope 0":
        "learn/test_collapsible.py::test_a_sesr",
    "fsrcnnx import quicksrnet.pth -o models/mine_x2 --slope 0":
        "learn/test_collapsible.py::test_a_quicksrnet_without_its_clips",
    "fsrcnnx import sesr.onnx -o models/mine_x2":
        "learn/test_collapsible.py::test_skips_in_a_file",
    "fsrcnnx import espcn.onnx -o models/mine_x2":
        "test_bring.py::test_an_espcn_of_a_few_lines",
    "fsrcnnx import net.onnx -o models/mine_x2":
        "cli/test_import_float.py::test_a_float_onnx_file_is_imported",
    "fsrcnnx quantise models/mine_x2 --data photographs": "test_bring.py::test_two_commands",
    "fsrcnnx quantise models/mine_x2 --data photographs --bits w4a8 --steps 6000":
        "cli/test_import_float.py::test_an_interrupted_fine_tuning_goes_on",
    "fsrcnnx train train.h5 eval.h5 -o outputs --model espcn_x2":
        "learn/training/test_learning.py::test_a_pixel_shuffle_network_is_trained_by_its_name",
    "python scripts/test.py --weights-file net.pth --image-file photo.png":
        "learn/training/test_seed_scripts.py::test_a_checkpoint_of_others_is_measured",
    "fsrcnnx import brevitas.onnx -o models/mine_x2":
        "cli/test_import.py::test_import_writes_a_model_like_our_own",
    "fsrcnnx import qdq.onnx -o models/mine_x2":
        "cli/test_import.py::test_a_file_of_pairs_is_imported",
    "fsrcnnx import qdq.onnx -o models/mine_x2 --round-scales":
        "cli/test_import.py::test_scales_are_rounded_where_that_is_asked_for",
    "fsrcnnx import espcn_quant.onnx -o models/mine_x2":
        "cli/test_import.py::test_a_pixel_shuffle_network_is_exact_in_every_form",
}


def test_every_row_of_the_page_is_a_test():
    lines = PAGE.split("## Float networks")[0].splitlines()
    commands = [row.split(" | ")[1].strip("`") for row in lines if row.startswith("| ")][1:]
    assert commands == list(TESTED)
    for place in TESTED.values():
        file, name = place.split("::")
        source = (Path(__file__).parents[2] / file).read_text()
        assert f"def {name}(" in source, place


def change(node: str = "", give: dict | None = None, **attributes) -> bytes:
    """The plain file with other attributes of a node, or other constants."""
    f = foreign().whole()
    for name, value in (give or {}).items():
        f.tensors = [t for t in f.tensors if t.name != name]
        f.constant(name, value)
    for entry in f.nodes:
        if entry.name == node:
            kept = [a for a in entry.attribute if a.name not in attributes]
            del entry.attribute[:]
            entry.attribute.extend(kept + [helper.make_attribute(*item)
                                           for item in attributes.items()])
    return f.data()


def behind(op: str, *constants, **attributes) -> bytes:
    """The plain file with an operator behind its first layer."""
    def activation(f, x, name):
        held = [f.constant(f"c{n}", value, dtype) for n, (value, dtype) in enumerate(constants)]
        return f.prelu(f.node(op, [x, *held], "odd", **attributes), name)
    return with_activation(activation)


def instead(op: str, *constants) -> bytes:
    """The plain file with an operator for its activation."""
    return with_activation(lambda f, x, name: f.node(
        op, [x, *(f.constant(f"c{n}", value) for n, value in enumerate(constants))], "odd"))


def float_weights() -> bytes:
    f = Foreign(np.random.default_rng(1)).whole()
    next(n for n in f.nodes if n.op_type == "Conv").input[1] = "a.weight"
    return f.data()


def sparse() -> bytes:
    value = helper.make_sparse_tensor(helper.make_tensor("v", TensorProto.FLOAT, [1], [0.25]),
                                      helper.make_tensor("i", TensorProto.INT64, [1], [0]), [3])
    return with_activation(lambda f, x, name: f.node(
        "PRelu", [x, f.node("Constant", [], "sl", sparse_value=value)], "odd"))


def double() -> bytes:
    return with_activation(lambda f, x, name: f.node(
        "PRelu", [x, f.constant("sl", [0.25], np.float64)], "odd"))


def external() -> bytes:
    model = foreign().whole().model()
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "/etc/passwd")
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].ClearField("raw_data")
    return model.SerializeToString()


def used_twice() -> bytes:
    f = foreign().whole()
    f.quant("a_a", MAP, "again")
    return f.data(output="y")


def colour() -> bytes:
    model = foreign().whole().model()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    return model.SerializeToString()


REFUSED = {
    "another operator": lambda: instead("Softmax"),
    "weights in float": float_weights,
    "a scale that is no power of two": lambda: change(give={"a_w_s": 0.75}),
    "a zero point": lambda: change(give={"m_z": 3}),
    "another rounding": lambda: change("m", rounding_mode="FLOOR"),
    "a map's scale per channel": lambda: change(
        give={"m_s": np.reshape([.5, .25, .5], (3, 1, 1))}),
    "a stride in a convolution": lambda: change("a_c", strides=[2, 2]),
    "groups": lambda: change("a_c", group=3),
    "dilation": lambda: change("a_c", dilations=[2, 2]),
    "a Clip inside the Quant's range": lambda: instead("Clip", 0, 1),
    "a BatchNormalization of other factors": lambda: behind(
        "BatchNormalization", *[(np.full(3, value), np.float32) for value in (3, 0, 0, 1)]),
    "dropout in training": lambda: behind("Dropout", (0.5, np.float32), (True, bool)),
    "a cast to another type": lambda: behind("Cast", to=TensorProto.FLOAT16),
    "constants of another type": double,
    "sparse constants": sparse,
    "data in another file": external,
    "a map that is used twice": used_twice,
    "colour": colour,
    "an older opset": lambda: foreign().whole().data(opset=6),
}


def test_the_page_lists_the_operators_that_are_read():
    listed = [name for row in rows("Operators") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted({"Quant", *FOREIGN.operators})


def test_the_page_names_the_versions_that_are_read():
    assert f"IR version {OLDEST_IR} and later" in PAGE
    assert f"opsets {FOREIGN.opsets[0]} to {FOREIGN.opsets[-1]}" in PAGE


def test_every_refusal_of_the_page_has_a_file_here():
    assert [row[0] for row in rows("Refused")] == list(REFUSED)


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_page_says_is_refused_is_refused(what):
    said = next(row[1] for row in rows("Refused") if row[0] == what).strip("`")
    with pytest.raises(ModelError, match=re.escape(said)):
        adopt(REFUSED[what](), "net.onnx")
