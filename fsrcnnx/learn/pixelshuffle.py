"""The PixelShuffle of older exporters: Reshape, Transpose, Reshape, as one DepthToSpace again.

May import numpy, onnx, exact.onnx and the limits.

    restore(OnnxView(model, "espcn.onnx", FOREIGN))   # True if there was one

What such nodes do is not guessed from their attributes: they are done to numbered pixels, and what
comes out is held against a PixelShuffle of these.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from onnx import NodeProto, helper

from fsrcnnx import limits
from fsrcnnx.exact.onnx.draft import Draft
from fsrcnnx.exact.onnx.simplify import SHAPED, array
from fsrcnnx.exact.onnx.view import OnnxView

MOVING = ("Reshape", "Squeeze", "Transpose", "Unsqueeze")
SIX = 6  # axes of the maps between: N, C, block, block, H, W
ANY = (5, 7)  # rows and columns where the nodes take any
MOST = 1 << 24  # values of a map: x2 to 4K has half of them


def _chain(draft: Draft) -> list[NodeProto]:
    """The nodes that move what lies in maps, if each passes its result to the next alone."""
    found = [node for node in draft.graph.node if node.op_type in MOVING
             and node.input[0] not in draft.view.constants]
    users = draft.users()
    linked = all(users.get(one.output[0]) == [two] for one, two in itertools.pairwise(found))
    return found if linked else []


def _size(view: OnnxView, chain: list[NodeProto]) -> tuple[int, int, int] | None:
    """Block, rows and columns of the map that enters, as the first Reshape says them."""
    first = next((node for node in chain if node.op_type == "Reshape"), None)
    shape = [] if first is None else [int(side) for side in array(view, first, 1).flat]
    if len(shape) != SIX:
        return None
    rows, cols = (given if given > 0 else usual
                  for given, usual in zip(shape[4:], ANY, strict=True))
    if not 2 <= shape[2] <= limits.SCALE or math.prod((shape[2] ** 2, rows, cols)) > MOST:
        return None
    return shape[2], rows, cols


def restore(view: OnnxView) -> bool:
    """Put a DepthToSpace where older exporters laid its work out in steps.

    Args:
        view: The file; its graph is changed. What is no PixelShuffle of one channel stays.

    Returns:
        Whether there was one.

    Raises:
        ModelError: If a constant of such a node cannot be read.
    """
    draft = Draft(view)
    chain = _chain(draft)
    size = _size(view, chain) if chain else None
    if size is None:
        return False
    block, rows, cols = size
    given = np.arange(block**2 * rows * cols, dtype=np.int32).reshape(1, -1, rows, cols)
    value = given
    try:
        for node in chain:
            value = SHAPED[node.op_type](view, node, value)
    except (ValueError, IndexError, TypeError, OverflowError):
        return False
    want = given.reshape(block, block, rows, cols).transpose(2, 0, 3, 1)
    if not np.array_equal(value, want.reshape(1, 1, rows * block, cols * block)):
        return False
    made = helper.make_node("DepthToSpace", [chain[0].input[0]], [chain[-1].output[0]],
                            chain[0].name, blocksize=block)
    gone = [node.output[0] for node in chain]
    draft.keep(made if node.output[0] == gone[-1] else node for node in draft.graph.node
               if node.output[0] not in gone[:-1])
    return True
