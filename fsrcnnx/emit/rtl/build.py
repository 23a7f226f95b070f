"""Build parameters of a core, completed and checked: the rate above all.

May import the integer network, the engines' names and the raster. A rate is a number of clocks per
LR pixel, or a frame size, frames a second and a clock, from which that number follows.

    whole(network, Build(video=Video(320, 240, 60, 100))).cycles_per_pixel
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fsrcnnx import limits
from fsrcnnx.emit.rtl.engines import ENGINES
from fsrcnnx.emit.rtl.lanes import window
from fsrcnnx.emit.rtl.raster import line_slots, widest
from fsrcnnx.errors import InputError, Unrepresentable
from fsrcnnx.exact.network import Network

SIDE = 1920           # greatest frame width and height where nobody asks for others
SLOPE_BITS = 31       # of a slope in fsrcnnx_layer
MULTIPLIER = range(9, 65)  # bits of a multiplier's wide factor


@dataclass(frozen=True)
class Video:
    """Frames that a core shall keep up with.

    Args:
        width: LR pixels.
        height: LR lines.
        fps: Frames a second.
        mhz: Clock in MHz.
    """

    width: int
    height: int
    fps: float
    mhz: float

    @property
    def clocks(self) -> int:
        """Whole clocks from one frame to the next."""
        return int(self.mhz * 1e6 / self.fps)


@dataclass(frozen=True)
class Build:
    """Build parameters of an RTL folder.

    Args:
        engine: How sums of products are formed.
        cycles_per_pixel: Most clocks per LR pixel; None for what follows from the rest.
        pixels_per_beat: HR pixels per output beat; None for the fewest that keep the rate.
        max_width: Greatest LR frame width; None for that of the video, or SIDE.
        max_height: Greatest LR frame height; None as well.
        multiplier_bits: Bits of a multiplier's wide factor.
        video: Frames to keep up with, or None.
        adders_per_stage: Adders between the registers of a shift-add graph.
    """

    engine: str = "mac"
    cycles_per_pixel: int | None = None
    pixels_per_beat: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    multiplier_bits: int = 25
    video: Video | None = None
    adders_per_stage: int = 1

    @property
    def dim_bits(self) -> int:
        """Bits of a frame's width and height."""
        return max(self.max_width, self.max_height).bit_length()


def _need(ok: bool, what: str, where: str, allowed: str, fix: str = "") -> None:
    """Refuse what a condition does not hold for."""
    if not ok:
        raise InputError(what, where=where, allowed=allowed, fix=fix or None)


def _video_cycles(network: Network, build: Build) -> int:
    """Most clocks per step with which the video's frames fit."""
    video = build.video
    _need(video.width >= 1 and video.height >= 1 and video.fps > 0 and video.mhz > 0,
          f"{video.width}x{video.height} pixels at {video.fps:g} a second and {video.mhz:g} MHz",
          "--frame", "all above 0, with --fps and --mhz")
    pad = widest([(before, side - 1 - before) for side, before in map(window, network.layers)])
    beat = build.pixels_per_beat or network.scale**2

    def clocks(cycles: int) -> int:
        """Clocks of a frame at so many a step."""
        return cycles * line_slots(network.scale, pad, cycles, beat)(video.width) * (
            video.height + pad)

    # from 2 clocks a step on, the slots of a line do not depend on them
    cycles = min(video.clocks // (clocks(2) // 2), ENGINES[build.engine].paces[-1])
    cycles = cycles if cycles > 1 else 1
    need = max(clocks(1), clocks(network.scale**2 // beat))
    if need > video.clocks:
        raise InputError(f"{video.clocks} clocks per frame", where="--frame, --fps and --mhz",
                         allowed=f"{need} or more, the least at {beat} HR pixels per beat",
                         fix=f"a clock of {need * video.fps / 1e6:.6g} MHz or more")
    return cycles


def whole(network: Network, build: Build) -> Build:
    """Put in what follows where nothing was asked for, and refuse what cannot be.

    Args:
        network: A checked network.
        build: Build parameters.

    Returns:
        Build parameters without None, but for the video.

    Raises:
        InputError: If a parameter is out of range, or the rate cannot be kept.
        Unrepresentable: If the network has what the RTL cannot represent.
    """
    _need(build.engine in ENGINES, f"engine {build.engine!r}", "--engine", ", ".join(ENGINES))
    engine, scale, video = ENGINES[build.engine], network.scale, build.video
    beats = (1, scale, scale**2)
    _need(build.pixels_per_beat is None or build.pixels_per_beat in beats,
          f"{build.pixels_per_beat} pixels per beat", "--pixels-per-beat",
          f"1, {scale} (the scale) or {scale**2} (its square)")
    for side in ("width", "height"):
        name, given = f"max_{side}", video and getattr(video, side)
        value = getattr(build, name)
        value = (given or SIDE) if value is None else value
        least = given or 1
        _need(least <= value <= limits.FRAME_SIDE, f"{value} pixels", f"--max-{side}",
              f"{least}..{limits.FRAME_SIDE}")
        build = replace(build, **{name: value})
    _need(build.multiplier_bits in MULTIPLIER, f"{build.multiplier_bits} bits",
          "--multiplier-bits", f"{MULTIPLIER[0]}..{MULTIPLIER[-1]}")
    _need(build.adders_per_stage in engine.stages, f"{build.adders_per_stage} adders per stage",
          "--adders-per-stage", f"{engine.stages[0]}..{engine.stages[-1]}" if len(engine.stages) > 1
          else f"none with --engine {build.engine}, which has no graphs")
    paces, cycles, beat = engine.paces, build.cycles_per_pixel, build.pixels_per_beat
    if video:
        _need(cycles is None, f"{cycles} cycles per pixel", "--cycles-per-pixel",
              "none beside --frame, from which they follow")
        cycles = _video_cycles(network, build)
    elif cycles is None:
        cycles = engine.cycles if beat is None or len(paces) == 1 else max(
            engine.cycles, scale**2 // beat)
    _need(cycles in paces, f"{cycles} cycles per pixel", "--cycles-per-pixel",
          f"{paces[0]}..{paces[-1]}" if len(paces) > 1
          else f"{paces[0]} with --engine {build.engine}")
    if beat is None:
        beat = next(beat for beat in beats if cycles * beat >= scale**2)
    _need(cycles * beat >= scale**2 or len(paces) == 1,
          f"{cycles} cycles per pixel at {beat} HR pixels per beat", "--cycles-per-pixel",
          f"{scale**2 // beat} or more, which the output takes", "set a larger --pixels-per-beat")
    _refuse(network)
    return replace(build, cycles_per_pixel=cycles, pixels_per_beat=beat)


def _refuse(network: Network) -> None:
    """Refuse a network that the hardware cannot represent."""
    if network.anchor and network.in_format.signed:
        raise Unrepresentable(f"an anchor in {network.in_format}", where=network.name,
                              allowed="an unsigned anchor in RTL")
    for layer in network.layers:
        slopes = layer.slope_format
        if slopes and slopes.frac < 0:
            raise Unrepresentable(f"slopes in {slopes}", where=f"layer {layer.name}",
                                  allowed="0 or more fraction bits in RTL")
        if slopes and slopes.width > SLOPE_BITS:
            raise Unrepresentable(f"slopes in {slopes}", where=f"layer {layer.name}",
                                  allowed=f"up to {SLOPE_BITS} bits in RTL")
