"""A pipelined shift-add graph as a SystemVerilog module: constants, adders and registers.

May import the pipeline. Low bits that no carry reaches pass the adder by. No enable and no reset:
it computes every clock.

    print(module(pipeline, "fsrcnnx_graph_0", "feature", sample_bits=8, column_bits=72,
                 sum_bits=14, made_by=""))
"""

from __future__ import annotations

from dataclasses import dataclass

from fsrcnnx.emit.rtl.schedule import Pipeline
from fsrcnnx.emit.rtl.shift_add import Sum


@dataclass(frozen=True)
class Term:
    """An operand as text.

    Args:
        name: Its name; of a constant, nothing.
        width: Its bits.
        signed: Whether it has a sign bit.
        value: A constant's value.
    """

    name: str
    width: int
    signed: bool
    value: int = 0

    def bits(self, low: int, width: int) -> str:
        """Bits from `low` on, `width` of them, the sign repeated above."""
        if not self.name:
            return f"{width}'h{self.value >> low & (1 << width) - 1:x}"
        if low >= self.width:
            return f"{{{width}{{{self.name}[{self.width - 1}]}}}}" if self.signed else f"{width}'h0"
        high = min(self.width, low + width)
        part = self.name if (low, high) == (0, self.width) else \
            f"{self.name}[{high - 1}]" if high - low == 1 else f"{self.name}[{high - 1}:{low}]"
        if high - low == width:
            return part
        above = low + width - high
        sign = f"{self.name}[{self.width - 1}]" if self.signed else "1'b0"
        return f"{{{{{above}{{{sign}}}}}, {part}}}"


def adder_bits(pipeline: Pipeline, number: int) -> int:
    """Count the bits of a sum that a carry reaches.

    Args:
        pipeline: A pipeline.
        number: Which sum.

    Returns:
        Bits.
    """
    one = pipeline.graph.sums[number]
    width = pipeline.widths[pipeline.graph.first_sum + number]
    return width - _passed(one, width)


def _passed(one: Sum, width: int) -> int:
    """Low bits that are those of one operand."""
    return min(one.right_up if one.right_up else 0 if one.minus else one.left_up, width)


def _expression(one: Sum, left: Term, right: Term, width: int) -> str:
    """A sum, all of it `width` bits."""
    sign, low = "-" if one.minus else "+", _passed(one, width)
    if not low:  # a shifted minuend: its low bits are 0
        first = left.bits(0, width)
        if one.left_up >= width:
            first = f"{width}'h0"
        elif one.left_up:
            first = f"{{{left.bits(0, width - one.left_up)}, {one.left_up}'h0}}"
        return f"{first} {sign} {right.bits(0, width)}"
    under = left if one.right_up else right
    if low == width:
        return under.bits(0, width)
    operands = (left.bits(low, width - low), right.bits(0, width - low)) if one.right_up else (
        left.bits(0, width - low), right.bits(low, width - low))
    return f"{{{operands[0]} {sign} {operands[1]}, {under.bits(0, low)}}}"


def module(pipeline: Pipeline, name: str, title: str, sample_bits: int,
           column_bits: int, sum_bits: int, made_by: str) -> str:
    """Write a module.

    Args:
        pipeline: A pipeline.
        name: The module's name.
        title: What it is, for the header.
        sample_bits: Bits from one sample in the column to the next.
        column_bits: Bits of the column.
        sum_bits: Bits of each result.
        made_by: Who made it of what, for the header.

    Returns:
        SystemVerilog: column_i holds sample 0 in its low bits, sums_o output 0.
    """
    graph, first = pipeline.graph, pipeline.graph.first_sum
    samples, sums = pipeline.lines()
    declared, assigned, clocked = [], [], []

    def term(signal: int, clock: int) -> Term:
        if graph.is_constant(signal):
            return Term("", 0, False, graph.constant(signal))
        stem = f"s{signal - first}" if signal >= first else f"x{graph.taps[signal].wire}"
        delay = pipeline.delay(signal, clock)
        size = (sums[signal - first] if signal >= first else
                samples[graph.taps[signal].wire])[delay]
        return Term(f"{stem}_{delay}", size, pipeline.signed[signal])

    def line(stem: str, sizes: list[int], start: int) -> None:
        declared.extend(f"  logic [{size - 1}:0] {stem}_{at};"
                        for at, size in enumerate(sizes) if at >= start)
        clocked.extend(
            f"    {stem}_{at} <= {Term(f'{stem}_{at - 1}', sizes[at - 1], False).bits(0, size)};"
            for at, size in enumerate(sizes) if at > start)

    for wire, sizes in sorted(samples.items()):
        line(f"x{wire}", sizes, 0)
        assigned.append(f"  assign x{wire}_0 = column_i[{wire * sample_bits} +: {sizes[0]}];")
    direct = {signal for signal, delay, _ in pipeline.uses() if delay == 0}
    for number, one in enumerate(graph.sums):
        signal, clock, sizes = first + number, pipeline.clocks[number], sums[number]
        text = _expression(one, term(one.left, clock), term(one.right, clock), sizes[0])
        line(f"s{number}", sizes, 0 if signal in direct else 1)
        if signal in direct:
            assigned.append(f"  assign s{number}_0 = {text};")
        else:
            clocked.append(f"    s{number}_1 <= {text};")
    for number, out in enumerate(graph.outputs):
        found = term(out.signal, pipeline.latency + 1)
        text = found.bits(0, sum_bits - out.up)
        text = f"{{{text}, {out.up}'h0}}" if out.up else text
        assigned.append(f"  assign sums_o[{number * sum_bits} +: {sum_bits}] = {text};")
    body = "\n".join(["", *declared, "", *assigned, "", "  always_ff @(posedge clk_i) begin",
                      *clocked, "  end"])
    return (f"// SPDX-License-Identifier: Apache-2.0\n// {title}\n// {made_by}; do not edit.\n"
            f"// Latency: {pipeline.latency} cycles from a window's newest column to its sums. "
            "II 1.\n// x<sample>_<clocks since it came>, s<sum>_<registers behind its adder>.\n\n"
            "`default_nettype none\n\n"
            f"module {name} (\n"
            "  input  wire logic clk_i,\n"
            f"  input  wire logic [{column_bits - 1}:0] column_i,\n"
            f"  output logic      [{len(graph.outputs) * sum_bits - 1}:0] sums_o\n);\n\n"
            "  // what no adder looks at\n"
            f"  wire logic unused = &{{1'b0, clk_i, column_i}};\n{body}\n\nendmodule\n\n"
            "`default_nettype wire\n")
