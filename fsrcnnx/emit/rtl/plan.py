"""The plan of a core: everything that its files say, decided once.

May import the integer side, the engines and the errors. The network goes in here and comes out of
the writers only: they print what they find, and prove, fold and split nothing again. What the
hardware cannot represent is refused here.

    plan = make(network, Build(cycles_per_pixel=8)); print(plan.multipliers, plan.layers[0].fold)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fsrcnnx.emit.rtl import cells
from fsrcnnx.emit.rtl.blocks import aside
from fsrcnnx.emit.rtl.build import Build, whole
from fsrcnnx.emit.rtl.engines import ENGINES, Pace, Work
from fsrcnnx.emit.rtl.fold import Fold
from fsrcnnx.emit.rtl.graphs import Keep
from fsrcnnx.emit.rtl.lanes import Lane, lanes, window
from fsrcnnx.emit.rtl.memories import Memory
from fsrcnnx.emit.rtl.raster import Raster, raster
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.ranges import LayerRange


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """Everything about one layer.

    Args:
        layer: The layer.
        in_format: Format of its input map.
        side: Rows and columns of the window that the hardware keeps.
        before: Rows of it before its centre.
        lanes: Its lanes, in phase order.
        proved: Its ranges, the widths of its sums.
        shift: Bits that the requantisation drops.
        line_bits: Line memory: sums of rows, or the lines of its input map and, behind the first
            layer, those that the anchor waits for.
        stream_bits: Bits of its output stream.
        anchored: Whether the anchor is added to its sums.
        work: How the engine forms its sums.
    """

    layer: Layer
    in_format: Format
    side: int
    before: int
    lanes: tuple[Lane, ...]
    proved: LayerRange
    shift: int
    line_bits: int
    stream_bits: int
    anchored: bool
    work: Work

    @property
    def fold(self) -> Fold:
        """Its steps."""
        return self.work.fold

    @property
    def outputs(self) -> int:
        """Its outputs, those of all phases."""
        return len(self.lanes) * self.lanes[0].outputs

    @property
    def acc_bits(self) -> int:
        """Bits of a sum with the anchor, where that comes to it."""
        return max(self.work.sum_bits, self.proved.sum_width if self.anchored else 0)

    @property
    def products(self) -> int:
        """Products that its lanes' multipliers can form in a clock."""
        pairs = -(-self.fold.outs // self.fold.per_multiplier)
        return 0 if self.work.graph else pairs * self.fold.per_multiplier * sum(self.fold.ins)

    @property
    def lines(self) -> bool:
        """Whether its line memory keeps lines of its input."""
        return self.side > 1 and not self.work.stored

    @property
    def after(self) -> int:
        """Rows of the window after its centre: the lines that it waits."""
        return self.side - 1 - self.before

    def memories(self, kind: str) -> tuple[Memory, ...]:
        """Its memories of a kind, in the order of the lanes."""
        return tuple(memory for memory in self.work.memories if memory.kind == kind)


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about one core.

    Args:
        network: The network.
        build: Build parameters.
        layers: Its layers, in order.
        anchor_bits: Bits of the LR pixel that travels beside the inner streams, 0 without anchor.
        aside_bits: Those of them that pass the inner layers in a memory of their own.
        aside_words: Words of that.
        anchor_shift: Its place in the last accumulator.
        raster: How frames run through it.
    """

    network: Network
    build: Build
    layers: tuple[LayerPlan, ...]
    anchor_bits: int
    aside_bits: int
    aside_words: int
    anchor_shift: int
    raster: Raster

    @property
    def stream_bits(self) -> tuple[int, ...]:
        """Bits of each stream: the input, then each layer's output."""
        return self.network.in_format.width, *(part.stream_bits for part in self.layers)

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories, layer by layer."""
        return tuple(memory for part in self.layers for memory in part.work.memories)

    @property
    def cycles_per_pixel(self) -> int:
        """Clocks per LR pixel of a line: the slowest of the layers and the output decides."""
        return max(self.network.scale**2 // self.build.pixels_per_beat, self.raster.interval)

    @property
    def clocks_per_frame(self) -> int:
        """Clocks from one frame of the greatest size to the next."""
        return self.raster.frame_clocks(self.build.max_width, self.build.max_height)

    @property
    def utilisation(self) -> float:
        """Products that the network asks for, of those that the lanes' multipliers could form."""
        could = sum(part.products for part in self.layers) * self.cycles_per_pixel
        return sum(part.layer.macs for part in self.layers) / could if could else 0.0

    @property
    def multipliers(self) -> int:
        """Multipliers in all."""
        return sum(part.fold.multipliers for part in self.layers)

    @property
    def line_bits(self) -> int:
        """Line memory in all, in bits."""
        return sum(part.line_bits for part in self.layers)

    @property
    def latency_lines(self) -> int:
        """Lines from an LR pixel to its HR pixels: what each layer waits below its centre."""
        return sum(part.after for part in self.layers)


def _raster(network: Network, build: Build, layers: Sequence[LayerPlan]) -> Raster:
    """The raster of a core: as slow as its slowest layer, or the output."""
    clocks = sum(cells.latency(part.layer, part.lines, part.work.latency, part.fold.fold_out)
                 for part in layers)
    interval = 1
    if build.cycles_per_pixel > 1:
        interval = max(network.scale**2 // build.pixels_per_beat,
                       *(part.fold.cycles for part in layers))
    return raster(network.scale, [(part.before, part.after) for part in layers], interval,
                  build.pixels_per_beat, build.max_width,
                  clocks + (network.anchor and not layers[-1].work.stored))


def _aside(network: Network, build: Build, works: Sequence[Work]) -> tuple[int, int]:
    """Bits of the anchor that pass the inner layers aside, and words for them."""
    inner = list(zip(network.layers, works, strict=True))[1:-1]
    if not inner or build.engine != "adders":
        return 0, 0
    lines, clocks = [], 0
    for index, (layer, work) in enumerate(inner, 1):
        side, before = window(layer)
        after = side - 1 - before
        lines.append(((side - 1) * layer.in_channels * network.in_format_of(index).width, after))
        clocks += cells.latency(layer, side > 1, work.latency, 1) + after
    # all pixels that may be between, and some
    words = build.max_width * sum(after for _, after in lines) + clocks + 4
    return aside(lines, network.in_format.width, build.max_width, words), words


def make(network: Network, build: Build, keep: Keep | None = None) -> Plan:
    """Decide everything about a core.

    Args:
        network: An integer network.
        build: Build parameters.
        keep: Keeps what takes long to find, by its content, or None.

    Returns:
        The plan; its build is complete.

    Raises:
        InputError: If a parameter is out of range.
        Unrepresentable: If the network has what the RTL cannot represent.
        ImportError: If what the engine needs is not installed.
    """
    build = whole(network.check(), build)
    parts = tuple(lanes(layer) for layer in network.layers)
    proved = ranges.prove(network)
    works = ENGINES[build.engine].works(
        network, parts, proved, Pace(
            build.cycles_per_pixel, build.multiplier_bits, build.adders_per_stage), keep)
    last = len(network.layers) - 1
    anchor = network.in_format.width if network.anchor else 0
    away, words = _aside(network, build, works) if anchor else (0, 0)
    layers = []
    for index, layer in enumerate(network.layers):
        beside = anchor if index in (0, last) else anchor - away
        (side, before), given = window(layer), network.in_format_of(index)
        # the anchor's pixel travels between the layers, not into the first nor out of the last
        lines = (side - 1) * layer.in_channels * given.width
        lines += (side - 1 - before) * beside if index else 0
        lines = sum(works[index].stored) or lines
        stream = len(parts[index]) * parts[index][0].outputs * layer.out_format.width
        layers.append(LayerPlan(
            layer, given, side, before, parts[index], proved[index], network.shift(index),
            build.max_width * lines, stream + (beside if index < last else 0),
            network.anchor and index == last, works[index]))
    shift = network.acc_frac(last) - network.in_format.frac if network.anchor else 0
    return Plan(network, build, tuple(layers), anchor, away, words, shift,
                _raster(network, build, layers))
