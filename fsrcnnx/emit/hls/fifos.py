"""Depths of the streams between layers, by analysis instead of hls4ml's whole frame.

May import the stages. A chain of streams never deadlocks, whatever its depths, so its streams only
have to bridge what their reader skips: a layer that pads does not read while it writes a line's
zeros. The anchor's stream runs beside the whole network and must hold every LR pixel that the
convolutions keep before their first sum, else the network starves: their lines below and columns to
the right. tests/emit/hls/test_fifos.py runs the network of streams with these depths.

    depths(stages, 960)["deconv_anchor"]    # beats of the anchor's second input
"""

from __future__ import annotations

from collections.abc import Sequence

from fsrcnnx.emit.hls.stages import Stage

LEAST = 2  # a register and its successor: reader and writer can work in the same clock
PIPELINE = 16  # pixels that one layer's pipeline may hold besides its window


def lag(stages: Sequence[Stage], width: int) -> int:
    """Count the LR pixels that the convolutions hold before they give their first sum.

    Args:
        stages: The stages.
        width: LR frame width.

    Returns:
        Pixels: lines below times the width, plus columns to the right.
    """
    after = sum(stage.pad[1] for stage in stages)
    return after * width + after


def depths(stages: Sequence[Stage], width: int) -> dict[str, int]:
    """Give the depth of the stream into each stage, and of the anchor's second stream.

    Args:
        stages: The stages.
        width: LR frame width.

    Returns:
        Stage name -> beats that its input stream holds. For an anchor it is the LR stream's depth;
        for the first stage the copy's that feeds the network.
    """
    convolutions = sum(1 for stage in stages if stage.products[0])
    found = {}
    for stage in stages[1:]:
        if len(stage.inputs) > 1:
            found[stage.name] = lag(stages, width) + LEAST + PIPELINE * convolutions
        else:
            found[stage.name] = sum(stage.pad) + LEAST
    return found
