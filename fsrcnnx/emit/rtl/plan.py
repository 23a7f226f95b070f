"""The plan of a core: everything that its files say, decided once.

May import the integer side, the engines and the errors. The network goes in here and comes out of
the writers only: they print what they find, and prove, fold and split nothing again. What the
hardware cannot represent is refused here.

    plan = make(network, Build(cycles_per_pixel=8)); print(plan.multipliers, plan.layers[0].fold)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fsrcnnx import limits
from fsrcnnx.emit.rtl import adders
from fsrcnnx.emit.rtl.engines import ENGINES, Work, slope_bits
from fsrcnnx.emit.rtl.fold import Fold
from fsrcnnx.emit.rtl.graphs import Keep
from fsrcnnx.emit.rtl.lanes import Lane, lanes, window
from fsrcnnx.emit.rtl.memories import Memory
from fsrcnnx.emit.rtl.raster import Raster, raster
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact import ranges
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.ranges import LayerRange


@dataclass(frozen=True)
class Build:
    """Build parameters of an RTL folder.

    Args:
        engine: How sums of products are formed.
        cycles_per_pixel: Most cycles that a layer may take per LR pixel; None for the engine's.
        pixels_per_beat: HR pixels per output beat; None for the engine's.
        max_width: Greatest LR frame width.
        max_height: Greatest LR frame height.
    """

    engine: str = "mac"
    cycles_per_pixel: int | None = None
    pixels_per_beat: int | None = None
    max_width: int = 1920
    max_height: int = 1920

    @property
    def dim_bits(self) -> int:
        """Bits of a frame's width and height."""
        return max(self.max_width, self.max_height).bit_length()


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
        slope_bits: Bits of its slopes as signed numbers; 1 without slopes.
        line_bits: Line memory: the lines of its input map and, behind the first layer, those that
            the anchor waits for.
        stream_bits: Bits of its output stream.
        work: How the engine forms its sums.
    """

    layer: Layer
    in_format: Format
    side: int
    before: int
    lanes: tuple[Lane, ...]
    proved: LayerRange
    shift: int
    slope_bits: int
    line_bits: int
    stream_bits: int
    work: Work

    @property
    def fold(self) -> Fold:
        """Its steps."""
        return self.work.fold

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
        anchor_shift: Its place in the last accumulator.
        raster: How frames run through a core that never stalls; None for one that does.
    """

    network: Network
    build: Build
    layers: tuple[LayerPlan, ...]
    anchor_bits: int
    anchor_shift: int
    raster: Raster | None = None

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
        """Clocks per LR pixel: the slowest of the layers and the output decides."""
        return max(self.network.scale**2 // self.build.pixels_per_beat,
                   *(part.fold.cycles for part in self.layers))

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


def _whole(network: Network, build: Build) -> Build:
    """Put the engine's own in where nothing was asked for."""
    if build.engine not in ENGINES:
        raise InputError(f"engine {build.engine!r}", where="--engine", allowed=", ".join(ENGINES))
    engine = ENGINES[build.engine]
    cycles, beat = build.cycles_per_pixel, build.pixels_per_beat
    whole = network.scale**2 if engine.whole_beats else 1
    return replace(build, cycles_per_pixel=engine.cycles if cycles is None else cycles,
                   pixels_per_beat=whole if beat is None else beat)


def _check(network: Network, build: Build) -> None:
    """Refuse what the hardware cannot represent."""
    def need(ok: bool, what: str, where: str, allowed: str) -> None:
        if not ok:
            raise InputError(what, where=where, allowed=allowed)

    engine, scale = ENGINES[build.engine], network.scale
    also = f", or {scale**2} (its square)" if engine.whole_beats else ""
    need(build.pixels_per_beat in (1, scale, *([scale**2] if also else [])),
         f"{build.pixels_per_beat} pixels per beat", "--pixels-per-beat",
         f"1 or {scale} (the scale){also}")
    for name in ("max_width", "max_height"):
        need(1 <= getattr(build, name) <= limits.FRAME_SIDE, f"{getattr(build, name)} pixels",
             f"--{name.replace('_', '-')}", f"1..{limits.FRAME_SIDE}")
    if network.anchor and network.in_format.signed:
        raise Unrepresentable(f"an anchor in {network.in_format}", where=network.name,
                              allowed="an unsigned anchor in RTL")
    for layer in network.layers:
        if layer.slope_format and layer.slope_format.frac < 0:
            raise Unrepresentable(f"slopes in {layer.slope_format}", where=f"layer {layer.name}",
                                  allowed="0 or more fraction bits in RTL")
    paces = engine.paces
    need(build.cycles_per_pixel in paces, f"{build.cycles_per_pixel} cycles per pixel",
         "--cycles-per-pixel", f"{paces[0]}..{paces[-1]}" if len(paces) > 1
         else f"{paces[0]} with --engine {build.engine}")


def _raster(network: Network, build: Build, layers: Sequence[LayerPlan]) -> Raster | None:
    """The raster of an engine that never stalls."""
    if layers[0].work.graph is None:
        return None
    latency = sum(adders.latency(part.layer, part.side, part.work.graph.latency)
                  for part in layers)
    return raster(network.scale, [(part.before, part.after) for part in layers], 1,
                  build.pixels_per_beat, build.max_width, latency + network.anchor)


def make(network: Network, build: Build, keep: Keep | None = None) -> Plan:
    """Decide everything about a core.

    Args:
        network: An integer network.
        build: Build parameters.
        keep: Keeps what takes long to find, by its content, or None.

    Returns:
        The plan; its build has no None.

    Raises:
        InputError: If a parameter is out of range.
        Unrepresentable: If the network has what the RTL cannot represent.
        ImportError: If what the engine needs is not installed.
    """
    build = _whole(network.check(), build)
    _check(network, build)
    parts = tuple(lanes(layer) for layer in network.layers)
    proved = ranges.prove(network)
    works = ENGINES[build.engine].works(network, parts, proved, build.cycles_per_pixel, keep)
    last = len(network.layers) - 1
    anchor = network.in_format.width if network.anchor else 0
    layers = []
    for index, layer in enumerate(network.layers):
        (side, before), given = window(layer), network.in_format_of(index)
        # the anchor's pixel travels between the layers, not into the first nor out of the last
        lines = (side - 1) * layer.in_channels * given.width
        lines += (side - 1 - before) * anchor if index else 0
        stream = len(parts[index]) * layer.out_channels * layer.out_format.width
        layers.append(LayerPlan(
            layer, given, side, before, parts[index], proved[index], network.shift(index),
            slope_bits(layer), build.max_width * lines, stream + (anchor if index < last else 0),
            works[index]))
    shift = network.acc_frac(last) - network.in_format.frac if network.anchor else 0
    return Plan(network, build, tuple(layers), anchor, shift, _raster(network, build, layers))
