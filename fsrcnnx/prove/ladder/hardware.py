"""The rungs that are hardware: the emitted core in a simulator, the HLS project in g++.

May import the ground, exact, rung, the simulations and the netlist. Made-up frames meet gaps and
stalls; what a simulator is too slow for runs on tiles.

    rtl(context, stimuli).outputs     # raw luma (s*H, s*W) each
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fsrcnnx.errors import ToolError, Unrepresentable
from fsrcnnx.exact.compare import Divergence
from fsrcnnx.files import scratch
from fsrcnnx.prove import netlist as netlists
from fsrcnnx.prove.engines.engine import Ran
from fsrcnnx.prove.hls import frames as hls
from fsrcnnx.prove.ladder.rung import Climbed, Context, RuledOut, Skip, run
from fsrcnnx.prove.simulation.locate import locate as locate_in_core
from fsrcnnx.prove.stimuli import Stimulus, icarus_tile, tile

# rows, columns of the frames that HLS projects are compiled for, the largest that fits is taken
HLS_TILES = ((17, 29), (6, 9), (3, 5), (1, 1))
LOCATED = 4096  # LR pixels simulated with a trace, at most, before the frame to look at


def _run(context: Context, core: Path, group: Sequence[Stimulus], simulator: str, *, calm: bool,
         trace: bool = False) -> Ran:
    """One simulation; a protocol fault comes back with what came before it."""
    gaps = {"idle": 0, "stall": 0} if calm else {"idle": 20, "stall": 30}
    return run(context, "rtl", group, folder=core, simulator=simulator,
               seed=context.seed, trace=trace, **gaps)


def _simulated(context: Context, stimuli: Sequence[Stimulus], simulator: str,
               core: Path | Unrepresentable | ToolError) -> Climbed:
    """Made-up frames with random gaps and stalls, then pictures at full speed, back to back."""
    if isinstance(core, Unrepresentable):
        raise RuledOut(str(core))
    if isinstance(core, ToolError):
        raise core
    groups = [[s for s in stimuli if s.path is None], [s for s in stimuli if s.path is not None]]
    order, outputs, seconds, notes, faults, jobs = [], [], [], [], [], []
    for calm, group in zip((False, True), groups, strict=True):
        if not group:
            continue
        ran = _run(context, core, group, simulator, calm=calm)
        order += group
        outputs += ran.planes
        seconds += ran.seconds
        jobs += [(group, index, calm) for index in range(len(group))]
        faults += [str(ran.error)] if ran.error else []
        if ran.report.cycles:
            pixels = sum(stimulus.lr.size for stimulus in group)
            notes.append(f"{ran.report.cycles / pixels:.2f} cycles per LR pixel"
                         + ("" if calm else " with gaps and stalls"))

    def locate(index: int) -> Divergence | None:
        group, at, calm = jobs[index]
        before = list(group[:at])
        while before and sum(stimulus.lr.size for stimulus in before) > LOCATED:
            before.pop(0)
        group = [*before, group[at]]
        ran = _run(context, core, group, simulator, calm=calm, trace=True)
        return locate_in_core(context.network, [stimulus.lr for stimulus in group],
                              ran.report.streams, len(group) - 1)

    return Climbed(order, outputs, seconds, "; ".join(notes[-1:]), "; ".join(faults), locate)


def rtl(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The emitted core in Verilator."""
    return _simulated(context, stimuli, "verilator", context.rtl_dir)


def adders(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The core of the engine `adders` in Verilator."""
    return _simulated(context, stimuli, "verilator", context.adders_dir)


def icarus(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The emitted core in Icarus, on tiles."""
    return _simulated(context, _tiles(context, stimuli), "icarus", context.rtl_dir)


def adders_icarus(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The core of the engine `adders` in Icarus, on tiles."""
    return _simulated(context, _tiles(context, stimuli), "icarus", context.adders_dir)


def netlist(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The emitted core after synthesis for the ECP5, in Verilator, on tiles."""
    return _synthesised(context, stimuli, context.rtl_dir)


def netlist_xilinx(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The emitted core after synthesis for the 7 series, no DSP48E1, in Verilator, on tiles."""
    return _synthesised(context, stimuli, context.rtl_dir, "xc7")


def netlist_adders_xilinx(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The core of the engine `adders` after synthesis for the 7 series, in Verilator, on tiles."""
    return _synthesised(context, stimuli, context.adders_dir, "xc7")


def netlist_adders(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The core of the engine `adders` after synthesis for the ECP5, in Verilator, on tiles."""
    return _synthesised(context, stimuli, context.adders_dir)


def _tiles(context: Context, stimuli: Sequence[Stimulus]) -> list[Stimulus]:
    """What a slow simulation takes of the frames."""
    return [tile(stimulus, *icarus_tile(context.network)) for stimulus in stimuli]


def _synthesised(context: Context, stimuli: Sequence[Stimulus],
                 core: Path | Unrepresentable | ToolError, family: str = "ecp5") -> Climbed:
    """A core's netlist in Verilator; no layers are in it."""
    with scratch() as folder:
        if isinstance(core, Path):
            core = netlists.write(core, folder / "netlist", family)
        climbed = _simulated(context, _tiles(context, stimuli), "verilator", core)
    return replace(climbed, locate=lambda index: None)


def _hls_whole(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """One project for each frame size."""
    ran = run(context, "hls", stimuli)

    def locate(index: int) -> Divergence | None:
        return hls.locate(context.network, ran.report.projects[index], stimuli[index].lr)

    sizes = len({stimulus.lr.shape for stimulus in stimuli})
    return Climbed(stimuli, ran.planes, ran.seconds,
                   f"frame sizes: {sizes}; compiling: {ran.report.compiled:.0f} s",
                   ran.report.fault, locate)


def hls_tiles(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """Tiles of few sizes, since each size is compiled for itself."""
    def size(stimulus: Stimulus) -> tuple[int, int]:
        rows, cols = stimulus.lr.shape
        return next(t for t in HLS_TILES if t[0] <= rows and t[1] <= cols)
    return _hls_whole(context, [tile(s, *size(s)) for s in stimuli])


def hls_pictures(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The pictures alone, at their own sizes."""
    shown = [stimulus for stimulus in stimuli if stimulus.path is not None]
    if not shown:
        raise Skip("no pictures given")
    return _hls_whole(context, shown)
