"""The ladder: every form of the network against the golden model, bit for bit.

May import the rungs, the stimuli, the integer side, emit and the ground. From `qat` on every
output must equal golden's; `float` is measured in PSNR only. Frames, and what is made of them, are
raw luma of the network's own formats. A rung that was asked for and cannot run fails the report;
one that a network rules out by its formats is skipped, and the rest is compared.

    report = verify(Model.open("fsrcnn-x_x2")); print(report.table()); report.check()
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

from fsrcnnx import manifests, tools
from fsrcnnx.emit.rtl.folder import emit
from fsrcnnx.errors import CheckError, InputError, ToolError, Unrepresentable
from fsrcnnx.exact.compare import Divergence, first_difference
from fsrcnnx.exact.formats import to_pixels
from fsrcnnx.exact.network import Network
from fsrcnnx.exact.onnx.model import Model
from fsrcnnx.files import scratch
from fsrcnnx.media import imaging
from fsrcnnx.prove import stimuli
from fsrcnnx.prove.builds import cache
from fsrcnnx.prove.ladder import rungs as ladder_rungs
from fsrcnnx.prove.ladder.records import Record, Report
from fsrcnnx.prove.ladder.rung import Climbed, Context, RuledOut, Rung, Skip
from fsrcnnx.prove.ladder.rungs import ADDERS, RUNG
from fsrcnnx.prove.simulation.core import check_frames, read_core
from fsrcnnx.prove.stimuli import Stimulus

RUNGS = tuple(RUNG)
__all__ = ["RUNGS", "Record", "Report", "verify"]
LEAST_VALUES = 8  # distinct output words below which a match would prove nothing


def _difference(climbed: Climbed, index: int, want: np.ndarray) -> tuple[int, Divergence | None]:
    """Count and find mismatches of one frame; only the rung's first bad frame is traced."""
    got = climbed.outputs[index]
    if got is None:
        got = np.empty((0, 0), np.int64)
    divergence = first_difference("output", want, np.asarray(got, np.int64))
    if divergence is None:
        return 0, None
    count = int((want != got).sum()) if want.shape == got.shape else want.size
    return count, divergence


def _unseen(network: Network, climbed: Climbed, golden: Callable) -> str:
    """Name the bits that no frame of a rung moved, for which a match proves nothing."""
    frames = [stimulus.lr for stimulus in climbed.stimuli]
    found = (("input", network.in_format, frames),
             ("output", network.out_format, [golden(stimulus) for stimulus in climbed.stimuli]))
    notes = []
    for name, to, planes in found:
        if bits := stimuli.steady_bits(to, planes):
            listed = ", ".join(map(str, bits))
            notes.append(f"{name} bit{'s' * (len(bits) > 1)} {listed} never varied")
    return "; ".join(notes)


def _judge(rung: Rung, climbed: Climbed, network: Network, golden: Callable, seed: int,
           replay: str) -> list[Record]:
    """Turn what a rung gave into records."""
    records, traced = [], False
    note = "; ".join(filter(None, (climbed.note, _unseen(network, climbed, golden))))
    for index, stimulus in enumerate(climbed.stimuli):
        want, got = golden(stimulus), climbed.outputs[index]
        mismatches, divergence, status, detail = None, None, "PASS", note
        if rung.against != "golden":
            status = "REFERENCE" if rung.against == "-" else "MEASURED"
        else:
            mismatches, divergence = _difference(climbed, index, want)
            if mismatches:
                status = "FAIL"
                detail = climbed.fault or f"{mismatches}/{want.size} mismatches"
                if not traced:
                    traced, divergence = True, climbed.locate(index) or divergence
        psnr = None
        if stimulus.hr is not None and got is not None and got.shape == stimulus.hr.shape:
            shave = network.picture_scale if min(got.shape) > 2 * network.picture_scale else 0
            pixels = to_pixels(got, network.out_format)
            psnr = float(imaging.psnr(pixels, stimulus.hr, shave))
        records.append(Record(rung.name, rung.against, stimulus.name, status, detail, want.size,
                              mismatches, psnr, divergence, climbed.seconds[index], seed, replay))
    if climbed.fault and all(record.status == "PASS" for record in records):
        last = records[-1]
        records.append(Record(rung.name, rung.against, "protocol", "FAIL", climbed.fault, 0, None,
                              None, None, 0.0, last.seed, last.replay))
    return records


@contextmanager
def _core(network: Network, rtl_dir: Path | None, engine: str, options: dict
          ) -> Iterator[Path | Unrepresentable | ToolError]:
    """The emitted folder to simulate: the one given, or a fresh one, or why there is none."""
    if rtl_dir is None:
        with scratch() as folder:
            made: Path | Unrepresentable | ToolError = Path(folder) / "rtl"
            try:
                if engine == "adders":
                    tools.locate("da4ml")
                emit(network, made, engine=engine, keep=cache.keep, **options)
            except (Unrepresentable, ToolError) as reason:
                made = reason
            yield made
        return
    read_core(rtl_dir)
    if manifests.read(rtl_dir).get("content_hash") != network.content_hash():
        raise InputError("this core was emitted from another network", where=rtl_dir,
                         allowed=f"content hash {network.content_hash()[:12]}",
                         fix="emit it again with `fsrcnnx rtl`")
    yield Path(rtl_dir)


def _of_its_engine(simulated: set[str], rtl_dir: Path | None) -> None:
    """Refuse a rung of one engine on a given core of another."""
    if rtl_dir is None:
        return
    read_core(rtl_dir)
    engine = str(manifests.read(rtl_dir).get("engine"))
    for name, rungs in (("mac", ("rtl-mac",)), ("adders", ADDERS)):
        if name != engine and (wrong := sorted(simulated & set(rungs))):
            raise InputError(f"a core of the engine {engine}", where=rtl_dir,
                             allowed=f"one of the engine {name} for the rung {wrong[0]}",
                             fix="leave --rtl-dir out, or name the rung of its engine")


def verify(
    model: Model,
    images: Sequence[Path] = (),
    rungs: Sequence[str] | None = None,
    *,
    lr: bool = False,
    seed: int = 1,
    rtl_dir: Path | None = None,
    cycles_per_pixel: int = 16,
    pixels_per_beat: int | None = None,
    max_width: int = 1920,
    replay: str = "",
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Climb the ladder on random frames, extremes, odd sizes and the pictures given.

    Args:
        model: The opened model; its companions are looked for beside it.
        images: Pictures: HR originals, reduced by the paper protocol first.
        rungs: Names of rungs, all of them required; None for all that the model's files allow.
        lr: Whether the pictures are LR already.
        seed: Seed of random frames, gaps and stalls.
        rtl_dir: Emitted folder to check, instead of a fresh one.
        cycles_per_pixel: For a fresh core.
        pixels_per_beat: For a fresh core.
        max_width: For a fresh core.
        replay: The model as the user named it, for the command that repeats a rung.
        progress: Called with a line before each rung.

    Returns:
        The report; nothing is raised for a difference (see Report.check).

    Raises:
        InputError: If a rung's name, a picture or a folder cannot be used.
        ModelError: If the model cannot be represented exactly.
    """
    asked = ladder_rungs.chosen(rungs)
    if not images and any(rung.name == "hls-pictures" for rung in asked):
        raise InputError("no pictures for the rung hls-pictures", where="--images",
                         allowed="one or more", fix="add --images, or leave the rung out")
    network = model.network
    simulated = {rung.name for rung in asked if rung.name.startswith(("rtl", "netlist"))}
    if rtl_dir and not simulated:
        raise InputError("given, but no rung simulates a core", where="--rtl-dir",
                         allowed="beside the rung rtl or rtl-icarus", fix="leave it out")
    _of_its_engine(simulated, rtl_dir)
    options = {"cycles_per_pixel": cycles_per_pixel, "pixels_per_beat": pixels_per_beat,
               "max_width": max_width}
    shown = stimuli.pictures(images, network, lr)
    command = ["fsrcnnx", "verify", replay or str(model.path), "--seed", str(seed)]
    command += [part for path in images for part in ("--images", str(path))]
    command += (["--lr"] if lr else []) + (["--rtl-dir", str(rtl_dir)] if rtl_dir else [])
    wants: dict[int, np.ndarray] = {}
    kept: list[Stimulus] = []  # keeps the ids in `wants` alive

    def golden(stimulus: Stimulus) -> np.ndarray:
        if id(stimulus) not in wants:
            kept.append(stimulus)
            wants[id(stimulus)] = RUNG["golden"].climb(context, [stimulus]).outputs[0]
        return wants[id(stimulus)]

    records: list[Record] = []
    with (_core(network, rtl_dir, "mac", options) if simulated - set(ADDERS)
          else nullcontext() as folder,
          _core(network, rtl_dir, "adders", {"max_width": max_width})
          if simulated & set(ADDERS) else nullcontext() as shifts):
        core = next((read_core(made) for made in (folder, shifts) if isinstance(made, Path)), None)
        widest = core.max_width if core else max_width
        frames = [*stimuli.synthetic(np.random.default_rng(seed), network.in_format, widest),
                  *shown]
        if core:
            check_frames([stimulus.lr for stimulus in frames], core)
        context = Context(model, folder, seed, shifts)
        for rung in asked:
            if progress:
                progress(f"{rung.name}: {rung.what}")
            again = shlex.join([*command, "--rungs", rung.name])
            try:
                climbed = rung.climb(context, frames)
            except (Skip, ToolError) as reason:
                records.append(Record(rung.name, rung.against, "-", "SKIP", str(reason), 0, None,
                                      None, None, 0.0, seed, again,
                                      rungs is not None or not (
                                          rung.optional or isinstance(reason, RuledOut))))
                continue
            except CheckError as error:
                records.append(Record(rung.name, rung.against, "-", "FAIL", str(error), 0, None,
                                      None, None, 0.0, seed, again))
                continue
            if rung.name == "golden":
                kept += climbed.stimuli
                wants |= {id(s): out for s, out in
                          zip(climbed.stimuli, climbed.outputs, strict=True)}
                values = len(np.unique(np.concatenate([o.ravel() for o in climbed.outputs])))
                if values < min(LEAST_VALUES, max(2, 2**network.out_format.width // 2)):
                    records.append(Record(
                        "golden", "-", "all", "FAIL", f"outputs hold {values} distinct values, a "
                        "match would prove nothing", 0, None, None, None, 0.0, seed, again))
            records += _judge(rung, climbed, network, golden, seed, again)
    return Report(network.name, model.content_hash, tuple(records))
