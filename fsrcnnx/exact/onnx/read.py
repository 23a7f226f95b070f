"""The strict QONNX reader: by graph structure, not by names; exact, or refused.

May import the network, the formats, the ground and the other ONNX parts. It walks from the output
back to the input:
Quant <- [PRelu | Relu] <- [Add of the LR pixel] <- Conv | ConvTranspose <- Quant ...
One DepthToSpace may stand anywhere behind a Conv: all that follows treats each phase alike.
Files of other tools load when every weight, bias, slope and feature map passes a Quant node with
one power-of-two scale, zero point 0 and rounding half to even.

    network = decode(Path("model.onnx").read_bytes(), "model.onnx")
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from onnx import NodeProto

from fsrcnnx import limits, names
from fsrcnnx.errors import ModelError
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import PRESCALES, Layer, Network
from fsrcnnx.exact.onnx.graph import activation_format_fits
from fsrcnnx.exact.onnx.layer import read_block, read_layer
from fsrcnnx.exact.onnx.quant import read_quant
from fsrcnnx.exact.onnx.view import OnnxView, is_quant
from fsrcnnx.exact.onnx.write import RESERVED

# pairs of Resize attributes that repeat each pixel s times, for whole s
NEAREST = (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"))
# names of tensors in the files that we write: of the whole graph, and behind a layer's name
OURS = re.compile(r"lr|hr|luma|lr_(quant|nearest|cast|value)(_.*)?")
ROLE = re.compile(r"(weight|bias|slope)(_quant(_(scale|zero_point|bits))?)?"
                  r"|quant(_(scale|zero_point|bits|scaled(_factor)?|round|lo|hi|clip|float|factor))?"
                  r"|anchor|prelu|cast|zero|negative|sloped|positive|sum\d+"
                  r"|digit\d+(_(weight|double))?")


@dataclass(frozen=True)
class Stage:
    """One layer as found in the graph, input side not yet known.

    Args:
        node: The Conv or ConvTranspose.
        activation: The PRelu or Relu after it, or None.
        anchor: Tensor that is added to its accumulator, "" if none.
        out_format: Format that the Quant after it gives.
        block: Side of the blocks of the DepthToSpace behind it, 1 without.
        anchor_in_lr: Whether the anchor is added in front of that DepthToSpace.
    """

    node: NodeProto
    activation: NodeProto | None
    anchor: str
    out_format: Format
    block: int
    anchor_in_lr: bool


def read_stage(view: OnnxView, tensor: str, user: NodeProto | None) -> tuple[Stage | Format, str]:
    """Step back over one layer.

    Args:
        view: The file.
        tensor: A feature map.
        user: The node that uses it, None for the graph's output.

    Returns:
        The layer and the name of the feature map that enters it; at the end of the walk the input
        format and "".

    Raises:
        ModelError: If the nodes are not those of a layer.
    """
    blocks: list[int] = []

    def before(tensor: str, wanted: str, user: NodeProto | None) -> NodeProto:
        """Find what makes a tensor, one DepthToSpace stepped over."""
        node = view.producer(tensor, wanted, user)
        while node.op_type == "DepthToSpace":
            if blocks:
                view.refuse("a second DepthToSpace behind one layer", node, allowed="1")
            blocks.append(read_block(view, node))
            node = view.producer(node.input[0], wanted, node)
        return node

    quant = before(tensor, "a feature map through a Quant node", user)
    if not is_quant(quant):
        where = "the graph's output" if user is None else f"the input of {user.name}"
        view.refuse(f"{where} comes from it without a Quant", quant,
                    allowed="a Quant node after every layer and after the input")
    out_format = read_quant(view, quant, narrow=False)
    if not activation_format_fits(out_format):
        view.refuse(f"bit width {out_format.width}", quant,
                    allowed="1..24 unsigned, 2..25 signed for feature maps")
    if quant.input[0] == view.input:
        if blocks:
            view.refuse("a DepthToSpace behind it", quant, allowed="behind the last Conv")
        return out_format, ""
    node = before(quant.input[0], "a layer or the graph's input", quant)
    activation = None
    if node.op_type in ("PRelu", "Relu"):
        view.attributes(node)
        activation, node = node, before(node.input[0], "a Conv or ConvTranspose", node)
    anchor, in_lr = "", bool(blocks)
    if node.op_type == "Add":
        anchor, node = read_add(view, node, before)
    if node.op_type not in ("Conv", "ConvTranspose"):
        view.refuse("found where a layer should be", node,
                    allowed="Conv or ConvTranspose, then Add of the LR pixel, PRelu or Relu, Quant",
                    fix="quantise a map once, behind its activation" if is_quant(node) else "")
    if blocks and node.op_type != "Conv":
        view.refuse("a DepthToSpace behind it", node, allowed="behind the last Conv")
    return Stage(node, activation, anchor, out_format, *blocks or [1], in_lr), node.input[0]


def read_add(view: OnnxView, add: NodeProto,
              before: Callable[[str, str, NodeProto], NodeProto]) -> tuple[str, NodeProto]:
    """Split an Add into the tensor of the anchor and the layer's node.

    Args:
        view: The file.
        add: The Add.
        before: Finds what makes a tensor, as `OnnxView.producer` does.

    Returns:
        The tensor that is added to the layer, and the layer's Conv or ConvTranspose.

    Raises:
        ModelError: If it adds something else.
    """
    view.attributes(add)
    for layer_side, anchor_side in (add.input, reversed(add.input)):
        if layer_side in view.constants or layer_side == view.input:
            continue
        node = before(layer_side, "a layer", add)
        if node.op_type in ("Conv", "ConvTranspose"):
            return anchor_side, node
    view.refuse("adds something other than a layer and the LR pixel", add,
                allowed="ConvTranspose + repeated LR pixel")


def check_anchor(view: OnnxView, tensor: str, pixel: str, layer: NodeProto, scale: int) -> None:
    """Hold the anchor's branch against the repeated LR pixel.

    Args:
        view: The file.
        tensor: What is added.
        pixel: The input, as the layers get it.
        layer: What it is added to.
        scale: How many times the pixel must be repeated.

    Raises:
        ModelError: If it is anything else.
    """
    if scale > 1:
        node = view.producer(tensor, "the LR pixel through Resize", layer)
        if node.op_type != "Resize":
            view.refuse("found on the branch of the added LR pixel", node, allowed="Resize")
        given = view.attributes(node, mode="nearest", nearest_mode="round_prefer_floor",
                                coordinate_transformation_mode="half_pixel", cubic_coeff_a=0.0,
                                extrapolation_value=0.0, exclude_outside=0, antialias=0,
                                keep_aspect_ratio_policy="stretch")  # concerns sizes only
        how = given["coordinate_transformation_mode"], given["nearest_mode"]
        if given["mode"] != "nearest" or how not in NEAREST or given["antialias"]:
            view.refuse(f"attributes mode, coordinate_transformation_mode, nearest_mode are "
                        f"{given['mode']}, {how[0]}, {how[1]}", node,
                        allowed="nearest, asymmetric, floor")
        if list(view.constant(node, 2, "scales").flat) != [1, 1, scale, scale] or any(
                node.input[3:]):
            view.refuse("input scales", node, allowed=f"1, 1, {scale}, {scale}, without sizes")
        tensor = node.input[0]
    if tensor != pixel:
        view.refuse(f"adds {tensor!r}", layer, allowed=f"the input {pixel!r}")


def clash(name: str, other: str) -> bool:
    """Tell whether two layers' tensors could get the same name in a file that we write.

    Args:
        name: Name of a layer.
        other: Name of another.

    Returns:
        True if they are equal, or one is the other with a role of its tensors behind it.
    """
    short, long = sorted((name, other), key=len)
    return name == other or (long.startswith(f"{short}_")
                             and bool(ROLE.fullmatch(long[len(short) + 1:])))


def layer_names(nodes: list[NodeProto]) -> list[str]:
    """Make identifiers of node names: torch's `/body/map1/Conv` becomes `body_map1`.

    Args:
        nodes: The layers' nodes, in order.

    Returns:
        One name per layer, unique; identifiers stay as they are.
    """
    found: list[str] = []
    for index, node in enumerate(nodes):
        path = [part for part in node.name.split("/") if part]
        if len(path) > 1 and re.fullmatch(rf"{node.op_type}(_\d+)?", path[-1]):
            path.pop()
        name = re.sub(r"\W", "_", "_".join(path), flags=re.ASCII) or f"layer{index}"
        name = f"layer_{name}" if name[0].isdigit() or OURS.fullmatch(name) else name
        if len(name) > limits.NAME:  # its end tells more than its start
            name = f"layer_{name[6 - limits.NAME:]}"
        for other in itertools.chain((name, f"{name}_{index}"),
                                     (f"layer{n}" for n in itertools.count(index))):
            if names.is_layer(other) and not any(clash(other, earlier) for earlier in found):
                found.append(other)
                break
    return found


def decode(data: bytes, file: str) -> Network:
    """Read a QONNX file into the integer network.

    Args:
        data: The file's bytes.
        file: Its name, for errors.

    Returns:
        The checked network.

    Raises:
        ModelError: If the file cannot be represented exactly, or is not what its hash says; names
            node and attribute, what was found and what is allowed.
    """
    return read_network(OnnxView.parse(data, file))


def read_network(view: OnnxView) -> Network:
    """Read the integer network out of a view.

    Args:
        view: A file, or what `import` has made of one.

    Returns:
        The checked network.

    Raises:
        ModelError: As `decode` does.
    """
    stages: list[Stage] = []
    found, tensor = read_stage(view, view.output, None)
    while isinstance(found, Stage):
        stages.insert(0, found)
        if len(stages) > limits.LAYERS:
            view.refuse(f"more than {limits.LAYERS} layers", found.node,
                        allowed=f"up to {limits.LAYERS}")
        pixel = tensor
        found, tensor = read_stage(view, tensor, found.node)
    if not stages:
        view.refuse("no layer between input and output", allowed="1 layer or more")
    layers: list[Layer] = []
    frac = found.frac
    for stage, name in zip(stages, layer_names([stage.node for stage in stages]), strict=True):
        layers.append(read_layer(view, stage.node, stage.activation, name, frac,
                                 stage.out_format, stage.block))
        frac = stage.out_format.frac
        if stage.anchor:
            if stage is not stages[-1]:
                view.refuse("something is added to its result", stage.node,
                            allowed="an anchor at the last layer only")
            check_anchor(view, stage.anchor, pixel, stage.node,
                         1 if stage.anchor_in_lr else layers[-1].stride)
    view.refuse_unvisited()
    meta = {key: value for key, value in view.metadata.items() if key not in RESERVED}
    name = view.metadata.get("architecture") or names.from_stem(PurePath(view.file).stem)
    prescale = view.metadata.get("prescale", "1")
    if prescale not in map(str, PRESCALES):
        view.refuse(f"metadata prescale is {prescale!r}",
                    allowed=f"{PRESCALES[0]}..{PRESCALES[-1]}, whole")
    network = Network(name, tuple(layers), found, bool(stages[-1].anchor), int(prescale), meta)
    try:
        network.check()
    except ModelError as error:
        raise ModelError(error.what, where=f"{view.file}: {error.where}", allowed=error.allowed,
                         fix=error.fix) from error
    for key, actual in (("scale", str(network.scale)), ("content_hash", network.content_hash())):
        if view.metadata.get(key, actual) != actual:
            view.refuse(f"metadata {key} is {view.metadata[key]}, the content's is {actual}",
                        allowed="equal", fix="the file was changed or damaged: export it again")
    return network
