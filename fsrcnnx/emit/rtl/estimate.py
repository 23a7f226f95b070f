"""What a planned core takes, counted without tools: logic, memory, clocks.

May import the standard library, the plan and the errors. Of the engine without multipliers alone,
as Yosys maps it to an ECP5: the graphs' adders and registers as they are, the cells around them by
their widths, the ends of the core by what they took once.

    estimate(plan).lut, plan.clocks_per_frame
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx.emit.rtl import cells
from fsrcnnx.emit.rtl.blocks import blocks, slices
from fsrcnnx.emit.rtl.plan import LayerPlan, Plan
from fsrcnnx.errors import InputError
from fsrcnnx.exact.formats import adders

FRONT = 1_000, 700  # LUT sites and flip-flops of sequencer, guard, subpixel and their skids


@dataclass(frozen=True)
class Estimate:
    """What a core takes.

    Args:
        lut: LUT sites of an ECP5 after synthesis, a carry cell takes two.
        ff: Flip-flops.
        ram_bits: Bits of line memory, input FIFO and output ring.
        blocks: Block RAMs of 18 kb.
        multipliers: Multipliers.
    """

    lut: int
    ff: int
    ram_bits: int
    blocks: int
    multipliers: int


def _memories(plan: Plan) -> list[tuple[int, int]]:
    """Every memory of a core as (bits of a word, words)."""
    width = plan.build.max_width
    found = []
    for part in plan.layers:
        bits = part.line_bits // width
        found += [(part_bits, width) for part_bits in slices(bits)]
    scale, out = plan.network.scale, plan.network.out_format.width
    found.append((plan.network.in_format.width, plan.raster.fifo_depth))
    if plan.aside_bits:
        found.append((plan.aside_bits, plan.aside_words))
    found += [(scale**2 * out, plan.raster.ring_words)] * scale
    return found


def _cell(part: LayerPlan, slope: int | None, acc: int) -> tuple[int, int]:
    """LUT sites and flip-flops of one output's activation and requantisation."""
    out = part.layer.out_format.width
    value = acc
    lut, ff = 0, 0
    if slope is not None:
        adds, stages = int(adders(slope)), cells.slope_cycles(part.layer)
        product = acc + max(abs(slope).bit_length(), 1)
        value = cells.value_bits(part.layer, acc)
        ff += (stages - max(adds, 1)) * acc + max(adds - 1, 0) * (acc + product) + value
        lut += adds * product + acc
    return lut + 3 * out, ff + 2 * out + 3


def _layer(part: LayerPlan, anchor: int, width: int) -> tuple[int, int]:
    """LUT sites and flip-flops of a layer."""
    cost, layer = part.work.graph.cost, part.layer
    lut, ff = cost.lut, cost.registers
    acc = part.acc_bits
    for at in range(len(part.lanes) * layer.out_channels):
        slope = None if layer.slope is None else int(layer.slope[at % layer.out_channels])
        more = _cell(part, slope, acc)
        lut, ff = lut + more[0], ff + more[1]
    bits = part.line_bits // width
    address, cuts = (width - 1).bit_length(), len(slices(bits))
    lut += cuts * (address + 1)
    ff += bits + cuts * (4 * address + 8)
    if part.work.stored:  # whole sums; anchor and flags have no further way
        sums, anchor = len(part.lanes) * part.lanes[0].outputs, 0
        lut, ff = lut + sums * acc, ff + sums * acc
    elif part.side > 1:
        ff += 4 * layer.in_channels * part.in_format.width
    cycles = cells.latency(layer, part.lines, part.work.graph.latency, 1)
    return lut, ff + 3 * cycles + anchor * cycles


def estimate(plan: Plan) -> Estimate:
    """Count what a core takes.

    Args:
        plan: Its plan.

    Returns:
        The estimate.

    Raises:
        InputError: If the core has multipliers, whose logic nothing here knows.
    """
    if not all(part.work.graph for part in plan.layers):
        raise InputError(f"a core of the engine {plan.build.engine}", where="--estimate",
                         allowed="--engine adders",
                         fix="emit the core, then `fsrcnnx synth` counts what it takes")
    last = len(plan.layers) - 1
    parts = [_layer(part, plan.anchor_bits - plan.aside_bits * (index not in (0, last)),
                    plan.build.max_width) for index, part in enumerate(plan.layers)]
    lut, ff = (FRONT[at] + sum(part[at] for part in parts) for at in (0, 1))
    memories = _memories(plan)
    return Estimate(lut, ff, sum(bits * words for bits, words in memories),
                    sum(blocks(*memory) for memory in memories), plan.multipliers)
