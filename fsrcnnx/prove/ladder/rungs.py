"""The rungs of the ladder: every form of the network, behind one call.

May import the ground, exact, the engines, and the parts of the ladder that say what a rung is. A
rung runs an engine on the LR frames that suit it; what is compared, and how, is the ladder's
business.

    RUNG["qonnx"].climb(context, stimuli).outputs     # raw luma (s*H, s*W) each
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

from fsrcnnx.errors import InputError
from fsrcnnx.exact import golden
from fsrcnnx.exact.compare import Divergence, first_difference
from fsrcnnx.install import advice
from fsrcnnx.media.imaging import bicubic
from fsrcnnx.prove.engines.table import ENGINE
from fsrcnnx.prove.ladder import hardware as rungs_hardware
from fsrcnnx.prove.ladder.rung import Climbed, Context, Rung, Skip, run
from fsrcnnx.prove.stimuli import Stimulus

Climb = Callable[[Context, Sequence[Stimulus]], Climbed]

EMULATED_TILE = 8  # side of the emulator's tiles on made-up frames, so that they have inner borders


def _every(context: Context, stimuli: Sequence[Stimulus], engine: str) -> Climbed:
    """Run all frames through an engine."""
    ran = run(context, engine, stimuli)
    return Climbed(stimuli, ran.planes, ran.seconds)


def _float(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    context.beside("model_float.onnx")
    known = [stimulus for stimulus in stimuli if stimulus.hr is not None]
    if not known:
        raise Skip("no HR originals to measure PSNR on")
    return _every(context, known, "float")


def _qat(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    context.beside("weights.pth")
    if find_spec("torch") is None:
        raise Skip(f"torch is not installed: {advice('torch')}")
    return _every(context, stimuli, "qat")


def _emulate(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """Made-up frames in small tiles, pictures as an engine would run them."""
    pictures, others = ([s for s in stimuli if (s.path is not None) is shown]
                        for shown in (True, False))
    large = run(context, "emulate", pictures)
    small = large.report.tiled(EMULATED_TILE)
    made, order = run(context, "emulate", others, emulator=small), [*others, *pictures]

    def locate(index: int) -> Divergence | None:
        """Layer by layer; None where only the tiles part, not the layers."""
        want, got = (trace(order[index].lr) for trace in (
            partial(golden.trace, context.network), small.trace))
        found = (first_difference(name, want[name], got[name]) for name in want)
        return next((difference for difference in found if difference), None)

    return Climbed(order, [*made.planes, *large.planes], [*made.seconds, *large.seconds],
                   locate=locate)


def _c(context: Context, stimuli: Sequence[Stimulus]) -> Climbed:
    """The network, and the enlargement before it on made-up frames, which need not be enlarged."""
    ran, network = run(context, "c", stimuli), context.network
    wrong = sum(int((ran.report.enlarge(s.lr) != bicubic(
        s.lr, network.prescale, network.in_format.hi)).sum()) for s in stimuli if s.path is None)
    fault = f"{wrong} pixels of the enlargement differ from bicubic's" if wrong else ""
    return Climbed(stimuli, ran.planes, ran.seconds, f"compiling: {ran.report.seconds:.0f} s",
                   fault)


def _rung(name: str, engine: str, climb: Climb | None = None, **options) -> Rung:
    """A rung that is one engine on all frames, unless it says how it climbs."""
    return Rung(name, ENGINE[engine].what, climb or partial(_every, engine=engine), **options)


RUNG = {rung.name: rung for rung in (
    _rung("float", "float", _float, optional=True, against="HR"),
    _rung("qat", "qat", _qat, optional=True),
    _rung("qonnx", "qonnx"),
    _rung("uint8-onnx", "onnx"),
    _rung("golden", "golden", against="-"),
    _rung("emulate", "emulate", _emulate),
    _rung("c", "c", _c, optional=True),
    Rung("hls", "hls4ml project in g++, tiles", rungs_hardware.hls_tiles, optional=True),
    Rung("hls-pictures", "hls4ml project in g++, whole pictures", rungs_hardware.hls_pictures,
         optional=True),
    Rung("rtl", "default RTL engine in Verilator", rungs_hardware.rtl),
    Rung("rtl-icarus", "default RTL engine in Icarus, tiles", rungs_hardware.icarus),
    Rung("rtl-mac", "mac engine in Verilator", rungs_hardware.rtl),
    Rung("rtl-adders", "adders engine in Verilator", rungs_hardware.adders),
    Rung("rtl-adders-icarus", "adders engine in Icarus, tiles", rungs_hardware.adders_icarus),
    Rung("netlist", "default RTL engine after synthesis for the ECP5, tiles",
         rungs_hardware.netlist),
    Rung("netlist-adders", "adders engine after synthesis for the ECP5, tiles",
         rungs_hardware.netlist_adders),
    Rung("netlist-xilinx", "default RTL engine after synthesis for the 7 series, tiles",
         rungs_hardware.netlist_xilinx),
    Rung("netlist-adders-xilinx", "adders engine after synthesis for the 7 series, tiles",
         rungs_hardware.netlist_adders_xilinx),
)}
ADDERS = ("rtl-adders", "rtl-adders-icarus", "netlist-adders", "netlist-adders-xilinx")
# left out where no rung is named
UNASKED = ("rtl-mac", *ADDERS, "hls-pictures", "netlist", "netlist-xilinx")


def chosen(names: Sequence[str] | None) -> tuple[Rung, ...]:
    """Look rungs up by name, in the ladder's order.

    Args:
        names: Names, or None for all but the long `hls-pictures`, netlists and those of
            `adders` (`rtl` stands for `rtl-mac`, the same today).

    Returns:
        The rungs, `golden` always among them.

    Raises:
        InputError: If a name is unknown.
    """
    if names is None:
        return tuple(rung for rung in RUNG.values() if rung.name not in UNASKED)
    names = [name.strip() for name in names]
    for name in names:
        if name not in RUNG:
            raise InputError(f"unknown rung {name!r}", where="--rungs", allowed=", ".join(RUNG))
    return tuple(rung for rung in RUNG.values() if rung.name in (*names, "golden"))
