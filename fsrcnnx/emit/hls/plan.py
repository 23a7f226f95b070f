"""The plan of an HLS project: everything that its files say, decided once, before hls4ml runs.

May import the integer network, the stages, what chooses factors and depths, and the errors; not
hls4ml. Conversion, audit and manifest take what they find here; the audit holds the converted
project against it.

    plan = make(network, width=960, height=540); print(plan.reuse, plan.depths)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fsrcnnx import manifests
from fsrcnnx.emit.hls.fifos import depths
from fsrcnnx.emit.hls.reuse import reuse_factors
from fsrcnnx.emit.hls.stages import Stage, lay_out
from fsrcnnx.errors import InputError
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.ranges import LayerRange

KIND = "an HLS project"  # what its folder is
PART = "xcku5p-ffvb676-2-e"
CLOCK_NS = 5.0
LONGEST_NS = 1000.0


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything about one project.

    Args:
        network: The network.
        width: LR frame width.
        height: LR frame height.
        stages: hls4ml's layers in order, the input first.
        strategy: Strategy of the convolutions.
        reuse: Reuse factor of each convolution by name.
        depths: Beats that the stream into each stage holds, by name.
        part: FPGA part for Vitis HLS.
        clock: Clock period in nanoseconds.
    """

    network: Network
    width: int
    height: int
    stages: tuple[Stage, ...]
    strategy: str
    reuse: Mapping[str, int]
    depths: Mapping[str, int]
    part: str
    clock: float


def make(network: Network, width: int, height: int, *, strategy: str = "latency", reuse: int = 1,
         reuse_of: Mapping[str, int] | None = None, part: str = PART, clock: float = CLOCK_NS,
         proved: Sequence[LayerRange] | None = None) -> Plan:
    """Decide everything about a project.

    Args:
        network: An integer network.
        width: LR frame width.
        height: LR frame height.
        strategy: `latency`, `resource` or `distributed_arithmetic`.
        reuse: Each layer takes its largest valid reuse factor up to this.
        reuse_of: Layer name -> reuse factor, instead.
        part: FPGA part for Vitis HLS.
        clock: Clock period in nanoseconds.
        proved: The ranges of its layers, if they are at hand: they hold for every frame size.

    Returns:
        The plan.

    Raises:
        InputError: If a parameter is out of range.
        Unrepresentable: If the network has what the project cannot represent.
    """
    stages = lay_out(network, width, height, proved)
    factors = reuse_factors(stages, strategy, reuse, reuse_of or {})
    if not 0 < clock <= LONGEST_NS:
        raise InputError(f"a clock period of {clock} ns", where="--clock",
                         allowed=f"above 0, up to {LONGEST_NS}")
    if not manifests.is_part(part):  # it becomes a word of Tcl
        raise InputError(f"part {part!r}", where="--part",
                         allowed=f"{manifests.PART_SAYS}, e.g. {PART}")
    return Plan(network, width, height, stages, strategy, factors, depths(stages, width), part,
                clock)
