"""Networks that end in a sub-pixel convolution, or claim to: DepthToSpace that gives no luma."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fsrcnnx.exact.onnx.write import encode
from tests.hostile.case import Case
from tests.networks import random_network

NETWORK = random_network(np.random.default_rng(7), channels=(3, 2), kernels=(3, 1, 3),
                         last="shuffle")


class Spoilt:
    """The good file, that a case spoils: conv0, conv1, shuffle, shuffle_shuffle, shuffle_quant."""

    def __init__(self):
        self.model = onnx.load_model_from_string(encode(NETWORK))
        self.graph = self.model.graph

    def node(self, name: str) -> onnx.NodeProto:
        return next(node for node in self.graph.node if node.name == name)

    def attribute(self, key: str, value) -> None:
        node = self.node("shuffle_shuffle")
        kept = [a for a in node.attribute if a.name != key]
        node.ClearField("attribute")
        node.attribute.extend([*kept, helper.make_attribute(key, value)])

    def value(self, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
        tensor = next(t for t in self.graph.initializer if t.name == name)
        changed = change(numpy_helper.to_array(tensor))
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(changed), name))

    def insert(self, before: str, name: str = "planted", **attributes) -> None:
        user = self.node(before)
        node = helper.make_node("DepthToSpace", [user.input[0]], [name], name=name, **attributes)
        user.input[0] = name
        self.graph.node.insert(list(self.graph.node).index(user), node)

    def unsigned(self) -> None:
        """Take the content hash away: the file is nobody's."""
        del self.model.metadata_props[:]


def lay(spoil: Callable[[Spoilt], object], foreign: bool = True) -> Callable[[Path], object]:
    """Write the spoilt file as net.onnx."""
    def make(folder: Path) -> None:
        spoilt = Spoilt()
        if foreign:
            spoilt.unsigned()
        spoil(spoilt)
        (folder / "net.onnx").write_bytes(spoilt.model.SerializeToString())
    return make


def cut(folder: Path) -> None:
    """A file that ends in the middle of the DepthToSpace."""
    data = encode(NETWORK)
    (folder / "net.onnx").write_bytes(data[: data.index(b"shuffle_shuffle") + 20])


def colours(s: Spoilt) -> None:
    for name in ("shuffle_weight", "shuffle_bias"):
        s.value(name, lambda raw: raw.repeat(3, 0))


def fractional(s: Spoilt) -> None:
    s.attribute("blocksize", 2.5)


def slopes_of_phases(s: Spoilt) -> None:
    """One slope for each phase, in front of the DepthToSpace."""
    quant = s.node("conv0_slope_quant")
    s.graph.initializer.append(numpy_helper.from_array(
        np.full((4, 1, 1), 0.25, np.float32), "each"))
    s.graph.node.insert(0, helper.make_node(
        "Quant", ["each", *quant.input[1:]], ["each_quant"], name="each_quant",
        domain=quant.domain, signed=1, narrow=0, rounding_mode="ROUND"))
    last = s.node("shuffle_shuffle")
    at = list(s.graph.node).index(last)
    s.graph.node.insert(at, helper.make_node("PRelu", ["shuffle", "each_quant"], ["acted"],
                                             name="acted"))
    last.input[0] = "acted"


def picture(folder: Path) -> None:
    """The good file and a picture of one pixel."""
    from PIL import Image

    (folder / "net.onnx").write_bytes(encode(NETWORK))
    Image.new("L", (1, 1), 77).save(folder / "one.png")


VERIFY = ("verify", "net.onnx", "--rungs", "golden")
IMPORT = ("import", "net.onnx", "-o", "mine_x2")
CASES = (
    Case("shuffle-blocksize-1", VERIFY, lay(lambda s: s.attribute("blocksize", 1)),
         says=r"blocksize is 1; allowed: 2\.\.16"),
    Case("shuffle-blocksize-negative", IMPORT, lay(lambda s: s.attribute("blocksize", -2)),
         says="blocksize is -2"),
    Case("shuffle-blocksize-2-62", IMPORT, lay(lambda s: s.attribute("blocksize", 1 << 62)),
         says="blocksize is 4611686018427387904", seconds=60, megabytes=1024),
    Case("shuffle-blocksize-fractional", IMPORT, lay(fractional), says="valid ONNX file"),
    Case("shuffle-blocksize-does-not-fit", IMPORT, lay(lambda s: s.attribute("blocksize", 3)),
         says="4 output channels .*allowed: 9"),
    Case("shuffle-mode-with-newline", IMPORT, lay(lambda s: s.attribute("mode", "CRD\n$(touch x)")),
         says="mode"),
    Case("shuffle-mode-not-utf8", IMPORT, lay(lambda s: s.attribute("mode", b"\xff\xfe")),
         says="mode"),
    Case("shuffle-colour", IMPORT, lay(colours), says="12 output channels .*allowed: 4"),
    Case("shuffle-twice", IMPORT, lay(lambda s: s.insert("shuffle_quant", blocksize=2)),
         says="a second DepthToSpace"),
    Case("shuffle-behind-the-input", IMPORT, lay(lambda s: s.insert("conv0", blocksize=2)),
         says="DepthToSpace behind it; allowed: behind the last Conv"),
    Case("shuffle-in-the-middle", IMPORT, lay(lambda s: s.insert("shuffle", blocksize=2)),
         says="2 output channels in front of a DepthToSpace"),
    Case("shuffle-of-itself", IMPORT,
         lay(lambda s: s.node("shuffle_shuffle").input.__setitem__(0, "shuffle_shuffle")),
         says="valid ONNX file"),
    Case("shuffle-behind-a-deconvolution", VERIFY,
         lay(lambda s: setattr(s.node("shuffle"), "op_type", "ConvTranspose")),
         says="DepthToSpace behind it"),
    Case("shuffle-slope-of-each-phase", VERIFY, lay(slopes_of_phases),
         says="slope of shape .4, 1, 1.; allowed: .*a single one"),
    Case("shuffle-biases-swapped-under-a-hash", VERIFY,
         lay(lambda s: s.value("shuffle_bias", lambda raw: raw[::-1]), foreign=False),
         says="content_hash is .*the content's is"),
    Case("shuffle-file-cut", VERIFY, cut, says="corrupt|valid ONNX file|no graph"),
    Case("shuffle-of-one-pixel", ("upscale", "one.png", "--model", "net.onnx", "--engine",
                                  "emulate", "-o", "out.png"), picture, code=0, keeps=("out.png",)),
)
