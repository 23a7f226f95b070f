"""The plan of a C reference: types, lines that are kept, memory, names; decided once, then printed.

May import the integer network, its range proof, the names and the errors. A frame goes through line
by line: a step takes one LR line in, and every layer makes the line for which it has all that it
reads. A layer's input is a ring of the lines that reach one of its own, so that memory grows with
the width alone.

    plan = make(network); print(plan.prefix, plan.bytes_per_column)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fsrcnnx import limits
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact.formats import Format
from fsrcnnx.exact.network import Layer, Network
from fsrcnnx.exact.ranges import LayerRange, prove

KIND = "a C reference"  # what its folder is
PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
PREFIX_SAYS = f"letters, digits and _, a letter first, at most {limits.NAME}"
PIXEL_BITS = 16  # most of a luma sample: what a PGM file holds
SHIFT = 62  # most bits of a shift: beyond, a literal would leave 64 bits
PRESCALES = (1, 2, 3, 4, 5, 7, 8)  # where bicubic is exact in integers: see enlarge.py
ALIGN = 8  # bytes that the widest type asks for


def c_type(to: Format) -> str:
    """Name the type that holds a format's raw values, e.g. `int8_t`."""
    return f"{to.dtype.name}_t"


def reach(layer: Layer) -> tuple[int, int]:
    """Count the LR lines before and after a line that its outputs read.

    Args:
        layer: A layer of any kind.

    Returns:
        Both counts: (k-1)/2 each, but of a deconv, whose line Y = s*y + py is reached by each line
        y' with 0 <= Y + p - s*y' < k.
    """
    if layer.kind != "deconv":
        return layer.padding, layer.padding
    stride = layer.stride
    return (layer.kernel - 1 - layer.padding) // stride, (stride - 1 + layer.padding) // stride


@dataclass(frozen=True, eq=False)
class Stage:
    """One layer in C.

    Args:
        index: Its number.
        layer: The layer.
        reads: Type of the map that it reads.
        writes: Type of the map or the luma that it writes.
        sums: Type of its sums: holds every partial sum, in any order.
        values: Type after the activation.
        shift: Bits that its requantisation drops.
        before: Lines before its own that it reads.
        after: Lines after its own that it reads.
        lag: Steps that it is behind the LR line that comes in.
        anchor: Bits that the LR pixel is shifted by before it is added; None: it is not.
        proved: Its proved ranges.
    """

    index: int
    layer: Layer
    reads: str
    writes: str
    sums: str
    values: str
    shift: int
    before: int
    after: int
    lag: int
    anchor: int | None
    proved: LayerRange

    @property
    def lines(self) -> int:
        """Lines of its input that are kept."""
        return self.before + self.after + 1

    @property
    def beyond(self) -> tuple[int, int]:
        """Columns of HR that a deconv's scattered line has beyond its ends, in LR columns."""
        layer = self.layer
        left = -(-layer.padding // layer.stride)
        return left, (layer.kernel - 1 - layer.padding) // layer.stride


@dataclass(frozen=True)
class Part:
    """One part of the work memory.

    Args:
        name: Its name.
        type: Type of its elements.
        per_column: Elements for each LR column.
        fixed: Elements beside.
    """

    name: str
    type: str
    per_column: int
    fixed: int = 0

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return np.dtype(self.type.removesuffix("_t")).itemsize


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about one C reference.

    Args:
        network: The network.
        prefix: What its names begin with.
        stages: Its layers.
        parts: The work memory, the widest types first, so that each part is aligned.
    """

    network: Network
    prefix: str
    stages: tuple[Stage, ...]
    parts: tuple[Part, ...]

    @property
    def pixel(self) -> str:
        """Type of an LR pixel."""
        return c_type(self.network.in_format)

    @property
    def bytes_per_column(self) -> int:
        """Bytes of work memory for each LR column."""
        return sum(part.size * part.per_column for part in self.parts)

    @property
    def bytes_fixed(self) -> int:
        """Bytes of work memory beside, with what aligning may skip."""
        return sum(part.size * part.fixed for part in self.parts) + ALIGN - 1

    @property
    def lag(self) -> int:
        """Steps after the last LR line."""
        return self.stages[-1].lag

    def work_bytes(self, width: int) -> int:
        """Bytes of work memory for LR lines of a width."""
        return self.bytes_per_column * width + self.bytes_fixed


def prefix_of(name: str) -> str:
    """Make a C prefix of a network's name: `fsrcnnx_`, then _ for what no identifier has."""
    return "fsrcnnx_" + re.sub(r"[^A-Za-z0-9]", "_", name)


def _integer(where: str, *magnitudes: int) -> str:
    """The type that holds numbers of these magnitudes, either sign."""
    for bits in (32, 64):
        if max(magnitudes) < 1 << (bits - 1):
            return f"int{bits}_t"
    raise Unrepresentable(f"values reach {max(magnitudes)}", where=where, allowed="64 bits",
                          fix="use fewer bits")


def _peak(*raws: np.ndarray | None) -> int:
    """The greatest magnitude among integers; 0 of none."""
    return max((abs(int(end)) for raw in raws if raw is not None and raw.size
                for end in (raw.min(), raw.max())), default=0)


def _stage(network: Network, index: int, proved: LayerRange, lag: int) -> Stage:
    """Decide about one layer."""
    layer, enters = network.layers[index], network.in_format_of(index)
    where, shift = f"layer {layer.name}", network.shift(index)
    extra = layer.slope_format.frac if layer.slope_format else 0
    if shift > SHIFT or not 0 <= extra <= SHIFT:
        raise Unrepresentable(f"a shift by {shift} bits, slopes of {extra} fraction bits",
                              where=where, allowed=f"0 to {SHIFT} each", fix="use fewer bits")
    acted = max(_peak(proved.sum_hi) << extra, _peak(proved.sum_lo) * _peak(layer.slope))
    before, after = reach(layer)
    last = index == len(network.layers) - 1
    return Stage(
        index, layer, c_type(enters), c_type(layer.out_format),
        # each factor must fit as well as the product, whatever it is multiplied by
        _integer(where, proved.acc_peak, _peak(layer.weight, layer.bias), enters.hi, -enters.lo),
        _integer(where, _peak(proved.sum_lo, proved.sum_hi), acted, _peak(layer.slope), 1 << extra,
                 1 << shift, layer.out_format.hi, -layer.out_format.lo),
        shift, before, after, lag + after if index else 0,  # the LR frame is there as a whole
        network.acc_frac(index) - network.in_format.frac if network.anchor and last else None,
        proved)


def _parts(stages: Sequence[Stage]) -> tuple[Part, ...]:
    """Lay the work memory out: a line of sums of each type, a ring for each map."""
    parts: dict[str, Part] = {}
    for stage in stages:
        layer, name = stage.layer, f"sums_{stage.sums[:-2]}"
        phases, margin = (layer.stride, sum(stage.beyond)) if layer.kind == "deconv" else (1, 0)
        old = parts.get(name, Part(name, stage.sums, 0))
        parts[name] = Part(name, stage.sums, max(old.per_column, phases),
                           max(old.fixed, phases * margin))
        if stage.index:
            name = f"map_{stage.index}"
            parts[name] = Part(name, stage.reads, stage.lines * layer.in_channels)
    return tuple(sorted(parts.values(), key=lambda part: -part.size))


def _check(network: Network) -> None:
    """Refuse luma and enlargements that the reference does not represent."""
    for where, to in (("the input", network.in_format), ("the output", network.out_format)):
        if to.width > PIXEL_BITS:
            raise Unrepresentable(f"luma in {to}", where=where, allowed=f"1..{PIXEL_BITS} bits")
    if network.prescale not in PRESCALES:
        raise Unrepresentable(f"prescale {network.prescale}", where=network.name,
                              allowed=f"{', '.join(map(str, PRESCALES))}: those exact in integers")
    if network.prescale > 1 and network.in_format.signed:
        raise Unrepresentable(f"prescale {network.prescale} of luma in {network.in_format}",
                              where=network.name, allowed="unsigned luma: a picture is enlarged")


def make(network: Network, prefix: str | None = None) -> Plan:
    """Decide everything about a C reference.

    Args:
        network: An integer network.
        prefix: What its names begin with; None: `fsrcnnx_` and the network's name.

    Returns:
        The plan.

    Raises:
        InputError: If the prefix cannot be one.
        ModelError: If the network breaks the number contract.
        Unrepresentable: If it has what the reference does not represent.
    """
    network.check()  # its names become text of a program
    if prefix is not None and not (PREFIX.fullmatch(prefix) and len(prefix) <= limits.NAME):
        raise InputError(f"prefix {prefix!r}", where="--prefix", allowed=PREFIX_SAYS)
    _check(network)
    stages: list[Stage] = []
    for index, proved in enumerate(prove(network)):
        stages.append(_stage(network, index, proved, stages[-1].lag if stages else 0))
    return Plan(network, prefix or prefix_of(network.name), tuple(stages), _parts(stages))
